/* SPDX-License-Identifier: ISC
 *
 * remembered_open - a body is copied, and grows before the closing braces of some messages.
 */
#include <string.h>

#include "json_walk.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/remembered.h"

enum { MAX_LOOKUPS = 512 }; /* of one request */

struct opening {
    const struct remembered *memory;
    const char *member;
    struct slice body;
    struct buf found; /* carriers of the message at hand */
    struct buf *out;
    size_t copied; /* of the body */
    unsigned n_lookups;
};

static size_t loop_of(struct slice messages);
static void open_message(struct opening *o, struct slice message);
static bool find_text(struct opening *o, struct slice calls);
static void write_texts(struct opening *o);
static void copy_to(struct opening *o, const char *end);

void
remembered_open(struct slice body, const char *member, const struct remembered *memory,
                struct buf *out)
{
    struct opening o = {.memory = memory, .member = member, .body = body, .out = out};
    struct json_member messages;
    struct slice message;
    enum json_type type;

    buf_init(&o.found, memory->max);
    if (json_find_in(body, "messages", &messages) && messages.type == JSON_ARRAY) {
        size_t cursor = loop_of(messages.value);

        while (json_array_next(messages.value, &cursor, &message, &type))
            open_message(&o, message);
    }
    copy_to(&o, body.ptr + body.len);
    buf_fini(&o.found);
}

/* Behind the last message of the user's. */
static size_t
loop_of(struct slice messages)
{
    size_t cursor = 0, loop = 0;
    struct json_member role;
    struct slice message;
    enum json_type type;

    while (json_array_next(messages, &cursor, &message, &type)) {
        if (json_find_in(message, "role", &role) && json_string_is(role.value, "user"))
            loop = cursor;
    }
    return loop;
}

/* The member may be there and empty: then that is what goes. */
static void
open_message(struct opening *o, struct slice message)
{
    struct json_walk walk = json_walk_in(message);
    struct json_member member, calls = {0}, said = {0};

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "tool_calls"))
            calls = member;
        else if (json_key_is(&member, "reasoning_content") || json_key_is(&member, "reasoning"))
            said = member;
        if (said.type == JSON_STRING && said.value.len > 2)
            return;
    }
    if (calls.type != JSON_ARRAY || !find_text(o, calls.value))
        return;
    if (said.value.len > 0 && json_key_is(&said, o->member)) {
        copy_to(o, said.value.ptr);
        write_texts(o);
        o->copied += said.value.len;
        return;
    }
    copy_to(o, message.ptr + message.len - 1);
    buf_append_slice(o->out, SLICE_LIT(",\""));
    buf_append_str(o->out, o->member);
    buf_append_slice(o->out, SLICE_LIT("\":"));
    write_texts(o);
}

/* Of the first call that something is remembered of. */
static bool
find_text(struct opening *o, struct slice calls)
{
    struct json_member id;
    struct slice call;
    enum json_type type;
    size_t cursor = 0;

    while (json_array_next(calls, &cursor, &call, &type) && o->n_lookups++ < MAX_LOOKUPS) {
        buf_clear(&o->found);
        if (json_find_in(call, "id", &id) && id.type == JSON_STRING && id.value.len > 2 &&
            o->memory->find(o->memory->ctx, slice_sub(id.value, 1, id.value.len - 1), &o->found))
            return true;
    }
    return false;
}

/* Raw strings as they came, a blank line between them. */
static void
write_texts(struct opening *o)
{
    const struct slice mark = SLICE_LIT(CARRIER_MARK "txt."), gap = SLICE_LIT("\\n\\n");
    struct slice rest = buf_slice(&o->found);
    bool has_text = false;

    buf_append_byte(o->out, '"');
    while (rest.len > 0) {
        const char *end = memchr(rest.ptr, '\n', rest.len);
        const size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);

        if (len > mark.len && slice_starts_with(rest, mark)) {
            buf_append_slice(o->out, slice_sub(gap, 0, has_text ? gap.len : 0));
            buf_append_slice(o->out, slice_sub(rest, mark.len, len));
            has_text = true;
        }
        rest = slice_sub(rest, end == NULL ? len : len + 1, rest.len);
    }
    buf_append_byte(o->out, '"');
}

static void
copy_to(struct opening *o, const char *end)
{
    size_t at = (size_t)(end - o->body.ptr);

    buf_append_slice(o->out, slice_sub(o->body, o->copied, at));
    o->copied = at;
}
