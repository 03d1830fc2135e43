/* SPDX-License-Identifier: ISC
 *
 * Each client's protocol over each upstream's, as the table has them: one conversation with all
 * that a conversation has (matrix/), said in each of them. What comes out is read again by the
 * protocol's own reader, and must mean the same.
 */
#include <criterion/parameterized.h>
#include <stdlib.h>

#include "ladder.h"
#include "request_digest.h"
#include "translate_run.h"

#define FOLDER      "tests/unit/codec/matrix/"
#define N_PROTOCOLS (PROTOCOL_GEMINI + 1)

static const struct side {
    const char *name;
    enum operation operation; /* of a client */
    const char *model;        /* one that reasons */
    const char *effort;       /* where its effort stands */
} sides[N_PROTOCOLS] = {
    [PROTOCOL_OPENAI_CHAT] = {"chat", OPERATION_CHAT, "gpt-5.6", "\"reasoning_effort\""},
    [PROTOCOL_OPENAI_RESPONSES] = {"responses", OPERATION_RESPONSE, "gpt-5.6", "\"effort\""},
    [PROTOCOL_ANTHROPIC_MESSAGES] = {"messages", OPERATION_MESSAGE, "claude-sonnet-4-6",
                                     "\"effort\""},
    [PROTOCOL_GEMINI] = {"gemini", OPERATION_CHAT, "gemini-3-pro", "\"thinkingLevel\""},
};

/* The same in each protocol: what matrix/ says. */
static const char request_digest[] =
    "S: You are a pilot.\n"
    "U: Tide at Oban, and which harbours do you know?\n"
    "A: Two look-ups. call(call_1, get_tide, {\"harbour\":\"Oban\"}) "
    "call(call_2, list_harbours, {})\n"
    "U: result(call_1, high \"11:40\") result(call_2, Oban, Mallaig) And this chart, at 5 \xc2\xb0"
    "C? image(image/png, 92)\n"
    "tools: get_tide list_harbours\n"
    "schema: 1 effort: 5 max: 4000\n";
static const char answer_digest[] =
    "reasoning: Check both.\n"
    "text: Looking \"now\" at 5 \xc2\xb0"
    "C.\n"
    "calls: call_a get_tide {\"harbour\":\"Oban\"}; call_b list_harbours {}; \n"
    "finish: 3 usage: 60 40 30 10\n";

struct pair {
    enum protocol client, upstream;
    char name[32];
};

static struct pair
pair_of(enum protocol client, enum protocol upstream)
{
    struct pair pair = {.client = client, .upstream = upstream};

    snprintf(pair.name, sizeof(pair.name), "%s -> %s", sides[client].name, sides[upstream].name);
    return pair;
}

/* All that the table has. */
static struct criterion_test_params
all_pairs(void)
{
    static struct pair pairs[N_PROTOCOLS * N_PROTOCOLS];
    size_t n = 0;

    for (int client = 0; client < N_PROTOCOLS; client++) {
        if (translator_of(client) == NULL || translator_of(client)->read_request == NULL)
            continue;
        for (int upstream = 0; upstream < N_PROTOCOLS; upstream++) {
            if (translator_of(upstream) != NULL)
                pairs[n++] = pair_of(client, upstream);
        }
    }
    return cr_make_param_array(struct pair, pairs, n);
}

static struct buf
read_file(const char *side, const char *suffix)
{
    char path[256], chunk[4096];
    struct buf out;
    FILE *file;
    size_t n;

    snprintf(path, sizeof(path), FOLDER "%s.%s", side, suffix);
    buf_init(&out, RUN_CAP);
    file = fopen(path, "rb");
    cr_assert(file != NULL, "%s: cannot be read", path);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
        buf_append(&out, chunk, n);
    fclose(file);
    return out;
}

static struct translate_run
run_of(const struct pair *pair)
{
    return (struct translate_run){.operation = sides[pair->client].operation,
                                  .upstream = pair->upstream,
                                  .model = slice_str(sides[pair->upstream].model),
                                  .flavor = FLAVOR_OPENAI};
}

/* ---- requests ---- */

static void
expect_digest(const struct pair *pair, const char *what, const struct neutral_request *request)
{
    struct buf digest;

    buf_init(&digest, RUN_CAP);
    digest_request(request, &digest);
    cr_expect(slice_eq_str(buf_slice(&digest), request_digest), "%s: %s:\n%.*s", pair->name, what,
              (int)digest.len, digest.ptr);
    buf_fini(&digest);
}

