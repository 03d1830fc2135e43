/* SPDX-License-Identifier: ISC
 *
 * Requests: a table says which top-level fields mean something in which operation; all others pass.
 * Prefix: dialect_.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dialect_fields.h"
#include "dialect_parts.h"
#include "dialect_tools.h"
#include "name_index.h"

enum {
    MAX_CHOICES = 128,
    MAX_PROMPTS = 2048,
    MAX_AFFINITY = 192, /* of facts.text, behind the model's name; more is cut off */
    MAX_TIER = 32,
};

static field_fn field_model, field_stream, field_choices, field_max_tokens, field_stream_options,
    field_tier, field_affinity, field_metadata, field_messages, field_input, field_prompt,
    field_tools, field_encoding, field_store;

#define CHAT    OPERATION_BIT(CHAT)
#define TEXT    OPERATION_BIT(COMPLETION)
#define EMBED   OPERATION_BIT(EMBEDDING)
#define RESPOND OPERATION_BIT(RESPONSE)
#define MESSAGE OPERATION_BIT(MESSAGE)
#define COUNT   OPERATION_BIT(COUNT_TOKENS)
#define INPUT   OPERATION_BIT(INPUT_TOKENS)
#define COMPACT OPERATION_BIT(COMPACTION)
#define EVERY   (CHAT | TEXT | EMBED | RESPOND | MESSAGE | COUNT | INPUT | COMPACT)
#define NAME(s)                                                                                    \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }

/* In the order a request is likely to have them. A null is as good as absent. */
static const struct field fields[] = {
    {NAME("model"), EVERY, field_model, NULL},
    {NAME("messages"), CHAT | MESSAGE | COUNT, field_messages, NULL},
    {NAME("tools"), CHAT, field_tools, NULL},
    {NAME("tool_choice"), CHAT, field_tools, NULL},
    {NAME("input"), EMBED | RESPOND | INPUT | COMPACT, field_input, NULL},
    {NAME("prompt"), TEXT, field_prompt, NULL},
    {NAME("stream"), CHAT | TEXT | RESPOND | MESSAGE, field_stream, NULL},
    {NAME("stream_options"), CHAT | TEXT, field_stream_options, NULL},
    {NAME("max_tokens"), CHAT | TEXT | MESSAGE, field_max_tokens, NULL},
    {NAME("max_completion_tokens"), CHAT, field_max_tokens, NULL},
    {NAME("max_output_tokens"), RESPOND, field_max_tokens, NULL},
    {NAME("n"), CHAT | TEXT, field_choices, NULL},
    {NAME("best_of"), TEXT, field_choices, NULL},
    {NAME("encoding_format"), EMBED, field_encoding, NULL},
    {NAME("store"), RESPOND, field_store, NULL},
    {NAME("service_tier"), CHAT | TEXT | RESPOND | MESSAGE | COMPACT, field_tier, NULL},
    {NAME("prompt_cache_key"), CHAT | RESPOND | COMPACT, field_affinity, NULL},
    {NAME("metadata"), MESSAGE, field_metadata, NULL},
    {NAME("previous_response_id"), RESPOND | INPUT | COMPACT, dialect_field_state_id, NULL},
    {NAME("conversation"), RESPOND | INPUT | COMPACT, dialect_field_conversation, NULL},
    {NAME("prompt"), RESPOND | INPUT | COMPACT, dialect_field_unowned, "The prompt"},
    {NAME("container"), MESSAGE | COUNT, dialect_field_container, "The container"},
    {NAME("background"), RESPOND | COMPACT, dialect_field_unsupported, NULL},
    {NAME("web_search_options"), CHAT, dialect_field_server_tools, NULL},
    {NAME("mcp_servers"), MESSAGE | COUNT, dialect_field_server_tools, NULL},
    /* Other models than the one that was checked and is charged. */
    {NAME("fallbacks"), MESSAGE | COUNT, dialect_field_unsupported, NULL},
    {NAME("models"), EVERY, dialect_field_unsupported, NULL},
    /* Dearer than the price of the model says, or paid for by somebody else. */
    {NAME("speed"), MESSAGE | COUNT, dialect_field_unsupported, "standard"},
    {NAME("inference_geo"), MESSAGE | COUNT, dialect_field_unsupported, NULL},
    {NAME("fallback_credit_token"), MESSAGE | COUNT, dialect_field_unsupported, NULL},
    {NAME("thread"), MESSAGE | COUNT, dialect_field_thread, NULL},
};

