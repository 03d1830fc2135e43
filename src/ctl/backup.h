/* SPDX-License-Identifier: ISC
 *
 * backup - `backup FILE`: a copy of the living database, checked before it gets its name.
 */
#ifndef CTL_BACKUP_H
#define CTL_BACKUP_H

#include "verb.h"

verb_run backup_run;

#endif
