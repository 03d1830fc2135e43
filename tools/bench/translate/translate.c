/* SPDX-License-Identifier: ISC
 *
 * translate - what it costs to say a request of 200 KB, and an event of a stream, in another
 * protocol, for each pair that the table has: over what the straight path of the same client does
 * with the same, in the same run. Nothing is to be allocated for an event. The conversation is the
 * tests' own (tests/unit/codec/matrix), with its turns, or its piece of text, said often enough: as
 * an agent's, whose tools bring pages of text, and, for a look at the worst, as it stands there, a
 * value every few bytes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "relayos/codec/carrier.h"
#include "relayos/codec/sse.h"
#include "relayos/codec/translate.h"

#define N_PROTOCOLS   (PROTOCOL_GEMINI + 1)
#define N_EVENTS      2000
#define N_ROUNDS      40 /* the best of them is told: the machine has other work, too */
#define BODY_BYTES    200000
#define PAGE_BYTES    2000
#define CAP           ((size_t)32 << 20)
#define MOVES_MAX     12 /* of buffers that double */
#define EVENT_GOAL_US 2.0
#define BODY_GOAL_US  1000.0

static const struct side {
    const char *name, *model;
    enum operation operation; /* of a client */
    const char *turns;        /* member of a request that holds them */
} sides[N_PROTOCOLS] = {
    [PROTOCOL_OPENAI_CHAT] = {"chat", "gpt-5.6", OPERATION_CHAT, "messages"},
    [PROTOCOL_OPENAI_RESPONSES] = {"responses", "gpt-5.6", OPERATION_RESPONSE, "input"},
    [PROTOCOL_ANTHROPIC_MESSAGES] = {"messages", "claude-sonnet-4-6", OPERATION_MESSAGE,
                                     "messages"},
    [PROTOCOL_GEMINI] = {"gemini", "gemini-3-pro", OPERATION_CHAT, NULL},
};

/* A stream: its event that is repeated, and what stands before it. */
struct script {
    char *text;
    struct slice before, event;
};

/* An answer on its way to the client. */
struct answer {
    const struct translator *client;
    struct answer_writer writer;
    struct buf out;
};

struct cost {
    double us;
    long n_allocations;
};

static long n_allocations;
static struct seal *seal;

static char *read_file(const char *side, const char *suffix);
static char *make_body(enum protocol client, bool is_dense);
static char *repeat_turns(const cJSON *turns, bool is_dense);
static char *put_page(char *at);
static void make_script(enum protocol protocol, struct script *out);
static double straight_body(enum protocol client, struct slice body);
static void edit_body(const struct dialect *dialect, struct slice body);
static double translated_body(enum protocol client, enum protocol upstream, struct slice body);
static void write_body(enum protocol client, enum protocol upstream, struct slice body,
                       struct neutral_request *request, struct arena *arena);
static struct cost straight_event(enum protocol client, const struct script *script);
static struct cost translated_event(enum protocol client, enum protocol upstream,
                                    const struct script *script, struct slice body);
static void sink(void *ctx, const struct neutral_event *event);
static bool next_event(struct sse *sse, struct slice chunk, struct sse_event *out);
static bool compare_bodies(bool is_dense);
static bool compare_events(const struct script *scripts);
static double cpu_us(void);
static void must(bool is_so, const char *what);

int
main(void)
{
    static struct script scripts[N_PROTOCOLS];
    struct secret *secret = secret_new("pepper of the bench", 19);
    bool is_met = true;

    seal = seal_new(secret);
    for (int i = 0; i < N_PROTOCOLS; i++)
        make_script((enum protocol)i, &scripts[i]);
    is_met = compare_events(scripts);
    is_met &= compare_bodies(false);
    (void)compare_bodies(true);
    for (int i = 0; i < N_PROTOCOLS; i++)
        free(scripts[i].text);
    seal_free(&seal);
    secret_free(&secret);
    printf("%s: at most %.0f us an event and %.0f us an agent's request are added, and no event"
           " allocates\n",
           is_met ? "met" : "not met", EVENT_GOAL_US, BODY_GOAL_US);
    return is_met ? 0 : 1;
}

