/* SPDX-License-Identifier: ISC
 *
 * upgrade - the `upgrade` command: ask for it, then see how it went.
 */
#ifndef CTL_UPGRADE_H
#define CTL_UPGRADE_H

#include "verb.h"

verb_run upgrade_run;

#endif
