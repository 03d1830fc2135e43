/* SPDX-License-Identifier: ISC
 *
 * usage - the `usage` command.
 */
#ifndef CTL_USAGE_H
#define CTL_USAGE_H

#include "verb.h"

verb_write usage_write;
verb_print usage_print;

#endif
