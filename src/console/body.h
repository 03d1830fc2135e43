/* SPDX-License-Identifier: ISC
 *
 * body - members of a request's JSON object: nothing but what is expected is taken.
 */
#ifndef CONSOLE_BODY_H
#define CONSOLE_BODY_H

#include "call.h"

/* What a member may be. Numbers are integers that a double holds; null is as if it were not there.
 */
enum body_type { BODY_TEXT, BODY_INT, BODY_BOOL, BODY_LIST };

struct body_field {
    const char *name;
    enum body_type type;
    bool is_required;
};

/* Every member is a field, once, and of its type; every field that must be there is. false:
 * answered (400, which names the member). */
bool body_check(struct call *call, const struct body_field *fields, size_t n);
#define BODY_CHECK(call, fields) body_check(call, fields, sizeof(fields) / sizeof((fields)[0]))

/* The member, "" where there is none. */
struct slice body_text(const struct call *call, const char *name);
/* All members, as arguments of a command; null as nil. */
void body_to_frame(const struct call *call, struct frame_out *out);
/* Any JSON; NULL and what a frame does not have (fractions) as nil. */
void body_write_json(struct frame_out *out, const char *key, const cJSON *value);

#endif
