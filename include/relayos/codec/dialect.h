/* SPDX-License-Identifier: ISC
 *
 * dialect - what RelayOS knows of each wire protocol: one vtable per protocol, one row each in
 * dialects.def. Pure: bytes in, facts and edits out.
 *
 * On a straight path (the route speaks the caller's protocol) bodies pass through byte for byte but
 * for a few edits: prompt caches and signatures depend on it. Where it speaks another one the same
 * facts are read here, and translate.h says the rest.
 *
 * Process: pure. Ownership: slices in facts and edits point into the body or into the context's
 * scratch buffer; both must outlive them.
 */
#ifndef RELAYOS_CODEC_DIALECT_H
#define RELAYOS_CODEC_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/base/text.h"
#include "relayos/codec/edits.h"
#include "relayos/codec/operation.h"
#include "relayos/codec/seal.h"
#include "relayos/codec/sse.h"
#include "relayos/model/catalog.h"
#include "relayos/model/usage.h"

/*
 * Scratch buffers need at least this cap, and room for one call's texts is made at its start: edits
 * of one call stay good while it runs, those of an earlier call with the same buffer do not.
 */
#define DIALECT_SCRATCH 16384

/* How a caller wants embeddings written. */
enum embedding_encoding {
    EMBEDDING_FLOAT,  /* an array of numbers */
    EMBEDDING_BASE64, /* a string: float32, little-endian */
    EMBEDDING_OTHER   /* that only its provider knows */
};

/* What policy needs to know of a request. */
struct request_facts {
    struct slice body;
    enum operation operation;
    enum operation shape;     /* whose fields the body has: chat takes those of Responses, too */
    bool is_mixed;            /* the words of several protocols: no upstream takes it as it is */
    uint8_t encoding;         /* of embeddings: enum embedding_encoding */
    struct slice model;       /* decoded */
    struct slice model_value; /* its raw value, quotes included: what gets replaced */
    bool is_stream;
    bool wants_usage;            /* chat and completions: stream_options.include_usage is true */
    struct slice stream_options; /* raw value, empty if absent */
    int64_t max_tokens;          /* 0 = not said */
    struct slice said_max[2];    /* its raw value, null included; chat has two names for it */
    int64_t cap_tokens;          /* set by whoever has a bound to keep: what max_tokens is lowered
                                    to, or set to if it was not said; 0 = it stays as it is */
    bool has_old_limit;          /* set with it: the upstream may not know max_completion_tokens */
    struct slice new_limit;      /* that name in the body, where it is the only one */
    int64_t n_choices;           /* 1 unless said */
    bool is_unbounded;           /* URL images, file ids, server tools: no bound on the prompt */
    bool has_server_tools;
    struct slice affinity;     /* prompt_cache_key, metadata.user_id or "" */
    struct slice service_tier; /* decoded or "" */
    bool keeps_state;          /* Messages, a thread: the answer's id is the next request's state */
    bool is_unstored;          /* Responses, "store": false: nobody is to keep the answer */
    bool has_references;       /* Responses: refused for items that are named by their ids alone */
    /* Ids of state kept upstream that the caller names: raw values to be unsealed and replaced. */
    size_t n_state_ids;
    struct slice state_ids[8];
    char text[LIMIT_MODEL_NAME + 256]; /* room for decoded model and texts */
};

/* Why a request is refused, for the caller: detail goes into the category's sentence. */
struct refusal_reason {
    char detail[256];
    char param[96]; /* field path in the caller's own request, or "" */
};

/* What rewriting an answer needs. */
struct reply_context {
    enum operation operation;
    struct slice public_model;
    struct uuid request_id;
    struct seal *seal; /* for ids of state kept upstream */
    uint64_t owner_hash;
    uint32_t place;   /* where state lies that it makes: what seals name */
    bool keeps_state; /* the answer's id names it, as it always does in Responses */
    bool is_filtered; /* by Azure: its choices hold what the filter found */
    bool hide_usage;  /* we asked for the usage event, the caller did not */
};

/* What an answer, or one event of it, says. */
struct reply_facts {
    bool is_error;              /* an error body or error event */
    enum err_category category; /* of that error, by its status and words */
    uint16_t refusal;   /* of UPSTREAM_UNAVAILABLE: 401, 402, 403 or 404, as status or words say */
    bool is_askers_own; /* UPSTREAM_RATE_LIMITED, for being larger than the rate ever allows */
    bool is_content;    /* carries content of the answer: ends failover */
    bool is_terminal;   /* the dialect says that the stream is complete */
    bool has_usage;     /* usage below was updated */
    struct slice error_text;  /* upstream's words, for the operator's trace only */
    struct slice error_param; /* field path the upstream blames, "" if none */
    struct slice items; /* of Responses: all of a whole answer, the one that an event finishes */
    /* Of text, arguments and reasoning in this event, for estimates; of a whole answer only when it
     * reports no usage. */
    int64_t content_bytes;
};

/* Lengths of what stands at the start of a stream's scratch from event to event. */
struct reply_kept {
    size_t model_len, id_len; /* raw JSON strings that answers are given; 0: not made yet */
    size_t pattern_len;
};

/* The shape of the event before: pieces of it between the values that may differ in the next. */
#define DIALECT_N_HOLES 3
struct reply_pattern {
    size_t n_holes; /* 0: there is none */
    uint8_t holes[DIALECT_N_HOLES];
    /* Bytes of each piece as it came in and as it went out: they alternate in scratch. */
    uint32_t in[DIALECT_N_HOLES + 1], out[DIALECT_N_HOLES + 1];
};

