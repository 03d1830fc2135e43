/* SPDX-License-Identifier: ISC
 *
 * Usage as the providers report it, into disjoint buckets. A counter that is not an integer of
 * 0..LIMIT_TOKENS makes the report invalid and leaves what was known; null and absent leave it too.
 * Prefix: dialect_.
 */
#include "dialect_parts.h"
#include "relayos/base/limits.h"

/* What OpenAI's two protocols call the same counters. */
struct openai_names {
    const char *input, *input_details, *output, *output_details;
};

static const struct openai_names chat_names = {"prompt_tokens", "prompt_tokens_details",
                                               "completion_tokens", "completion_tokens_details"};
static const struct openai_names response_names = {"input_tokens", "input_tokens_details",
                                                   "output_tokens", "output_tokens_details"};

static void read_openai(const struct openai_names *names, const struct json_object *object,
                        struct usage *usage);
static void read_anthropic(const struct json_object *object, struct usage *usage);
static void read_cache_writes(const struct json_object *object, struct usage *usage);
static int64_t take(int64_t *left, struct usage *usage, const struct json_object *details,
                    const char *name);
static bool read_count(const struct json_object *object, const char *name, struct usage *usage,
                       int64_t *out);
static bool read_inner(const struct json_object *object, const char *name, struct usage *usage,
                       struct json_object *out);
static json_visitor on_output_member;

void
dialect_usage_clear(struct usage *usage)
{
    *usage = (struct usage){.tier_permille = 1000};
}

bool
dialect_usage_read(enum operation operation, struct slice value, struct usage *usage)
{
    struct json_object object;
    struct json_error error;

    usage->is_reported = true;
    usage->count[USAGE_REQUEST] = 1;
    /* The scanner refuses a counter said twice. */
    if (json_scan_object(value, &object, &error) != 0) {
        usage->is_invalid = true;
        return false;
    }
    switch (operation) {
    case OPERATION_CHAT:
    case OPERATION_COMPLETION:
    case OPERATION_EMBEDDING:
        read_openai(&chat_names, &object, usage);
        break;
    case OPERATION_RESPONSE:
        read_openai(&response_names, &object, usage);
        break;
    case OPERATION_MESSAGE:
    case OPERATION_COUNT_TOKENS:
        read_anthropic(&object, usage);
        break;
    case DIALECT_N_OPERATIONS:
        break;
    }
    return dialect_usage_is_clean(&object);
}

/* OpenAI's totals include their details: these are taken off, and never more than there is. */
static void
read_openai(const struct openai_names *names, const struct json_object *object, struct usage *usage)
{
    struct json_object details;
    int64_t left;

    if (read_count(object, names->input, usage, &left)) {
        if (!read_inner(object, names->input_details, usage, &details))
            details.n_members = 0;
        usage->count[USAGE_CACHE_READ] = take(&left, usage, &details, "cached_tokens");
        usage->count[USAGE_CACHE_WRITE_5M] = take(&left, usage, &details, "cache_write_tokens");
        usage->count[USAGE_INPUT_AUDIO] = take(&left, usage, &details, "audio_tokens");
        usage->count[USAGE_INPUT_IMAGE] = take(&left, usage, &details, "image_tokens");
        usage->count[USAGE_INPUT] = left;
    }
    if (read_count(object, names->output, usage, &left)) {
        int64_t total = left;

        if (!read_inner(object, names->output_details, usage, &details))
            details.n_members = 0;
        usage->count[USAGE_OUTPUT_AUDIO] = take(&left, usage, &details, "audio_tokens");
        usage->count[USAGE_OUTPUT_IMAGE] = take(&left, usage, &details, "image_tokens");
        usage->count[USAGE_OUTPUT] = left;
        usage->reasoning_tokens = take(&total, usage, &details, "reasoning_tokens");
    }
}

