/* SPDX-License-Identifier: ISC
 *
 * neutral - a request and an answer as no protocol writes them: where two dialects meet, so that N
 * of them need N readers and N writers, not N x N translators. Plain records, no code.
 *
 * Strings are raw: what stood between the quotes in the JSON they were read from, escapes as
 * written, so that they are copied into another JSON text without being decoded (json_out_raw() or
 * between quotes). `json` members are raw JSON values, copied whole: key order and number text
 * survive. An absent string or value has len 0; an empty one that was there points somewhere.
 * Handbook: protocols.md 7 (its sections are named below).
 *
 * Ownership: slices point into the body read from, or into the arena; both must outlive the record.
 */
#ifndef RELAYOS_CODEC_NEUTRAL_H
#define RELAYOS_CODEC_NEUTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/model/catalog.h"
#include "relayos/model/usage.h"

/* ---- a request ---- */

enum neutral_role {
    NEUTRAL_SYSTEM, /* leading or in the middle: where it stands says which (7.1) */
    NEUTRAL_USER,   /* tool results are parts of a user's turn, in front of the rest */
    NEUTRAL_ASSISTANT
};

enum neutral_part_kind {
    NEUTRAL_TEXT,
    NEUTRAL_IMAGE,
    NEUTRAL_FILE, /* document, PDF, text file */
    NEUTRAL_AUDIO,
    NEUTRAL_CALL,      /* the assistant asks for a tool */
    NEUTRAL_RESULT,    /* what the tool said; its own parts are its children */
    NEUTRAL_REASONING, /* thinking, readable or not, with the state that its vendor wants back */
    NEUTRAL_REFUSAL,
    NEUTRAL_FOREIGN /* of one protocol alone (server tools, containers, ...): `json` is all of it;
                       the same protocol gets it back, others drop it */
};

/* Which vendor wants a reasoning's state back (section 8). */
enum neutral_origin {
    NEUTRAL_ORIGIN_NONE, /* unmarked: what the client's own protocol makes */
    NEUTRAL_ORIGIN_ANTHROPIC,
    NEUTRAL_ORIGIN_GEMINI,
    NEUTRAL_ORIGIN_OPENAI,
    NEUTRAL_ORIGIN_TEXT /* no state, readable text only */
};

/* Where the bytes of an image, file or sound are. */
enum neutral_source { NEUTRAL_INLINE, NEUTRAL_URL, NEUTRAL_ID };

struct neutral_part {
    enum neutral_part_kind kind;
    enum neutral_source source;
    struct slice text; /* TEXT, REFUSAL, REASONING (readable; may be empty), RESULT of plain text */
    struct slice id;   /* CALL, RESULT: the call's id; REASONING: the item's id */
    struct slice name; /* CALL: tool; RESULT: tool if it is known; FILE: file name */
    struct slice input;      /* CALL: json object; a custom tool's: raw string (is_custom) */
    struct slice media_type; /* IMAGE, FILE, AUDIO inline: "image/png" */
    struct slice data;       /* base64 without "data:...", URL, or id: by source */
    struct slice detail;     /* IMAGE: auto, low, high */
    struct slice state; /* REASONING: signature, encrypted_content, or redacted data: raw string */
    struct slice carrier;       /* REASONING: state that is still sealed: see carrier.h */
    struct slice cache_control; /* json */
    struct slice json;          /* FOREIGN: the whole part; text: what others can show of it */
    enum neutral_origin origin; /* REASONING: of state */
    bool is_error;              /* RESULT */
    bool is_custom;             /* CALL: free text instead of arguments */
    bool is_redacted;           /* REASONING without readable text (redacted_thinking) */
    uint32_t first_child, n_children; /* RESULT: parts[first_child ..) of the request, contiguous */
};

struct neutral_turn {
    enum neutral_role role;
    bool is_developer;            /* SYSTEM that was written as developer */
    uint32_t first_part, n_parts; /* parts[first_part ..), children not counted; contiguous */
};

enum neutral_tool_kind {
    NEUTRAL_FUNCTION,
    NEUTRAL_CUSTOM,     /* free text (Responses, chat); `json` holds its format */
    NEUTRAL_SERVER_TOOL /* run by the provider: web_search and the like; `json` is all of it */
};
enum neutral_bool { NEUTRAL_UNSAID, NEUTRAL_NO, NEUTRAL_YES };

struct neutral_tool {
    enum neutral_tool_kind kind;
    struct slice name;        /* as the caller knows it; with a namespace: "ns__name" (7.3) */
    uint32_t namespace_len;   /* bytes of name in front of that "__"; 0 = it has none */
    struct slice description; /* may be absent */
    struct slice schema;      /* json; absent: takes nothing */
    enum neutral_bool strict;
    struct slice cache_control; /* json */
    struct slice json;
};

