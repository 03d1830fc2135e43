/* SPDX-License-Identifier: ISC
 *
 * Answers: read as far as the gateway must, rewritten so that nothing of the route shows.
 * Prefix: dialect_.
 */
#include <assert.h>

#include "dialect_parts.h"
#include "json_walk.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"

#define SEALED_IDS_SIZE (4 * 512) /* an answer's texts that are not names */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What becomes of a member of an answer. */
enum fate {
    FATE_KEEP,
    FATE_MODEL,
    FATE_ID,
    FATE_STATE_ID,
    FATE_CONVERSATION,
    FATE_USAGE,
    FATE_CUT
};

/* clang-format off */
static const struct key_row answer_fates[KEY_SLOTS] = {
    KEY_ROW("id", 'd', FATE_ID),
    KEY_ROW("model", 'l', FATE_MODEL),
    KEY_ROW("usage", 'e', FATE_USAGE),
    KEY_ROW("previous_response_id", 'd', FATE_STATE_ID),
    KEY_ROW("response_id", 'd', FATE_STATE_ID),
    KEY_ROW("conversation", 'n', FATE_CONVERSATION),
    /* Marks by which providers and resellers can be told. */
    KEY_ROW("system_fingerprint", 't', FATE_CUT),
    KEY_ROW("provider", 'r', FATE_CUT),
    KEY_ROW("x_groq", 'q', FATE_CUT),
    KEY_ROW("request_id", 'd', FATE_CUT),
    KEY_ROW("nvext", 't', FATE_CUT),
    KEY_ROW("timings", 's', FATE_CUT),
    KEY_ROW("time_info", 'o', FATE_CUT),
    KEY_ROW("kv_transfer_params", 's', FATE_CUT),
    KEY_ROW("amazon-bedrock-invocationMetrics", 's', FATE_CUT),
    KEY_ROW("prompt_filter_results", 's', FATE_CUT),
    KEY_ROW("container", 'r', FATE_CUT), /* an id of state kept upstream */
};
/* clang-format on */

/* What the operator pays is not the caller's business. */
static const struct key_row usage_fates[KEY_SLOTS] = {
    KEY_ROW("cost", 't', FATE_CUT),
    KEY_ROW("cost_details", 's', FATE_CUT),
    KEY_ROW("is_byok", 'k', FATE_CUT),
    KEY_ROW("extra_properties", 's', FATE_CUT),
};

/* What a model has said, whatever the protocol. */
enum content {
    CONTENT_NONE,
    CONTENT_TEXT,  /* if it is a string */
    CONTENT_OTHER, /* no text: names of tools, signatures, pictures and sounds */
    CONTENT_AGAIN, /* the same text once more, in other words */
};

static const struct key_row contents[KEY_SLOTS] = {
    KEY_ROW("content", 't', CONTENT_TEXT),
    KEY_ROW("text", 't', CONTENT_TEXT),
    KEY_ROW("reasoning_content", 't', CONTENT_TEXT),
    KEY_ROW("reasoning", 'g', CONTENT_TEXT),
    KEY_ROW("refusal", 'l', CONTENT_TEXT),
    KEY_ROW("arguments", 's', CONTENT_TEXT),
    KEY_ROW("partial_json", 'n', CONTENT_TEXT),
    KEY_ROW("thinking", 'g', CONTENT_TEXT),
    KEY_ROW("transcript", 't', CONTENT_TEXT),
    KEY_ROW("input", 't', CONTENT_TEXT),
    KEY_ROW("delta", 'a', CONTENT_TEXT),
    KEY_ROW("name", 'e', CONTENT_OTHER),
    KEY_ROW("signature", 'e', CONTENT_OTHER),
    KEY_ROW("data", 'a', CONTENT_OTHER),
    KEY_ROW("url", 'l', CONTENT_OTHER),
    KEY_ROW("citation", 'n', CONTENT_OTHER),
    KEY_ROW("logprobs", 's', CONTENT_AGAIN),
    KEY_ROW("reasoning_details", 's', CONTENT_AGAIN),
};

