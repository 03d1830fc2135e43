/* SPDX-License-Identifier: ISC
 *
 * Bodies of chat clients, and of those of the old completions, into neutral records. A table says
 * what the top-level fields mean; of the others see unread.h.
 */
#include "chat_request.h"

#include <stdio.h>

#include "dialect_parts.h"
#include "json_walk.h"
#include "translators.h"
#include "unread.h"

typedef int field_fn(struct chat_reading *r, const struct json_member *m);

static field_fn field_max_tokens, field_max_completion_tokens, field_choices, field_number,
    field_top_logprobs, field_logprobs, field_stop, field_logit_bias, field_user, field_string,
    field_metadata, field_cache_control, field_stream, field_stream_options, field_parallel,
    field_prompt, field_unsupported;

#define CHAT OPERATION_BIT(CHAT)
#define TEXT OPERATION_BIT(COMPLETION)
/* Chat's own, but said in a body that is made for Responses, too. */
#define OWN (1u << DIALECT_N_OPERATIONS)
#define NAME(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

static const struct field {
    struct slice name;
    unsigned operations;
    field_fn *read;
} fields[] = {
    {NAME("messages"), CHAT, chat_request_read_messages},
    {NAME("prompt"), TEXT, field_prompt},
    {NAME("tools"), CHAT, chat_request_read_tools},
    {NAME("tool_choice"), CHAT, chat_request_read_choice},
    {NAME("parallel_tool_calls"), CHAT, field_parallel},
    {NAME("functions"), CHAT, chat_request_read_functions},
    {NAME("function_call"), CHAT, chat_request_read_choice},
    {NAME("stream"), CHAT | TEXT, field_stream},
    {NAME("stream_options"), CHAT | TEXT | OWN, field_stream_options},
    {NAME("max_completion_tokens"), CHAT, field_max_completion_tokens},
    {NAME("max_tokens"), CHAT | TEXT, field_max_tokens},
    {NAME("temperature"), CHAT | TEXT, field_number},
    {NAME("top_p"), CHAT | TEXT, field_number},
    {NAME("top_k"), CHAT | TEXT, field_number},
    {NAME("seed"), CHAT | TEXT | OWN, field_number},
    {NAME("frequency_penalty"), CHAT | TEXT | OWN, field_number},
    {NAME("presence_penalty"), CHAT | TEXT | OWN, field_number},
    {NAME("n"), CHAT | TEXT | OWN, field_choices},
    {NAME("stop"), CHAT | TEXT | OWN, field_stop},
    {NAME("logprobs"), CHAT | OWN, field_logprobs},
    {NAME("top_logprobs"), CHAT | OWN, field_top_logprobs},
    {NAME("logit_bias"), CHAT | TEXT | OWN, field_logit_bias},
    {NAME("response_format"), CHAT | OWN, chat_request_read_format},
    {NAME("reasoning_effort"), CHAT, chat_request_read_effort},
    {NAME("reasoning"), CHAT, chat_request_read_reasoning}, /* OpenRouter's */
    {NAME("thinking"), CHAT, chat_request_read_thinking}, /* Anthropic's, in chat bodies by many */
    {NAME("user"), CHAT | TEXT, field_user},
    {NAME("safety_identifier"), CHAT | TEXT, field_user},
    {NAME("prompt_cache_key"), CHAT, field_string},
    {NAME("service_tier"), CHAT | TEXT, field_string},
    {NAME("verbosity"), CHAT, field_string},
    {NAME("metadata"), CHAT | TEXT, field_metadata},
    {NAME("cache_control"), CHAT, field_cache_control},
    {NAME("modalities"), CHAT, chat_request_read_modalities},
    {NAME("web_search_options"), CHAT, chat_request_read_web_search},
    /* Of completions alone: no chat model can do that. */
    {NAME("echo"), TEXT, field_unsupported},
    {NAME("best_of"), TEXT, field_unsupported},
    {NAME("suffix"), TEXT, field_unsupported},
    {NAME("logprobs"), TEXT, field_unsupported},
};

static bool is_for_responses(struct slice body);
static int read_for_responses(struct slice body, struct arena *arena, struct neutral_request *out,
                              struct refusal_reason *why);
static void add_own(const struct neutral_request *own, struct neutral_request *out);
static int read_fields(struct chat_reading *r, unsigned operations, struct slice body);
static int finish(struct chat_reading *r);
static bool is_plain(struct slice text);

int
chat_request_read(enum operation operation, struct slice body, struct arena *arena,
                  struct neutral_request *out, struct refusal_reason *why)
{
    struct chat_reading r = {.arena = arena, .request = out, .why = why};

    *out = (struct neutral_request){
        .protocol = PROTOCOL_OPENAI_CHAT, .n_choices = 1, .top_logprobs = -1};
    turns_init(&r.turns, arena, out);
    int err = read_fields(&r, 1u << operation, body);
    if (!r.has_messages && operation == OPERATION_CHAT && is_for_responses(body))
        return read_for_responses(body, arena, out, why);
    return err == 0 ? finish(&r) : err;
}

