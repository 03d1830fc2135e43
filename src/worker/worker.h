/* SPDX-License-Identifier: ISC
 *
 * worker - the state of one worker process. No globals: this travels.
 *
 * Ownership: worker_main's stack; requests point at it and never outlive it.
 */
#ifndef RELAYOS_WORKER_WORKER_H
#define RELAYOS_WORKER_WORKER_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "access_log.h"
#include "buf_pool.h"
#include "capture.h"
#include "durable.h"
#include "link.h"
#include "pick.h"
#include "relayos/base/period.h"
#include "relayos/codec/seal.h"
#include "relayos/heritage.h"
#include "relayos/net/loop.h"
#include "relayos/net/server.h"
#include "relayos/net/upstream.h"
#include "relayos/policy/estimate.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/key_table.h"
#include "relayos/shm/proc_slot.h"
#include "share.h"
#include "shed.h"
#include "turn.h"

#define WORKER_MAGIC 0x776f726bu

/*
 * What one request's way from endpoint to relay needs and nothing after it does. The way is
 * synchronous, so one copy per worker is enough.
 */
struct worker_scratch {
    struct key_view key;
    struct model_record model;
    uint64_t model_epoch; /* of the catalog that it was found in */
    struct estimate estimate;
    struct pick pick;
    struct refusal_reason why;
};

/* Totals of the libraries below, as last published in the process slot. */
struct worker_published {
    uint64_t n_accepted;
    uint32_t n_connections;
    size_t n_body_bytes;
    struct server_front_counts front;
    struct upstream_pool_view pool;
};

struct worker {
    uint32_t magic;
    uint32_t slot;
    const struct heritage *heritage;
    const struct conf *conf;
    struct segment *segment;
    struct catalog *catalog;

    struct loop *loop;
    struct server *server;
    struct upstream_pool *upstream_pool;
    struct fetcher *fetcher;  /* NULL: switched off (inlined.c) */
    struct share fetch_share; /* what runs of it, by key */
    struct share fetch_memory_share;
    struct flight_desk *desk;
    struct hash_hmac *pepper;
    struct seal *seal;
    struct access_log access_log;
    struct buf_pool bufs;
    struct capture_account captures;
    struct worker_scratch scratch;
    struct turns turns; /* at the trials of open routes */
    struct share share;
    struct shed shed;
    uint64_t settings_epoch; /* of the catalog that they were found in; 0 = never */
    struct routing_settings settings;
    uint32_t n_cuts;   /* of the segment, as seen last */
    struct period day; /* the last one that a request was accepted on */
    uint64_t random;   /* state of worker_random() */

    struct link spare_requests; /* by in_requests too */
    uint32_t n_spare_requests;
    struct hedge *spare_hedges; /* hedge.c */
    uint32_t n_spare_hedges;
    struct link requests; /* struct request.in_requests: all that are not finished */
    struct link unsent;   /* struct request.in_unsent: streams with something to send this turn */

    enum durability durability;
    bool has_news;                 /* for the ledger, this turn: durable.c */
    struct link unsettled, asking; /* struct request.in_requests, .in_unsent: durable.c */
    struct timer look;
    int64_t said_unheld_us;

    struct timer heartbeat;
    struct timer drain_deadline;
    int64_t last_grace_us; /* between the error events and the end */
    int64_t nudged_us;     /* the ledger, last time */
    bool is_draining;
    bool is_past_deadline; /* streams were told; what is left now is cut */
    bool is_over;          /* leave the loop */
    struct worker_published published;
    char refused_headers[256]; /* of the last on_refused */
};

/* 64 bits, fresh each time (splitmix64 over a random seed): for choices, not for secrets. */
uint64_t worker_random(struct worker *worker);
void worker_count(struct worker *worker, enum proc_counter counter, int64_t n);
/* How routes fail, heal and are chosen, as of now. */
const struct routing_settings *worker_settings(struct worker *worker);

static inline struct worker *
worker_from(void *ctx)
{
    struct worker *worker = ctx;

    assert(worker->magic == WORKER_MAGIC);
    return worker;
}

#endif
