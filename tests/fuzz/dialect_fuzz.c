/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a request, an answer, an error or a stream, in any operation: what comes out of the
 * edits is JSON again, names the model it should, and events are whole ones. The first byte selects
 * the operation and whether usage is hidden.
 */
#include <assert.h>

#include "relayos/codec/dialect.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/remembered.h"
#include "relayos/codec/retry_hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_turns(const struct request_facts *facts, struct slice text);
static void try_hint(struct slice text);
static void try_request(enum operation operation, struct slice text);
static void try_references(enum operation operation, struct slice text);
static void try_open(struct slice text);
static void try_reply(const struct reply_context *context, struct slice text);
static void try_error(enum operation operation, struct slice text);
static void try_stream(const struct reply_context *context, struct slice text);
static void check_model(struct slice text, const char *expected, bool must_have);
static void check_usage(const struct usage *usage);
static const struct dialect *dialect_for(enum operation operation);
static struct seal *seal(void);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    const struct reply_context context = {
        .operation = (enum operation)(bytes[0] % DIALECT_N_OPERATIONS),
        .public_model = SLICE_LIT("public"),
        .seal = seal(),
        .owner_hash = 1,
        .place = 2,
        .hide_usage = (bytes[0] & 0x80) != 0,
    };
    struct slice text = slice_of(bytes + 1, len - 1);

    try_request(context.operation, text);
    try_reply(&context, text);
    try_error(context.operation, text);
    try_stream(&context, text);
    try_hint(text);
    return 0;
}

/* What tells conversations apart lies in the request, as whole strings. */
static void
check_turns(const struct request_facts *facts, struct slice text)
{
    struct slice turns[2];

    dialect_conversation(facts, turns);
    for (int i = 0; i < 2; i++) {
        if (turns[i].len == 0)
            continue;
        assert(turns[i].ptr >= text.ptr && turns[i].ptr + turns[i].len <= text.ptr + text.len);
        assert(turns[i].len >= 2 && turns[i].ptr[0] == '"' &&
               turns[i].ptr[turns[i].len - 1] == '"');
    }
    (void)dialect_has_signed_reasoning(facts);
}

static void
try_request(enum operation operation, struct slice text)
{
    static const struct slice ids[8] = {{"\"a\"", 3}, {"\"a\"", 3}, {"\"a\"", 3}, {"\"a\"", 3},
                                        {"\"a\"", 3}, {"\"a\"", 3}, {"\"a\"", 3}, {"\"a\"", 3}};
    struct request_facts facts;
    struct refusal_reason why;
    struct buf scratch, out;
    struct edits edits;

    int err = dialect_for(operation)->read_request(operation, text, &facts, &why);
    if (err != 0) {
        assert(err == ERR_INVALID_REQUEST || err == ERR_NOT_FOUND ||
               err == ERR_UNSUPPORTED_PARAMETER);
        if (facts.has_references)
            try_references(operation, text);
        return;
    }
    if (operation == OPERATION_CHAT)
        try_open(text);
    assert(facts.model.len > 0 && facts.model.len < LIMIT_MODEL_NAME);
    assert(facts.n_choices >= 1 && facts.n_choices <= 128 * 2048);
    assert(facts.max_tokens >= 0 && facts.max_tokens <= INT32_MAX);
    check_turns(&facts, text);
    buf_init(&scratch, DIALECT_SCRATCH);
    buf_init(&out, 1 << 24);
    dialect_for(operation)->edit_request(&facts, SLICE_LIT("upstream"), ids, &scratch, &edits);
    edits_apply(&edits, text, &out);
    assert(out.len == edits_length(&edits, text));
    check_model(buf_slice(&out), "upstream", true);
    buf_fini(&scratch);
    buf_fini(&out);
}

static bool
find_item(void *ctx, struct slice id, struct buf *out)
{
    (void)ctx;
    if (id.len == 1)
        return false;
    buf_append_str(out, id.len % 2 == 0 ? "{\"id\":\"fc\",\"type\":\"function_call\"}"
                                        : "{\"type\":\"reasoning\",\"id\":\"rs\"}");
    return true;
}

/* What is put in is not refused again, and what cannot be is refused for what it is. */
static void
try_references(enum operation operation, struct slice text)
{
    const struct remembered memory = {.find = find_item, .max = 4096};
    struct request_facts facts;
    struct refusal_reason why;
    struct json_error error;
    enum json_type type;
    struct buf out;

    buf_init(&out, 1 << 24);
    int err = dialect_expand_references(text, &memory, &out, &why);
    assert(err == 0 || err == ERR_INVALID_REQUEST);
    if (err == 0) {
        assert(json_scan_value(buf_slice(&out), &type, &error) == 0);
        err = dialect_for(operation)->read_request(operation, buf_slice(&out), &facts, &why);
        assert(err == 0 || err == ERR_INVALID_REQUEST || err == ERR_NOT_FOUND ||
               err == ERR_UNSUPPORTED_PARAMETER);
    }
    buf_fini(&out);
}

