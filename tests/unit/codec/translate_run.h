/* SPDX-License-Identifier: ISC
 *
 * translate_run - a request put through two protocols, and an answer on its way back, for tests of
 * all pairs. The order of the events in between (neutral.h) is watched.
 */
#ifndef TRANSLATE_RUN_H
#define TRANSLATE_RUN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "built_in.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/sse.h"
#include "relayos/codec/translate.h"

#define RUN_CAP (32 << 20)

struct translate_run {
    enum operation operation; /* of the client */
    enum protocol upstream;
    struct slice model;
    enum upstream_flavor flavor;
    struct buf body; /* of the request, if it is to live as long as the run */
    /* What became of the request: */
    int err;
    struct refusal_reason why;
    struct arena arena;
    struct neutral_request request;
    struct translate_dropped dropped;
    struct buf written;
    /* And of the answer: */
    struct answer_reader reader;
    struct answer_writer writer;
    struct sse sse;
    struct buf out;
    int answer_err;
    const char *disorder; /* what is wrong with the order of events; NULL = nothing */
    bool is_started, is_open, is_finished, is_over;
    enum neutral_part_kind open;
    unsigned n_events[NEUTRAL_ERROR + 1];
};

static inline enum protocol
run_client(const struct translate_run *run)
{
    return dialect_operation_protocol(run->operation);
}

/* The request, read and written again: run->err, run->written. */
static inline void
run_request(struct translate_run *run, struct slice body)
{
    const struct translator *client = translator_of(run_client(run));
    const struct translator *upstream = translator_of(run->upstream);
    const struct translate_target target = {
        .model = run->model,
        .capability = built_in(run->model),
        .flavor = run->flavor,
    };
    struct json_error error;
    enum json_type type;

    arena_init(&run->arena, RUN_CAP);
    buf_init(&run->written, RUN_CAP);
    cr_assert(client != NULL && upstream != NULL, "no row in translators.def");
    run->err = json_scan_value(body, &type, &error);
    if (run->err == 0)
        run->err =
            client->read_request(run->operation, body, &run->arena, &run->request, &run->why);
    if (run->err != 0)
        return;
    carrier_open(&run->request, NULL, 0, &run->arena);
    run->err = upstream->write_request(&run->request, &target, &run->arena, &run->written,
                                       &run->dropped, &run->why);
}

static inline const char *
run_disorder(const struct translate_run *run, const struct neutral_event *event)
{
    if (run->is_over)
        return "an event after the last";
    switch (event->kind) {
    case NEUTRAL_START:
        return run->is_started ? "a second start" : NULL;
    case NEUTRAL_PART_BEGIN:
        return !run->is_started   ? "a part before the start"
               : run->is_open     ? "a part inside a part"
               : run->is_finished ? "a part after the finish"
                                  : NULL;
    case NEUTRAL_PART_DELTA:
    case NEUTRAL_PART_END:
    case NEUTRAL_ANNOTATION:
        return run->is_open ? NULL : "more of a part that is not open";
    case NEUTRAL_PART_STATE:
        return run->is_open && run->open == NEUTRAL_REASONING ? NULL : "state of no reasoning";
    case NEUTRAL_USAGE:
        return event->usage != NULL ? NULL : "usage without figures";
    case NEUTRAL_FINISH:
        return !run->is_started   ? "finished before it started"
               : run->is_finished ? "finished twice"
               : run->is_open     ? "finished with an open part"
                                  : NULL;
    case NEUTRAL_END:
        return run->is_finished ? NULL : "ended without a finish";
    case NEUTRAL_ERROR:
        break;
    }
    return NULL;
}

static inline void
run_sink(void *ctx, const struct neutral_event *event)
{
    struct translate_run *run = ctx;

    if (run->disorder == NULL)
        run->disorder = run_disorder(run, event);
    run->n_events[event->kind]++;
    run->is_started |= event->kind == NEUTRAL_START;
    run->is_finished |= event->kind == NEUTRAL_FINISH;
    run->is_over |= event->kind == NEUTRAL_END || event->kind == NEUTRAL_ERROR;
    if (event->kind == NEUTRAL_PART_BEGIN) {
        run->is_open = true;
        run->open = event->part;
    } else if (event->kind == NEUTRAL_PART_END) {
        run->is_open = false;
    }
    translator_of(run_client(run))->write_event(&run->writer, event, &run->out);
}

/* An answer begins; after run_request(). */
static inline void
run_answer(struct translate_run *run)
{
    const struct reply_context context = {
        .operation = run->operation,
        .public_model = run->model,
        .request_id = {{0x01, 0x99, 0xc7, 0x3c, 0x4c, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
        .owner_hash = 42,
    };

    answer_reader_init(&run->reader, run->upstream);
    answer_writer_init(&run->writer, run_client(run), &context);
    answer_writer_expect(&run->writer, &run->request);
    sse_init(&run->sse);
    buf_init(&run->out, RUN_CAP);
    run->answer_err = 0;
    run->disorder = NULL;
    run->is_started = run->is_open = run->is_finished = run->is_over = false;
    memset(run->n_events, 0, sizeof(run->n_events));
}

/* A whole answer. */
static inline void
run_reply(struct translate_run *run, struct slice body)
{
    run->answer_err = translator_of(run->upstream)->read_reply(&run->reader, body, run_sink, run);
}

/* A piece of a streamed answer ... */
static inline void
run_feed(struct translate_run *run, struct slice chunk)
{
    struct sse_event event;

    sse_feed(&run->sse, chunk);
    while (run->answer_err == 0 && sse_next(&run->sse, &event) == 0)
        run->answer_err =
            translator_of(run->upstream)->read_event(&run->reader, &event, run_sink, run);
}

/*
 * ... and its end. An event that lacks only its blank line counts if it is whole. After what is not
 * of the protocol the client is told of an error, as the worker does.
 */
static inline void
run_feed_end(struct translate_run *run)
{
    const struct translator *upstream = translator_of(run->upstream);
    struct sse_event event;
    struct json_error error;
    enum json_type type;

    if (run->answer_err == 0 && sse_finish(&run->sse, &event) == 0 &&
        json_scan_value(event.data, &type, &error) == 0)
        run->answer_err = upstream->read_event(&run->reader, &event, run_sink, run);
    if (run->answer_err == 0)
        upstream->read_end(&run->reader, run_sink, run);
    else if (!run->is_over)
        run_sink(run, &(struct neutral_event){.kind = NEUTRAL_ERROR,
                                              .category = ERR_CATEGORY_UPSTREAM_ERROR,
                                              .text = SLICE_LIT("not of the protocol")});
}

static inline void
run_answer_end(struct translate_run *run)
{
    answer_reader_fini(&run->reader);
    answer_writer_fini(&run->writer);
    sse_fini(&run->sse);
    buf_fini(&run->out);
}

static inline void
run_end(struct translate_run *run)
{
    arena_fini(&run->arena);
    buf_fini(&run->written);
    buf_fini(&run->body);
}

#endif
