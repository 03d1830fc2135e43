/* SPDX-License-Identifier: ISC
 *
 * dialect_fields - readers of a request's top-level fields, for the rows of dialect_request.c.
 * Prefix: dialect_.
 */
#ifndef CODEC_DIALECT_FIELDS_H
#define CODEC_DIALECT_FIELDS_H

#include "dialect_parts.h"

/* A request on its way into facts. */
struct reading {
    struct request_facts *facts;
    struct refusal_reason *why;
    size_t text_len;   /* of facts->text */
    int64_t n_prompts; /* completions take several */
    bool has_subject;  /* messages, input or prompt */
    bool has_max_tokens;
};

struct field;
/* Takes the value into r->facts; a catalogue error with *r->why. */
typedef int field_fn(struct reading *r, const struct field *field, const struct json_member *m);

struct field {
    struct slice name;
    unsigned operations;
    field_fn *read;
    const char *detail; /* for the reader: see dialect_field_unowned, dialect_field_unsupported */
};

/* "FIELD must be KIND". */
int dialect_refuse_type(struct reading *r, const struct field *field, const char *kind);

/* ---- dialect_account.c ---- */

/* An id of state that is the caller's own; of a conversation, an object with one, too. */
field_fn dialect_field_state_id, dialect_field_conversation, dialect_field_thread;
/* State that is nobody's of ours: detail says what ("The prompt"). */
field_fn dialect_field_unowned;
field_fn dialect_field_container, dialect_field_server_tools;
/* Refused, but for the value that asks for nothing: false, or detail. */
field_fn dialect_field_unsupported;

#endif