/* The member without which a body is no answer to that operation. */
struct shape {
    const char *name;
    enum json_type type;
};

static const struct shape shapes[] = {
    [OPERATION_CHAT] = {"choices", JSON_ARRAY},
    [OPERATION_COMPLETION] = {"choices", JSON_ARRAY},
    [OPERATION_EMBEDDING] = {"data", JSON_ARRAY},
    [OPERATION_RESPONSE] = {"output", JSON_ARRAY},
    [OPERATION_MESSAGE] = {"content", JSON_ARRAY},
    [OPERATION_COUNT_TOKENS] = {"input_tokens", JSON_NUMBER},
    [OPERATION_INPUT_TOKENS] = {"input_tokens", JSON_NUMBER},
    [OPERATION_COMPACTION] = {"output", JSON_ARRAY},
};

static bool keeps_state(enum operation operation);
static bool is_kept(const struct reply_context *context);
static bool read_figures(enum operation operation, const struct json_object *object,
                         struct slice body, struct usage *usage);
static void put_names(const struct reply_context *context, struct buf *scratch,
                      struct reply_kept *out);
static int rewrite_members(struct rewrite *rewrite, const struct json_object *object,
                           const struct key_row *fates);
static enum fate fate_of(const struct key_row *fates, const struct json_member *member);
static int apply_fate(struct rewrite *rewrite, enum fate fate, const struct json_member *member);
static int cut(struct rewrite *rewrite, const struct json_object *object, size_t i, bool has_kept);
static int cut_results(struct rewrite *rewrite, struct slice choices);
static int cut_results_of(struct rewrite *rewrite, struct slice choice);
static int put_state_id(struct rewrite *rewrite, const struct json_member *member,
                        struct slice *out_text);
static int put_conversation(struct rewrite *rewrite, const struct json_member *member);
static int clean_usage(struct rewrite *rewrite, const struct json_member *member);
static int put(struct rewrite *rewrite, struct slice old, struct slice with);
static int replace(struct rewrite *rewrite, const char *from, const char *to, struct slice with);

int
dialect_read_reply(const struct reply_context *context, struct slice body, struct buf *scratch,
                   struct edits *out_edits, struct usage *usage, struct reply_facts *facts)
{
    const struct shape *shape = &shapes[context->operation];
    struct json_object object;
    struct json_error error;
    struct reply_kept kept = {0};
    struct rewrite rewrite;

    *facts = (struct reply_facts){0};
    dialect_usage_clear(usage);
    out_edits->n = 0;
    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    if (dialect_is_chat_error(&object)) {
        const struct json_member *figures = json_find(&object, "usage");

        dialect_read_error(0, body, scratch, facts);
        if (figures != NULL && figures->type == JSON_OBJECT) /* it may have been counted */
            (void)dialect_usage_read(context->operation, figures->value, usage);
        return 0;
    }
    const struct json_member *answer = json_find(&object, shape->name);
    if (answer == NULL || answer->type != shape->type)
        return ERR_UPSTREAM_ERROR;

    bool is_clean = read_figures(context->operation, &object, answer->value, usage);
    facts->has_usage = usage->is_reported;
    facts->is_content = true;
    facts->is_terminal = true;
    if (context->operation == OPERATION_RESPONSE)
        facts->items = answer->value;
    /* Only an estimate needs the length. */
    if (context->operation != OPERATION_EMBEDDING && (usage->totals & USAGE_SAID_OUTPUT) == 0)
        (void)dialect_measure(answer->value, facts);
    rewrite = (struct rewrite){.context = context,
                               .text = body,
                               .scratch = scratch,
                               .edits = out_edits,
                               .is_usage_clean = is_clean};
    dialect_rewrite_begin(&rewrite, &kept);
    return dialect_rewrite_object(&rewrite, &object);
}

/* Ids of its answers name what lies upstream. */
static bool
keeps_state(enum operation operation)
{
    return ((OPERATION_BIT(RESPONSE) | OPERATION_BIT(COMPACTION)) >> operation & 1) != 0;
}