/* Anthropic's counters are disjoint as they come, but for the two lives of cache writes. */
static void
read_anthropic(const struct json_object *object, struct usage *usage)
{
    struct json_object inner;

    read_count(object, "input_tokens", usage, &usage->count[USAGE_INPUT]);
    read_count(object, "cache_read_input_tokens", usage, &usage->count[USAGE_CACHE_READ]);
    read_cache_writes(object, usage);
    read_count(object, "output_tokens", usage, &usage->count[USAGE_OUTPUT]);
    if (read_inner(object, "output_tokens_details", usage, &inner))
        read_count(&inner, "thinking_tokens", usage, &usage->reasoning_tokens);
    dialect_usage_read_tier(OPERATION_MESSAGE, object, usage);
    if (read_inner(object, "server_tool_use", usage, &inner))
        read_count(&inner, "web_search_requests", usage, &usage->count[USAGE_SERVER_TOOL]);
}

/* The total may come without its split: what is not known to last an hour lasts five minutes. */
static void
read_cache_writes(const struct json_object *object, struct usage *usage)
{
    int64_t *short_lived = &usage->count[USAGE_CACHE_WRITE_5M];
    int64_t *long_lived = &usage->count[USAGE_CACHE_WRITE_1H];
    int64_t total;
    struct json_object split;

    if (read_inner(object, "cache_creation", usage, &split)) {
        read_count(&split, "ephemeral_5m_input_tokens", usage, short_lived);
        read_count(&split, "ephemeral_1h_input_tokens", usage, long_lived);
    }
    if (!read_count(object, "cache_creation_input_tokens", usage, &total))
        return;
    if (*long_lived > total)
        *long_lived = total;
    *short_lived = total - *long_lived;
}

/* A detail of a total of which `left` is left; it is taken off that. */
static int64_t
take(int64_t *left, struct usage *usage, const struct json_object *details, const char *name)
{
    int64_t count = 0;

    read_count(details, name, usage, &count);
    if (count > *left)
        count = *left;
    *left -= count;
    return count;
}

/* True and *out set if there is a valid counter of that name. */
static bool
read_count(const struct json_object *object, const char *name, struct usage *usage, int64_t *out)
{
    const struct json_member *member = json_find(object, name);
    int64_t count;

    if (member == NULL || member->type == JSON_NULL)
        return false;
    if (json_int(member->value, &count) != 0 || count < 0 || count > LIMIT_TOKENS) {
        usage->is_invalid = true;
        return false;
    }
    *out = count;
    return true;
}

static bool
read_inner(const struct json_object *object, const char *name, struct usage *usage,
           struct json_object *out)
{
    const struct json_member *member = json_find(object, name);
    struct json_error error;

    if (member == NULL || member->type == JSON_NULL)
        return false;
    if (json_scan_object(member->value, out, &error) != 0) {
        usage->is_invalid = true;
        return false;
    }
    return true;
}

void
dialect_usage_read_tier(enum operation operation, const struct json_object *object,
                        struct usage *usage)
{
    const struct json_member *tier = json_find(object, "service_tier");
    bool is_anthropic = dialect_operation_protocol(operation) == PROTOCOL_ANTHROPIC_MESSAGES;

    if (tier == NULL || tier->type != JSON_STRING)
        return;
    if (json_string_is(tier->value, "flex") || json_string_is(tier->value, "batch"))
        usage->tier_permille = 500;
    else if (json_string_is(tier->value, "priority") && !is_anthropic)
        usage->tier_permille = 2000; /* the dearest that OpenAI lists */
    else
        usage->tier_permille = 1000;
}

void
dialect_usage_count_tools(struct slice output, struct usage *usage)
{
    int64_t n = 0;

    if (json_visit(output, on_output_member, &n) == 0)
        usage->count[USAGE_SERVER_TOOL] = n;
}

/* Members of the items of an array stand at depth 2. */
static enum json_step
on_output_member(void *ctx, unsigned depth, const struct json_member *member)
{
    int64_t *n = ctx;

    if (depth == 2 && json_key_is(member, "type") &&
        json_string_is(member->value, "web_search_call"))
        ++*n;
    return JSON_STEP_OVER;
}
