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
#include "leg.h"
#include "link.h"
#include "relayos/codec/dialect.h"
#include "relayos/model/flight.h"
#include "relayos/net/loop.h"
#include "relayos/net/server.h"
#include "relayos/shm/flight.h"
#include "request_step.h"
#include "worker.h"

#define REQUEST_MAGIC 0x72657173u

struct request {
    uint32_t magic;
    enum request_step step;
    struct worker *worker;
    struct exchange *exchange;
    const struct endpoint *endpoint; /* NULL: a path we do not know */
    const struct dialect *dialect;   /* the caller's */
    struct http_request http;
    struct slice path_rest; /* what "{id}" of the path stands for, or the model that it names */
    struct link in_requests, in_unsent; /* while nothing runs, or is sent: durable.c */
    struct timer timer; /* heartbeats of a stream; after its terminal event, the upstream's end */

    /* Who and when. */
    struct uuid id;
    char id_text[TEXT_UUID_SIZE];
    enum flight_stage stage; /* reached last */
    int64_t accepted_real_us, key_checked_us;
    uint64_t key_id, owner_hash;
    uint32_t once_entry; /* claimed entry + 1, 0 = none (once.c) */
    uint64_t once_owner;

    /* What was reserved. */
    struct flight *flight;        /* NULL before ADMIT and after FINISH */
    struct flight_record *record; /* of the flight */
    int64_t tokens_per_minute, requests_per_minute, held_tokens;
    uint32_t key_row, held_units; /* bits by enum limit_unit */
    uint32_t settling_n;
    struct flight *settling; /* with the ledger, and what is left to send waits for it */
    int64_t held_us;         /* since then (durable.c) */

    /* Where it may go (pick.c); settled in SCOPE, while the key and the model are at hand. */
    uint8_t policy;            /* the key's enum route_policy + 1; 0 = as each model says */
    uint8_t fallbacks_allowed; /* bit n: the key may use the model's n-th fallback */
    uint8_t n_fallbacks_tried;
    uint8_t fallback_on;      /* enum fallback_cause: the model's */
    bool is_family_bound;     /* its reasoning is signed: only that family reads it */
    bool keeps_pin;           /* its conversation's place is elsewhere, and stays there */
    bool is_exhausted;        /* at the last choice nothing was left to try */
    uint8_t wording;          /* enum wording */
    bool has_share;           /* it counts among its key's (share.h) */
    uint32_t family;          /* with is_family_bound */
    uint64_t conversation;    /* session.h; 0 = none, or not asked yet */
    uint32_t served_model_id; /* of the model whose routes are tried: record's, or a fallback's */
    const char *served_model; /* its name, in the registry */
    uint32_t fallbacks[LIMIT_FALLBACKS];
    int64_t prompt_tokens, output_tokens, input_bound; /* likely; reserved at most */

    /* Attempts (relay.c). */
    struct leg *leg;         /* the one whose answer is, or will be, the caller's */
    struct leg *beside;      /* races it until content (hedge.c); NULL: none */
    struct leg own_leg;      /* of either, mostly *leg */
    struct buf ids;          /* opened ids of state kept upstream (state_ids.c) */
    struct buf own_body;     /* the body, where it is not as it came (request.c: decode); */
    size_t n_grown;          /* of it, counted as bodies are (server.h) */
    struct capture *capture; /* what is kept of it (capture.c); NULL: nothing, mostly */
    struct inlined *inlined; /* files fetched for it (inlined.c); NULL: mostly there are none */
    int64_t deadline_us;     /* of all attempts together */
    int retry_after_s;       /* what is told a caller who fails; 0 = nobody knows */

    /* The answer (reply.c). */
    struct buf out, sending;       /* being filled; with the kernel */
    int64_t written_us;            /* last write to the caller */
    int64_t bytes_out, gone_bytes; /* to the caller; read since he has gone */
    size_t tail_at;                /* with is_tail_held: where in out the last event begins */
    struct slice content_type;
    struct uuid original; /* with is_replay: whose answer it is */
    unsigned status;
    char retry_after[4];
    enum err_category end_category; /* how it ends, or ended */
    bool is_started : 1;            /* the head is committed: status 200, an event stream */
    bool is_flowing : 1;            /* out may be sent: content was seen, or an error ends it */
    bool is_ending : 1;             /* out holds the last bytes */
    bool is_paused : 1;             /* the upstream, because out is too full */
    bool is_answered : 1;           /* the last bytes were handed over */
    bool is_tail_held : 1;          /* until the row is durable (power) */
    bool is_replay : 1;             /* of another request's answer (once.c) */
    bool is_gone : 1;               /* the caller, and the exchange with it (gone.c) */
    bool is_hedged : 1;             /* a second leg was tried */
    bool is_watched : 1;            /* some of its answer is remembered (recollect.c) */
    bool is_estimated : 1;          /* the answer, by nobody's count (count.c) */

    /* What is asked. Last: its text is not cleared between two requests. */
    struct request_facts facts;
};

/* A request is whole: run it. */
void request_start(struct worker *worker, struct exchange *exchange,
                   const struct http_request *http);

/* A head announces a body that is still to come: a good key and a path that takes it? */
bool request_wants_body(struct worker *worker, const struct http_request *head);
/* It is finished: its memory goes; and that of those before it, at the worker's end. */
void request_dispose(struct request *request);
void request_free_spares(struct worker *worker);

/*
 * End it with a catalogue error: a response, or an error event when the head is out already. detail
 * goes into the category's sentence, param names the field ("" = none). Last thing a function does.
 */
void request_fail(struct request *request, int err, const char *detail, const char *param);

/* Admitted, and noted where asked for: choose a route and call it. Last thing a function does. */
void request_call(struct request *request);
/* Handler of the rows that ask a model: the steps from decode on. */
void request_infer(struct request *request);

/* The caller's key, as it stands now, into worker->scratch.key; ERR_INVALID_KEY. */
int request_read_key(struct request *request) MUST_CHECK;
/* Find a model by name and check the key's scope; *why is the detail of a refusal. */
int request_find_model(struct request *request, struct slice name, struct model_record *out,
                       uint64_t *out_epoch, struct refusal_reason *why) MUST_CHECK;

static inline struct request *
request_from(void *data)
{
    struct request *request = data;

    assert(request->magic == REQUEST_MAGIC);
    return request;
}

#endif
