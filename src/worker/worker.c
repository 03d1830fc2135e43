/* SPDX-License-Identifier: ISC
 *
 * worker - one process of the request path: attach, serve, drain.
 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/random.h>

#include "cut.h"
#include "drain.h"
#include "hedge.h"
#include "inlined.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/proc.h"
#include "relayos/base/secret.h"
#include "relayos/shm/refusal.h"
#include "reply.h"
#include "request.h"

#define BEAT_INTERVAL_US 1000000
#define BODY_WINDOW_US   15000000 /* limits.body_rate is over so long */
#define ALONE            7        /* of eight parts of a worker, for one key alone */

static int set_up(struct worker *w, const struct heritage *heritage, struct errmsg *why);
static uint32_t most_requests(const struct worker *w, uint64_t max_files);
static int open_server(struct worker *w, struct errmsg *why);
static void serve(struct worker *w);
static void tear_down(struct worker *w);
static bool on_head(void *ctx, const struct http_request *head);
static void on_request(void *ctx, struct exchange *exchange, const struct http_request *http);
static void on_refused(void *ctx, enum err_category category, const char *detail,
                       const char *client_address, struct buf *out_body, struct slice *out_headers);
static void log_refused(struct worker *w, const struct refusal_record *record, const char *id);
static void on_turn(void *ctx);
static void on_beat(struct timer *timer);
static void publish(struct worker *w);

int
worker_main(const struct heritage *heritage)
{
    struct worker *w = mem_zalloc(sizeof(*w));
    struct errmsg why = {0};

    if (set_up(w, heritage, &why) != 0) {
        log_error("worker.start", "slot=%u reason=\"%s\"", heritage->slot, why.text);
        return EXIT_FAILURE;
    }
    heritage_tell_ready(heritage);
    log_info("worker.ready", "slot=%u generation=%u", heritage->slot, heritage->generation);
    serve(w);
    log_info("worker.end", "slot=%u", heritage->slot);
    tear_down(w);
    free(w);
    return EXIT_SUCCESS;
}

static int
set_up(struct worker *w, const struct heritage *heritage, struct errmsg *why)
{
    w->magic = WORKER_MAGIC;
    w->heritage = heritage;
    w->conf = heritage->conf;
    w->segment = heritage->segment;
    w->catalog = heritage->catalog;
    w->slot = heritage->slot;
    link_init_list(&w->requests);
    link_init_list(&w->spare_requests);
    link_init_list(&w->unsent);
    buf_init(&w->scratch.pick.credential, LIMIT_CREDENTIAL);

    if (heritage_claim(heritage, why) != 0)
        return ERR_CONFLICT;
    if (getrandom(&w->random, sizeof(w->random), 0) != sizeof(w->random)) {
        errmsg_set(why, "no random numbers");
        return ERR_IO;
    }
    proc_no_dumps();
    uint64_t max_files = proc_raise_nofile();
    if (access_log_open(&w->access_log, w->conf, why) != 0)
        return ERR_IO;
    w->pepper = hash_hmac_new(heritage->pepper);
    w->seal = seal_new(heritage->pepper);
    w->n_cuts = segment_n_cuts(w->segment);
    w->desk = flight_desk_open(w->segment, w->slot);
    w->loop = loop_new();
    w->upstream_pool = upstream_pool_new(w->loop);
    inlined_open(w);
    loop_on_turn(w->loop, on_turn, w);
    share_init(&w->share, most_requests(w, max_files), ALONE);
    if (!shed_open(w)) {
        errmsg_set(why, "no descriptors");
        return ERR_IO;
    }
    durable_open(w);
    /* The server's self-test runs the loop: a signal must not find half a worker. It waits,
     * blocked. */
    if (open_server(w, why) != 0 || drain_watch_signals(w, why) != 0)
        return ERR_IO;
    on_beat(&w->heartbeat);
    return 0;
}

/* That ask a model, at a time: so few that there are connections and descriptors besides, for
 * whoever is told to come later, and for /healthz. */
static uint32_t
most_requests(const struct worker *w, uint64_t max_files)
{
    uint32_t most = segment_capacity(w->segment)->flights_per_worker;
    uint64_t by_files = max_files / 20 * 8;

    if (by_files > 0 && by_files < most)
        most = (uint32_t)by_files;
    if (w->conf->max_requests != 0 && w->conf->max_requests < most)
        most = (uint32_t)w->conf->max_requests;
    return most;
}

