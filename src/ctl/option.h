/* SPDX-License-Identifier: ISC
 *
 * option - an option's value as an argument of a command, if it was given.
 *
 * Failure: ERR_SYNTAX, which begins with the option.
 */
#ifndef CTL_OPTION_H
#define CTL_OPTION_H

#include "args.h"
#include "relayos/control/frame.h"

/* A whole number, 0 or more; "none" is 0. */
int option_write_count(const struct args *args, const char *option, const char *member,
                       struct frame_out *out, struct errmsg *why) MUST_CHECK;
/* A moment in the past. */
int option_write_since(const struct args *args, const char *option, const char *member,
                       struct frame_out *out, struct errmsg *why) MUST_CHECK;

#endif
