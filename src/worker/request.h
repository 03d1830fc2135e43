/* SPDX-License-Identifier: ISC
 *
 * request - one call from its first step to its last; the steps stand here in the order they run.
 *
 * Ownership: the worker's; it goes when its exchange ends.
 * Rule:      request_fail() and whatever answers the caller may end the exchange, and with it the
 *            request: they are the last thing a function does.
 */
#ifndef RELAYOS_WORKER_REQUEST_H
#define RELAYOS_WORKER_REQUEST_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "link.h"
#include "relay.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/sse.h"
#include "relayos/model/flight.h"
#include "relayos/net/loop.h"
#include "relayos/net/server.h"
#include "relayos/net/upstream.h"
#include "relayos/shm/flight.h"
#include "worker.h"

/*
 * STEP(name, NAME): forward only, but for relay -> route (the next attempt); finish from anywhere.
 * The framing guard comes before them all, in net/.
 */
#define REQUEST_STEPS(STEP)                                                                        \
    STEP(endpoint, ENDPOINT) /* which row of the table */                                          \
    STEP(auth, AUTH)         /* whose key */                                                       \
    STEP(decode, DECODE)     /* is it valid, what does policy need of it */                        \
    STEP(scope, SCOPE)       /* may the key use the model */                                       \
    STEP(rate, RATE)         /* requests and tokens a minute */                                    \
    STEP(admit, ADMIT)       /* a flight, and quota held on it */                                  \
    STEP(route, ROUTE)       /* where to */                                                        \
    STEP(relay, RELAY)       /* one attempt, nothing of the answer sent yet */                     \
    STEP(stream, STREAM)     /* content is on its way to the caller: no way back */                \
    STEP(finish, FINISH)     /* priced, settled, logged */

enum request_step {
#define STEP(name, NAME) REQUEST_##NAME,
    REQUEST_STEPS(STEP)
#undef STEP
        REQUEST_N_STEPS
};

#define REQUEST_MAGIC 0x72657173u

struct request {
    uint32_t magic;
    enum request_step step;
    struct worker *worker;
    struct exchange *exchange;
    const struct endpoint *endpoint; /* NULL: a path we do not know */
    const struct dialect *dialect;   /* the caller's */
    struct http_request http;
    struct slice path_rest; /* what "{id}" of the path stands for */
    struct link in_requests, in_unsent;
    struct timer timer; /* heartbeats of a stream; after its terminal event, the upstream's end */

    /* Who and when. */
    struct uuid id;
    char id_text[TEXT_UUID_SIZE];
    enum flight_stage stage; /* reached last */
    int64_t accepted_real_us, key_checked_us;
    uint64_t key_id, owner_hash;

    /* What was reserved. */
    struct flight *flight;        /* NULL before ADMIT and after FINISH */
    struct flight_record *record; /* of the flight */
    int64_t tokens_per_minute, requests_per_minute;
    uint32_t key_row;

    /* What is asked. */
    struct request_facts facts;

    /* The attempt at hand (relay.c). */
    struct upstream_call *call;
    struct buf head, scratch; /* the upstream request's head; texts put into its body */
    struct buf body;          /* the body, when it has more edits than pieces can carry */
    struct buf ids;           /* opened ids of state kept upstream (state_ids.c) */
    int64_t deadline_us;
    uint32_t health_row;
    enum relay_body answer_kind;
    int retry_after_s; /* the upstream's, 0 = none said */
    struct buf answer; /* RELAY_ERROR, RELAY_WHOLE */

    /* The answer (reply.c). */
    struct reply_stream stream;
    struct sse sse;
    struct buf out, sending; /* being filled; with the kernel */
    int64_t unmetered_bytes; /* content since the last usage: what an estimate must cover */
    int64_t written_us;      /* last write to the caller */
    int64_t bytes_out;
    char retry_after[4];
    enum err_category end_category; /* with is_ending: how it ends */
    bool has_stream : 1;            /* stream and sse are initialised */
    bool is_started : 1;            /* the head is committed: status 200, an event stream */
    bool is_flowing : 1;            /* out may be sent: content was seen, or an error ends it */
    bool is_ending : 1;             /* out holds the last bytes */
    bool is_paused : 1;             /* the upstream, because out is too full */
    bool is_answered : 1;           /* the last bytes were handed over */
};

/* A request is whole: run it. */
void request_start(struct worker *worker, struct exchange *exchange,
                   const struct http_request *http);

/* At the worker's end. */
void request_free_spares(struct worker *worker);

/* The one way from step to step. */
void request_step(struct request *request, enum request_step to);
const char *request_step_name(enum request_step step);
/* Stamp a stage of the trace, now. */
void request_stage(struct request *request, enum flight_stage stage);
void request_stage_at(struct request *request, enum flight_stage stage, int64_t now_us);

/*
 * End it with a catalogue error: a response, or an error event when the head is out already. detail
 * goes into the category's sentence, param names the field ("" = none). Last thing a function does.
 */
void request_fail(struct request *request, int err, const char *detail, const char *param);

/* Handler of the rows that ask a model: the steps from decode on. */
void request_infer(struct request *request);

/* The caller's key, as it stands now, into worker->scratch.key; ERR_INVALID_KEY. */
int request_read_key(struct request *request) MUST_CHECK;
/* Find a model by name and check the key's scope; *why is the detail of a refusal. */
int request_find_model(struct request *request, struct slice name, struct model_record *out,
                       struct refusal_reason *why) MUST_CHECK;

static inline struct request *
request_from(void *data)
{
    struct request *request = data;

    assert(request->magic == REQUEST_MAGIC);
    return request;
}

#endif
