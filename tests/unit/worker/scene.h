/* SPDX-License-Identifier: ISC
 *
 * scene - a worker without a network: a segment, a catalog of two models, and one request that has
 * been admitted. Time stands still until scene_pass().
 *
 *   big     up-0, up-1, up-2 (three credentials), tiers 0 0 0
 *   small   up-0 alone
 */
#ifndef TESTS_WORKER_SCENE_H
#define TESTS_WORKER_SCENE_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pick.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/policy/route.h"
#include "relayos/shm/affinity.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"
#include "request.h"
#include "verdict.h"
#include "worker.h"

#define SCENE_START_US INT64_C(100000000000)
#define SCENE_SECOND   INT64_C(1000000)
#define SCENE_ROUTES   3

struct scene_upstream {
    uint32_t protocols, n_credentials;
    const char *family;
};

struct scene {
    struct segment *segment;
    struct catalog *catalog;
    struct conf conf;
    struct worker worker;
    struct request request;
    struct flight_record record;
    struct timer timer;
    int64_t now_us;

    /* What the next scene_commit() publishes. */
    struct routing_settings settings;
    struct scene_upstream upstreams[SCENE_ROUTES];
    struct route_record routes[SCENE_ROUTES]; /* of "big"; "small" has the like of the first */
    uint32_t n_routes;
    struct model_record big, small;

    struct refusal_reason why;
};

static inline uint32_t
scene_id(const char *kind, uint32_t n)
{
    char name[96];

    snprintf(name, sizeof(name), "%s-%u", kind, n);
    return (uint32_t)hash_table64(slice_str(name));
}

static inline uint32_t
scene_row(struct scene *s, uint32_t id)
{
    uint32_t row = 0;

    cr_assert_eq(health_intern(s->segment, id, &row), 0);
    return row;
}

static inline struct route_record
scene_route(struct scene *s, const char *model, uint32_t n)
{
    struct route_record route = {.id = scene_id(model, n), .upstream_id = n, .weight = 100};

    snprintf(route.upstream_model, sizeof(route.upstream_model), "%s-at-%u", model, n);
    route.health_row = scene_row(s, route.id);
    return route;
}

static inline void
scene_put_upstream(struct scene *s, uint32_t n)
{
    static char bytes[LIMIT_CREDENTIALS][16];
    struct upstream_record upstream = {
        .protocols = s->upstreams[n].protocols,
        .family = (uint32_t)hash_table64(slice_str(s->upstreams[n].family))};
    struct credential_record credentials[LIMIT_CREDENTIALS] = {0};
    struct slice secrets[LIMIT_CREDENTIALS];

    snprintf(upstream.name, sizeof(upstream.name), "up-%u", n);
    for (uint32_t i = 0; i < s->upstreams[n].n_credentials; i++) {
        snprintf(credentials[i].name, sizeof(credentials[i].name), "c%u", i);
        credentials[i].id = scene_id(upstream.name, i);
        credentials[i].health_row = scene_row(s, credentials[i].id);
        snprintf(bytes[i], sizeof(bytes[i]), "sk-%u-%u", n, i);
        secrets[i] = slice_str(bytes[i]);
    }
    cr_assert_eq(catalog_put_upstream(s->catalog, &upstream, credentials, secrets,
                                      s->upstreams[n].n_credentials),
                 0);
}

static inline void
scene_put_model(struct scene *s, struct model_record *model, const struct route_record *routes,
                uint32_t n)
{
    cr_assert_eq(catalog_intern(s->catalog, slice_str(model->name), &model->id), 0);
    cr_assert_eq(catalog_put_model(s->catalog, model, routes, n), 0);
}

static inline void
scene_commit(struct scene *s)
{
    struct route_record small = scene_route(s, "small", 0);

    catalog_begin(s->catalog);
    catalog_put_settings(s->catalog, &s->settings);
    for (uint32_t n = 0; n < SCENE_ROUTES; n++)
        scene_put_upstream(s, n);
    scene_put_model(s, &s->small, &small, 1);
    s->big.fallbacks[0] = s->small.id;
    scene_put_model(s, &s->big, s->routes, s->n_routes);
    catalog_commit(s->catalog);
}

