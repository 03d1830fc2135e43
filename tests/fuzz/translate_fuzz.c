/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a request of any client, written for any upstream, and as an answer of any upstream,
 * whole or streamed, written for any client: what comes out is JSON, events of the neutral model
 * keep their order, and it does not matter where the network cuts a stream.
 */
#include <assert.h>

#include "../support/ladder.h"
#include "relayos/codec/capability.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/sse.h"
#include "relayos/codec/translate.h"
#include "relayos/policy/estimate_prompt.h"

enum { N_PROTOCOLS = PROTOCOL_GEMINI + 1, CAP = 1 << 24 };

struct answer {
    const struct translator *client;
    struct answer_writer writer;
    struct buf out;
    bool is_started, is_open, is_finished, is_over;
    enum neutral_part_kind open;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_request(enum operation operation, struct slice text);
static void check_request(const struct neutral_request *request);
static void try_target(const struct neutral_request *request, enum protocol upstream,
                       struct arena *arena);
static void try_count(enum protocol upstream, struct slice model, struct slice written);
static void try_answers(enum operation operation, enum protocol upstream, struct slice text);
static void begin(struct answer *answer, enum operation operation, bool is_stream);
static void end(struct answer *answer);
static void sink(void *ctx, const struct neutral_event *event);
static void try_reply(enum operation operation, enum protocol upstream, struct slice text);
static void stream(struct answer *answer, enum protocol upstream, struct slice text, size_t piece);
static int take_events(struct answer *answer, struct answer_reader *reader, struct sse *sse,
                       struct slice chunk);
static void check_stream(enum operation operation, struct slice text);
static bool has_choices(struct slice text);
static void check_json(struct slice text);
static bool is_json(struct slice text);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                OPERATION_MESSAGE};
    const struct slice text = slice_of(bytes, len);

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        if (translator_of(dialect_operation_protocol(operations[i])) == NULL)
            continue;
        try_request(operations[i], text);
        for (int upstream = 0; upstream < N_PROTOCOLS; upstream++)
            try_answers(operations[i], (enum protocol)upstream, text);
    }
    try_request(OPERATION_COMPLETION, text);
    return 0;
}

static void
try_request(enum operation operation, struct slice text)
{
    const struct translator *client = translator_of(dialect_operation_protocol(operation));
    struct neutral_request request = {0};
    struct refusal_reason why = {.detail = ""};
    static struct json_object object;
    struct json_error error;
    struct arena arena;
    int err;

    if (json_scan_object(text, &object, &error) != 0)
        return;
    arena_init(&arena, 64 * (text.len + 4096));
    err = client->read_request(operation, text, &arena, &request, &why);
    if (err == 0) {
        carrier_open(&request, NULL, 0, &arena);
        check_request(&request);
        assert(estimate_prompt_tokens(&request) > 0); /* each turn is a few, at least */
        for (int upstream = 0; upstream < N_PROTOCOLS; upstream++)
            try_target(&request, (enum protocol)upstream, &arena);
        carrier_strip(&request);
        try_target(&request, PROTOCOL_ANTHROPIC_MESSAGES, &arena);
    } else {
        assert(err == ERR_INVALID_REQUEST || err == ERR_UNSUPPORTED_PARAMETER);
        assert(why.detail[0] != '\0');
    }
    arena_fini(&arena);
}

/* As neutral.h and turns.h say. */
static void
check_request(const struct neutral_request *request)
{
    uint32_t n = 0;

    assert(request->n_turns > 0);
    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        assert(turn->n_parts > 0 && turn->first_part == n);
        n += turn->n_parts;
        assert(n <= request->n_parts);
        assert(i == 0 || turn->role == NEUTRAL_SYSTEM || turn->role != turn[-1].role);
    }
    for (uint32_t i = 0; i < n; i++)
        assert(request->parts[i].first_child + (size_t)request->parts[i].n_children <=
               request->n_parts);
}