/* Cursor sends the bodies of Responses to chat's path. */
static bool
is_for_responses(struct slice body)
{
    struct json_walk walk = json_walk_in(body);
    struct json_member member;
    bool has_input = false;

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "messages"))
            return false;
        has_input |= json_key_is(&member, "input");
    }
    return has_input;
}

static int
read_for_responses(struct slice body, struct arena *arena, struct neutral_request *out,
                   struct refusal_reason *why)
{
    struct neutral_request own = {
        .protocol = PROTOCOL_OPENAI_CHAT, .n_choices = 1, .top_logprobs = -1};
    struct chat_reading r = {.arena = arena, .request = &own, .why = why};

    int err = read_fields(&r, OWN, body);
    if (err == 0)
        err = translator_of(PROTOCOL_OPENAI_RESPONSES)
                  ->read_request(OPERATION_RESPONSE, body, arena, out, why);
    if (err == 0)
        add_own(&own, out);
    return err;
}

static void
add_own(const struct neutral_request *own, struct neutral_request *out)
{
    out->wants_usage = own->wants_usage && out->is_stream;
    out->n_choices = own->n_choices;
    out->seed = own->seed;
    out->frequency_penalty = own->frequency_penalty;
    out->presence_penalty = own->presence_penalty;
    out->logit_bias = own->logit_bias;
    memcpy(out->stops, own->stops, sizeof(out->stops));
    out->n_stops = own->n_stops;
    out->wants_logprobs |= own->wants_logprobs;
    if (own->top_logprobs >= 0)
        out->top_logprobs = own->top_logprobs;
    if (own->format == NEUTRAL_FORMAT_TEXT)
        return;
    out->format = own->format;
    out->format_name = own->format_name;
    out->format_schema = own->format_schema;
    out->format_strict = own->format_strict;
}

static int
read_fields(struct chat_reading *r, unsigned operations, struct slice body)
{
    struct json_walk walk = json_walk_in(body);
    struct json_member member;

    while (json_walk_member(&walk, &member)) {
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
            if ((fields[i].operations & operations) == 0 || member.type == JSON_NULL ||
                !dialect_key_is(&member, fields[i].name))
                continue;
            int err = fields[i].read(r, &member);

            if (err != 0)
                return err;
        }
        unread_take(r->request, &member);
    }
    return 0;
}

static int
finish(struct chat_reading *r)
{
    struct neutral_request *request = r->request;

    if (r->allowed.len > 0)
        chat_request_keep_allowed(r);
    request->wants_usage &= request->is_stream;
    return turns_finish(&r->turns, r->why);
}

int
chat_request_refuse_type(struct chat_reading *r, const struct json_member *m, const char *kind)
{
    char name[64];

    snprintf(name, sizeof(name), "%.*s", (int)m->key.len, m->key.ptr);
    return dialect_refuse(r->why, ERR_INVALID_REQUEST, name, "%s must be %s", name, kind);
}

int
chat_request_refuse(struct chat_reading *r, const struct chat_place *place, const char *name,
                    const char *problem)
{
    char path[96];
    const char *dot = name[0] == '\0' ? "" : ".";

    if (place->has_part)
        snprintf(path, sizeof(path), "messages[%u].content[%u]%s%s", place->message, place->part,
                 dot, name);
    else
        snprintf(path, sizeof(path), "messages[%u]%s%s", place->message, dot, name);
    return dialect_refuse(r->why, ERR_INVALID_REQUEST, path, "%s %s", path, problem);
}

struct slice
chat_request_plain(struct chat_reading *r, const struct json_member *string)
{
    struct slice raw = chat_request_inner(string), text;

    if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL)
        return raw;
    char *room = arena_alloc(r->arena, raw.len);
    if (room == NULL || json_string_view(string->value, room, raw.len, &text) != 0)
        return raw;
    return is_plain(text) ? text : raw;
}

/* Does it stand for itself between quotes? */
static bool
is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '"' || text.ptr[i] == '\\')
            return false;
    }
    return true;
}

int
chat_request_read_int(struct chat_reading *r, const struct json_member *m, int64_t *out)
{
    if (json_int(m->value, out) != 0 || *out < 0)
        return chat_request_refuse_type(r, m, "a whole number");
    return 0;
}

/* Of both names the newer one counts, in whatever order they come. */
static int
field_max_completion_tokens(struct chat_reading *r, const struct json_member *m)
{
    return chat_request_read_int(r, m, &r->request->max_tokens);
}

static int
field_max_tokens(struct chat_reading *r, const struct json_member *m)
{
    int64_t n;
    int err = chat_request_read_int(r, m, &n);

    if (err == 0 && r->request->max_tokens == 0)
        r->request->max_tokens = n;
    return err;
}

static int
field_choices(struct chat_reading *r, const struct json_member *m)
{
    return chat_request_read_int(r, m, &r->request->n_choices);
}

