/* SPDX-License-Identifier: ISC
 *
 * reply - bytes to the caller. A stream is held back until its first content (or its end), so that
 * "200, then an error" can still become a real status; from then on it flows, one write a turn.
 */
#ifndef RELAYOS_WORKER_REPLY_H
#define RELAYOS_WORKER_REPLY_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"

struct buf;
struct request;
struct timer;

/* A new attempt's answer: nothing of an earlier one is left. */
void reply_reset(struct request *request);
/* Where the next event of the stream goes; good until the next write. */
struct buf *reply_out(struct request *request);
/* Heartbeats for a caller who waits for a stream. */
void reply_watch(struct request *request);

/*
 * Bytes of an event stream. 0, or ERR_UPSTREAM_ERROR: garbage, or an error event (facts->is_error
 * with its category). Events before the fault are in.
 */
int reply_feed(struct request *request, struct slice bytes, struct reply_facts *facts) MUST_CHECK;
/* The upstream's end: an event that lacks only its blank line is fed too. */
int reply_feed_end(struct request *request, struct reply_facts *facts) MUST_CHECK;
/* The stream is complete and nothing more comes: end the response with the next write. */
void reply_end_stream(struct request *request, enum err_category category);

/* A whole answer in request->answer: read it and put what the caller gets in request->out. Errors
 * as for reply_feed(). */
int reply_read_whole(struct request *request, struct reply_facts *facts) MUST_CHECK;

/*
 * Settle, then answer with request->out as the whole body. detail is used for 405 (Allow). Last
 * thing a function does.
 */
void reply_send(struct request *request, unsigned status, struct slice content_type,
                enum err_category category, const char *detail);

/* What comes next is the last event: held back where answers are, until their rows are durable. */
void reply_hold_tail(struct request *request);
/* They are (durable.c). Last thing a function does. */
void reply_release(struct request *request);

/* Something may be sent: now at the end of the loop's turn (worker.c), or when the socket takes it.
 */
void reply_wake(struct request *request);
void reply_flush(struct request *request);
void reply_on_writable(void *data);
/* Heartbeats; the end of a complete stream whose upstream lingers; the end of patience. */
void reply_on_timer(struct timer *timer);
void reply_dispose(struct request *request);

#endif
