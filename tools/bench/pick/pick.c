/* SPDX-License-Identifier: ISC
 *
 * pick - what the choice of a route costs a worker, by policy and number of routes: options read in
 * the catalog, gates and figures in the segment, the choice itself; as src/worker/pick.c has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/policy/route_gate.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/health.h"

#define N_CHOICES   20000
#define N_ROUNDS    100 /* the best of them is told: the machine has other work, too */
#define N_WORKERS   4
#define ROUTES_MAX  100
#define GOAL_NS     1000
#define LIMIT_CALLS 1000

static const uint32_t sizes[] = {1, 3, 10, ROUTES_MAX};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static struct segment *segment;
static struct catalog *catalog;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static void make_segment(void);
static void make_catalog(uint32_t max_concurrent);
static void make_model(uint32_t n_routes, uint32_t max_concurrent);
static void make_history(void);
static bool measure(const char *what, bool is_pinned);
static double measure_one(uint32_t n_routes, enum route_policy policy, bool is_pinned);
static uint32_t choose(const struct model_record *model, uint64_t epoch, enum route_policy policy,
                       struct route_gate *gate);
static uint64_t next_random(void);
static void must(int rc);

int
main(void)
{
    bool is_met;

    make_segment();
    make_catalog(0);
    make_history();
    is_met = measure("no limits", false);
    is_met &= measure("a conversation with a place", true);
    make_catalog(LIMIT_CALLS);
    is_met &= measure("max_concurrent on each", false);
    catalog_free(&catalog);
    segment_detach(&segment);
    printf("%s: %d routes in less than %d ns by every policy\n", is_met ? "met" : "not met",
           ROUTES_MAX, GOAL_NS);
    return is_met ? 0 : 1;
}

