/* SPDX-License-Identifier: ISC
 *
 * responses_parts - what the files of Responses share.
 */
#ifndef CODEC_RESPONSES_PARTS_H
#define CODEC_RESPONSES_PARTS_H

#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"
#include "turns.h"

/* Raw text of a string; "" of anything else, or of nothing. */
static inline struct slice
responses_raw(const struct json_member *string)
{
    if (string == NULL || string->type != JSON_STRING)
        return (struct slice){0};
    return slice_sub(string->value, 1, string->value.len - 1);
}

static inline struct slice
responses_raw_of(const struct json_object *object, const char *key)
{
    return responses_raw(json_find(object, key));
}

/* ---- responses_items.c ---- */

/* The items of a request as turns (protocols.md 7.11); catalogue errors. */
int responses_items_read(const struct json_member *input, struct turns *turns,
                         struct refusal_reason *why) MUST_CHECK;
/* "ns__name", or the name alone. */
struct slice responses_items_name(struct arena *arena, struct slice space, struct slice name);

/* ---- responses_object.c ---- */

/* Members of the open part's item; status NULL: it has just begun and is empty. */
void responses_object_item(const struct answer_writer *writer, const char *status,
                           struct json_out *json);
/* Members of the open part as it stands in a message or a summary; empty or whole. */
void responses_object_part(const struct answer_writer *writer, bool is_whole,
                           struct json_out *json);
/* Of the text's tokens, so far as they are known. */
void responses_object_logprobs(const struct answer_writer *writer, bool is_whole,
                               struct json_out *json);
/* Its id, the same wherever it is named. */
void responses_object_item_id(const struct answer_writer *writer, const char *key,
                              struct json_out *json);
/* Members of the whole answer; category: of an answer that failed. */
void responses_object_response(const struct answer_writer *writer, const char *status,
                               enum err_category category, struct json_out *json);
/* Why an answer that ended so is not complete; NULL: it is. */
const char *responses_object_incomplete(enum neutral_finish finish);
/* Words of efforts; NULL for none said. */
const char *responses_object_effort(enum neutral_effort effort);

#endif
