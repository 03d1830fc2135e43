/* SPDX-License-Identifier: ISC
 *
 * leg - one upstream attempt while it runs: what was sent, what came, and what of it is held back.
 * A request has one; a second runs beside it when the first is slow (hedge.c), until either brings
 * content.
 *
 * Ownership: the request's. After its attempt has ended it keeps what a last error frame needs,
 * until it is opened for the next attempt, or closed.
 */
#ifndef RELAYOS_WORKER_LEG_H
#define RELAYOS_WORKER_LEG_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/retry_hint.h"
#include "relayos/codec/sse.h"
#include "relayos/model/flight.h"
#include "relayos/model/usage.h"
#include "relayos/net/loop.h"
#include "relayos/net/upstream.h"

struct request;
struct translation;
struct recollect_watch;

/* What the bytes of the upstream's answer are. */
enum leg_body {
    LEG_NO_HEAD, /* not known yet */
    LEG_ERROR,   /* of a status other than 2xx */
    LEG_WHOLE,   /* one JSON document */
    LEG_STREAM,  /* server-sent events */
};

struct leg {
    struct request *request;
    struct flight_attempt *attempt;  /* in the flight's record; NULL: none was begun */
    struct price *cost;              /* of its route, as it held at admission */
    struct upstream_call *call;      /* NULL: it does not run */
    enum protocol protocol;          /* spoken with the upstream */
    enum upstream_flavor flavor;     /* of the upstream */
    struct translation *translation; /* NULL: that is the caller's */
    struct recollect_watch *watch;   /* of a straight answer (recollect.c); NULL: none */

    /* Until content (patience.c); instants, 0 = not waited for. */
    struct timer timer;
    int64_t hedge_us, give_up_us;

    /* What its end tells of whom was asked (verdict.c). */
    uint32_t health_row, upstream_id, credential_row, credential_id, n_credential;
    uint64_t epoch; /* of the catalog that the credential was taken from */
    bool is_trial, is_crowded;
    uint32_t place;     /* where state that it makes lies (route_gate_place()) */
    uint16_t refusal;   /* see reply_facts */
    uint8_t wording;    /* enum wording: its request's, when it was sent */
    bool may_be_resaid; /* what was refused may be taken in other words, or elsewhere */
    bool is_askers_own; /* how it ends is its request's doing, or its caller's: never a fault */

    /* Sent. */
    struct buf head, scratch; /* the upstream request's head; texts put into its body */
    struct buf body; /* the body, when it has more edits than pieces can carry, or is translated */
    size_t n_grown;  /* of it, more than the caller's: counted as bodies are (server.h) */

    /* The answer. */
    enum leg_body body_kind;
    int retry_after_s;       /* as the upstream asks, 0 = it did not */
    struct retry_hint hint;  /* of LEG_ERROR: what it is read from */
    int64_t first_token_us;  /* from the attempt's start; of streams */
    int64_t unmetered_bytes; /* content since the last usage: what an estimate must cover */
    struct buf answer;       /* LEG_ERROR, LEG_WHOLE */
    struct buf out;          /* for the caller: held back until content */
    bool has_stream;         /* stream and sse are initialised */
    struct reply_stream stream;
    struct sse sse;
};

/* For an attempt that was begun: nothing of an earlier one is left. */
void leg_open(struct leg *leg);
/* Where the next event goes; good until the next write. */
struct buf *leg_out(struct leg *leg);
/* What was held back is the caller's, and what follows goes there too. */
void leg_let_flow(struct leg *leg);
/* Drop its call, if it runs; its attempt, if it has not ended, ends so. */
void leg_end(struct leg *leg, enum attempt_outcome outcome, enum err_category category);
/* Its body is made. ERR_OVERLOADED: bodies take too much memory already. */
int leg_count_body(struct leg *leg) MUST_CHECK;
/* What was sent is not looked at again. */
void leg_forget_request(struct leg *leg);
/* Its buffers go back. */
void leg_close(struct leg *leg);

#endif