static int
field_number(struct chat_reading *r, const struct json_member *m)
{
    struct neutral_request *request = r->request;
    const struct {
        const char *name;
        struct slice *out;
    } numbers[] = {
        {"temperature", &request->temperature},
        {"top_p", &request->top_p},
        {"top_k", &request->top_k},
        {"seed", &request->seed},
        {"frequency_penalty", &request->frequency_penalty},
        {"presence_penalty", &request->presence_penalty},
    };

    if (m->type != JSON_NUMBER)
        return chat_request_refuse_type(r, m, "a number");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (json_key_is(m, numbers[i].name))
            *numbers[i].out = m->value;
    }
    return 0;
}

static int
field_top_logprobs(struct chat_reading *r, const struct json_member *m)
{
    return chat_request_read_int(r, m, &r->request->top_logprobs);
}

static int
field_logprobs(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_TRUE && m->type != JSON_FALSE)
        return chat_request_refuse_type(r, m, "true or false");
    r->request->wants_logprobs = m->type == JSON_TRUE;
    return 0;
}

static int
field_stop(struct chat_reading *r, const struct json_member *m)
{
    struct neutral_request *request = r->request;
    struct json_member stop = *m;
    size_t cursor = 0;

    if (m->type == JSON_STRING) {
        request->stops[request->n_stops++] = chat_request_inner(m);
        return 0;
    }
    if (m->type != JSON_ARRAY)
        return chat_request_refuse_type(r, m, "a string or a list of strings");
    while (json_array_next(m->value, &cursor, &stop.value, &stop.type)) {
        if (stop.type != JSON_STRING || request->n_stops == NEUTRAL_STOPS_MAX)
            return chat_request_refuse_type(r, m, "a string or a list of up to 16 strings");
        request->stops[request->n_stops++] = chat_request_inner(&stop);
    }
    return 0;
}

static int
field_logit_bias(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "an object");
    r->request->logit_bias = m->value;
    return 0;
}

/* The first that is said of the user's name and the newer safety_identifier. */
static int
field_user(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        return chat_request_refuse_type(r, m, "a string");
    if (r->request->user.len == 0)
        r->request->user = chat_request_inner(m);
    return 0;
}

static int
field_string(struct chat_reading *r, const struct json_member *m)
{
    struct neutral_request *request = r->request;
    struct slice *out = json_key_is(m, "prompt_cache_key") ? &request->cache_key
                        : json_key_is(m, "service_tier")   ? &request->service_tier
                                                           : &request->verbosity;

    if (m->type != JSON_STRING)
        return chat_request_refuse_type(r, m, "a string");
    *out = chat_request_inner(m);
    return 0;
}

static int
field_metadata(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "an object");
    r->request->metadata = m->value;
    return 0;
}

static int
field_cache_control(struct chat_reading *r, const struct json_member *m)
{
    if (m->type == JSON_OBJECT)
        r->request->cache_control = m->value;
    return 0;
}

static int
field_stream(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_TRUE && m->type != JSON_FALSE)
        return chat_request_refuse_type(r, m, "true or false");
    r->request->is_stream = m->type == JSON_TRUE;
    return 0;
}

static int
field_stream_options(struct chat_reading *r, const struct json_member *m)
{
    struct json_member usage;

    if (m->type != JSON_OBJECT)
        return chat_request_refuse_type(r, m, "an object");
    r->request->wants_usage =
        json_find_in(m->value, "include_usage", &usage) && usage.type == JSON_TRUE;
    return 0;
}

static int
field_parallel(struct chat_reading *r, const struct json_member *m)
{
    if (m->type != JSON_TRUE && m->type != JSON_FALSE)
        return chat_request_refuse_type(r, m, "true or false");
    r->request->parallel_tools = m->type == JSON_TRUE ? NEUTRAL_YES : NEUTRAL_NO;
    return 0;
}

/* One text is a user's message; several would be several answers, and tokens are of one model. */
static int
field_prompt(struct chat_reading *r, const struct json_member *m)
{
    struct json_member prompt = *m, more;
    size_t cursor = 0;

    if (m->type == JSON_ARRAY &&
        (!json_array_next(m->value, &cursor, &prompt.value, &prompt.type) ||
         json_array_next(m->value, &cursor, &more.value, &more.type)))
        return chat_request_refuse_type(r, m, "one string");
    if (prompt.type != JSON_STRING)
        return chat_request_refuse_type(r, m, "one string");
    turns_add(&r->turns, NEUTRAL_USER)->text = chat_request_inner(&prompt);
    return 0;
}

static int
field_unsupported(struct chat_reading *r, const struct json_member *m)
{
    char name[64];
    int64_t n;

    bool is_best_of_one = json_key_is(m, "best_of") && json_int(m->value, &n) == 0 && n <= 1;
    bool is_empty = m->type == JSON_STRING && chat_request_inner(m).len == 0;
    if (m->type == JSON_FALSE || is_empty || is_best_of_one)
        return 0;
    snprintf(name, sizeof(name), "%.*s", (int)m->key.len, m->key.ptr);
    return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, name, "%s", name);
}
