/* SPDX-License-Identifier: ISC
 *
 * stream_run - a stream put through splitter and dialect, for the tests of each dialect.
 */
#ifndef STREAM_RUN_H
#define STREAM_RUN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "relayos/codec/dialect.h"
#include "relayos/codec/sse.h"

struct stream_run {
    struct reply_stream stream;
    struct buf out;
    struct reply_facts last; /* of the last event */
    int err;                 /* of the first event that failed */
    int n_errors;            /* events that were errors */
    size_t content_at;       /* events before the first with content, or SIZE_MAX */
};

static struct seal *run_seal;

static inline struct reply_context
run_context(enum operation operation, bool hide_usage)
{
    struct reply_context context = {
        .operation = operation,
        .public_model = SLICE_LIT("public-model"),
        .request_id = {{0x01, 0x9a, 0xbc, 0, 0, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
        .owner_hash = 42,
        .place = 7,
        .hide_usage = hide_usage,
    };
    struct secret *pepper = secret_new("pepper", 6);

    if (run_seal == NULL)
        run_seal = seal_new(pepper);
    secret_free(&pepper);
    context.seal = run_seal;
    return context;
}

#define RUN_HEX "019abc00000070010203040506070809"
#define RUN_ID  "019abc00-0000-7001-0203-040506070809"

static inline struct stream_run
run_stream_in(const struct reply_context *context, const char *text)
{
    const struct dialect *dialect = dialect_of(dialect_operation_protocol(context->operation));
    struct stream_run run = {.content_at = SIZE_MAX};
    struct sse_event event;
    struct sse sse;

    reply_stream_init(&run.stream, context);
    buf_init(&run.out, 1 << 20);
    sse_init(&sse);
    sse_feed(&sse, slice_str(text));
    for (size_t n = 0; run.err == 0 && sse_next(&sse, &event) == 0; n++) {
        run.err = dialect->read_event(&run.stream, &event, &run.out, &run.last);
        run.n_errors += run.last.is_error;
        if (run.last.is_content && run.content_at == SIZE_MAX)
            run.content_at = n;
    }
    sse_fini(&sse);
    return run;
}

static inline struct stream_run
run_stream(enum operation operation, bool hide_usage, const char *text)
{
    const struct reply_context context = run_context(operation, hide_usage);

    return run_stream_in(&context, text);
}

static inline void
run_end(struct stream_run *run)
{
    reply_stream_fini(&run->stream);
    buf_fini(&run->out);
}

/* What the caller got. */
#define RUN_EXPECT(run, text)                                                                      \
    cr_expect(slice_eq_str(buf_slice(&(run)->out), text), "got:\n%.*s\nexpected:\n%s",             \
              (int)(run)->out.len, (run)->out.ptr, text)

#endif
