/* SPDX-License-Identifier: ISC
 *
 * body - members of a request's JSON object: nothing but what is expected is taken.
 */
#ifndef CONSOLE_BODY_H
#define CONSOLE_BODY_H

#include "call.h"

/* Is it what the row of api.def takes? false: answered (400, which names the member). */
bool body_check(struct call *call);

/* The member, "" where there is none. */
struct slice body_text(const struct call *call, const char *name);
/* All members, as arguments of a command; null as nil. */
void body_to_frame(const struct call *call, struct frame_out *out);
/* Any JSON; NULL and what a frame does not have (fractions) as nil. */
void body_write_json(struct frame_out *out, const char *key, const struct tree *value);

#endif