static int read_fields(struct reading *r, const struct json_object *body);
static const struct name_index *index_of(enum operation operation);
static const struct field *field_of(const struct name_index *index,
                                    const struct json_member *member);
static bool is_miscased(const struct name_index *index, const struct json_member *member);
static bool is_ascii(struct slice s);
static bool is_for_responses(const struct reading *r, const struct json_object *body);
static int read_for_responses(struct reading *r, const struct json_object *body);
static int check_required(struct reading *r);
static int read_count(struct reading *r, const struct field *field, struct slice value,
                      int64_t limits[2]);
static struct slice keep_text(struct reading *r, struct slice value, size_t size);

int
dialect_read_request(enum operation operation, struct slice body, struct request_facts *out,
                     struct refusal_reason *why)
{
    struct json_object object;
    struct json_error error;
    struct reading r = {.facts = out, .why = why, .n_prompts = 1};

    /* Not the text: it is room, and large. */
    memset(out, 0, offsetof(struct request_facts, text));
    out->body = body;
    out->operation = out->shape = operation;
    out->n_choices = 1;
    if (json_scan_object(body, &object, &error) != 0)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "", "invalid JSON at byte %zu: %s",
                              error.offset, error.reason);
    int err = read_fields(&r, &object);
    if (err == 0 && is_for_responses(&r, &object))
        err = read_for_responses(&r, &object);
    if (err == 0)
        err = check_required(&r);
    if (err == 0)
        err = dialect_check_state(&object, out, why);
    out->n_choices *= r.n_prompts;
    return err;
}

/* Cursor sends the bodies of Responses to chat's path. */
static bool
is_for_responses(const struct reading *r, const struct json_object *body)
{
    return r->facts->operation == OPERATION_CHAT && !r->has_subject &&
           json_find(body, "input") != NULL;
}

/* What only such a body has; chat's own fields, which it may have too, were read. An answer to chat
 * has no id that one could go on from. */
static int
read_for_responses(struct reading *r, const struct json_object *body)
{
    r->facts->shape = OPERATION_RESPONSE;
    r->facts->is_mixed = true;
    r->text_len = 0; /* the same texts come again */
    int err = read_fields(r, body);
    if (err != 0 || r->facts->n_state_ids == 0)
        return err;
    const struct json_member *before = json_find(body, "previous_response_id");
    const char *name =
        before != NULL && before->type == JSON_STRING ? "previous_response_id" : "conversation";
    return dialect_refuse(r->why, ERR_UNSUPPORTED_PARAMETER, name, "%s", name);
}

static int
read_fields(struct reading *r, const struct json_object *body)
{
    const struct name_index *index = index_of(r->facts->shape);

    for (size_t i = 0; i < body->n_members; i++) {
        const struct json_member *member = &body->members[i];
        const struct field *field = field_of(index, member);

        if (field == NULL && is_miscased(index, member))
            return dialect_refuse(
                r->why, ERR_INVALID_REQUEST, "",
                "the name of a field is in the wrong case, escaped or not ASCII: \"%.*s\"",
                (int)(member->key.len < 64 ? member->key.len : 64), member->key.ptr);
        bool is_told_of_null = field != NULL && (field->read == field_stream_options ||
                                                 field->read == field_max_tokens);

        if (field == NULL || (member->type == JSON_NULL && !is_told_of_null))
            continue;
        int err = field->read(r, field, member);
        if (err != 0)
            return err;
    }
    return 0;
}

/* Rows of an operation's fields, by their names whatever their case. */
static const struct name_index *
index_of(enum operation operation)
{
    enum { N = sizeof(fields) / sizeof(fields[0]) };
    static struct name_index index[DIALECT_N_OPERATIONS];
    static bool is_ready;

    for (unsigned i = 0; !is_ready && i < N * DIALECT_N_OPERATIONS; i++) {
        if ((fields[i % N].operations >> i / N & 1) != 0)
            name_index_add(&index[i / N], i % N, fields[i % N].name);
    }
    is_ready = true;
    return &index[operation];
}

static inline const struct field *
field_of(const struct name_index *index, const struct json_member *member)
{
    for (uint32_t left = name_index_rows(index, member); left != 0; left &= left - 1) {
        const struct field *field = &fields[__builtin_ctz(left)];

        if (dialect_key_is(member, field->name))
            return field;
    }
    return NULL;
}

/*
 * "MODEL" is an unknown field to us and to most; but some servers match names without case and take
 * the last, and so would run, or run up, something else than what was checked here. No client
 * writes the name of a field with escapes, behind which the same could hide, or with letters beyond
 * ASCII: to such servers the Kelvin sign is a K, and the long s an s.
 */