/* Another request of the same key for "big", just admitted. */
static inline void
scene_ask(struct scene *s)
{
    struct request *r = &s->request;
    uint64_t epoch;

    buf_fini(&r->ids);
    memset(r, 0, sizeof(*r));
    memset(&s->record, 0, sizeof(s->record));
    r->magic = REQUEST_MAGIC;
    r->worker = &s->worker;
    r->record = &s->record;
    r->dialect = dialect_of(PROTOCOL_OPENAI_CHAT);
    r->leg = &r->own_leg;
    r->own_leg.request = r;
    r->key_id = 7;
    r->owner_hash = 70;
    r->facts.operation = OPERATION_CHAT;
    r->facts.body = SLICE_LIT("{\"model\":\"big\",\"messages\":[]}");
    cr_assert_eq(catalog_find_model(s->catalog, SLICE_LIT("big"), &s->worker.scratch.model,
                                    &s->worker.scratch.model_epoch),
                 0);
    epoch = s->worker.scratch.model_epoch;
    cr_assert_neq(epoch, 0);
    r->served_model_id = s->record.model_id = s->big.id;
    r->served_model = catalog_model_name(s->catalog, s->big.id);
    r->fallback_on = s->big.fallback_on;
    r->fallbacks[0] = s->big.fallbacks[0];
    r->fallbacks_allowed = 1;
    snprintf(s->record.model, sizeof(s->record.model), "big");
}

static inline struct scene *
scene_new(void)
{
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 16,
                                                     .keys = 16,
                                                     .routes = 16,
                                                     .upstreams = 8,
                                                     .quota_cells = 16,
                                                     .refusals_per_worker = 16,
                                                     .idempotency = 16};
    struct scene *s = calloc(1, sizeof(*s));
    struct errmsg why = {""};
    char name[64];

    clock_fake_set(s->now_us = SCENE_START_US, SCENE_START_US);
    snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &s->segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    s->catalog = catalog_new(s->segment);
    s->worker = (struct worker){.magic = WORKER_MAGIC,
                                .conf = &s->conf,
                                .segment = s->segment,
                                .catalog = s->catalog,
                                .loop = loop_new(),
                                .random = 1};
    buf_init(&s->worker.scratch.pick.credential, LIMIT_CREDENTIAL);
    s->settings = (struct routing_settings){.max_attempts = 3,
                                            .retry_percent = 20,
                                            .retry_min = 10,
                                            .breaker_failures = 5,
                                            .breaker_percent = 50,
                                            .breaker_calls = 20,
                                            .hedge_percent = 10,
                                            .open_us = 5 * SCENE_SECOND,
                                            .open_max_us = 300 * SCENE_SECOND,
                                            .affinity_ttl_us = 600 * SCENE_SECOND};
    snprintf(s->small.name, sizeof(s->small.name), "small");
    snprintf(s->big.name, sizeof(s->big.name), "big");
    s->big.fallback_on = FALLBACK_OUTAGE | FALLBACK_OVERLOAD;
    s->big.n_fallbacks = 1;
    s->n_routes = SCENE_ROUTES;
    for (uint32_t n = 0; n < SCENE_ROUTES; n++) {
        s->upstreams[n] =
            (struct scene_upstream){PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT), n == 2 ? 3 : 1, "acme"};
        s->routes[n] = scene_route(s, "big", n);
    }
    scene_commit(s);
    scene_ask(s);
    return s;
}

static inline void
scene_free(struct scene *s)
{
    buf_fini(&s->worker.scratch.pick.credential);
    buf_fini(&s->request.ids);
    loop_free(&s->worker.loop);
    catalog_free(&s->catalog);
    segment_detach(&s->segment);
    free(s);
    clock_fake_stop();
}

static inline void
scene_on_timer(struct timer *timer)
{
    (void)timer;
}

