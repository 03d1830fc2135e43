/* SPDX-License-Identifier: ISC
 *
 * Neutral requests as bodies for chat upstreams: OpenAI's own, and the many that speak like it,
 * which know fewer fields and often refuse those that they do not know.
 */
#include "chat_request_write.h"

#include <openssl/sha.h>

#include "dialect_parts.h"
#include "relayos/base/text.h"
#include "translators.h"
#include "turns.h"
#include "unread.h"

enum { MAX_STOPS = 4, MAX_USER = 64 };

static void write_limits(struct chat_writing *w);
static void write_sampling(struct chat_writing *w);
static void write_number(struct chat_writing *w, const char *name, struct slice number,
                         bool is_taken);
static void write_stops(struct chat_writing *w);
static void write_logprobs(struct chat_writing *w);
static void write_format(struct chat_writing *w);
static void write_effort(struct chat_writing *w);
static const char *effort_word(const struct chat_writing *w, enum neutral_effort effort);
static enum neutral_effort effort_of_budget(int64_t budget);
static void write_names(struct chat_writing *w);
static void write_name(struct chat_writing *w, const char *key, struct slice name);
static void write_stream(struct chat_writing *w);

int
chat_request_write(const struct neutral_request *request, const struct translate_target *target,
                   struct arena *arena, struct buf *out, struct translate_dropped *dropped,
                   struct refusal_reason *why)
{
    struct chat_writing w = {
        .request = request, .target = target, .arena = arena, .dropped = dropped, .why = why};
    struct neutral_request wrapped;

    if (!chat_request_write_takes(&w, CAP_LATE_SYSTEM)) {
        turns_wrap(request, arena, &wrapped);
        w.request = &wrapped;
    }
    json_out_init(&w.json, out);
    translate_ids_init(&w.ids, w.request, PROTOCOL_OPENAI_CHAT, arena);
    json_out_object(&w.json, NULL);
    json_out_string(&w.json, "model", target->model);
    chat_request_write_messages(&w);
    chat_request_write_tools(&w);
    write_limits(&w);
    write_sampling(&w);
    write_stops(&w);
    write_logprobs(&w);
    write_format(&w);
    write_effort(&w);
    write_names(&w);
    write_stream(&w);
    int err = unread_write(request, PROTOCOL_OPENAI_CHAT, &w.json, dropped, why);
    json_out_end_object(&w.json);
    return w.err != 0 ? w.err : err;
}

void
chat_request_write_refuse(struct chat_writing *w, const char *what)
{
    if (w->err == 0)
        w->err = dialect_refuse(w->why, ERR_UNSUPPORTED_PARAMETER, "", "%s", what);
}

/* Defaults of clients are often far above what the model can give. */
static void
write_limits(struct chat_writing *w)
{
    const int64_t bounds[] = {w->target->max_output_tokens,
                              w->target->capability->max_output_tokens};
    int64_t most = w->request->max_tokens;

    if (w->request->n_choices > 1 && !chat_request_write_may(w, FLAVOR_TAKES_CHOICES))
        chat_request_write_refuse(w, "More than one choice");
    else if (w->request->n_choices > 1)
        json_out_int(&w->json, "n", w->request->n_choices);
    if (most == 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        if (bounds[i] > 0 && most > bounds[i])
            most = bounds[i];
    }
    json_out_int(&w->json,
                 chat_request_write_may(w, FLAVOR_TAKES_NEW_LIMIT) ? "max_completion_tokens"
                                                                   : "max_tokens",
                 most);
}

/* Models that reason take none of it, unless they are told not to (gpt-5.1 and later). */
static void
write_sampling(struct chat_writing *w)
{
    const struct neutral_request *request = w->request;
    bool is_off = w->target->capability->thinking == THINKING_EFFORT &&
                  request->effort == NEUTRAL_EFFORT_NONE &&
                  chat_request_write_takes(w, CAP_THINKING_OFF);
    bool is_taken = chat_request_write_takes(w, CAP_SAMPLING) || is_off;

    write_number(w, "temperature", request->temperature, is_taken);
    write_number(w, "top_p", request->top_p, is_taken);
    write_number(w, "top_k", request->top_k,
                 is_taken && chat_request_write_may(w, FLAVOR_TAKES_TOP_K));
    write_number(w, "seed", request->seed, true);
    write_number(w, "frequency_penalty", request->frequency_penalty, is_taken);
    write_number(w, "presence_penalty", request->presence_penalty, is_taken);
    write_number(w, "logit_bias", request->logit_bias,
                 is_taken && chat_request_write_may(w, FLAVOR_TAKES_LOGIT_BIAS));
}

static void
write_number(struct chat_writing *w, const char *name, struct slice number, bool is_taken)
{
    if (number.len == 0)
        return;
    if (is_taken)
        json_out_raw(&w->json, name, number);
    else
        translate_drop(w->dropped, name);
}

static void
write_stops(struct chat_writing *w)
{
    uint32_t n = w->request->n_stops;

    if (n == 0)
        return;
    if (!chat_request_write_takes(w, CAP_STOP)) {
        translate_drop(w->dropped, "stop");
        return;
    }
    json_out_array(&w->json, "stop");
    for (uint32_t i = 0; i < n && i < MAX_STOPS; i++)
        json_out_raw_string(&w->json, NULL, w->request->stops[i]);
    json_out_end_array(&w->json);
    if (n > MAX_STOPS)
        translate_drop(w->dropped, "stop");
}