/* What grows with the text (Responses says it again at its end) is moved a few times, as it
 * doubles. */
static bool
compare_events(const struct script *scripts)
{
    struct slice body = SLICE_LIT("");
    bool is_met = true;

    printf("%-26s %10s %10s %10s %12s\n", "an event, us", "straight", "translated", "added",
           "allocations");
    for (int client = 0; client < N_PROTOCOLS; client++) {
        if (sides[client].turns == NULL)
            continue;
        char *text = read_file(sides[client].name, "request.json");
        struct cost plain = straight_event((enum protocol)client, &scripts[client]);

        body = slice_str(text);
        for (int upstream = 0; upstream < N_PROTOCOLS; upstream++) {
            struct cost cost = translated_event((enum protocol)client, (enum protocol)upstream,
                                                &scripts[upstream], body);

            printf("%9s -> %-13s %10.3f %10.3f %10.3f %12.4f\n", sides[client].name,
                   sides[upstream].name, plain.us, cost.us, cost.us - plain.us,
                   (double)cost.n_allocations / N_EVENTS);
            is_met &= cost.us - plain.us <= EVENT_GOAL_US && cost.n_allocations <= MOVES_MAX;
        }
        free(text);
    }
    return is_met;
}

static bool
compare_bodies(bool is_dense)
{
    bool is_met = true;

    printf("%-26s %10s %10s %10s\n", is_dense ? "a dense request, us" : "an agent's request, us",
           "straight", "translated", "added");
    for (int client = 0; client < N_PROTOCOLS; client++) {
        if (sides[client].turns == NULL)
            continue;
        char *text = make_body((enum protocol)client, is_dense);
        struct slice body = slice_str(text);
        double plain = straight_body((enum protocol)client, body);

        for (int upstream = 0; upstream < N_PROTOCOLS; upstream++) {
            double us = translated_body((enum protocol)client, (enum protocol)upstream, body);

            printf("%9s -> %-13s %10.0f %10.0f %10.0f\n", sides[client].name, sides[upstream].name,
                   plain, us, us - plain);
            is_met &= us - plain <= BODY_GOAL_US;
        }
        free(text);
    }
    return is_met;
}

/* ---- allocations, counted ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);

void *
malloc(size_t size)
{
    n_allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
    n_allocations++;
    return __libc_calloc(n, size);
}

void *
realloc(void *ptr, size_t size)
{
    n_allocations++;
    return __libc_realloc(ptr, size);
}

/* ---- what is said ---- */

static char *
read_file(const char *side, const char *suffix)
{
    char path[256], *text = calloc(1, 65536);

    snprintf(path, sizeof(path), "tests/unit/codec/matrix/%s.%s", side, suffix);
    FILE *file = fopen(path, "rb");
    must(file != NULL, path);
    must(fread(text, 1, 65535, file) > 0, path);
    fclose(file);
    return text;
}

static char *
make_body(enum protocol client, bool is_dense)
{
    char *text = read_file(sides[client].name, "request.json"), *turns, *body;
    cJSON *request = cJSON_Parse(text);

    must(request != NULL, "a request");
    turns = repeat_turns(cJSON_GetObjectItem(request, sides[client].turns), is_dense);
    cJSON_ReplaceItemInObject(request, sides[client].turns, cJSON_CreateRaw(turns));
    body = cJSON_PrintUnformatted(request);
    free(turns);
    cJSON_Delete(request);
    free(text);
    return body;
}