static void
try_target(const struct neutral_request *request, enum protocol upstream, struct arena *arena)
{
    static const char *const models[] = {
        "gpt-5.6",        "gpt-4.1", "claude-opus-5-5", "claude-sonnet-4-5", "gemini-3-pro",
        "gemini-2.5-pro", "llama"};
    struct translate_dropped dropped = {.len = 0};
    struct refusal_reason why = {.detail = ""};
    struct buf out;

    if (translator_of(upstream) == NULL)
        return;
    buf_init(&out, CAP);
    for (size_t i = request->n_parts % 2; i < sizeof(models) / sizeof(models[0]); i += 2) {
        const struct capability built_in = capability_find(NULL, 0, slice_str(models[i]));
        const struct translate_target target = {
            .model = slice_str(models[i]),
            .capability = &built_in,
            .max_output_tokens = 1000,
            .flavor = (enum upstream_flavor)(i % 5),
        };
        const int err =
            translator_of(upstream)->write_request(request, &target, arena, &out, &dropped, &why);

        if (err == 0 && !arena->is_full && !out.overflow) {
            check_json(buf_slice(&out));
            try_count(upstream, target.model, buf_slice(&out));
        }
        assert(err == 0 || err == ERR_UNSUPPORTED_PARAMETER || err == ERR_INVALID_REQUEST);
        buf_clear(&out);
    }
    buf_fini(&out);
}

/* The written request as a counter takes it, and back: no number is in it. */
static void
try_count(enum protocol upstream, struct slice model, struct slice written)
{
    struct buf out;
    int64_t tokens;

    if (!translate_counts(upstream))
        return;
    buf_init(&out, CAP);
    int err = translate_count_request(upstream, model, written, &out);
    assert(err == 0 || err == ERR_INVALID_REQUEST);
    if (err == 0 && !out.overflow && upstream != PROTOCOL_GEMINI) /* it lies one deeper there */
        check_json(buf_slice(&out));
    assert(translate_count_read(upstream, buf_slice(&out), &tokens) != 0);
    buf_fini(&out);
}

static void
try_answers(enum operation operation, enum protocol upstream, struct slice text)
{
    struct answer whole, pieces;

    if (translator_of(upstream) == NULL)
        return;
    try_reply(operation, upstream, text);
    begin(&whole, operation, true);
    begin(&pieces, operation, true);
    stream(&whole, upstream, text, text.len);
    stream(&pieces, upstream, text, 1 + text.len % 7);
    assert(slice_eq(buf_slice(&whole.out), buf_slice(&pieces.out)));
    if (!has_choices(buf_slice(&whole.out)))
        check_stream(operation, buf_slice(&whole.out));
    end(&whole);
    end(&pieces);
}

static void
begin(struct answer *answer, enum operation operation, bool is_stream)
{
    struct neutral_tool tools[] = {
        {.name = SLICE_LIT("get_tide")},
        {.name = SLICE_LIT("exec"), .kind = NEUTRAL_CUSTOM},
        {.name = SLICE_LIT("sea__tide"), .namespace_len = 3},
    };
    const struct neutral_request request = {
        .tools = tools,
        .n_tools = sizeof(tools) / sizeof(tools[0]),
        .is_stream = is_stream,
        .wants_usage = true,
        .wants_reasoning_text = true,
    };
    const struct reply_context context = {.operation = operation,
                                          .public_model = SLICE_LIT("public")};

    *answer = (struct answer){.client = translator_of(dialect_operation_protocol(operation))};
    answer_writer_init(&answer->writer, dialect_operation_protocol(operation), &context);
    answer_writer_expect(&answer->writer, &request);
    buf_init(&answer->out, CAP);
}

static void
end(struct answer *answer)
{
    answer_writer_fini(&answer->writer);
    buf_fini(&answer->out);
}