static void
write_logprobs(struct chat_writing *w)
{
    if (!w->request->wants_logprobs)
        return;
    if (!chat_request_write_takes(w, CAP_SAMPLING)) {
        translate_drop(w->dropped, "logprobs");
        return;
    }
    json_out_bool(&w->json, "logprobs", true);
    if (w->request->top_logprobs >= 0)
        json_out_int(&w->json, "top_logprobs", w->request->top_logprobs);
}

static void
write_format(struct chat_writing *w)
{
    const struct neutral_request *request = w->request;
    struct json_out *json = &w->json;

    if (request->format == NEUTRAL_FORMAT_TEXT)
        return;
    json_out_object(json, "response_format");
    if (request->format == NEUTRAL_FORMAT_JSON) {
        json_out_str(json, "type", "json_object");
    } else {
        json_out_str(json, "type", "json_schema");
        json_out_object(json, "json_schema");
        json_out_raw_string(json, "name",
                            request->format_name.len > 0 ? request->format_name
                                                         : SLICE_LIT("answer"));
        json_out_raw(json, "schema", request->format_schema);
        if (request->format_strict != NEUTRAL_UNSAID)
            json_out_bool(json, "strict", request->format_strict == NEUTRAL_YES);
        json_out_end_object(json);
    }
    json_out_end_object(json);
}

/* Models that do not reason refuse the field, and clients send it whatever the model. */
static void
write_effort(struct chat_writing *w)
{
    enum neutral_effort effort = w->request->effort;

    if (effort == NEUTRAL_EFFORT_UNSAID && w->request->thinking_budget > 0)
        effort = effort_of_budget(w->request->thinking_budget);
    if (effort == NEUTRAL_EFFORT_UNSAID)
        return;
    const char *word = effort_word(w, effort);
    if (word != NULL)
        json_out_str(&w->json, "reasoning_effort", word);
    else if (effort != NEUTRAL_EFFORT_NONE)
        translate_drop(w->dropped, "reasoning_effort");
}

/* The nearest that the model knows, or NULL. */
static const char *
effort_word(const struct chat_writing *w, enum neutral_effort effort)
{
    if (w->target->capability->thinking != THINKING_EFFORT)
        return NULL;
    switch (effort) {
    case NEUTRAL_EFFORT_NONE:
        return chat_request_write_takes(w, CAP_THINKING_OFF) ? "none" : NULL;
    case NEUTRAL_EFFORT_MINIMAL:
        return chat_request_write_takes(w, CAP_EFFORT_MINIMAL) ? "minimal" : "low";
    case NEUTRAL_EFFORT_LOW:
        return "low";
    case NEUTRAL_EFFORT_MEDIUM:
        return "medium";
    case NEUTRAL_EFFORT_MAX:
        if (chat_request_write_takes(w, CAP_EFFORT_MAX))
            return "max";
        return chat_request_write_takes(w, CAP_EFFORT_XHIGH) ? "xhigh" : "high";
    case NEUTRAL_EFFORT_XHIGH:
        return chat_request_write_takes(w, CAP_EFFORT_XHIGH) ? "xhigh" : "high";
    case NEUTRAL_EFFORT_HIGH:
    case NEUTRAL_EFFORT_UNSAID:
        break;
    }
    return "high";
}

static enum neutral_effort
effort_of_budget(int64_t budget)
{
    if (budget <= 512)
        return NEUTRAL_EFFORT_MINIMAL;
    if (budget <= 1024)
        return NEUTRAL_EFFORT_LOW;
    if (budget <= 8192)
        return NEUTRAL_EFFORT_MEDIUM;
    return budget <= 24576 ? NEUTRAL_EFFORT_HIGH : NEUTRAL_EFFORT_XHIGH;
}

/* Names of the caller's: of the newer ones only OpenAI is sure to know. */
static void
write_names(struct chat_writing *w)
{
    const struct neutral_request *request = w->request;
    const struct {
        const char *name;
        struct slice value;
        enum flavor_flag flag;
    } names[] = {
        {"user", request->user, FLAVOR_TAKES_USER},
        {"prompt_cache_key", request->cache_key, FLAVOR_TAKES_HINTS},
        {"service_tier", request->service_tier, FLAVOR_TAKES_HINTS},
        {"verbosity", request->verbosity, FLAVOR_TAKES_HINTS},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (chat_request_write_may(w, names[i].flag))
            write_name(w, names[i].name, names[i].value);
        else if (names[i].value.len > 0)
            translate_drop(w->dropped, names[i].name);
    }
    if (request->cache_control.len > 0) /* OpenAI caches of itself */
        translate_drop(w->dropped, "cache_control");
    if (request->metadata.len > 0) /* refused where answers are not stored */
        translate_drop(w->dropped, "metadata");
}

/* At most 64 characters: a longer name (Claude Code's) is told by its hash. */
static void
write_name(struct chat_writing *w, const char *key, struct slice name)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof(hash)];

    if (name.len == 0)
        return;
    if (name.len <= MAX_USER) {
        json_out_raw_string(&w->json, key, name);
        return;
    }
    SHA256((const uint8_t *)name.ptr, name.len, hash);
    text_hex(hash, sizeof(hash), hex);
    json_out_string(&w->json, key, slice_of(hex, sizeof(hex)));
}

/* The figures are asked for whether the client wants them or not: they are charged by. */
static void
write_stream(struct chat_writing *w)
{
    if (!w->request->is_stream)
        return;
    json_out_bool(&w->json, "stream", true);
    json_out_object(&w->json, "stream_options");
    json_out_bool(&w->json, "include_usage", true);
    json_out_end_object(&w->json);
}
