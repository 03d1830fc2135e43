/* SPDX-License-Identifier: ISC
 *
 * dialect_parts - what the dialects are made of: they differ in names and events far more than in
 * what is done. Prefix: dialect_ (dialect_*.c).
 */
#ifndef CODEC_DIALECT_PARTS_H
#define CODEC_DIALECT_PARTS_H

#include "dialect_key.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/json_scan.h"

#define OPERATION_BIT(NAME) (1u << OPERATION_##NAME)

#define DIALECT(name) extern const struct dialect name##_dialect;
#include "dialects.def"
#undef DIALECT

/* ---- dialect_request.c, dialect_edit.c, dialect_state.c: vtable functions of all dialects ---- */

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

/* Items named by their ids alone are refused, and noted: see dialect_expand_references(). */
int dialect_check_references(const struct json_object *body, struct request_facts *facts,
                             struct refusal_reason *why) MUST_CHECK;

/* ---- dialect_reply.c ---- */

int dialect_read_reply(const struct reply_context *context, struct slice body, struct buf *scratch,
                       struct edits *out_edits, struct usage *usage,
                       struct reply_facts *facts) MUST_CHECK;

/* Values in which an event may differ from the one before. */
enum hole { HOLE_TEXT, HOLE_PADDING, HOLE_SEQUENCE };

/* An answer, or an event of one, being rewritten. */
struct rewrite {
    const struct reply_context *context;
    struct slice text; /* what the edits apply to */
    struct buf *scratch;
    struct edits *edits;
    bool hide_usage;
    bool is_usage_clean; /* the usage object was read and needs no cut: no second scan */
    /* Raw JSON strings: */
    struct slice model;    /* the public one */
    struct slice id;       /* one of our own, for answers that are not kept upstream */
    struct slice state_id; /* the sealed one put in for the id of an answer that is, or "" */
    /* Of an event that may come again: see dialect_repeat.c. "" = no such value. */
    struct slice holes[DIALECT_N_HOLES];
};

static inline struct rewrite
dialect_rewrite_of(struct reply_stream *stream, struct slice text, struct edits *edits)
{
    edits->n = 0;
    return (struct rewrite){
        .context = &stream->context, .text = text, .scratch = &stream->scratch, .edits = edits};
}

/* Makes the names if they are not there yet, and room for other texts in scratch behind them. */
void dialect_rewrite_begin(struct rewrite *rewrite, struct reply_kept *kept);
/* Public model, own id, sealed ids, upstream marks cut; usage cut if hide_usage. */
int dialect_rewrite_object(struct rewrite *rewrite, const struct json_object *object) MUST_CHECK;
/*
 * Append the event as the caller gets it: edits applied, on one line, and named by its type (raw
 * JSON string, "" in protocols without names): an upstream's own name for it may be missing or odd.
 */
void dialect_emit(struct reply_stream *stream, const struct rewrite *rewrite, struct slice type,
                  struct buf *out);
/* A figure of usage that is not the caller's business? */
bool dialect_is_private(const struct json_member *figure);
/*
 * Content below a value: sets is_content, adds to content_bytes. Gives the only string that makes
 * the content what it is (with its quotes), or "".
 */
struct slice dialect_measure(struct slice value, struct reply_facts *facts);
/* Take what an event said into the stream's account. */
void dialect_note(struct reply_stream *stream, const struct reply_facts *facts);
/* Responses: number of an event. */
void dialect_note_sequence(struct reply_stream *stream, struct slice number);
/* An error event: it ends the stream, whose scratch gets its words. */
void dialect_read_error_event(struct reply_stream *stream, struct slice data,
                              struct reply_facts *facts);

/* ---- dialect_repeat.c ---- */

/* If the event is like the one learnt last: append what the caller gets, and true. */
bool dialect_repeat_event(struct reply_stream *stream, struct slice data, struct buf *out,
                          struct reply_facts *facts) MUST_CHECK;
/*
 * The event being rewritten may come again with another text (the string that is all it says),
 * other padding and another number.
 */
void dialect_repeat_expect(struct rewrite *rewrite, const struct json_object *object,
                           struct slice text);
/* Learn an event with its holes, and what the caller got for it. */
void dialect_repeat_learn(struct reply_stream *stream, const struct rewrite *rewrite,
                          struct slice emitted);
void dialect_repeat_forget(struct reply_stream *stream);

/* ---- dialect_usage.c ---- */

void dialect_usage_clear(struct usage *usage);
/* Counters of a (scanned) usage object in the dialect of the operation; later values overwrite.
   True if there is nothing to clean in it: see struct rewrite. */
bool dialect_usage_read(enum operation operation, struct slice value, struct usage *usage);
/* It was the usage of an answer's first event: the output is yet to come, and where no prompt was
 * counted yet, that is too. */
void dialect_usage_begin(struct usage *usage);
/* The service tier that has answered (NULL if it is not said): factor on the price. */
void dialect_usage_read_tier(enum operation operation, const struct json_member *tier,
                             struct usage *usage);
/* Searches and the like among the output items of a Responses answer: they are not in its usage. */
void dialect_usage_count_tools(struct slice output, struct usage *usage);

/* ---- dialect_error.c ---- */

/* Vtable function of all dialects: a non-2xx answer; status 0: an error in a 200 or an event. */
void dialect_read_error(int status, struct slice body, struct buf *scratch,
                        struct reply_facts *facts);
/* Is this member an error that somebody means? null, false and empty ones are not. */
bool dialect_is_error(const struct json_member *member);
/* Of a chat's answer or event: has it such a member, or is it all an error (vLLM, SGLang)? */
bool dialect_is_chat_error(const struct json_object *object);

void dialect_write_openai_error(enum err_category category, struct slice message,
                                struct slice param, struct uuid request_id, struct buf *out);
int dialect_openai_status(enum err_category category);

/* ---- openai_responses.c ---- */

/* Code of response.error in an answer that failed. */
const char *openai_responses_failure_code(enum err_category category);

#endif