/* True if the usage object was read and is clean. */
static bool
read_figures(enum operation operation, const struct json_object *object, struct slice answer,
             struct usage *usage)
{
    const struct json_member *figures = json_find(object, "usage");
    bool is_clean = false;

    if (dialect_operation_counts(operation)) {
        usage->is_reported = true; /* the count is the answer, not what it took */
        return false;
    }
    usage->count[USAGE_REQUEST] = 1;
    if (figures != NULL && figures->type != JSON_NULL)
        is_clean = dialect_usage_read(operation, figures->value, usage);
    if (operation != OPERATION_MESSAGE)
        dialect_usage_read_tier(operation, json_find(object, "service_tier"), usage);
    if (keeps_state(operation))
        dialect_usage_count_tools(answer, usage);
    return is_clean;
}

static bool
is_kept(const struct reply_context *context)
{
    return context->keeps_state || keeps_state(context->operation);
}

void
dialect_rewrite_begin(struct rewrite *rewrite, struct reply_kept *kept)
{
    struct buf *scratch = rewrite->scratch;

    if (kept->model_len == 0)
        put_names(rewrite->context, scratch, kept);
    scratch->len = kept->model_len + kept->id_len + kept->pattern_len;
    /* All texts fit in what is there now, so that none moves under an edit. */
    char *room = buf_reserve(scratch, is_kept(rewrite->context) ? SEALED_IDS_SIZE : 0);
    assert(room != NULL && !scratch->overflow); /* DIALECT_SCRATCH */
    rewrite->model = slice_of(scratch->ptr, kept->model_len);
    rewrite->id = slice_of(scratch->ptr + kept->model_len, kept->id_len);
    rewrite->edits->n = 0;
}

/* What every event of an answer is given: the public model, and an id in the protocol's clothes. */
static void
put_names(const struct reply_context *context, struct buf *scratch, struct reply_kept *out)
{
    static const char *const prefixes[] = {
        [OPERATION_CHAT] = "chatcmpl-",     [OPERATION_COMPLETION] = "cmpl-",
        [OPERATION_EMBEDDING] = "embd-",    [OPERATION_RESPONSE] = "resp_",
        [OPERATION_MESSAGE] = "msg_",       [OPERATION_COUNT_TOKENS] = "msg_",
        [OPERATION_INPUT_TOKENS] = "resp_", [OPERATION_COMPACTION] = "resp_",
    };
    char hex[32];

    buf_clear(scratch);
    buf_append_byte(scratch, '"');
    json_escape(scratch, context->public_model);
    buf_append_byte(scratch, '"');
    out->model_len = scratch->len;
    text_uuid_hex(context->request_id, hex);
    buf_append_byte(scratch, '"');
    buf_append_str(scratch, prefixes[context->operation]);
    buf_append(scratch, hex, sizeof(hex));
    buf_append_byte(scratch, '"');
    out->id_len = scratch->len - out->model_len;
}

int
dialect_rewrite_object(struct rewrite *rewrite, const struct json_object *object)
{
    return rewrite_members(rewrite, object, answer_fates) == 0 ? 0 : ERR_UPSTREAM_ERROR;
}

static int
rewrite_members(struct rewrite *rewrite, const struct json_object *object,
                const struct key_row *fates)
{
    const bool is_filtered = rewrite->context->is_filtered;
    bool has_kept = false;
    int err = 0;

    for (size_t i = 0; i < object->n_members && err == 0; i++) {
        enum fate fate = fate_of(fates, &object->members[i]);

        if (fate == FATE_USAGE && rewrite->hide_usage)
            fate = FATE_CUT;
        if (fate == FATE_CUT)
            err = cut(rewrite, object, i, has_kept);
        else if (fate != FATE_KEEP)
            err = apply_fate(rewrite, fate, &object->members[i]);
        else if (is_filtered && json_key_is(&object->members[i], "choices"))
            err = cut_results(rewrite, object->members[i].value);
        has_kept |= fate != FATE_CUT;
    }
    return err;
}

