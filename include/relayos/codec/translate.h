/* SPDX-License-Identifier: ISC
 *
 * translate - from any client dialect to any upstream dialect and back, through the neutral records
 * (neutral.h): a reader and a writer of requests, a reader and a writer of answers per protocol,
 * one row each.
 *
 *   request   client's body -> read_request -> neutral -> write_request -> upstream's body
 *   stream    upstream's event -> read_event -> neutral events -> write_event -> client's events
 *   whole     upstream's body -> read_reply -> neutral events -> write_event (is_whole) -> one body
 *
 * Deterministic: the same input gives the same bytes (7.12); nothing is dated, numbered at random
 * or reordered. Ids that a target cannot take are rewritten, on both the call and its result (7.4).
 *
 * Process: pure. Memory of a request's records comes from an arena that the caller frees at once;
 *          events allocate nothing on the steady path.
 */
#ifndef RELAYOS_CODEC_TRANSLATE_H
#define RELAYOS_CODEC_TRANSLATE_H

#include "relayos/base/buf.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/capability.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/flavor.h"
#include "relayos/codec/neutral.h"

/* Names of fields that a target does not take and that only tune, each once: said in
 * x-relayos-dropped. */
struct translate_dropped {
    char names[256]; /* "seed, top_k"; cut at a name */
    size_t len;
};
void translate_drop(struct translate_dropped *dropped, const char *name);
/* One that a provider runs: "tools.web_search". */
void translate_drop_tool(struct translate_dropped *dropped, const struct neutral_tool *tool);

/* What a request is written for. */
struct translate_target {
    struct slice model;                  /* the upstream's name for it */
    const struct capability *capability; /* what the model takes (7.6) */
    bool cache_prompts;                  /* Messages: of requests that say nothing of it */
    int64_t max_output_tokens;           /* 0 = unknown: requests above it are cut to it */
    enum upstream_flavor flavor;         /* of the server */
};

/* State of one answer being read; a reader keeps what it needs in here and nothing elsewhere. */
struct answer_reader {
    enum protocol protocol;
    struct usage usage;
    bool is_started, is_finished, is_ended;
    bool is_open;
    enum neutral_part_kind open; /* with is_open */
    int64_t open_index;          /* upstream's index of it, where it has one */
    uint32_t n_calls;
    enum neutral_finish finish;
    struct buf held; /* fragments of calls that are not open yet; ids and names by index */
    struct buf scratch;
    uint64_t words[8]; /* a protocol's own */
};

/* State of one answer being written. */
struct answer_writer {
    enum protocol protocol;
    struct reply_context context; /* public model, our id, owner */
    bool is_whole;                /* one document at END instead of events */
    bool wants_usage, uses_functions, shows_reasoning;
    bool is_started, is_open;
    bool has_delta;  /* the open part got text */
    bool has_state;  /* the open reasoning got its state */
    bool is_refused; /* a part was a refusal */
    enum neutral_part_kind open;
    bool is_custom, is_wrapped; /* the open call: see answer_writer_is_custom() */
    bool is_closing;            /* Responses: the open part has ended and waits to be closed */
    bool is_redacted;           /* the open reasoning */
    uint32_t n_annotations;     /* of the open text */
    enum neutral_origin origin; /* of its state */
    uint32_t index;             /* of the next item or block */
    uint32_t n_calls;           /* so far */
    int64_t sequence;           /* Responses: sequence_number */
    int64_t created_s;          /* unix seconds */
    enum neutral_finish finish;
    struct slice stop_sequence;
    struct usage usage;
    struct buf items; /* finished ones, raw JSON: a whole answer's content, Responses' output */
    struct buf text;  /* of the open part, where its end repeats it */
    struct buf tools; /* answer_writer_expect() */
    int64_t said_max_tokens; /* what a whole Responses answer repeats of its request */
    enum neutral_effort said_effort;
    bool said_summary;
    struct buf scratch;
    struct buf lanes[4];     /* chat, whole: what of a message grows beside its text */
    struct buf counts;       /* chat: calls of each choice */
    struct buf logprobs;     /* of a text's tokens, where they are repeated: an array's elements */
    size_t n_chars;          /* chat: of the first choice's text ... */
    size_t part_chars;       /* ... and in front of its open part */
    bool lacks_cache_writes; /* of usage: see struct neutral_event */
};

/* Where a reader's events go: a writer, or a test's list. */
typedef void neutral_sink(void *ctx, const struct neutral_event *event);

