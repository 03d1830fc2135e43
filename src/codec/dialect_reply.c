/* SPDX-License-Identifier: ISC
 *
 * Answers: read as far as the gateway must, rewritten so that nothing of the route shows.
 * Prefix: dialect_.
 */
#include <assert.h>

#include "dialect_parts.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"

/* What becomes of a member of an answer. */
enum fate { FATE_MODEL, FATE_ID, FATE_STATE_ID, FATE_CONVERSATION, FATE_USAGE, FATE_CUT };

struct fate_row {
    struct slice key;
    enum fate fate;
};

#define KEY(s)                                                                                     \
    {                                                                                              \
        (s), sizeof(s) - 1                                                                         \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct fate_row answer_fates[] = {
    {KEY("id"), FATE_ID},
    {KEY("model"), FATE_MODEL},
    {KEY("usage"), FATE_USAGE},
    {KEY("previous_response_id"), FATE_STATE_ID},
    {KEY("response_id"), FATE_STATE_ID},
    {KEY("conversation"), FATE_CONVERSATION},
    /* Marks by which providers and resellers can be told. */
    {KEY("system_fingerprint"), FATE_CUT},
    {KEY("provider"), FATE_CUT},
    {KEY("x_groq"), FATE_CUT},
    {KEY("request_id"), FATE_CUT},
    {KEY("nvext"), FATE_CUT},
    {KEY("timings"), FATE_CUT},
    {KEY("prompt_filter_results"), FATE_CUT},
    {KEY("container"), FATE_CUT}, /* an id of state kept upstream */
};

/* What the operator pays is not the caller's business. */
static const struct fate_row usage_fates[] = {
    {KEY("cost"), FATE_CUT},
    {KEY("cost_details"), FATE_CUT},
    {KEY("is_byok"), FATE_CUT},
    {KEY("extra_properties"), FATE_CUT},
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
};

static bool read_figures(enum operation operation, const struct json_object *object,
                         struct slice body, struct usage *usage);
static size_t room_for(const struct reply_context *context);
static int rewrite_members(struct rewrite *rewrite, const struct json_object *object,
                           const struct fate_row *rows, size_t n_rows);
static const struct fate_row *fate_of(const struct json_member *member, const struct fate_row *rows,
                                      size_t n_rows);
static int apply_fate(struct rewrite *rewrite, enum fate fate, const struct json_member *member);
static int cut(struct rewrite *rewrite, const struct json_object *object, size_t i, bool has_kept);
static int put_model(struct rewrite *rewrite, struct slice value);
static int put_own_id(struct rewrite *rewrite, const struct json_member *member);
static int put_state_id(struct rewrite *rewrite, const struct json_member *member,
                        struct slice *out_text);
static int put_conversation(struct rewrite *rewrite, const struct json_member *member);
static int clean_usage(struct rewrite *rewrite, const struct json_member *member);
static int put(struct rewrite *rewrite, struct slice old, struct slice with);
static int replace(struct rewrite *rewrite, const char *from, const char *to, struct slice with);
static json_visitor on_content;

int
dialect_read_reply(const struct reply_context *context, struct slice body, struct buf *scratch,
                   struct edits *out_edits, struct usage *usage, struct reply_facts *facts)
{
    const struct shape *shape = &shapes[context->operation];
    struct json_object object;
    struct json_error error;
    struct rewrite rewrite;

    *facts = (struct reply_facts){0};
    dialect_usage_clear(usage);
    out_edits->n = 0;
    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    if (dialect_is_error(json_find(&object, "error"))) {
        dialect_read_error(0, body, scratch, facts);
        return 0;
    }
    const struct json_member *answer = json_find(&object, shape->name);
    if (answer == NULL || answer->type != shape->type)
        return ERR_UPSTREAM_ERROR;

    bool is_clean = read_figures(context->operation, &object, answer->value, usage);
    facts->has_usage = usage->is_reported;
    facts->is_content = true;
    facts->is_terminal = true;
    /* Only an estimate needs the length. */
    if (context->operation != OPERATION_EMBEDDING && !usage->is_reported)
        dialect_measure(answer->value, facts);
    dialect_rewrite_begin(&rewrite, context, body, scratch, out_edits);
    rewrite.is_usage_clean = is_clean;
    return dialect_rewrite_object(&rewrite, &object);
}

/* True if the usage object was read and is clean. */
static bool
read_figures(enum operation operation, const struct json_object *object, struct slice answer,
             struct usage *usage)
{
    const struct json_member *figures = json_find(object, "usage");
    bool is_clean = false;

    if (operation == OPERATION_COUNT_TOKENS) {
        usage->is_reported = true; /* the count is the answer, not what it took */
        return false;
    }
    usage->count[USAGE_REQUEST] = 1;
    if (figures != NULL && figures->type != JSON_NULL)
        is_clean = dialect_usage_read(operation, figures->value, usage);
    if (operation != OPERATION_MESSAGE)
        dialect_usage_read_tier(operation, object, usage);
    if (operation == OPERATION_RESPONSE)
        dialect_usage_count_tools(answer, usage);
    return is_clean;
}

void
dialect_rewrite_begin(struct rewrite *rewrite, const struct reply_context *context,
                      struct slice text, struct buf *scratch, struct edits *edits)
{
    edits->n = 0;
    buf_clear(scratch);
    *rewrite =
        (struct rewrite){.context = context, .text = text, .scratch = scratch, .edits = edits};
    /* All texts fit in what is there now, so that none moves under an edit. */
    char *room = buf_reserve(scratch, room_for(context));
    assert(room != NULL); /* DIALECT_SCRATCH */
}

/* Two models, each byte of a name six when escaped, and ids: of our own, or four sealed ones. */
static size_t
room_for(const struct reply_context *context)
{
    bool is_sealed = context->operation == OPERATION_RESPONSE;

    return 2 * (6 * context->public_model.len + 2) + (is_sealed ? 4 * 512 : 64);
}

int
dialect_rewrite_object(struct rewrite *rewrite, const struct json_object *object)
{
    int err = rewrite_members(rewrite, object, answer_fates, COUNT_OF(answer_fates));

    return err == 0 ? 0 : ERR_UPSTREAM_ERROR;
}

static int
rewrite_members(struct rewrite *rewrite, const struct json_object *object,
                const struct fate_row *rows, size_t n_rows)
{
    bool has_kept = false;
    int err = 0;

    for (size_t i = 0; i < object->n_members && err == 0; i++) {
        const struct fate_row *row = fate_of(&object->members[i], rows, n_rows);
        bool is_cut = row != NULL &&
                      (row->fate == FATE_CUT || (row->fate == FATE_USAGE && rewrite->hide_usage));

        if (is_cut)
            err = cut(rewrite, object, i, has_kept);
        else if (row != NULL)
            err = apply_fate(rewrite, row->fate, &object->members[i]);
        has_kept |= !is_cut;
    }
    return err;
}

static const struct fate_row *
fate_of(const struct json_member *member, const struct fate_row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (dialect_key_is(member, rows[i].key))
            return &rows[i];
    }
    return NULL;
}

