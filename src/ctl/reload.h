/* SPDX-License-Identifier: ISC
 *
 * reload - the `reload` command.
 */
#ifndef CTL_RELOAD_H
#define CTL_RELOAD_H

#include "verb.h"

verb_write reload_write;
verb_print reload_print, reload_print_diff;

#endif
