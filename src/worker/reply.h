/* SPDX-License-Identifier: ISC
 *
 * reply - bytes to the caller: one write a turn, and heartbeats
 * while there is nothing.
 */
#ifndef RELAYOS_WORKER_REPLY_H
#define RELAYOS_WORKER_REPLY_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"

struct leg;
struct request;
struct timer;

/* Heartbeats for a caller who waits for a stream. */
void reply_watch(struct request *request);
/* The stream is complete and nothing more comes: end the response with the next write. */
void reply_end_stream(struct request *request, enum err_category category);

/* A whole answer in leg->answer: read it and put what the caller gets in request->out. Errors as
 * for feed_bytes(). */
int reply_read_whole(struct leg *leg, struct reply_facts *facts) MUST_CHECK;

/*
 * Settle, then answer with request->out as the whole body. detail is used for 405 (Allow). Last
 * thing a function does.
 */
void reply_send(struct request *request, unsigned status, struct slice content_type,
                enum err_category category, const char *detail);

/* What comes next is the last event: held back where answers are, until their rows are durable. */
void reply_hold_tail(struct request *request);
/* It begins there in request->out. */
void reply_hold_tail_at(struct request *request, size_t at);
/* They are (durable.c). Last thing a function does. */
void reply_release(struct request *request);

/* There is more to send: at the end of the loop's turn (worker.c), or when the socket takes it.
 * While too much waits for a slow caller, the upstream is paused. */
void reply_wake(struct request *request);
void reply_flush(struct request *request);
void reply_on_writable(void *data);
/* Heartbeats; the end of a complete stream whose upstream lingers; the end of patience. */
void reply_on_timer(struct timer *timer);
void reply_dispose(struct request *request);

#endif