static int
open_server(struct worker *w, struct errmsg *why)
{
    const struct conf *conf = w->conf;
    struct server_way ways[LIMIT_LISTENERS];

    for (size_t n = 0; n < conf->n_listeners; n++)
        ways[n] = heritage_way(&conf->listeners[n]);
    const struct server_conf server_conf = {
        .loop = w->loop,
        .handler = {.ctx = w,
                    .on_head = on_head,
                    .on_request = on_request,
                    .on_refused = on_refused},
        .max_body_bytes = (size_t)conf->max_body_bytes,
        .max_body_memory = (size_t)conf->max_body_memory,
        .max_connections = (uint32_t)conf->max_connections,
        .header_timeout_us = conf->header_timeout_us,
        .body_timeout_us = conf->body_timeout_us,
        .keepalive_timeout_us = conf->keepalive_timeout_us,
        .write_stall_timeout_us = conf->write_stall_timeout_us,
        .max_client_connections = (uint32_t)conf->max_client_connections,
        .max_client_strangers = (uint32_t)conf->max_client_strangers,
        .max_connection_requests = (uint32_t)conf->max_connection_requests,
        .max_connection_age_us = conf->max_connection_age_us,
        .body_rate = (size_t)conf->body_rate,
        .body_window_us = BODY_WINDOW_US,
        .write_rate = (size_t)conf->write_rate,
        .listener_fds = w->heritage->listener_fds,
        .n_listeners = w->heritage->n_listeners,
        .ways = ways,
        .vault = w->heritage->vault,
        .trusted_proxies = heritage_networks(&conf->trusted_proxies),
        .handshake_timeout_us = conf->handshake_timeout_us,
    };

    w->server = server_new(&server_conf, why);
    return w->server == NULL ? ERR_UNSAFE : 0;
}

static void
serve(struct worker *w)
{
    while (!w->is_over)
        loop_run_once(w->loop);
}

static void
tear_down(struct worker *w)
{
    drain_end_all(w);
    publish(w);
    server_free(&w->server);
    upstream_pool_free(&w->upstream_pool);
    inlined_close(w);
    flight_desk_close(&w->desk);
    timer_unset(w->loop, &w->heartbeat);
    timer_unset(w->loop, &w->look);
    timer_unset(w->loop, &w->drain_deadline);
    loop_free(&w->loop);
    access_log_close(&w->access_log);
    seal_free(&w->seal);
    hash_hmac_free(&w->pepper);
    if (w->scratch.pick.credential.ptr != NULL)
        secret_wipe(w->scratch.pick.credential.ptr, w->scratch.pick.credential.capacity);
    buf_fini(&w->scratch.pick.credential);
    buf_pool_fini(&w->bufs);
    request_free_spares(w);
    share_fini(&w->share);
    hedge_free_spares(w);
}

/* ---- requests ---- */

static bool
on_head(void *ctx, const struct http_request *head)
{
    return request_wants_body(worker_from(ctx), head);
}

static void
on_request(void *ctx, struct exchange *exchange, const struct http_request *http)
{
    request_start(worker_from(ctx), exchange, http);
}

/* Bytes that never became a request still get an id, a sentence and a trace. */
static void
on_refused(void *ctx, enum err_category category, const char *detail, const char *client_address,
           struct buf *out_body, struct slice *out_headers)
{
    struct worker *w = worker_from(ctx);
    const struct dialect *dialect = dialect_of(PROTOCOL_OPENAI_CHAT);
    struct refusal_record record = {.accepted_real_us = clock_real_us(),
                                    .endpoint = ENDPOINT_ROW_NONE,
                                    .protocol = PROTOCOL_OPENAI_CHAT,
                                    .category = (uint8_t)category,
                                    .status = (uint16_t)dialect->error_status(category)};
    char id[TEXT_UUID_SIZE];
    struct buf message;

    record.request_id = text_uuid_new(record.accepted_real_us);
    text_uuid_format(record.request_id, id);
    snprintf(record.client_address, sizeof(record.client_address), "%s", client_address);
    refusal_push(w->segment, w->slot, &record);
    worker_count(w, PROC_COUNTER_BAD_FRAMING, 1);
    log_refused(w, &record, id);

    buf_pool_take(&w->bufs, &message, BUF_POOL_KEEP_SIZE);
    dialect_error_message(category, detail, &message);
    dialect->write_error(category, buf_slice(&message), SLICE_LIT(""), record.request_id, out_body);
    buf_pool_give(&w->bufs, &message);
    int len = snprintf(w->refused_headers, sizeof(w->refused_headers),
                       "content-type: application/json\r\nx-request-id: %.36s\r\n"
                       "request-id: %.36s\r\nx-should-retry: false\r\n",
                       id, id);
    *out_headers = slice_of(w->refused_headers, (size_t)len);
}