/* All of them again and again, each time with ids of its own. */
static char *
repeat_turns(const cJSON *turns, bool is_dense)
{
    char *once = cJSON_PrintUnformatted(turns), *all = calloc(1, BODY_BYTES + 65536), *at = all;

    once[strlen(once) - 1] = '\0'; /* without its brackets */
    for (int n = 0; at - all < BODY_BYTES; n++) {
        *at++ = n == 0 ? '[' : ',';
        for (const char *from = once + 1; *from != '\0'; from++) {
            if (!is_dense && strncmp(from, "high ", 5) == 0)
                at = put_page(at);
            *at++ = *from;
            if (strncmp(from, "\"call_", 6) == 0 && from[7] == '"')
                at += sprintf(at, "n%d_", n);
        }
    }
    *at = ']';
    free(once);
    return all;
}

/* Of source code, as JSON has it. */
static char *
put_page(char *at)
{
    const char *end = at + PAGE_BYTES;

    while (at < end)
        at = stpcpy(
            at, "    if (strcmp(name, \\\"tide\\\") == 0)\\n        return tide_of(harbour);\\n");
    return at;
}

/* The event with the first piece of the answer's text, and all before it. */
static void
make_script(enum protocol protocol, struct script *out)
{
    out->text = read_file(sides[protocol].name, "answer.sse");
    char *piece = strstr(out->text, "Looking ");

    must(piece != NULL, "a piece of text");
    char *from = piece, *to = strstr(piece, "\n\n") + 2;

    while (from > out->text && memcmp(from - 1, "\n\n", 2) != 0)
        from--;
    from += from > out->text;
    out->before = slice_of(out->text, (size_t)(from - out->text));
    out->event = slice_of(from, (size_t)(to - from));
}

/* ---- requests ---- */

static double
straight_body(enum protocol client, struct slice body)
{
    double best = 1e9;

    for (int round = 0; round < N_ROUNDS; round++) {
        double start = cpu_us();

        edit_body(dialect_of(client), body);
        double us = cpu_us() - start;

        best = us < best ? us : best;
    }
    return best;
}

static void
edit_body(const struct dialect *dialect, struct slice body)
{
    static struct request_facts facts;
    struct refusal_reason why;
    struct buf scratch;
    struct edits edits;

    must(dialect->read_request(sides[dialect->protocol].operation, body, &facts, &why) == 0,
         why.detail);
    buf_init(&scratch, DIALECT_SCRATCH);
    dialect->edit_request(&facts, SLICE_LIT("model"), NULL, &scratch, &edits);
    must(edits_length(&edits, body) > 0, "edits");
    buf_fini(&scratch);
}

/* Every request is read as a straight one is; what is written comes on top. */
static double
translated_body(enum protocol client, enum protocol upstream, struct slice body)
{
    static struct request_facts facts;
    struct neutral_request request;
    double best = 1e9;

    for (int round = 0; round < N_ROUNDS; round++) {
        const struct dialect *dialect = dialect_of(client);
        struct refusal_reason why;
        struct arena arena;
        double start = cpu_us();

        must(dialect->read_request(sides[client].operation, body, &facts, &why) == 0, why.detail);
        arena_init(&arena, 2 * CAP);
        write_body(client, upstream, body, &request, &arena);
        arena_fini(&arena);
        double us = cpu_us() - start;

        best = us < best ? us : best;
    }
    return best;
}

static void
write_body(enum protocol client, enum protocol upstream, struct slice body,
           struct neutral_request *request, struct arena *arena)
{
    const struct slice model = slice_str(sides[upstream].model);
    const struct translate_target target = {
        .model = model, .capability = capability_of(model), .flavor = FLAVOR_OPENAI};
    struct translate_dropped dropped = {.len = 0};
    struct refusal_reason why = {"", ""};
    struct buf out;

    buf_init(&out, CAP);
    must(translator_of(client)->read_request(sides[client].operation, body, arena, request, &why) ==
             0,
         why.detail);
    carrier_open(request, seal, 0, arena);
    must(translator_of(upstream)->write_request(request, &target, arena, &out, &dropped, &why) == 0,
         why.detail);
    must(!out.overflow && !arena->is_full && out.len > 0, "what is written");
    buf_fini(&out);
}