static bool
is_miscased(const struct name_index *index, const struct json_member *member)
{
    if (member->key_has_escape || !is_ascii(member->key))
        return true;
    for (uint32_t left = name_index_rows(index, member); left != 0; left &= left - 1) {
        if (slice_eq_nocase(member->key, fields[__builtin_ctz(left)].name))
            return true;
    }
    return false;
}

static inline bool
is_ascii(struct slice s)
{
    uint64_t all = 0, bytes;
    size_t at = 0;

    for (; s.len - at >= sizeof(bytes); at += sizeof(bytes)) {
        memcpy(&bytes, s.ptr + at, sizeof(bytes));
        all |= bytes;
    }
    for (; at < s.len; at++)
        all |= (unsigned char)s.ptr[at];
    return (all & UINT64_C(0x8080808080808080)) == 0;
}

static int
check_required(struct reading *r)
{
    static const char *const subjects[] = {
        [OPERATION_CHAT] = "messages",    [OPERATION_COMPLETION] = "prompt",
        [OPERATION_EMBEDDING] = "input",  [OPERATION_RESPONSE] = "input",
        [OPERATION_MESSAGE] = "messages", [OPERATION_COUNT_TOKENS] = "messages",
        [OPERATION_INPUT_TOKENS] = NULL,  [OPERATION_COMPACTION] = "input",
    };
    const char *subject = subjects[r->facts->shape];
    bool goes_on = r->facts->n_state_ids > 0; /* an answer kept upstream may need no more input */

    if (r->facts->model.len == 0)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "model", "model is required");
    if (!r->has_subject && !goes_on && subject != NULL)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, subject, "%s is required", subject);
    if (r->facts->operation == OPERATION_MESSAGE && !r->has_max_tokens)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "max_tokens", "max_tokens is required");
    return 0;
}

int
dialect_refuse(struct refusal_reason *why, int err, const char *param, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why->detail, sizeof(why->detail), format, args);
    va_end(args);
    snprintf(why->param, sizeof(why->param), "%s", param);
    return err;
}

int
dialect_refuse_type(struct reading *r, const struct field *field, const char *kind)
{
    return dialect_refuse(r->why, ERR_INVALID_REQUEST, field->name.ptr, "%s must be %s",
                          field->name.ptr, kind);
}

static int
field_model(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct request_facts *facts = r->facts;

    if (m->type != JSON_STRING || m->value.len == 2)
        return dialect_refuse_type(r, field, "a model's name");
    int err = json_string_view(m->value, facts->text, LIMIT_MODEL_NAME - 1, &facts->model);
    if (err != 0 || facts->model.len >= LIMIT_MODEL_NAME)
        return dialect_refuse(r->why, ERR_NOT_FOUND, "model", "The model");
    facts->model_value = m->value;
    return 0;
}

static int
field_stream(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_TRUE && m->type != JSON_FALSE)
        return dialect_refuse_type(r, field, "true or false");
    r->facts->is_stream = m->type == JSON_TRUE;
    return 0;
}

static int
field_stream_options(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct json_object options;
    struct json_error error;

    r->facts->stream_options = m->value; /* also a null: it is what an edit has to replace */
    if (m->type == JSON_NULL)
        return 0;
    if (m->type != JSON_OBJECT || json_scan_object(m->value, &options, &error) != 0)
        return dialect_refuse_type(r, field, "an object without duplicate members");
    const struct json_member *usage = json_find(&options, "include_usage");
    if (usage == NULL || usage->type == JSON_NULL || usage->type == JSON_FALSE)
        return 0;
    if (usage->type != JSON_TRUE)
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, "stream_options.include_usage",
                              "stream_options.include_usage must be true or false");
    r->facts->wants_usage = true;
    return 0;
}

static int
field_max_tokens(struct reading *r, const struct field *field, const struct json_member *m)
{
    /* Messages: 0 only warms the cache. */
    int64_t value[] = {r->facts->operation == OPERATION_MESSAGE ? 0 : 1, INT32_MAX};
    int err = m->type == JSON_NULL ? 0 : read_count(r, field, m->value, value);

    if (err != 0)
        return err;
    bool is_other = r->facts->said_max[0].len > 0;

    r->facts->said_max[is_other] = m->value;
    r->facts->new_limit = (struct slice){NULL, 0};
    if (!is_other && dialect_key_is(m, slice_str("max_completion_tokens")))
        r->facts->new_limit = m->key;
    if (m->type == JSON_NULL) /* not said, but where a cap goes */
        return 0;
    r->has_max_tokens = true;
    if (value[0] > r->facts->max_tokens)
        r->facts->max_tokens = value[0];
    return 0;
}