static void
log_refused(struct worker *w, const struct refusal_record *record, const char *id)
{
    const struct access_line line = {
        .accepted_real_us = record->accepted_real_us,
        .request_id = id,
        .endpoint = "none",
        .category = err_category_name((enum err_category)record->category),
        .model = "",
        .user_agent = "",
        .client_address = record->client_address,
        .status = record->status,
        .provenance = "none",
    };

    access_log_add(&w->access_log, &line, loop_now_us(w->loop));
}

static void
on_turn(void *ctx)
{
    struct worker *w = worker_from(ctx);
    struct link *link;

    cut_turn(w);
    /* One write per stream and turn, whatever came in it. */
    while ((link = link_first(&w->unsent)) != NULL)
        reply_flush(request_from((char *)link - offsetof(struct request, in_unsent)));
    if (w->has_news)
        durable_nudge(w);
    access_log_turn(&w->access_log, loop_now_us(w->loop));
    shed_turn(w);
    if (w->is_draining && server_n_connections(w->server) == 0 &&
        link_first(&w->requests) == NULL) /* some go on without their callers */
        w->is_over = true;
}

/* ---- signs of life ---- */

static void
on_beat(struct timer *timer)
{
    struct worker *w = worker_from((char *)timer - offsetof(struct worker, heartbeat));
    int64_t now_us = clock_mono_us();

    proc_slot_beat(w->segment, w->slot, now_us);
    share_tick(&w->share);
    publish(w);
    timer_set(w->loop, timer, now_us + BEAT_INTERVAL_US, on_beat);
}

/* The libraries below count for themselves; the slot gets what has been added since. */
static void
publish(struct worker *w)
{
    struct worker_published *old = &w->published;
    struct worker_published now = {.n_accepted = server_n_accepted(w->server),
                                   .n_connections = server_n_connections(w->server),
                                   .n_body_bytes = server_n_body_bytes(w->server)};

    now.front = *server_front_counts(w->server);
    upstream_pool_view(w->upstream_pool, &now.pool);
    worker_count(w, PROC_COUNTER_CONNECTIONS, (int64_t)(now.n_accepted - old->n_accepted));
    worker_count(w, PROC_COUNTER_CONNECTIONS_OPEN,
                 (int64_t)now.n_connections - (int64_t)old->n_connections);
    worker_count(w, PROC_COUNTER_BODY_BYTES,
                 (int64_t)now.n_body_bytes - (int64_t)old->n_body_bytes);
    worker_count(w, PROC_COUNTER_TLS_HANDSHAKES,
                 (int64_t)(now.front.n_handshakes - old->front.n_handshakes));
    worker_count(w, PROC_COUNTER_TLS_FAILED,
                 (int64_t)(now.front.n_tls_failed - old->front.n_tls_failed));
    worker_count(w, PROC_COUNTER_PROXY_REFUSED,
                 (int64_t)(now.front.n_proxy_refused - old->front.n_proxy_refused));
    worker_count(w, PROC_COUNTER_TURNED_AWAY,
                 (int64_t)(now.front.n_turned_away - old->front.n_turned_away));
    worker_count(w, PROC_COUNTER_DISPLACED,
                 (int64_t)(now.front.n_displaced - old->front.n_displaced));
    worker_count(w, PROC_COUNTER_UPSTREAM_CALLS, (int64_t)(now.pool.n_calls - old->pool.n_calls));
    worker_count(w, PROC_COUNTER_UPSTREAM_REUSED,
                 (int64_t)(now.pool.n_reused - old->pool.n_reused));
    worker_count(w, PROC_COUNTER_UPSTREAM_REDIALS,
                 (int64_t)(now.pool.n_redials - old->pool.n_redials));
    worker_count(w, PROC_COUNTER_UPSTREAM_FAILED,
                 (int64_t)(now.pool.n_failed - old->pool.n_failed));
    *old = now;
}

void
worker_count(struct worker *w, enum proc_counter counter, int64_t n)
{
    proc_slot_count_add(w->segment, w->slot, counter, n);
}

const struct routing_settings *
worker_settings(struct worker *w)
{
    uint64_t epoch = catalog_epoch(w->catalog);

    if (epoch != w->settings_epoch) {
        catalog_get_settings(w->catalog, &w->settings);
        w->settings_epoch = epoch;
    }
    return &w->settings;
}

uint64_t
worker_random(struct worker *w)
{
    return hash_mix64(w->random += UINT64_C(0x9e3779b97f4a7c15));
}