/* One streamed answer in progress. */
struct reply_stream {
    struct reply_context context;
    struct usage usage;    /* last non-null value of each counter (overwrites, never adds) */
    int64_t content_bytes; /* so far */
    int64_t n_events;      /* sent to the caller */
    int64_t next_sequence; /* Responses: sequence_number for an event of our own */
    bool is_complete;      /* a terminal event was seen */
    bool has_content;
    struct reply_kept kept;
    struct reply_pattern pattern;
    struct buf scratch;   /* what is kept, and replacement texts of the event at hand */
    struct buf answer_id; /* Responses: the id given out, for an event of our own */
};

/* Of a protocol that no client speaks (Gemini) only what a translated call needs is set: name,
 * protocol, read_error and the headers. */
struct dialect {
    const char *name;
    enum protocol protocol;

    /*
     * Validate the body and find what policy needs. Catalogue errors: ERR_INVALID_REQUEST,
     * ERR_UNSUPPORTED_PARAMETER, with the reason. Ranges of n, max_tokens are checked (MI-07);
     * duplicate or escaped top-level keys cannot hide a second model (MI-06).
     */
    int (*read_request)(enum operation operation, struct slice body, struct request_facts *out,
                        struct refusal_reason *why);

    /*
     * Edits that turn the caller's body into the upstream's: model, stream_options.include_usage,
     * the most tokens to produce (cap_tokens), unsealed state ids (n_state_ids raw JSON strings, in
     * the order of facts). scratch holds what is put in; it is appended to and must live as long as
     * the edits. state_ids lie elsewhere.
     */
    void (*edit_request)(const struct request_facts *facts, struct slice upstream_model,
                         const struct slice *state_ids, struct buf *scratch, struct edits *out);

    /*
     * A whole (not streamed) 2xx answer: edits for id, model and upstream marks, usage read into
     * *usage. ERR_UPSTREAM_ERROR when the body is not what it should be. An error body inside 200
     * comes back as 0 with facts->is_error.
     */
    int (*read_reply)(const struct reply_context *context, struct slice body, struct buf *scratch,
                      struct edits *out_edits, struct usage *usage, struct reply_facts *facts);

    /* A non-2xx answer: category, text, param (body may be anything, also empty or HTML). */
    void (*read_error)(int status, struct slice body, struct buf *scratch,
                       struct reply_facts *facts);

    /*
     * One event of a stream: append what the caller gets (nothing for a hidden one or an error) to
     * out as "event: TYPE\ndata: ..\n\n", chat without a name; what it says is taken into *stream.
     * ERR_UPSTREAM_ERROR for data that is not what it should be.
     */
    int (*read_event)(struct reply_stream *stream, const struct sse_event *event, struct buf *out,
                      struct reply_facts *facts);

    /* An error of ours, in this protocol: body of a response ... */
    void (*write_error)(enum err_category category, struct slice message, struct slice param,
                        struct uuid request_id, struct buf *out);
    /* ... and as the last event of a stream that has begun. */
    void (*write_error_event)(struct reply_stream *stream, enum err_category category,
                              struct slice message, struct buf *out);
    /* HTTP status of a category in this protocol. */
    int (*error_status)(enum err_category category);

    /* Header that carries our credential upstream: "authorization: Bearer " or "x-api-key: ". */
    const char *auth_header;
    /* Caller's headers that reach the upstream (lower case, NULL-ended); all else is ours. */
    const char *const *request_headers;
    /* One of those that the upstream insists on: sent when the caller gave none. NULL = none. */
    const char *default_header_name, *default_header_value;
};

/* A body whose path names the model, with that in it. One that cannot be read stays as it is. */
#define DIALECT_NAME_ROOM 16 /* more than the body and the name, should all of that be escaped */
void dialect_name_model(struct slice body, struct slice model, struct buf *out);

/* Is one of a chat request's tools as Responses or Messages have them? (is_mixed: the first.) */
bool dialect_has_flat_tool(const struct request_facts *facts);

/*
 * A body of Responses that was refused for its references: append it with the remembered items in
 * their places. Their ids are left out where nothing needs them, so that the provider looks none
 * up; reasoning that only its id brings back goes. ERR_INVALID_REQUEST: one is not remembered.
 */
struct remembered;
int dialect_expand_references(struct slice body, const struct remembered *memory, struct buf *out,
                              struct refusal_reason *why) MUST_CHECK;

/*
 * Of a request that was read, worked out when asked for: the places of its pieces are not kept.
 * The text by which one conversation is told from another, as raw JSON strings ("" = it has none):
 * [0] of its instructions, [1] of its first user turn. Neither changes from turn to turn.
 */
void dialect_conversation(const struct request_facts *facts, struct slice out[2]);
/* Does it carry reasoning that only the family of models that signed it can read? */
bool dialect_has_signed_reasoning(const struct request_facts *facts);

const struct dialect *dialect_of(enum protocol protocol);

void reply_stream_init(struct reply_stream *stream, const struct reply_context *context);
void reply_stream_fini(struct reply_stream *stream);

/* Finished sentence of a category: detail put where the catalogue has %s ("" reads well too). */
void dialect_error_message(enum err_category category, const char *detail, struct buf *out);

/* GET /v1/models and /v1/models/{id} in either shape. */
void dialect_write_model(enum protocol protocol, const struct model_record *model, struct buf *out);
void dialect_write_model_list(enum protocol protocol, const struct model_record *const *models,
                              size_t n_models, bool has_more, struct buf *out);

#endif