/* n and best_of: the provider generates, and charges, the larger. */
static int
field_choices(struct reading *r, const struct field *field, const struct json_member *m)
{
    int64_t value[] = {1, MAX_CHOICES};
    int err = read_count(r, field, m->value, value);

    if (err == 0 && value[0] > r->facts->n_choices)
        r->facts->n_choices = value[0];
    return err;
}

/* An integer from limits[0] to limits[1]; it comes back in limits[0]. */
static int
read_count(struct reading *r, const struct field *field, struct slice value, int64_t limits[2])
{
    int64_t count;

    if (json_int(value, &count) != 0 || count < limits[0] || count > limits[1])
        return dialect_refuse(r->why, ERR_INVALID_REQUEST, field->name.ptr,
                              "%s must be an integer from %lld to %lld", field->name.ptr,
                              (long long)limits[0], (long long)limits[1]);
    limits[0] = count;
    return 0;
}

static int
field_tier(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        return dialect_refuse_type(r, field, "a string");
    r->facts->service_tier = keep_text(r, m->value, MAX_TIER);
    return 0;
}

static int
field_affinity(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        return dialect_refuse_type(r, field, "a string");
    r->facts->affinity = keep_text(r, m->value, MAX_AFFINITY);
    return 0;
}

static int
field_metadata(struct reading *r, const struct field *field, const struct json_member *m)
{
    struct json_member user;

    (void)field;
    if (json_find_in(m->value, "user_id", &user) && user.type == JSON_STRING)
        r->facts->affinity = keep_text(r, user.value, MAX_AFFINITY);
    return 0;
}

/* Text of a string value, cut at size bytes; "" if it has escapes and is too long. */
static struct slice
keep_text(struct reading *r, struct slice value, size_t size)
{
    char *room = r->facts->text + LIMIT_MODEL_NAME + r->text_len;
    struct slice text = {0};

    assert(LIMIT_MODEL_NAME + r->text_len + size <= sizeof(r->facts->text));
    if (json_string_view(value, room, size, &text) != 0)
        return text;
    if (text.ptr == room)
        r->text_len += text.len;
    return slice_sub(text, 0, text.len < size ? text.len : size);
}

static int
field_messages(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_ARRAY)
        return dialect_refuse_type(r, field, "an array");
    r->has_subject = true;
    return 0;
}

static int
field_input(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_ARRAY && m->type != JSON_STRING)
        return dialect_refuse_type(r, field, "a string or an array");
    r->has_subject = true;
    return 0;
}

/* A string, an array of strings or of token arrays: each is answered; or one array of tokens. */
static int
field_prompt(struct reading *r, const struct field *field, const struct json_member *m)
{
    size_t cursor = 0;
    struct slice prompt;
    enum json_type type;
    int64_t n = 0;

    if (m->type == JSON_ARRAY) {
        while (json_array_next(m->value, &cursor, &prompt, &type))
            n += type == JSON_STRING || type == JSON_ARRAY;
    }
    if (n > MAX_PROMPTS)
        return dialect_refuse_type(r, field, "at most 2048 prompts");
    r->n_prompts = n > 0 ? n : 1;
    return field_input(r, field, m);
}

static int
field_store(struct reading *r, const struct field *field, const struct json_member *m)
{
    (void)field;
    r->facts->is_unstored = m->type == JSON_FALSE;
    return 0;
}

/* Of a list the first says of which protocol they are. If others are of another one, an upstream
 * that does not take them will say so. */
static int
field_tools(struct reading *r, const struct field *field, const struct json_member *m)
{
    const char *end = m->value.ptr + m->value.len;
    const char *first = memchr(m->value.ptr, '{', m->value.len);

    (void)field;
    if (m->type >= JSON_ARRAY && first != NULL)
        r->facts->is_mixed |= dialect_is_flat_tool(slice_of(first, (size_t)(end - first)));
    return 0;
}

static int
field_encoding(struct reading *r, const struct field *field, const struct json_member *m)
{
    if (m->type != JSON_STRING)
        return dialect_refuse_type(r, field, "a string");
    r->facts->encoding = json_string_is(m->value, "base64")  ? EMBEDDING_BASE64
                         : json_string_is(m->value, "float") ? EMBEDDING_FLOAT
                                                             : EMBEDDING_OTHER;
    return 0;
}