static void
sink(void *ctx, const struct neutral_event *event)
{
    struct answer *answer = ctx;

    assert(!answer->is_over);
    switch (event->kind) {
    case NEUTRAL_START:
        assert(!answer->is_started);
        answer->is_started = true;
        break;
    case NEUTRAL_PART_BEGIN:
        assert(answer->is_started && !answer->is_open && !answer->is_finished);
        answer->is_open = true;
        answer->open = event->part;
        break;
    case NEUTRAL_PART_DELTA:
    case NEUTRAL_ANNOTATION:
        assert(answer->is_open);
        break;
    case NEUTRAL_PART_STATE:
        assert(answer->is_open && answer->open == NEUTRAL_REASONING);
        break;
    case NEUTRAL_PART_END:
        assert(answer->is_open);
        answer->is_open = false;
        break;
    case NEUTRAL_USAGE:
        assert(event->usage != NULL);
        break;
    case NEUTRAL_FINISH:
        assert(answer->is_started && !answer->is_open && !answer->is_finished);
        answer->is_finished = true;
        break;
    case NEUTRAL_END:
        assert(answer->is_finished);
        answer->is_over = true;
        break;
    case NEUTRAL_ERROR:
        answer->is_over = true;
    }
    answer->client->write_event(&answer->writer, event, &answer->out);
}

static void
try_reply(enum operation operation, enum protocol upstream, struct slice text)
{
    struct answer_reader reader;
    struct answer answer;
    int err;

    begin(&answer, operation, false);
    answer_reader_init(&reader, upstream);
    err = translator_of(upstream)->read_reply(&reader, text, sink, &answer);
    assert(err == 0 || err == ERR_UPSTREAM_ERROR);
    assert(err != 0 || answer.is_over);
    if (err == 0 && answer.out.len > 0 && !answer.out.overflow)
        check_json(buf_slice(&answer.out));
    answer_reader_fini(&reader);
    end(&answer);
}

static void
stream(struct answer *answer, enum protocol upstream, struct slice text, size_t piece)
{
    struct answer_reader reader;
    struct sse_event event;
    struct sse sse;
    int err = 0;

    answer_reader_init(&reader, upstream);
    sse_init(&sse);
    for (size_t at = 0; at < text.len && err == 0; at += piece) {
        const size_t to = piece < text.len - at ? at + piece : text.len;

        err = take_events(answer, &reader, &sse, slice_sub(text, at, to));
    }
    if (err == 0 && sse_finish(&sse, &event) == 0 && is_json(event.data))
        err = translator_of(upstream)->read_event(&reader, &event, sink, answer);
    assert(err == 0 || err == ERR_UPSTREAM_ERROR);
    if (err == 0)
        translator_of(upstream)->read_end(&reader, sink, answer);
    else if (!answer->is_over)
        sink(answer, &(struct neutral_event){.kind = NEUTRAL_ERROR,
                                             .category = ERR_CATEGORY_UPSTREAM_ERROR});
    assert(answer->is_over);
    sse_fini(&sse);
    answer_reader_fini(&reader);
}

static int
take_events(struct answer *answer, struct answer_reader *reader, struct sse *sse,
            struct slice chunk)
{
    struct sse_event event;
    int err = 0;

    sse_feed(sse, chunk);
    while (err == 0 && sse_next(sse, &event) == 0)
        err = translator_of(reader->protocol)->read_event(reader, &event, sink, answer);
    return err;
}

static void
check_stream(enum operation operation, struct slice text)
{
    const struct ladder ladder = ladder_climb(dialect_operation_protocol(operation), text);

    if (ladder.fault != NULL)
        fprintf(stderr, "%s (%s)\n%.*s\n", ladder.fault, ladder.why, (int)text.len, text.ptr);
    assert(ladder.fault == NULL);
}

/* More than one answer was streamed by an upstream that was asked for one. */
static bool
has_choices(struct slice text)
{
    return text.len > 0 && memmem(text.ptr, text.len, "\"choices\":[{\"index\":0", 22) == NULL &&
           memmem(text.ptr, text.len, "\"choices\":[{", 13) != NULL;
}

static void
check_json(struct slice text)
{
    assert(is_json(text));
}

static bool
is_json(struct slice text)
{
    struct json_error error;
    enum json_type type;

    return json_scan_value(text, &type, &error) == 0;
}
