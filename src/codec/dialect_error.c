/* SPDX-License-Identifier: ISC
 *
 * Errors of upstreams put into categories, and our own sentences for callers. An upstream's words
 * go to the operator's trace alone. Prefix: dialect_.
 */
#include <assert.h>
#include <stdio.h>

#include "dialect_parts.h"
#include "relayos/codec/json_out.h"

enum {
    MAX_TEXT = 1024, /* of an upstream's words */
    MAX_PARAM = 95,
    WORD_SIZE = 64,
};

/* What an upstream says of an error; all "" if it says nothing that we understand. */
struct complaint {
    int status;               /* HTTP, or a code of that kind in the body, or 0 */
    char words[4][WORD_SIZE]; /* its code, type, status, and code of details: for machines */
    struct slice text;
    struct slice param;
};

struct verdict {
    const char *word;
    enum err_category category;
    uint16_t refusal; /* of UPSTREAM_UNAVAILABLE: the status that says the same */
};

/* Words that mean the same under any status. */
static const struct verdict certain[] = {
    {"context_length_exceeded", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"model_context_window_exceeded", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"exceed_context_size_error", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"content_policy_violation", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"content_filter", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"moderation_blocked", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"invalid_prompt", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"PROHIBITED_CONTENT", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"SAFETY", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"unsupported_parameter", ERR_CATEGORY_UNSUPPORTED_PARAMETER, 0},
    {"unsupported_value", ERR_CATEGORY_UNSUPPORTED_PARAMETER, 0},
    {"thread_unsupported_request", ERR_CATEGORY_UNSUPPORTED_PARAMETER, 0},
    {"thread_not_found", ERR_CATEGORY_NOT_FOUND, 0}, /* or does not go on from there */
    {"thread_already_continued", ERR_CATEGORY_NOT_FOUND, 0},
    {"thread_continue_in_flight", ERR_CATEGORY_NOT_FOUND, 0},
    {"insufficient_quota", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"billing_error", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"billing_hard_limit_reached", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"billing_not_active", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"account_deactivated", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"invalid_api_key", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"API_KEY_INVALID", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"authentication_error", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"permission_error", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 403},
    {"model_not_found", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
    {"DeploymentNotFound", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
};

/* Words that count when there is no status to go by: errors inside a 200 and in streams. */
static const struct verdict likely[] = {
    {"rate_limit_exceeded", ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 0},
    {"rate_limit_error", ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 0},
    {"RESOURCE_EXHAUSTED", ERR_CATEGORY_UPSTREAM_RATE_LIMITED, 0},
    {"overloaded_error", ERR_CATEGORY_OVERLOADED, 0},
    {"server_is_overloaded", ERR_CATEGORY_OVERLOADED, 0},
    {"slow_down", ERR_CATEGORY_OVERLOADED, 0},
    {"UNAVAILABLE", ERR_CATEGORY_OVERLOADED, 0},
    {"not_found_error", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
    {"NOT_FOUND", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
    {"PERMISSION_DENIED", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 403},
    {"UNAUTHENTICATED", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"request_too_large", ERR_CATEGORY_REQUEST_TOO_LARGE, 0},
    {"timeout_error", ERR_CATEGORY_UPSTREAM_TIMEOUT, 0},
    {"DEADLINE_EXCEEDED", ERR_CATEGORY_UPSTREAM_TIMEOUT, 0},
    {"invalid_request_error", ERR_CATEGORY_INVALID_REQUEST, 0},
    {"INVALID_ARGUMENT", ERR_CATEGORY_INVALID_REQUEST, 0},
};

/*
 * In the text of a refusal (4xx, or no status), when no word of a machine told. Lower case. What a
 * caller alone has brought about stands here above all: it must not pass for the route's fault. Of
 * our credential (401, 402) a text speaks with its first words: what stands further on may be a
 * piece of the request.
 */
static const struct verdict phrases[] = {
    {"prompt is too long", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0}, /* Anthropic */
    {"exceed context limit", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"input is too long", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"input token count", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0}, /* Gemini */
    {"maximum context length", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED,
     0}, /* OpenAI, vLLM and others */
    {"maximum model length", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"maximum prompt length", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"context length exceeded", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"exceeds the context window", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"exceeds the available context size", ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED, 0},
    {"content policy", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"content management policy", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"content filtering policy", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"our usage policy", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"our safety system", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"violates usage guidelines", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"requires moderation", ERR_CATEGORY_CONTENT_REFUSED, 0},
    {"item with id", ERR_CATEGORY_INVALID_REQUEST, 0}, /* Responses: state that is not there */
    {"previous response with id", ERR_CATEGORY_INVALID_REQUEST, 0},
    {"your credit balance is too low", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"this organization has been disabled", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 402},
    {"user location is not supported", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 403},
    {"api key not valid", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"api key expired", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 401},
    {"is not a valid model id", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
    {"model identifier is invalid", ERR_CATEGORY_UPSTREAM_UNAVAILABLE, 404},
};

/* What a caller's request may be blamed at; anything else is no path of ours to repeat. */
static const char *const request_fields[] = {
    "audio",
    "frequency_penalty",
    "include",
    "input",
    "instructions",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "n",
    "prediction",
    "prompt",
    "reasoning",
    "presence_penalty",
    "reasoning_effort",
    "seed",
    "response_format",
    "service_tier",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "system",
    "temperature",
    "text",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
    "dimensions",
    "encoding_format",
    "max_completion_tokens",
    "max_output_tokens",
    "parallel_tool_calls",
    "output_config",
    "context_management",
    "web_search_options",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void read_complaint(struct slice body, struct buf *scratch, struct complaint *out);
static bool find_error(struct slice body, struct json_member *out);
static struct slice trim(struct slice text);
static void read_word(struct slice object, const char *name, char out[WORD_SIZE]);
static struct slice read_text(struct slice object, const char *name, struct buf *scratch);
static struct slice decode(struct slice value, struct buf *scratch);
static struct verdict classify(const struct complaint *complaint);
static struct verdict by_word(const struct complaint *complaint, const struct verdict *verdicts,
                              size_t n);
static struct verdict by_phrase(struct slice text);
static bool is_about_credential(uint16_t refusal);
static bool is_about_size(struct slice text);
static enum err_category by_status(int status);
static bool is_request_path(struct slice param);
static const char *fill_hole(enum err_category category, struct slice *before, const char **after);

void
dialect_read_error(int status, struct slice body, struct buf *scratch, struct reply_facts *facts)
{
    struct complaint complaint = {.status = status};

    *facts = (struct reply_facts){.is_error = true};
    buf_clear(scratch);
    /* Room for both texts at once, so that the first does not move. */
    char *room = buf_reserve(scratch, 2 * MAX_TEXT);
    assert(room != NULL); /* DIALECT_SCRATCH */
    read_complaint(body, scratch, &complaint);
    struct verdict verdict = classify(&complaint);
    facts->category = verdict.category;
    facts->refusal = verdict.refusal;
    facts->is_askers_own =
        verdict.category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED && is_about_size(complaint.text);
    facts->error_text = complaint.text;
    if (verdict.word != NULL && slice_starts_with(slice_str(verdict.word), SLICE_LIT("thread_")))
        facts->error_param = SLICE_LIT("thread");
    else if (is_request_path(complaint.param))
        facts->error_param = complaint.param;
}

bool
dialect_is_error(const struct json_member *member)
{
    if (member == NULL || member->type == JSON_NULL || member->type == JSON_FALSE)
        return false;
    return member->type != JSON_STRING || member->value.len > 2;
}

bool
dialect_is_chat_error(const struct json_object *object)
{
    const struct json_member *kind = json_find(object, "object");

    return dialect_is_error(json_find(object, "error")) ||
           (kind != NULL && json_string_is(kind->value, "error"));
}

static void
read_complaint(struct slice body, struct buf *scratch, struct complaint *out)
{
    static const char *const names[] = {"code", "type", "status"};
    struct json_member error, details;
    int64_t code;

    if (!find_error(body, &error)) {
        out->text = slice_sub(body, 0, body.len < MAX_TEXT ? body.len : MAX_TEXT);
        return;
    }
    if (error.type == JSON_STRING) {
        out->text = decode(error.value, scratch);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(names); i++)
        read_word(error.value, names[i], out->words[i]);
    if (json_find_in(error.value, "details", &details) && details.type == JSON_OBJECT)
        read_word(details.value, "error_code", out->words[COUNT_OF(names)]);
    out->text = read_text(error.value, "message", scratch);
    out->param = read_text(error.value, "param", scratch);
    struct json_member number;
    if (out->status == 0 && json_find_in(error.value, "code", &number) &&
        json_int(number.value, &code) == 0 && code >= 400 && code <= 599)
        out->status = (int)code;
}

/*
 * The object (or text) of the error: {"error":..}, perhaps in an array of one (Gemini), in a failed
 * response, or the body itself (error events, vLLM, proxies).
 */
static bool
find_error(struct slice body, struct json_member *out)
{
    struct json_member response;
    size_t cursor = 0;
    enum json_type type;

    if (json_scan_value(body, &type, NULL) != 0)
        return false;
    if (type == JSON_ARRAY && !json_array_next(trim(body), &cursor, &body, &type))
        return false;
    if (type != JSON_OBJECT)
        return false;
    body = trim(body);
    if (json_find_in(body, "error", out) && (out->type == JSON_OBJECT || out->type == JSON_STRING))
        return true;
    if (json_find_in(body, "response", &response) && json_find_in(response.value, "error", out) &&
        out->type == JSON_OBJECT)
        return true;
    *out = (struct json_member){.value = body, .type = JSON_OBJECT};
    return true;
}

/* A valid text without the space in front of its value. */
static struct slice
trim(struct slice text)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] != '{' && text.ptr[at] != '[')
        at++;
    return slice_sub(text, at, text.len);
}

static void
read_word(struct slice object, const char *name, char out[WORD_SIZE])
{
    struct json_member member;
    struct slice word;
    char room[WORD_SIZE];

    out[0] = '\0';
    if (!json_find_in(object, name, &member) || member.type != JSON_STRING ||
        json_string_view(member.value, room, sizeof(room), &word) != 0 || word.len >= WORD_SIZE)
        return;
    memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
}

static struct slice
read_text(struct slice object, const char *name, struct buf *scratch)
{
    struct json_member member;

    if (!json_find_in(object, name, &member) || member.type != JSON_STRING)
        return (struct slice){0};
    return decode(member.value, scratch);
}

/* A string value as text, cut at MAX_TEXT bytes. */
static struct slice
decode(struct slice value, struct buf *scratch)
{
    char room[MAX_TEXT];
    struct slice text;

    if (json_string_view(value, room, sizeof(room), &text) != 0)
        return (struct slice){0};
    if (text.ptr != room)
        return slice_sub(text, 0, text.len < MAX_TEXT ? text.len : MAX_TEXT);
    size_t from = scratch->len;
    buf_append_slice(scratch, text);
    return slice_sub(buf_slice(scratch), from, scratch->len);
}

static struct verdict
classify(const struct complaint *complaint)
{
    int status = complaint->status;
    struct verdict verdict = {0};

    if (status < 500)
        verdict = by_word(complaint, certain, COUNT_OF(certain));
    if (verdict.word == NULL && status < 500 && status != 429)
        verdict = by_phrase(complaint->text);
    if (verdict.word == NULL && status != 0)
        verdict = (struct verdict){.category = by_status(status)};
    else if (verdict.word == NULL)
        verdict = by_word(complaint, likely, COUNT_OF(likely));
    if (verdict.category == ERR_CATEGORY_NONE)
        verdict.category = ERR_CATEGORY_UPSTREAM_ERROR;
    if (verdict.category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE &&
        (verdict.refusal == 0 || is_about_credential((uint16_t)status)))
        verdict.refusal = (uint16_t)status;
    return verdict;
}

static struct verdict
by_word(const struct complaint *complaint, const struct verdict *verdicts, size_t n)
{
    for (size_t i = 0; i < COUNT_OF(complaint->words); i++) {
        for (size_t k = 0; k < n; k++) {
            if (strcmp(complaint->words[i], verdicts[k].word) == 0)
                return verdicts[k];
        }
    }
    return (struct verdict){0};
}

static struct verdict
by_phrase(struct slice text)
{
    char lower[MAX_TEXT];

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    for (size_t i = 0; i < COUNT_OF(phrases); i++) {
        const char *at = memmem(lower, text.len, phrases[i].word, strlen(phrases[i].word));

        if (at != NULL && (at == lower || !is_about_credential(phrases[i].refusal)))
            return phrases[i];
    }
    return (struct verdict){0};
}

static bool
is_about_credential(uint16_t refusal)
{
    return refusal == 401 || refusal == 402;
}

/* A 429 that all others need not wait for, nor this one: it will not fit in the next minute either.
 */
static bool
is_about_size(struct slice text)
{
    static const char *const beginnings[] = {
        "request too large",                                 /* OpenAI: tokens per minute */
        "extra usage is required for long context requests", /* Anthropic */
    };

    for (size_t i = 0; i < COUNT_OF(beginnings); i++) {
        size_t len = strlen(beginnings[i]);

        if (text.len >= len && slice_eq_nocase(slice_sub(text, 0, len), slice_str(beginnings[i])))
            return true;
    }
    return false;
}

static enum err_category
by_status(int status)
{
    switch (status) {
    case 400:
    case 422:
        return ERR_CATEGORY_INVALID_REQUEST;
    case 401: /* our credential, account or model name: the operator's trouble */
    case 402:
    case 403:
    case 404:
        return ERR_CATEGORY_UPSTREAM_UNAVAILABLE;
    case 408:
    case 504:
        return ERR_CATEGORY_UPSTREAM_TIMEOUT;
    case 413:
        return ERR_CATEGORY_REQUEST_TOO_LARGE;
    case 429:
    case 498: /* Groq: no capacity left in this tier */
        return ERR_CATEGORY_UPSTREAM_RATE_LIMITED;
    case 503:
    case 529:
        return ERR_CATEGORY_OVERLOADED;
    default:
        return ERR_CATEGORY_UPSTREAM_ERROR;
    }
}

/* "messages[0].content": short, made of names and indexes, and begins with a field of our APIs. */
static bool
is_request_path(struct slice param)
{
    size_t first = 0;

    if (param.len == 0 || param.len > MAX_PARAM)
        return false;
    for (size_t i = 0; i < param.len; i++) {
        char c = param.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_word && memchr("_.[]", c, 4) == NULL)
            return false;
    }
    while (first < param.len && param.ptr[first] != '.' && param.ptr[first] != '[')
        first++;
    for (size_t i = 0; i < COUNT_OF(request_fields); i++) {
        if (slice_eq_str(slice_sub(param, 0, first), request_fields[i]))
            return true;
    }
    return false;
}

void
dialect_error_message(enum err_category category, const char *detail, struct buf *out)
{
    const char *sentence = err_info(category)->sentence;
    const char *hole = strstr(sentence, "%s");

    if (hole == NULL) {
        buf_append_str(out, sentence);
        return;
    }
    struct slice before = slice_of(sentence, (size_t)(hole - sentence));
    const char *after = hole + 2;

    if (detail[0] == '\0')
        detail = fill_hole(category, &before, &after);
    buf_append_slice(out, before);
    buf_append_str(out, detail);
    buf_append_str(out, after);
}

/* Nothing is known of the detail: ": %s" and " (%s)" fall away, elsewhere a general word stands. */
static const char *
fill_hole(enum err_category category, struct slice *before, const char **after)
{
    static const char *const words[ERR_N_CATEGORIES] = {
        [ERR_CATEGORY_INVALID_KEY] =
            "check that it is complete, and neither expired, disabled nor revoked",
        [ERR_CATEGORY_UNSUPPORTED_PARAMETER] = "A parameter of this request",
        [ERR_CATEGORY_MODEL_NOT_ALLOWED] = "it asked for",
        [ERR_CATEGORY_NOT_FOUND] = "What was asked for",
        [ERR_CATEGORY_METHOD_NOT_ALLOWED] = "another one",
        [ERR_CATEGORY_UPGRADE_REQUIRED] = "POST",
        [ERR_CATEGORY_RATE_LIMITED] = "requests",
        [ERR_CATEGORY_NO_HEALTHY_ROUTE] = "this model",
    };

    if (words[category] != NULL)
        return words[category];
    if (before->len >= 2 && memcmp(before->ptr + before->len - 2, " (", 2) == 0)
        *after += **after == ')';
    else if (before->len < 2 || memcmp(before->ptr + before->len - 2, ": ", 2) != 0)
        return "this request";
    before->len -= 2;
    return "";
}

void
dialect_write_openai_error(enum err_category category, struct slice message, struct slice param,
                           struct uuid request_id, struct buf *out)
{
    const struct err_info *info = err_info(category);
    char id[TEXT_UUID_SIZE];
    struct json_out json;

    text_uuid_format(request_id, id);
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_object(&json, "error");
    json_out_string(&json, "message", message);
    json_out_str(&json, "type", info->openai_type);
    if (param.len > 0)
        json_out_string(&json, "param", param);
    else
        json_out_null(&json, "param");
    json_out_str(&json, "code", info->openai_code[0] == '\0' ? NULL : info->openai_code);
    json_out_string(&json, "request_id", slice_of(id, sizeof(id)));
    json_out_end_object(&json);
    json_out_string(&json, "request_id", slice_of(id, sizeof(id)));
    json_out_end_object(&json);
}

int
dialect_openai_status(enum err_category category)
{
    return err_info(category)->openai_status;
}