enum neutral_choice {
    NEUTRAL_CHOICE_UNSAID,
    NEUTRAL_CHOICE_AUTO,
    NEUTRAL_CHOICE_NONE,
    NEUTRAL_CHOICE_REQUIRED,
    NEUTRAL_CHOICE_TOOL /* choice_name */
};
enum neutral_format { NEUTRAL_FORMAT_TEXT, NEUTRAL_FORMAT_JSON, NEUTRAL_FORMAT_SCHEMA };
enum neutral_effort {
    NEUTRAL_EFFORT_UNSAID,
    NEUTRAL_EFFORT_NONE,
    NEUTRAL_EFFORT_MINIMAL,
    NEUTRAL_EFFORT_LOW,
    NEUTRAL_EFFORT_MEDIUM,
    NEUTRAL_EFFORT_HIGH,
    NEUTRAL_EFFORT_XHIGH,
    NEUTRAL_EFFORT_MAX
};

/* A field that only its own protocol has a word for, and what becomes of it there and elsewhere. */
enum neutral_fate { NEUTRAL_KEEP, NEUTRAL_DROP, NEUTRAL_REFUSE };
struct neutral_unread {
    const char *name;
    struct slice json;
    enum neutral_fate own, others;
};

#define NEUTRAL_STOPS_MAX  16
#define NEUTRAL_UNREAD_MAX 16

struct neutral_request {
    enum protocol protocol; /* whose words FOREIGN parts and server tools are in */
    struct neutral_turn *turns;
    struct neutral_part *parts; /* of all turns, and the children of results */
    struct neutral_tool *tools;
    uint32_t n_turns, n_parts, n_tools;

    enum neutral_choice choice;
    struct slice choice_name;
    enum neutral_bool parallel_tools; /* may several be asked for at once */

    int64_t max_tokens;   /* 0 = unsaid */
    int64_t n_choices;    /* 1 unless said */
    int64_t top_logprobs; /* -1 = unsaid */
    /* Numbers as they were written. */
    struct slice temperature, top_p, top_k, seed, frequency_penalty, presence_penalty;
    struct slice stops[NEUTRAL_STOPS_MAX];
    uint32_t n_stops;
    struct slice logit_bias; /* json */
    bool wants_logprobs;

    enum neutral_format format;
    struct slice format_name, format_schema; /* schema: json */
    enum neutral_bool format_strict;

    enum neutral_effort effort;
    int64_t thinking_budget;   /* 0 = unsaid */
    bool is_thinking_adaptive; /* Messages thinking.type adaptive, with or without an effort */
    bool wants_reasoning_text; /* the client can show it (display, summary, reasoning clients) */

    struct slice user, cache_key, service_tier, verbosity; /* strings */
    struct slice metadata;                                 /* json */
    struct slice cache_control;                            /* json: Messages' top-level one */
    bool is_stream, wants_usage, uses_functions /* the old chat form */;
    struct neutral_unread unread[NEUTRAL_UNREAD_MAX];
    uint32_t n_unread;
};

/* ---- an answer, as a sequence of events ---- */

/*
 * Order, whoever writes them: START, then parts, one open at a time (its BEGIN, deltas, END), USAGE
 * any time (the last of each counter counts), FINISH once, then END. ERROR may come at any time and
 * is the last.
 */
enum neutral_event_kind {
    NEUTRAL_START,      /* id, if the upstream gave one; usage, if it said something already */
    NEUTRAL_PART_BEGIN, /* part; CALL: index, id, name */
    NEUTRAL_PART_DELTA, /* text: of what is open; of a CALL a fragment of its arguments; json, of a
                           TEXT: an array with the log probabilities of its tokens, as OpenAI's */
    NEUTRAL_PART_STATE, /* REASONING: state, whole (a signature, encrypted content); its origin */
    NEUTRAL_PART_END,
    NEUTRAL_ANNOTATION, /* json: url_citation and the like, as Responses has them; indexes count
                           characters of the open text */
    NEUTRAL_USAGE,
    NEUTRAL_FINISH, /* finish, stop_sequence, text = explanation of a refusal */
    NEUTRAL_END,    /* the upstream's terminal event: nothing more comes */
    NEUTRAL_ERROR   /* category; text for the operator */
};

enum neutral_finish { /* 7.7 */
                      NEUTRAL_STOP,
                      NEUTRAL_STOP_SEQUENCE,
                      NEUTRAL_LENGTH,
                      NEUTRAL_TOOL_CALLS,
                      NEUTRAL_CONTENT_FILTER,
                      NEUTRAL_CONTEXT_FULL /* model_context_window_exceeded: length, where there is
                                              no word for it */
};

struct neutral_event {
    enum neutral_event_kind kind;
    enum neutral_part_kind part;
    enum neutral_finish finish;
    enum err_category category;
    uint32_t choice; /* of several answers (n > 1); 0 */
    struct slice id, name, text, state, json, stop_sequence;
    enum neutral_origin origin;
    bool is_custom, is_redacted;
    const struct usage *usage;
    bool lacks_cache_writes; /* USAGE: the upstream does not tell them from other input */
};

#endif