static void
make_segment(void)
{
    const struct segment_capacity capacity = {.n_workers = N_WORKERS,
                                              .flights_per_worker = 64,
                                              .keys = 1024,
                                              .routes = 1024,
                                              .upstreams = 256,
                                              .quota_cells = 1024,
                                              .refusals_per_worker = 64};
    struct errmsg why = {""};
    char name[64];

    snprintf(name, sizeof(name), "relayos-bench-%ld", (long)getpid());
    if (segment_create(name, &capacity, &segment, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    segment_unlink(name);
    catalog = catalog_new(segment);
}

/* Upstreams each with a credential, and a model of each size. */
static void
make_catalog(uint32_t max_concurrent)
{
    catalog_begin(catalog);
    for (uint32_t i = 0; i < ROUTES_MAX; i++) {
        struct upstream_record upstream = {.protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT)};
        struct credential_record credential = {.id = 0x10000 + i};
        struct slice bytes = SLICE_LIT("secret");

        snprintf(upstream.name, sizeof(upstream.name), "upstream-%u", i);
        must(health_intern(segment, credential.id, &credential.health_row));
        must(catalog_put_upstream(catalog, &upstream, &credential, &bytes, 1));
    }
    for (size_t i = 0; i < N_SIZES; i++)
        make_model(sizes[i], max_concurrent);
    catalog_commit(catalog);
}

static void
make_model(uint32_t n_routes, uint32_t max_concurrent)
{
    static struct route_record routes[ROUTES_MAX];
    struct model_record model = {.created_s = 1};

    snprintf(model.name, sizeof(model.name), "model-%u", n_routes);
    must(catalog_intern(catalog, slice_str(model.name), &model.id));
    for (uint32_t i = 0; i < n_routes; i++) {
        struct route_record *route = &routes[i];

        *route = (struct route_record){.id = n_routes << 8 | i,
                                       .upstream_id = i,
                                       .weight = 100 + i,
                                       .max_concurrent = max_concurrent};
        route->cost.nusd[USAGE_INPUT] = 1000000 + next_random() % 1000000;
        route->cost.nusd[USAGE_OUTPUT] = 4000000 + next_random() % 4000000;
        route->cost.nusd[USAGE_CACHE_READ] = 100000;
        must(health_intern(segment, route->id, &route->health_row));
    }
    must(catalog_put_model(catalog, &model, routes, n_routes));
}

/* Calls of every worker on every route: some run, some have failed, none has a figure of 0. */
static void
make_history(void)
{
    struct routing_settings settings = {.breaker_failures = 0};
    int64_t now_us = clock_mono_us();

    for (size_t i = 0; i < N_SIZES; i++)
        for (uint32_t n = 0; n < sizes[i] * N_WORKERS * 20; n++) {
            uint32_t slot = n % N_WORKERS, row;
            struct health_outcome outcome = {
                .verdict = next_random() % 16 == 0 ? HEALTH_FAULT : HEALTH_OK,
                .first_token_us = (int64_t)(200000 + next_random() % 800000),
                .now_us = now_us};

            must(health_row(segment, sizes[i] << 8 | n / N_WORKERS % sizes[i], &row));
            health_begin(segment, slot, row);
            if (next_random() % 8 != 0)
                (void)health_end(segment, slot, row, &outcome, &settings);
        }
}

static bool
measure(const char *what, bool is_pinned)
{
    static const char *const names[] = ROUTE_POLICY_NAMES;
    bool is_met = true;

    printf("%s\n%10s", what, "routes");
    for (size_t i = 0; i < N_SIZES; i++)
        printf("%10u", sizes[i]);
    printf("\n");
    for (int policy = 0; policy < ROUTE_N_POLICIES; policy++) {
        printf("%10s", names[policy]);
        for (size_t i = 0; i < N_SIZES; i++) {
            double ns = measure_one(sizes[i], (enum route_policy)policy, is_pinned);

            printf("%7.0f ns", ns);
            is_met &= ns < GOAL_NS;
        }
        printf("\n");
    }
    return is_met;
}

static double
measure_one(uint32_t n_routes, enum route_policy policy, bool is_pinned)
{
    struct route_gate gate = {.segment = segment,
                              .key_id = 1,
                              .protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT),
                              .is_pinned = is_pinned};
    struct model_record model;
    char name[LIMIT_MODEL_NAME];
    uint64_t epoch, sum = 0;
    int64_t best_us = INT64_MAX;
    uint32_t n_choices = N_CHOICES / (10 + n_routes) * 10;

    snprintf(name, sizeof(name), "model-%u", n_routes);
    must(catalog_find_model(catalog, slice_str(name), &model, &epoch));
    gate.pin.health_row = catalog_options(catalog, epoch, &model)[n_routes / 2].health_row;
    for (int round = 0; round < N_ROUNDS; round++) {
        int64_t start_us = clock_mono_us();

        gate.now_us = start_us;
        for (uint32_t i = 0; i < n_choices; i++)
            sum += choose(&model, epoch, policy, &gate);

        int64_t us = clock_mono_us() - start_us;
        best_us = us < best_us ? us : best_us;
    }
    if (sum == 0 && n_routes > 1 && policy != ROUTE_ORDERED && policy != ROUTE_CHEAPEST)
        printf(" (always the first?)");
    return (double)best_us * 1000 / n_choices;
}

/* The shape of pick.c: gather, shortlist, figures of these, best, and was the snapshot whole? */
static uint32_t
choose(const struct model_record *model, uint64_t epoch, enum route_policy policy,
       struct route_gate *gate)
{
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    const struct route_option *options = catalog_options(catalog, epoch, model);
    struct route_question question = {
        .policy = policy, .random = next_random(), .prompt_tokens = 20000, .output_tokens = 1000};

    gate->credentials = catalog_credentials(catalog, epoch);
    route_gate_options(gate, options, model->n_routes, candidates);

    uint32_t chosen = route_gate_choose(gate, &question, candidates, model->n_routes);
    return catalog_is_whole(catalog, epoch) ? chosen : 0;
}

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void
must(int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "pick: %d\n", rc);
    exit(1);
}
