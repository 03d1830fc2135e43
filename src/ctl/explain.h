/* SPDX-License-Identifier: ISC
 *
 * explain - the `explain` command.
 */
#ifndef CTL_EXPLAIN_H
#define CTL_EXPLAIN_H

#include "verb.h"

verb_write explain_write;
verb_print explain_print;

#endif