static bool
find_thought(void *ctx, struct slice id, struct buf *out)
{
    (void)ctx;
    buf_append_str(out, id.len % 2 == 0 ? "relay1.txt.a\nrelay1.txt.\\n\n" : "relay1.gem.b\n");
    return true;
}

static void
try_open(struct slice text)
{
    const struct remembered memory = {.find = find_thought, .max = 4096};
    struct json_error error;
    enum json_type type;
    struct buf out;

    buf_init(&out, 1 << 24);
    remembered_open(text, "reasoning_content", &memory, &out);
    assert(json_scan_value(buf_slice(&out), &type, &error) == 0);
    buf_fini(&out);
}

static void
try_reply(const struct reply_context *context, struct slice text)
{
    struct buf scratch, out;
    struct edits edits;
    struct usage usage;
    struct reply_facts facts;

    buf_init(&scratch, DIALECT_SCRATCH);
    buf_init(&out, 1 << 24);
    int err = dialect_for(context->operation)
                  ->read_reply(context, text, &scratch, &edits, &usage, &facts);
    if (err == 0 && !facts.is_error) {
        edits_apply(&edits, text, &out);
        check_model(buf_slice(&out), "public", false);
    }
    check_usage(&usage);
    buf_fini(&scratch);
    buf_fini(&out);
}

static void
try_error(enum operation operation, struct slice text)
{
    struct reply_facts facts;
    struct buf scratch;

    buf_init(&scratch, DIALECT_SCRATCH);
    dialect_for(operation)->read_error(400, text, &scratch, &facts);
    assert(facts.category > 0 && facts.category < ERR_N_CATEGORIES);
    assert(facts.error_param.len <= text.len);
    buf_fini(&scratch);
}

static void
try_stream(const struct reply_context *context, struct slice text)
{
    const struct dialect *dialect = dialect_for(context->operation);
    struct reply_stream stream;
    struct reply_facts facts;
    struct sse_event event, again;
    struct sse sse, check;
    struct buf out;
    int err = 0;

    reply_stream_init(&stream, context);
    buf_init(&out, 1 << 24);
    sse_init(&sse);
    sse_feed(&sse, text);
    while (err == 0 && sse_next(&sse, &event) == 0) {
        buf_clear(&out);
        err = dialect->read_event(&stream, &event, &out, &facts);
        if (out.len == 0)
            continue;
        assert(err == 0 && !facts.is_error);
        /* What is written is one event. */
        sse_init(&check);
        sse_feed(&check, buf_slice(&out));
        err = sse_next(&check, &again);
        assert(err == 0);
        if (!slice_eq(again.data, SLICE_LIT("[DONE]")))
            check_model(again.data, "public", false);
        assert(sse_next(&check, &(struct sse_event){0}) == ERR_INCOMPLETE);
        sse_fini(&check);
    }
    dialect->write_error_event(&stream, ERR_CATEGORY_STREAM_INTERRUPTED, SLICE_LIT("x"), &out);
    check_usage(&stream.usage);
    sse_fini(&sse);
    buf_fini(&out);
    reply_stream_fini(&stream);
}

/* The text is an object, and its model, if it has one, is the expected one. */
static void
check_model(struct slice text, const char *expected, bool must_have)
{
    struct json_object object;
    struct json_error error;

    int err = json_scan_object(text, &object, &error);
    assert(err == 0);
    const struct json_member *model = json_find(&object, "model");
    assert(model != NULL || !must_have);
    assert(model == NULL || json_string_is(model->value, expected));
}

static void
check_usage(const struct usage *usage)
{
    for (size_t i = 0; i < USAGE_N_BUCKETS; i++)
        assert(usage->count[i] >= 0 && usage->count[i] <= LIMIT_TOKENS);
}

static const struct dialect *
dialect_for(enum operation operation)
{
    return dialect_of(dialect_operation_protocol(operation));
}

static struct seal *
seal(void)
{
    static struct seal *it;

    if (it == NULL) {
        struct secret *pepper = secret_new("pepper", 6);

        it = seal_new(pepper);
        secret_free(&pepper);
    }
    return it;
}

/* As a header's value of each kind, and as a body. */
static void
try_hint(struct slice text)
{
    static const char *const names[] = {"retry-after", "retry-after-ms", "x-ratelimit-reset-tokens",
                                        "anthropic-ratelimit-requests-reset"};
    struct retry_hint hint;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        retry_hint_init(&hint);
        retry_hint_header(&hint, SLICE_LIT("x-ratelimit-remaining-tokens"), SLICE_LIT("0"), 0);
        retry_hint_header(&hint, slice_str(names[i]), text, INT64_C(1790424000000000));
        int seconds = retry_hint_seconds(&hint);
        assert(seconds >= 0 && seconds <= RETRY_HINT_MAX_S);
    }
    retry_hint_init(&hint);
    retry_hint_body(&hint, text);
    int seconds = retry_hint_seconds(&hint);
    assert(seconds >= 0 && seconds <= RETRY_HINT_MAX_S);
}
