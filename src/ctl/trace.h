/* SPDX-License-Identifier: ISC
 *
 * trace - the `request ...` commands: what happened to each call.
 */
#ifndef CTL_TRACE_H
#define CTL_TRACE_H

#include "verb.h"

verb_write trace_write_list, trace_write_show;
verb_print trace_print_list, trace_print_show;

#endif