ParameterizedTestParameters(matrix, a_request_means_the_same)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_request_means_the_same)
{
    struct buf body = read_file(sides[pair->client].name, "request.json");
    struct translate_run run = run_of(pair), again = run_of(pair), back;
    const struct pair home = {.client = pair->upstream, .upstream = pair->upstream};

    run_request(&run, buf_slice(&body));
    cr_assert_eq(run.err, 0, "%s: %s (%s)", pair->name, run.why.detail, run.why.param);
    expect_digest(pair, "as read", &run.request);
    for (uint32_t i = 0; i < run.request.n_parts; i++) {
        const struct slice data = run.request.parts[i].data;

        cr_expect(data.len == 0 || memmem(run.written.ptr, run.written.len, data.ptr, data.len));
    }
    cr_expect_not_null(memmem(run.written.ptr, run.written.len, sides[pair->upstream].effort,
                              strlen(sides[pair->upstream].effort)));
    cr_expect_not_null(memmem(run.written.ptr, run.written.len, "\"depth_m\"", 9));
    run_request(&again, buf_slice(&body));
    cr_expect(slice_eq(buf_slice(&run.written), buf_slice(&again.written)), "%s: differs",
              pair->name);
    if (translator_of(pair->upstream)->read_request != NULL) {
        back = run_of(&home);
        run_request(&back, buf_slice(&run.written));
        cr_assert_eq(back.err, 0, "%s: read back: %s (%s)\n%.*s", pair->name, back.why.detail,
                     back.why.param, (int)run.written.len, run.written.ptr);
        expect_digest(pair, "read back", &back.request);
        run_end(&back);
    }
    run_end(&run);
    run_end(&again);
    buf_fini(&body);
}

/* What a turn more changes of what was written stands behind all that was there: a prompt cache
 * finds it again. */
ParameterizedTestParameters(matrix, a_longer_request_begins_with_the_shorter)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_longer_request_begins_with_the_shorter)
{
    struct buf body = read_file(sides[pair->client].name, "request.json");
    struct translate_run shorter = run_of(pair), longer = run_of(pair);
    cJSON *tree = cJSON_ParseWithLength(body.ptr, body.len);
    cJSON *turns = cJSON_GetObjectItem(tree, "messages");
    const char *last;
    size_t common = 0;
    char *before = cJSON_PrintUnformatted(tree), *text;

    for (int i = 0; i < 2; i++) {
        cJSON *turn = cJSON_CreateObject();

        cJSON_AddStringToObject(turn, "role", i == 0 ? "assistant" : "user");
        cJSON_AddStringToObject(turn, "content", "more");
        cJSON_AddItemToArray(turns != NULL ? turns : cJSON_GetObjectItem(tree, "input"), turn);
    }
    text = cJSON_PrintUnformatted(tree);
    run_request(&shorter, slice_str(before));
    run_request(&longer, slice_str(text));
    cr_assert(shorter.err == 0 && longer.err == 0);
    last = memmem(shorter.written.ptr, shorter.written.len, "iVBORw0KGgo", 11);
    cr_assert_not_null(last);
    while (common < shorter.written.len && common < longer.written.len &&
           shorter.written.ptr[common] == longer.written.ptr[common])
        common++;
    cr_expect_gt(common, (size_t)(last - shorter.written.ptr) + 92, "%s: %.*s", pair->name,
                 (int)common, shorter.written.ptr);
    run_end(&shorter);
    run_end(&longer);
    cJSON_Delete(tree);
    free(before);
    free(text);
    buf_fini(&body);
}

/* ---- answers ---- */

/* What a client understands of its answer. */
struct understood {
    struct buf reasoning, text, calls, input;
    enum neutral_part_kind part;
    int finish;
    struct usage usage;
    bool is_error, is_end;
};

static void
understand(void *ctx, const struct neutral_event *event)
{
    struct understood *u = ctx;

    u->is_error |= event->kind == NEUTRAL_ERROR;
    u->is_end |= event->kind == NEUTRAL_END;
    if (event->kind == NEUTRAL_FINISH)
        u->finish = (int)event->finish;
    if (event->kind == NEUTRAL_USAGE)
        u->usage = *event->usage;
    if (event->kind == NEUTRAL_PART_BEGIN) {
        u->part = event->part;
        buf_clear(&u->input);
    }
    if (event->kind == NEUTRAL_PART_BEGIN && event->part == NEUTRAL_CALL)
        buf_printf(&u->calls, "%.*s %.*s ", (int)event->id.len, event->id.ptr, (int)event->name.len,
                   event->name.ptr);
    if (event->kind == NEUTRAL_PART_DELTA)
        digest_text(u->part == NEUTRAL_CALL        ? &u->input
                    : u->part == NEUTRAL_REASONING ? &u->reasoning
                                                   : &u->text,
                    event->text);
    if (event->kind == NEUTRAL_PART_END && u->part == NEUTRAL_CALL) {
        digest_compact(&u->calls, u->input.len == 0 ? SLICE_LIT("{}") : buf_slice(&u->input));
        buf_append_str(&u->calls, "; ");
    }
}