static inline void
scene_pass(struct scene *s, int64_t us)
{
    s->now_us += us;
    clock_fake_set(s->now_us, s->now_us);
    timer_set(s->worker.loop, &s->timer, s->now_us, scene_on_timer);
    loop_run_once(s->worker.loop); /* it takes the time anew */
}

static inline int
scene_pick(struct scene *s, enum attempt_reason reason)
{
    s->why = (struct refusal_reason){"", ""};
    return pick_route(&s->request, reason, &s->worker.scratch.pick, &s->why);
}

/* Which of the three it is. */
static inline uint32_t
scene_picked(const struct scene *s)
{
    for (uint32_t n = 0; n < s->n_routes; n++)
        if (s->worker.scratch.pick.route.id == s->routes[n].id)
            return n;
    return UINT32_MAX;
}

/* The picked route is called, and that ends so. */
static inline void
scene_call(struct scene *s, enum attempt_outcome outcome, enum err_category category, int status)
{
    const struct pick *pick = &s->worker.scratch.pick;

    cr_assert_lt(s->record.n_attempts, LIMIT_ATTEMPTS);

    struct flight_attempt *attempt = &s->record.attempts[s->record.n_attempts++];

    *attempt = (struct flight_attempt){.route_id = pick->route.id,
                                       .model_id = pick->model_id,
                                       .outcome = (uint8_t)outcome,
                                       .category = (uint8_t)category,
                                       .status = (uint16_t)status,
                                       .start_us = s->now_us,
                                       .end_us = s->now_us};
    snprintf(attempt->credential, sizeof(attempt->credential), "%.23s",
             pick->credential_record.name);
    snprintf(attempt->upstream, sizeof(attempt->upstream), "%s", pick->upstream.name);
    health_begin(s->segment, s->worker.slot, pick->route.health_row);

    /* In words where the status is another. */
    bool is_refusal = category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE;
    uint16_t said = status >= 401 && status <= 404 ? (uint16_t)status : 402;
    const struct verdict verdict = {.attempt = attempt,
                                    .refusal = is_refusal ? said : 0,
                                    .health_row = pick->route.health_row,
                                    .credential_row = pick->credential_record.health_row,
                                    .credential_id = pick->credential_record.id,
                                    .n_credential = pick->n_credential,
                                    .is_trial = pick->is_trial,
                                    .is_crowded = pick->is_crowded};
    verdict_report(&s->request, &verdict);
}

/* Its breaker opens, now. */
static inline void
scene_break(struct scene *s, uint32_t n)
{
    const struct health_outcome fault = {.verdict = HEALTH_FAULT, .now_us = s->now_us};

    for (uint32_t i = 0; i < s->settings.breaker_failures; i++) {
        health_begin(s->segment, 0, s->routes[n].health_row);
        (void)health_end(s->segment, 0, s->routes[n].health_row, &fault, &s->settings);
    }
}

/* The health row of credential n of an upstream. */
static inline uint32_t
scene_credential_row(struct scene *s, uint32_t n_upstream, uint32_t n)
{
    char name[16];

    snprintf(name, sizeof(name), "up-%u", n_upstream);
    return scene_row(s, scene_id(name, n));
}

static inline void
scene_fail_credentials(struct scene *s, uint32_t n_upstream, uint32_t n_credentials,
                       uint16_t status)
{
    for (uint32_t n = 0; n < n_credentials; n++)
        cr_assert(health_credential_fail(s->segment, scene_credential_row(s, n_upstream, n), status,
                                         30, &s->settings, s->now_us));
}

/* What the trace says of it. */
static inline enum route_exclusion
scene_noted(const struct scene *s, uint32_t n)
{
    for (uint32_t i = 0; i < s->record.n_choices; i++)
        if (s->record.choices[i].route_id == s->routes[n].id)
            return (enum route_exclusion)s->record.choices[i].exclusion;
    return ROUTE_N_EXCLUSIONS;
}

#endif