static int
apply_fate(struct rewrite *rewrite, enum fate fate, const struct json_member *member)
{
    bool has_state = rewrite->context->operation == OPERATION_RESPONSE;
    struct slice text;

    switch (fate) {
    case FATE_MODEL:
        return put_model(rewrite, member->value);
    case FATE_ID:
        return has_state ? put_state_id(rewrite, member, &rewrite->own_id)
                         : put_own_id(rewrite, member);
    case FATE_STATE_ID:
        return has_state ? put_state_id(rewrite, member, &text) : 0;
    case FATE_CONVERSATION:
        return has_state ? put_conversation(rewrite, member) : 0;
    case FATE_USAGE:
        return rewrite->hide_usage ? 0 : clean_usage(rewrite, member);
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

static int
put_model(struct rewrite *rewrite, struct slice value)
{
    size_t from = rewrite->scratch->len;

    buf_append_byte(rewrite->scratch, '"');
    json_escape(rewrite->scratch, rewrite->context->public_model);
    buf_append_byte(rewrite->scratch, '"');
    return put(rewrite, value, slice_sub(buf_slice(rewrite->scratch), from, rewrite->scratch->len));
}

/* An id of ours: the request's, in the clothes of the protocol. */
static int
put_own_id(struct rewrite *rewrite, const struct json_member *member)
{
    static const char *const prefixes[] = {
        [OPERATION_CHAT] = "chatcmpl-",  [OPERATION_COMPLETION] = "cmpl-",
        [OPERATION_EMBEDDING] = "embd-", [OPERATION_RESPONSE] = "resp_",
        [OPERATION_MESSAGE] = "msg_",    [OPERATION_COUNT_TOKENS] = "msg_",
    };
    size_t from = rewrite->scratch->len;
    char hex[32];

    text_uuid_hex(rewrite->context->request_id, hex);
    buf_append_byte(rewrite->scratch, '"');
    buf_append_str(rewrite->scratch, prefixes[rewrite->context->operation]);
    buf_append(rewrite->scratch, hex, sizeof(hex));
    buf_append_byte(rewrite->scratch, '"');
    rewrite->own_id = slice_sub(buf_slice(rewrite->scratch), from, rewrite->scratch->len);
    return put(rewrite, member->value, rewrite->own_id);
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
    err = seal_id(context->seal, context->owner_hash, context->route_id, id, rewrite->scratch);
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
    return err != 0 ? err : rewrite_members(rewrite, &usage, usage_fates, COUNT_OF(usage_fates));
}

bool
dialect_usage_is_clean(const struct json_object *usage)
{
    for (size_t i = 0; i < usage->n_members; i++) {
        if (fate_of(&usage->members[i], usage_fates, COUNT_OF(usage_fates)) != NULL)
            return false;
    }
    return true;
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
dialect_emit(struct reply_stream *stream, const struct sse_event *event, struct slice type,
             const struct edits *edits, struct buf *out)
{
    if (type.len > 2 && memchr(type.ptr, '\\', type.len) == NULL) {
        buf_append_slice(out, SLICE_LIT("event: "));
        buf_append_slice(out, slice_sub(type, 1, type.len - 1));
        buf_append_byte(out, '\n');
    }
    buf_append_slice(out, SLICE_LIT("data: "));
    size_t from = out->len;
    edits_apply(edits, event->data, out);
    /* Several data lines were joined by LF, in JSON mere space: one line says the same. */
    if (memchr(event->data.ptr, '\n', event->data.len) != NULL) {
        for (size_t i = from; i < out->len; i++)
            out->ptr[i] = out->ptr[i] == '\n' ? ' ' : out->ptr[i];
    }
    buf_append_slice(out, SLICE_LIT("\n\n"));
    stream->n_events++;
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
dialect_measure(struct slice value, struct reply_facts *facts)
{
    int err = json_visit(value, on_content, facts);

    (void)err; /* the scanner has been over it: it is valid */
}

/* Strings with these names are what a model has written, whatever the protocol. */
static enum json_step
on_content(void *ctx, unsigned depth, const struct json_member *member)
{
    static const struct slice written[] = {
        KEY("content"),      KEY("text"),     KEY("reasoning_content"),
        KEY("reasoning"),    KEY("refusal"),  KEY("arguments"),
        KEY("partial_json"), KEY("thinking"), KEY("transcript"),
        KEY("input"),        KEY("delta"),
    };
    /* Part of an answer too, but no text: names of tools, signatures, pictures and sounds. */
    static const struct slice shown[] = {KEY("name"), KEY("signature"), KEY("data"), KEY("url"),
                                         KEY("citation")};
    struct reply_facts *facts = ctx;

    (void)depth;
    /* The same text once more, in other words. */
    if (dialect_key_is(member, SLICE_LIT("logprobs")) ||
        dialect_key_is(member, SLICE_LIT("reasoning_details")))
        return JSON_STEP_OVER;
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        if (member->type != JSON_STRING || !dialect_key_is(member, written[i]))
            continue;
        size_t length = json_string_length(member->value);
        facts->content_bytes += (int64_t)length;
        facts->is_content |= length > 0;
        return JSON_STEP_OVER;
    }
    for (size_t i = 0; i < COUNT_OF(shown); i++) {
        if (!dialect_key_is(member, shown[i]) || member->type < JSON_STRING)
            continue;
        facts->is_content |= member->type != JSON_STRING || member->value.len > 2;
        return JSON_STEP_OVER;
    }
    return JSON_STEP_INTO;
}