/* The client's own reader over what it was sent. */
static void
understand_answer(const struct pair *pair, struct slice text, bool is_stream, struct understood *u)
{
    const struct translator *client = translator_of(pair->client);
    struct answer_reader reader;
    struct sse_event event;
    struct sse sse;
    int err = 0;

    *u = (struct understood){.finish = -1};
    buf_init(&u->reasoning, RUN_CAP);
    buf_init(&u->text, RUN_CAP);
    buf_init(&u->calls, RUN_CAP);
    buf_init(&u->input, RUN_CAP);
    answer_reader_init(&reader, pair->client);
    sse_init(&sse);
    sse_feed(&sse, text);
    while (is_stream && err == 0 && sse_next(&sse, &event) == 0)
        err = client->read_event(&reader, &event, understand, u);
    if (is_stream && err == 0)
        client->read_end(&reader, understand, u);
    if (!is_stream)
        err = client->read_reply(&reader, text, understand, u);
    cr_expect_eq(err, 0, "%s: what the client got cannot be read: %.*s", pair->name, (int)text.len,
                 text.ptr);
    sse_fini(&sse);
    answer_reader_fini(&reader);
}

static void
understand_end(struct understood *u)
{
    buf_fini(&u->reasoning);
    buf_fini(&u->text);
    buf_fini(&u->calls);
    buf_fini(&u->input);
}

static void
expect_understood(const struct pair *pair, const struct understood *u)
{
    struct buf digest;

    buf_init(&digest, RUN_CAP);
    buf_printf(&digest, "reasoning: %.*s\ntext: %.*s\ncalls: %.*s\n", (int)u->reasoning.len,
               u->reasoning.ptr, (int)u->text.len, u->text.ptr, (int)u->calls.len, u->calls.ptr);
    buf_printf(&digest, "finish: %d usage: %d %d %d %d\n", u->finish,
               (int)u->usage.count[USAGE_INPUT], (int)u->usage.count[USAGE_CACHE_READ],
               (int)u->usage.count[USAGE_OUTPUT], (int)u->usage.reasoning_tokens);
    cr_expect(slice_eq_str(buf_slice(&digest), answer_digest), "%s:\n%.*s", pair->name,
              (int)digest.len, digest.ptr);
    cr_expect(u->is_end && !u->is_error, "%s: end %d, error %d", pair->name, u->is_end,
              u->is_error);
    buf_fini(&digest);
}

/* The request, as a client that sees all there is; asking for a stream or not. */
static struct translate_run
asked(const struct pair *pair, bool is_stream)
{
    struct translate_run run = run_of(pair);

    run.body = read_file(sides[pair->client].name, "request.json");
    run_request(&run, buf_slice(&run.body));
    run.request.is_stream = is_stream;
    run.request.wants_usage = true;
    run.request.wants_reasoning_text = true;
    return run;
}

static void
expect_ladder(const struct pair *pair, const struct translate_run *run)
{
    const struct ladder ladder = ladder_climb(pair->client, buf_slice(&run->out));

    cr_expect_null(ladder.fault, "%s: %s (%s)\n%.*s", pair->name, ladder.fault, ladder.why,
                   (int)run->out.len, run->out.ptr);
}

ParameterizedTestParameters(matrix, a_whole_answer_means_the_same)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_whole_answer_means_the_same)
{
    struct buf answer = read_file(sides[pair->upstream].name, "answer.json");
    struct translate_run run = asked(pair, false);
    struct understood u;

    run_answer(&run);
    run_reply(&run, buf_slice(&answer));
    cr_expect(run.answer_err == 0 && run.disorder == NULL, "%s: %d %s", pair->name, run.answer_err,
              run.disorder);
    understand_answer(pair, buf_slice(&run.out), false, &u);
    expect_understood(pair, &u);
    understand_end(&u);
    run_answer_end(&run);
    run_end(&run);
    buf_fini(&answer);
}

ParameterizedTestParameters(matrix, a_streamed_answer_means_the_same)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_streamed_answer_means_the_same)
{
    struct buf answer = read_file(sides[pair->upstream].name, "answer.sse");
    struct translate_run run = asked(pair, true);
    struct understood u;

    run_answer(&run);
    run_feed(&run, buf_slice(&answer));
    run_feed_end(&run);
    cr_expect(run.answer_err == 0 && run.disorder == NULL, "%s: %d %s", pair->name, run.answer_err,
              run.disorder);
    expect_ladder(pair, &run);
    understand_answer(pair, buf_slice(&run.out), true, &u);
    expect_understood(pair, &u);
    understand_end(&u);
    run_answer_end(&run);
    run_end(&run);
    buf_fini(&answer);
}