/* How long an answer took at the provider, and in whose queue, stands among the figures of some. */
static enum fate
fate_of(const struct key_row *fates, const struct json_member *member)
{
    const struct slice time = SLICE_LIT("_time");

    if (fates == usage_fates && member->key.len > time.len &&
        slice_eq(slice_sub(member->key, member->key.len - time.len, member->key.len), time))
        return FATE_CUT;
    return (enum fate)dialect_key_meaning(fates, member);
}

static int
apply_fate(struct rewrite *rewrite, enum fate fate, const struct json_member *member)
{
    bool has_state = is_kept(rewrite->context);
    struct slice text;

    switch (fate) {
    case FATE_MODEL:
        return put(rewrite, member->value, rewrite->model);
    case FATE_ID:
        return has_state ? put_state_id(rewrite, member, &rewrite->state_id)
                         : put(rewrite, member->value, rewrite->id);
    case FATE_STATE_ID:
        return has_state ? put_state_id(rewrite, member, &text) : 0;
    case FATE_CONVERSATION:
        return has_state ? put_conversation(rewrite, member) : 0;
    case FATE_USAGE:
        return clean_usage(rewrite, member);
    case FATE_KEEP:
    case FATE_CUT:
        return 0;
    }
    return 0;
}

/* Cut a member and one comma: the one before it if that ends a kept member, else the one after. */
static int
cut(struct rewrite *rewrite, const struct json_object *object, size_t i, bool has_kept)
{
    const struct json_member *member = &object->members[i];
    const char *start = member->key.ptr - 1, *end = member->value.ptr + member->value.len;

    if (has_kept)
        start = member[-1].value.ptr + member[-1].value.len;
    else if (i + 1 < object->n_members)
        end = member[1].key.ptr - 1;
    return replace(rewrite, start, end, (struct slice){0});
}

/* What Azure's filter found in each choice tells who serves. With very many of them those of the
 * last stay, which is better than no answer. */
static int
cut_results(struct rewrite *rewrite, struct slice choices)
{
    struct slice choice;
    enum json_type type;
    size_t cursor = 0;
    int err = 0;

    while (err == 0 && rewrite->edits->n < EDITS_MAX / 2 &&
           json_array_next(choices, &cursor, &choice, &type))
        err = type == JSON_OBJECT ? cut_results_of(rewrite, choice) : 0;
    return err;
}

static int
cut_results_of(struct rewrite *rewrite, struct slice choice)
{
    struct json_object object;
    struct json_error error;
    bool has_kept = false;
    int err = json_scan_object(choice, &object, &error);

    for (size_t i = 0; err == 0 && i < object.n_members; i++) {
        bool is_result = slice_starts_with(object.members[i].key, SLICE_LIT("content_filter_"));

        if (is_result)
            err = cut(rewrite, &object, i, has_kept);
        has_kept |= !is_result;
    }
    return err;
}

static int
put_state_id(struct rewrite *rewrite, const struct json_member *member, struct slice *out_text)
{
    const struct reply_context *context = rewrite->context;
    size_t from = rewrite->scratch->len;
    char room[256];
    struct slice id;

    if (member->type == JSON_NULL)
        return 0;
    int err = json_string_view(member->value, room, sizeof(room), &id);
    if (err != 0)
        return err;
    buf_append_byte(rewrite->scratch, '"');
    err = seal_id(context->seal, context->owner_hash, context->place, id, rewrite->scratch);
    buf_append_byte(rewrite->scratch, '"');
    if (err != 0)
        return err;
    *out_text = slice_sub(buf_slice(rewrite->scratch), from, rewrite->scratch->len);
    return put(rewrite, member->value, *out_text);
}

static int
put_conversation(struct rewrite *rewrite, const struct json_member *member)
{
    struct json_member id;
    struct slice text;

    if (member->type != JSON_OBJECT)
        return put_state_id(rewrite, member, &text);
    return json_find_in(member->value, "id", &id) ? put_state_id(rewrite, &id, &text) : 0;
}

static int
clean_usage(struct rewrite *rewrite, const struct json_member *member)
{
    struct json_object usage;
    struct json_error error;

    if (member->type != JSON_OBJECT || rewrite->is_usage_clean)
        return 0;
    int err = json_scan_object(member->value, &usage, &error);
    return err != 0 ? err : rewrite_members(rewrite, &usage, usage_fates);
}

