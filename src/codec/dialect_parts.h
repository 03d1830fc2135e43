/* SPDX-License-Identifier: ISC
 *
 * dialect_parts - what the dialects are made of: they differ in names and events far more than in
 * what is done. Prefixes: dialect_ (dialect_*.c) and edits_ (edits.c).
 */
#ifndef CODEC_DIALECT_PARTS_H
#define CODEC_DIALECT_PARTS_H

#include "relayos/codec/dialect.h"
#include "relayos/codec/json_scan.h"

#define OPERATION_BIT(NAME) (1u << OPERATION_##NAME)

#define DIALECT(name) extern const struct dialect name##_dialect;
#include "dialects.def"
#undef DIALECT

/* Is that the member's key? For tables: most rows differ in length or first byte. */
static inline bool
dialect_key_is(const struct json_member *member, struct slice name)
{
    if (member->key_has_escape)
        return json_key_is(member, name.ptr);
    return member->key.len == name.len && member->key.ptr[0] == name.ptr[0] &&
           memcmp(member->key.ptr, name.ptr, name.len) == 0;
}

/* ---- edits.c ---- */

/* Put an edit where it belongs by offset; ERR_FULL. */
int edits_add(struct edits *edits, struct edit edit) MUST_CHECK;

/* ---- dialect_request.c, dialect_state.c: vtable functions for all dialects of today ---- */

int dialect_read_request(enum operation operation, struct slice body, struct request_facts *out,
                         struct refusal_reason *why) MUST_CHECK;
void dialect_edit_request(const struct request_facts *facts, struct slice upstream_model,
                          const struct slice *state_ids, struct buf *scratch, struct edits *out);

/* Set the reason and give err back. */
int dialect_refuse(struct refusal_reason *why, int err, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Look below the top level for what names state kept upstream (refused: no caller of ours can own
 * it) and for what makes the prompt's size unknowable (facts->is_unbounded).
 */
int dialect_check_state(const struct json_object *body, struct request_facts *facts,
                        struct refusal_reason *why) MUST_CHECK;

/* ---- dialect_reply.c ---- */

int dialect_read_reply(const struct reply_context *context, struct slice body, struct buf *scratch,
                       struct edits *out_edits, struct usage *usage,
                       struct reply_facts *facts) MUST_CHECK;

/* An answer, or an event of one, being rewritten. */
struct rewrite {
    const struct reply_context *context;
    struct slice text; /* what the edits apply to */
    struct buf *scratch;
    struct edits *edits;
    struct slice own_id; /* raw JSON string put in for the answer's id, "" if it has none */
    bool hide_usage;
    bool is_usage_clean; /* the usage object was read and needs no cut: no second scan */
};

/* Begin: makes room in scratch. */
void dialect_rewrite_begin(struct rewrite *rewrite, const struct reply_context *context,
                           struct slice text, struct buf *scratch, struct edits *edits);
/* Public model, own id, sealed ids, upstream marks cut; usage cut if hide_usage. */
int dialect_rewrite_object(struct rewrite *rewrite, const struct json_object *object) MUST_CHECK;
/*
 * Append the event as the caller gets it: edits applied, on one line, and named by its type (raw
 * JSON string, "" in protocols without names): an upstream's own name for it may be missing or odd.
 */
void dialect_emit(struct reply_stream *stream, const struct sse_event *event, struct slice type,
                  const struct edits *edits, struct buf *out);
/* Does a usage object go to the caller as it is? */
bool dialect_usage_is_clean(const struct json_object *usage);
/* Content below a value: sets is_content, adds to content_bytes. */
void dialect_measure(struct slice value, struct reply_facts *facts);
/* Take what an event said into the stream's account. */
void dialect_note(struct reply_stream *stream, const struct reply_facts *facts);

/* ---- dialect_usage.c ---- */

void dialect_usage_clear(struct usage *usage);
/* Counters of a usage object in the dialect of the operation; later values overwrite.
   True if there is nothing to clean in it: see struct rewrite. */
bool dialect_usage_read(enum operation operation, struct slice value, struct usage *usage);
/* The object that says which service tier has answered: factor on the price. */
void dialect_usage_read_tier(enum operation operation, const struct json_object *object,
                             struct usage *usage);
/* Searches and the like among the output items of a Responses answer: they are not in its usage. */
void dialect_usage_count_tools(struct slice output, struct usage *usage);

/* ---- dialect_error.c ---- */

/* Vtable function of all dialects: a non-2xx answer; status 0: an error in a 200 or an event. */
void dialect_read_error(int status, struct slice body, struct buf *scratch,
                        struct reply_facts *facts);
/* Is this member an error that somebody means? null, false and empty ones are not. */
bool dialect_is_error(const struct json_member *member);

void dialect_write_openai_error(enum err_category category, struct slice message,
                                struct slice param, struct uuid request_id, struct buf *out);
int dialect_openai_status(enum err_category category);

#endif