struct translator {
    enum protocol protocol;
    /* ERR_INVALID_REQUEST or ERR_UNSUPPORTED_PARAMETER with *why. body was scanned before. */
    int (*read_request)(enum operation operation, struct slice body, struct arena *arena,
                        struct neutral_request *out, struct refusal_reason *why);
    /* ERR_UNSUPPORTED_PARAMETER with *why for what changes the meaning and cannot be said there. */
    int (*write_request)(const struct neutral_request *request,
                         const struct translate_target *target, struct arena *arena,
                         struct buf *out, struct translate_dropped *dropped,
                         struct refusal_reason *why);
    /* ERR_UPSTREAM_ERROR: not of this protocol; events before that were given. An error event or
     * body is given as NEUTRAL_ERROR and is no failure here. */
    int (*read_event)(struct answer_reader *reader, const struct sse_event *event,
                      neutral_sink *sink, void *ctx);
    int (*read_reply)(struct answer_reader *reader, struct slice body, neutral_sink *sink,
                      void *ctx);
    /* The stream's end without a terminal event: what can be ended well is, else NEUTRAL_ERROR. */
    void (*read_end)(struct answer_reader *reader, neutral_sink *sink, void *ctx);
    /* Append what the client gets for an event (often nothing). */
    void (*write_event)(struct answer_writer *writer, const struct neutral_event *event,
                        struct buf *out);
};

/* May such an upstream be given this part by its URL, or only the bytes? */
bool translate_takes_url(enum protocol upstream, enum upstream_flavor flavor,
                         const struct neutral_part *part);

/*
 * Before it is written: what its model does not take is taken out, with its name in dropped, or
 * refused (ERR_UNSUPPORTED_PARAMETER) where that would change the answer.
 */
int translate_fit(struct neutral_request *request, enum protocol upstream,
                  const struct capability *capability, struct translate_dropped *dropped,
                  struct refusal_reason *why) MUST_CHECK;

/*
 * Path of a translated request, after the upstream's prefix: "/chat/completions", or, where it
 * names the model, "/models/gemini-2.5-pro:streamGenerateContent?alt=sse". What counts, where
 * the upstream does (translate_counts()); what it is asked for else is as any other.
 */
void translate_path(enum operation operation, enum protocol upstream, struct slice model,
                    bool is_stream, struct buf *out);

/*
 * Counting. Does the protocol have a way to ask for it? Of what write_request() gave, the body that
 * translate_path()'s counter takes (ERR_INVALID_REQUEST: too deeply nested); the number in its
 * answer (ERR_UPSTREAM_ERROR); the answer of a protocol that clients speak.
 */
bool translate_counts(enum protocol protocol);
int translate_count_request(enum protocol upstream, struct slice model, struct slice body,
                            struct buf *out) MUST_CHECK;
int translate_count_read(enum protocol upstream, struct slice body, int64_t *out_tokens) MUST_CHECK;
void translate_count_write(enum protocol caller, int64_t tokens, struct buf *out);

/* NULL for a protocol without one (only upstreams speak Gemini: it has no client side; its members
 * are NULL then). */
const struct translator *translator_of(enum protocol protocol);

void answer_reader_init(struct answer_reader *reader, enum protocol protocol);
void answer_reader_fini(struct answer_reader *reader);
void answer_writer_init(struct answer_writer *writer, enum protocol protocol,
                        const struct reply_context *context);
void answer_writer_fini(struct answer_writer *writer);
/*
 * What of the request its answer depends on: is_whole, wants_usage, uses_functions and the like,
 * and the tools whose calls look different to the client than upstream. Copied: the request may go.
 */
void answer_writer_expect(struct answer_writer *writer, const struct neutral_request *request);
/*
 * Of a call by the name that the upstream was given for its tool (raw string), as far as
 * answer_writer_expect() found it: the client's name; is it a custom tool, whose input stands in a
 * member "input" when the upstream's arguments are an object; where in the client's name does its
 * namespace end (0: it has none).
 */
struct slice answer_writer_name(const struct answer_writer *writer, struct slice name);
bool answer_writer_is_custom(const struct answer_writer *writer, struct slice name);
uint32_t answer_writer_namespace(const struct answer_writer *writer, struct slice name);
/* An array's elements behind those that are there; "" adds none. */
void answer_writer_add_logprobs(struct answer_writer *writer, struct slice array);

#endif
