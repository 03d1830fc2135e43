/* SPDX-License-Identifier: ISC
 *
 * chat_request - a chat body being read: what its parts share. Prefix: chat_request_.
 */
#ifndef CODEC_CHAT_REQUEST_H
#define CODEC_CHAT_REQUEST_H

#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"
#include "turns.h"

struct chat_reading {
    struct arena *arena;
    struct neutral_request *request;
    struct refusal_reason *why;
    struct turns turns;
    uint32_t n_function_calls; /* of the old form, whose calls have no ids */
    struct slice allowed;      /* tool_choice's list of allowed tools, or "" */
    bool has_messages;
};

/* Where in the request something is, for the caller: "messages[3].content[1]". */
struct chat_place {
    uint32_t message, part;
    bool has_part;
};

/* ---- chat_request_turns.c ---- */

int chat_request_read_messages(struct chat_reading *r, const struct json_member *m) MUST_CHECK;

/* ---- chat_request_parts.c ---- */

/*
 * Content of a message, a string or an array of parts, to the end of what role says; as children of
 * the result that was added last for is_result.
 */
int chat_request_read_content(struct chat_reading *r, const struct json_member *content,
                              struct chat_place place, enum neutral_role role,
                              bool is_result) MUST_CHECK;

/* ---- chat_request_tools.c ---- */

void chat_request_add_tool(struct chat_reading *r, struct neutral_tool tool);
int chat_request_read_tools(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
/* functions: the old form. */
int chat_request_read_functions(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_choice(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
/* Leave only the tools that tool_choice allows. */
void chat_request_keep_allowed(struct chat_reading *r);

/* ---- chat_request_fields.c: top-level fields with something inside ---- */

int chat_request_read_format(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_effort(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_reasoning(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_thinking(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_modalities(struct chat_reading *r, const struct json_member *m) MUST_CHECK;
int chat_request_read_web_search(struct chat_reading *r, const struct json_member *m) MUST_CHECK;

/* ---- chat_request.c ---- */

/* What stands between the quotes of a string; "" for what is no string. */
static inline struct slice
chat_request_inner(const struct json_member *string)
{
    if (string->type != JSON_STRING || string->value.len < 2)
        return (struct slice){0};
    return slice_sub(string->value, 1, string->value.len - 1);
}
/* The same without escapes that need not be (PHP writes "\/"), for texts that are looked into. */
struct slice chat_request_plain(struct chat_reading *r, const struct json_member *string);
/* A whole number that is not negative. */
int chat_request_read_int(struct chat_reading *r, const struct json_member *m,
                          int64_t *out) MUST_CHECK;
/* Of a top-level field: "NAME must be KIND". ERR_INVALID_REQUEST. */
int chat_request_refuse_type(struct chat_reading *r, const struct json_member *m,
                             const char *kind) MUST_CHECK;
/* Set the reason; ERR_INVALID_REQUEST. The field's path is the place and the name. */
int chat_request_refuse(struct chat_reading *r, const struct chat_place *place, const char *name,
                        const char *problem) MUST_CHECK;

#endif