bool
dialect_is_private(const struct json_member *figure)
{
    return fate_of(usage_fates, figure) != FATE_KEEP;
}

static int
put(struct rewrite *rewrite, struct slice old, struct slice with)
{
    return replace(rewrite, old.ptr, old.ptr + old.len, with);
}

static int
replace(struct rewrite *rewrite, const char *from, const char *to, struct slice with)
{
    const char *start = rewrite->text.ptr;

    return edits_add(rewrite->edits,
                     (struct edit){(size_t)(from - start), (size_t)(to - start), with});
}

void
dialect_emit(struct reply_stream *stream, const struct rewrite *rewrite, struct slice type,
             struct buf *out)
{
    const struct slice text = rewrite->text;
    size_t from = out->len;

    if (type.len > 2 && memchr(type.ptr, '\\', type.len) == NULL) {
        buf_append_slice(out, SLICE_LIT("event: "));
        buf_append_slice(out, slice_sub(type, 1, type.len - 1));
        buf_append_byte(out, '\n');
    }
    buf_append_slice(out, SLICE_LIT("data: "));
    size_t text_from = out->len;
    edits_apply(rewrite->edits, text, out);
    /* Several data lines were joined by LF, in JSON mere space: one line says the same. */
    if (memchr(text.ptr, '\n', text.len) != NULL) {
        for (size_t i = text_from; i < out->len; i++)
            out->ptr[i] = out->ptr[i] == '\n' ? ' ' : out->ptr[i];
    }
    buf_append_slice(out, SLICE_LIT("\n\n"));
    stream->n_events++;
    if (rewrite->holes[HOLE_TEXT].len > 0 && !out->overflow)
        dialect_repeat_learn(stream, rewrite, slice_sub(buf_slice(out), from, out->len));
}

void
dialect_note(struct reply_stream *stream, const struct reply_facts *facts)
{
    stream->content_bytes += facts->content_bytes;
    stream->has_content |= facts->is_content;
    stream->is_complete |= facts->is_terminal;
    if (facts->is_terminal)
        stream->usage.count[USAGE_REQUEST] = 1;
}

void
dialect_note_sequence(struct reply_stream *stream, struct slice number)
{
    int64_t n;

    if (json_int(number, &n) == 0 && n >= stream->next_sequence && n < INT32_MAX)
        stream->next_sequence = n + 1;
}

void
dialect_read_error_event(struct reply_stream *stream, struct slice data, struct reply_facts *facts)
{
    /* The scratch gets other texts. */
    dialect_repeat_forget(stream);
    stream->kept = (struct reply_kept){0};
    dialect_read_error(0, data, &stream->scratch, facts);
}

struct slice
dialect_measure(struct slice value, struct reply_facts *facts)
{
    struct json_walk walk = json_walk_in(value);
    struct json_member member;
    struct slice text = {0};
    size_t n_said = 0;

    while (json_walk_next(&walk, &member)) {
        enum content content = (enum content)dialect_key_meaning(contents, &member);

        if (content == CONTENT_TEXT && member.type == JSON_STRING) {
            size_t length = json_string_length(member.value);
            facts->content_bytes += (int64_t)length;
            facts->is_content |= length > 0;
            text = member.value;
            n_said++;
        } else if (content == CONTENT_OTHER && member.type >= JSON_STRING) {
            facts->is_content |= member.type != JSON_STRING || member.value.len > 2;
            n_said++;
            json_walk_over(&walk);
        } else if (content == CONTENT_AGAIN) {
            json_walk_over(&walk);
        }
    }
    return n_said == 1 ? text : (struct slice){0};
}

unsigned
dialect_key_escaped(const struct key_row *table, const struct json_member *member)
{
    for (size_t i = 0; i < KEY_SLOTS; i++) {
        if (table[i].len > 0 && json_key_is(member, table[i].key))
            return table[i].meaning;
    }
    return 0;
}