/* Nor does it end well when the stream does not: wherever that breaks off. */
static void
expect_no_good_end(const struct pair *pair, struct translate_run *run, struct slice text,
                   struct slice whole)
{
    struct understood u;

    run_answer(run);
    run_feed(run, text);
    run_feed_end(run);
    cr_expect_null(run->disorder, "%s: %s", pair->name, run->disorder);
    expect_ladder(pair, run);
    understand_answer(pair, buf_slice(&run->out), true, &u);
    cr_expect(u.is_error || (u.is_end && run->is_finished && text.len > whole.len / 2),
              "%s: a good end after %zu bytes:\n%.*s", pair->name, text.len, (int)run->out.len,
              run->out.ptr);
    cr_expect(u.is_error != u.is_end, "%s: error %d, end %d", pair->name, u.is_error, u.is_end);
    understand_end(&u);
    run_answer_end(run);
}

ParameterizedTestParameters(matrix, a_broken_answer_does_not_end_well)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_broken_answer_does_not_end_well)
{
    struct buf broken = read_file(sides[pair->upstream].name, "broken.sse");
    struct buf answer = read_file(sides[pair->upstream].name, "answer.sse");
    struct translate_run run = asked(pair, true);

    expect_no_good_end(pair, &run, buf_slice(&broken), buf_slice(&answer));
    for (size_t i = 0; i < answer.len; i += 1 + i / 200)
        expect_no_good_end(pair, &run, slice_of(answer.ptr, i), buf_slice(&answer));
    run_end(&run);
    buf_fini(&answer);
    buf_fini(&broken);
}

/* ---- mutations of a stream ---- */

struct frames {
    struct slice all[64];
    size_t n;
};

static struct frames
frames_of(struct slice text)
{
    struct frames frames = {.n = 0};
    size_t at = 0;

    while (at < text.len) {
        const char *end = memmem(text.ptr + at, text.len - at, "\n\n", 2);
        const size_t to = (size_t)(end - text.ptr) + 2;

        frames.all[frames.n++] = slice_sub(text, at, to);
        at = to;
    }
    return frames;
}

/* Some frames twice, missing, changed with another, or with other bytes in them. */
static void
mutate(const struct frames *frames, struct buf *out)
{
    struct frames mutated = *frames;
    size_t touched = (size_t)rand() % mutated.n, with = (size_t)rand() % mutated.n;
    const int kind = rand() % 5;
    const struct slice kept = mutated.all[touched];

    buf_clear(out);
    if (kind == 0 || kind == 4)
        mutated.all[touched].len = 0;
    if (kind == 1) {
        mutated.all[touched] = mutated.all[with];
        mutated.all[with] = kept;
    }
    for (size_t i = 0; i < mutated.n; i++) {
        buf_append_slice(out, mutated.all[i]);
        if ((kind == 2 && i == touched) || (kind == 4 && i == with))
            buf_append_slice(out, kept);
    }
    for (int i = kind == 3 ? 1 + rand() % 3 : 0; i > 0; i--)
        out->ptr[(size_t)rand() % out->len] = "\"{}[]:,0a\n\\"[rand() % 11];
}

ParameterizedTestParameters(matrix, a_mutated_answer_is_an_answer_or_an_error)
{
    return all_pairs();
}

ParameterizedTest(struct pair *pair, matrix, a_mutated_answer_is_an_answer_or_an_error)
{
    struct buf answer = read_file(sides[pair->upstream].name, "answer.sse"), mutated;
    const struct frames frames = frames_of(buf_slice(&answer));
    struct translate_run run = asked(pair, true);

    buf_init(&mutated, RUN_CAP);
    srand(1);
    for (int round = 0; round < 1000; round++) {
        struct understood u;

        mutate(&frames, &mutated);
        run_answer(&run);
        run_feed(&run, buf_slice(&mutated));
        run_feed_end(&run);
        cr_expect_null(run.disorder, "%s: %s\n%.*s", pair->name, run.disorder, (int)mutated.len,
                       mutated.ptr);
        cr_expect(run.answer_err == 0 || run.answer_err == ERR_UPSTREAM_ERROR);
        cr_expect(run.is_over, "%s: no end\n%.*s", pair->name, (int)mutated.len, mutated.ptr);
        expect_ladder(pair, &run);
        understand_answer(pair, buf_slice(&run.out), true, &u);
        cr_expect(u.is_error != u.is_end, "%s: error %d, end %d\n%.*s", pair->name, u.is_error,
                  u.is_end, (int)mutated.len, mutated.ptr);
        understand_end(&u);
        run_answer_end(&run);
    }
    run_end(&run);
    buf_fini(&mutated);
    buf_fini(&answer);
}
