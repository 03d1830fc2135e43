/* SPDX-License-Identifier: ISC
 *
 * quickstart - settings to paste, for the running gateway.
 */
#ifndef CTL_QUICKSTART_H
#define CTL_QUICKSTART_H

#include "verb.h"

verb_run quickstart_run;

#endif