/* ---- events ---- */

static struct cost
straight_event(enum protocol client, const struct script *script)
{
    const struct reply_context context = {
        .operation = sides[client].operation, .public_model = SLICE_LIT("any"), .seal = seal};
    struct cost best = {.us = 1e9};

    for (int round = 0; round < N_ROUNDS; round++) {
        struct reply_stream stream;
        struct reply_facts facts = {0};
        struct sse_event event;
        struct buf out;
        struct sse sse;
        struct cost cost;

        buf_init(&out, CAP);
        sse_init(&sse);
        reply_stream_init(&stream, &context);
        buf_init(&stream.scratch, DIALECT_SCRATCH);
        for (bool is_more = next_event(&sse, script->before, &event); is_more;
             is_more = sse_next(&sse, &event) == 0)
            must(dialect_of(client)->read_event(&stream, &event, &out, &facts) == 0, "its start");
        cost = (struct cost){cpu_us(), n_allocations};
        for (int i = 0; i < N_EVENTS; i++) {
            must(next_event(&sse, script->event, &event), "an event");
            must(dialect_of(client)->read_event(&stream, &event, &out, &facts) == 0, "an event");
            must(out.len > 0, "an event's bytes");
            buf_clear(&out);
        }
        cost = (struct cost){(cpu_us() - cost.us) / N_EVENTS, n_allocations - cost.n_allocations};
        best = cost.us < best.us ? cost : best;
        reply_stream_fini(&stream);
        sse_fini(&sse);
        buf_fini(&out);
    }
    return best;
}

static struct cost
translated_event(enum protocol client, enum protocol upstream, const struct script *script,
                 struct slice body)
{
    const struct reply_context context = {
        .operation = sides[client].operation, .public_model = SLICE_LIT("any"), .seal = seal};
    const struct translator *reads = translator_of(upstream);
    struct neutral_request request;
    struct cost best = {.us = 1e9};
    struct arena arena;

    arena_init(&arena, 2 * CAP);
    write_body(client, upstream, body, &request, &arena);
    request.is_stream = true;
    for (int round = 0; round < N_ROUNDS; round++) {
        struct answer answer = {.client = translator_of(client)};
        struct answer_reader reader;
        struct sse_event event;
        struct sse sse;
        struct cost cost;

        buf_init(&answer.out, CAP);
        sse_init(&sse);
        answer_reader_init(&reader, upstream);
        answer_writer_init(&answer.writer, client, &context);
        answer_writer_expect(&answer.writer, &request);
        for (bool is_more = next_event(&sse, script->before, &event); is_more;
             is_more = sse_next(&sse, &event) == 0)
            must(reads->read_event(&reader, &event, sink, &answer) == 0, "its start");
        cost = (struct cost){cpu_us(), n_allocations};
        for (int i = 0; i < N_EVENTS; i++) {
            must(next_event(&sse, script->event, &event), "an event");
            must(reads->read_event(&reader, &event, sink, &answer) == 0, "an event");
            must(answer.out.len > 0, "an event's bytes");
            buf_clear(&answer.out);
        }
        cost = (struct cost){(cpu_us() - cost.us) / N_EVENTS, n_allocations - cost.n_allocations};
        best = cost.us < best.us ? cost : best;
        answer_reader_fini(&reader);
        answer_writer_fini(&answer.writer);
        sse_fini(&sse);
        buf_fini(&answer.out);
    }
    arena_fini(&arena);
    return best;
}

static void
sink(void *ctx, const struct neutral_event *event)
{
    struct answer *answer = ctx;

    answer->client->write_event(&answer->writer, event, &answer->out);
}

static bool
next_event(struct sse *sse, struct slice chunk, struct sse_event *out)
{
    sse_feed(sse, chunk);
    return sse_next(sse, out) == 0;
}

static double
cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
must(bool is_so, const char *what)
{
    if (is_so)
        return;
    fprintf(stderr, "bench: %s?\n", what);
    exit(2);
}
