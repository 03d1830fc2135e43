/* SPDX-License-Identifier: ISC
 *
 * ask - what one request asks: read from its head and JSON body, with the answer's facts derived by
 * fixed rules, so that tests can predict every answer and every charge.
 *
 * Rules: a text of n bytes is (n + 3) / 4 tokens. Input = all texts of the prompt; output = the
 * text of the answer plus tool arguments. The answer is "You said: " and the last user text, or
 * after a tool result "The tool said: " and that, cut at max_tokens. A request with tools whose
 * last user text holds the word "tool" (or tool_choice required/any) is answered by a call of the
 * first tool. When the answer is to follow a schema, it is an object of it (schema.h).
 *
 * What is strict (fault.h, or `mockprovider -s`) is checked as the provider would (validate.h).
 */
#ifndef MOCK_ASK_H
#define MOCK_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "fault.h"
#include "text.h"

enum ask_kind {
    ASK_UNKNOWN,
    ASK_CHAT,
    ASK_COMPLETION,
    ASK_EMBEDDING,
    ASK_RESPONSE,
    ASK_MESSAGE,
    ASK_COUNT_TOKENS,
    ASK_INPUT_TOKENS, /* Responses' way to count */
    ASK_COMPACT,
    ASK_GENERATE, /* Gemini's own, streamed or not */
    ASK_GENERATE_VECTORS,
    ASK_GENERATE_COUNT,
    ASK_MODELS,
    ASK_MOCK_STATS,
    ASK_MOCK_LAST,
    ASK_MOCK_RESET,
    ASK_MOCK_CONTROL,
};

/* From now on every request is strict. */
void ask_be_strict(void);

struct ask {
    enum ask_kind kind;
    bool is_anthropic;
    bool is_gemini; /* Google's OpenAI-compatible endpoint */
    bool is_native; /* Google's own protocol */
    bool is_azure;  /* azure.h */
    bool is_array;  /* of that a stream without alt=sse */
    bool is_stream;
    bool wants_usage; /* stream_options.include_usage */
    bool wants_base64;
    bool is_cut_short;   /* the answer was longer than max_tokens */
    const char *problem; /* NULL, or why the request is refused with 400 */
    char complaint[256]; /* room for it */
    int refused;         /* a status, before anything is read; 0 = none */
    char deployment[64]; /* of a path of Azure's, "" = none */
    char version[32];    /* anthropic-version, "" = not sent */
    char asked[256];     /* model as asked, the mock's name in the statistics */
    char model[256];     /* the same without its faults */
    char model_id[256];  /* GET /models/ID, "" for the list */
    char path[256];      /* without a query */
    char credential[128];
    struct fault fault;
    cJSON *tree;        /* owned; NULL for GET */
    const cJSON *tool;  /* to be called, or NULL */
    long n_calls;       /* how often */
    char *user_text;    /* owned: the last of the last user turn, or the one that holds faults */
    bool has_wish;      /* it holds some */
    struct text answer; /* text of the answer; "" when a tool is called */
    int64_t input, cached, cache_write, output, reasoning;
    char request_id[64]; /* of the gateway, "" = none */
    unsigned serial;     /* number of this request since the start or the last reset */
};

/* head is NUL-terminated. Never fails: what is wrong with a request is in ->problem. */
void ask_read(struct ask *ask, const char *head, const char *body, size_t body_len);
void ask_free(struct ask *ask);
int64_t ask_tokens(size_t n_bytes);
/* Arguments of call n of the tool: each property of its schema with a value of its type. */
void ask_tool_arguments(const struct ask *ask, long n, struct text *out);
const char *ask_tool_name(const struct ask *ask);

#endif
