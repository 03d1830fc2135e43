/* SPDX-License-Identifier: ISC */
#include "metrics_route.h"

#include <stdlib.h>

#include "metrics_text.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"
#include "relayos/shm/tally.h"

/* One row of the catalog with what its health row says. */
struct route {
    char model[LIMIT_MODEL_NAME], upstream_model[LIMIT_MODEL_NAME], upstream[LIMIT_NAME];
    struct health_view view;
    bool is_up;
};
struct routes {
    struct route *rows;
    size_t n, room;
};

/* A figure of a model; which of them. */
typedef uint64_t model_figure(const struct tally_model *model);
typedef uint64_t route_figure(const struct route *route);

static void write_model(const struct report *report, struct buf *out, enum metrics_text_row row,
                        model_figure *figure);
static void write_tokens(const struct report *report, struct buf *out);
static void collect(const struct report *report, struct routes *routes);
static void collect_model(const struct report *report, const struct model_record *model,
                          uint64_t epoch, struct routes *routes);
static bool has_credential(const struct report *report, uint64_t epoch,
                           const struct upstream_record *upstream, int64_t now_us);
static bool credential_passes(const struct report *report, uint32_t row, int64_t now_us);
static void write_routes(const struct routes *routes, struct buf *out, enum metrics_text_row row,
                         route_figure *figure);
static void write_first_token(const struct routes *routes, struct buf *out);
static void write_credentials(const struct report *report, struct buf *out);

static uint64_t
requests_of(const struct tally_model *model)
{
    return model->requests;
}

static uint64_t
failed_of(const struct tally_model *model)
{
    return model->failed;
}

static uint64_t
attempts_of(const struct tally_model *model)
{
    return model->attempts;
}

static uint64_t
reasoning_of(const struct tally_model *model)
{
    return model->reasoning_tokens;
}

static uint64_t
charge_of(const struct tally_model *model)
{
    return model->charge_nusd;
}

static uint64_t
cost_of(const struct tally_model *model)
{
    return model->cost_nusd;
}

void
metrics_route_write_models(const struct report *report, struct buf *out)
{
    write_model(report, out, METRICS_MODEL_REQUESTS, requests_of);
    write_model(report, out, METRICS_MODEL_FAILED, failed_of);
    write_model(report, out, METRICS_MODEL_ATTEMPTS, attempts_of);
    write_tokens(report, out);
    write_model(report, out, METRICS_REASONING, reasoning_of);
    write_model(report, out, METRICS_CHARGE, charge_of);
    write_model(report, out, METRICS_COST, cost_of);
}

/* All that the registry knows, those that a reload took away included: a counter stays. */
static void
write_model(const struct report *report, struct buf *out, enum metrics_text_row row,
            model_figure *figure)
{
    struct tally_model model;

    metrics_text_begin(out, row);
    for (uint32_t id = 0; id < LIMIT_MODELS; id++) {
        const char *name = catalog_model_name(report->catalog, id);

        if (name[0] == '\0')
            return;
        tally_model(report->segment, id, &model);
        metrics_text_int(out, row, "", LABELS("model", name), figure(&model));
    }
}

/* Buckets that a model never had are left out: most have but three or four. */
static void
write_tokens(const struct report *report, struct buf *out)
{
    static const char *const buckets[USAGE_N_BUCKETS] = {
#define BUCKET(name, NAME, unit) #name,
        USAGE_BUCKETS(BUCKET)
#undef BUCKET
    };
    struct tally_model model;

    metrics_text_begin(out, METRICS_TOKENS);
    for (uint32_t id = 0; id < LIMIT_MODELS; id++) {
        const char *name = catalog_model_name(report->catalog, id);

        if (name[0] == '\0')
            return;
        tally_model(report->segment, id, &model);
        for (unsigned n = 0; n < USAGE_N_BUCKETS; n++) {
            if (model.units[n] > 0)
                metrics_text_int(out, METRICS_TOKENS, "",
                                 LABELS("model", name, "bucket", buckets[n]), model.units[n]);
        }
    }
}

static uint64_t
up_of(const struct route *route)
{
    return route->is_up;
}

static uint64_t
breaker_of(const struct route *route)
{
    return route->view.gate != HEALTH_PASSES;
}

static uint64_t
in_flight_of(const struct route *route)
{
    return route->view.figures.in_flight < 0 ? 0 : (uint64_t)route->view.figures.in_flight;
}

static uint64_t
successes_of(const struct route *route)
{
    return route->view.successes;
}

static uint64_t
failures_of(const struct route *route)
{
    return route->view.failures;
}

static uint64_t
overloads_of(const struct route *route)
{
    return route->view.overloads;
}

void
metrics_route_write(const struct report *report, struct buf *out)
{
    struct routes routes = {.n = 0};

    collect(report, &routes);
    write_routes(&routes, out, METRICS_ROUTE_UP, up_of);
    write_routes(&routes, out, METRICS_ROUTE_BREAKER, breaker_of);
    write_routes(&routes, out, METRICS_ROUTE_IN_FLIGHT, in_flight_of);
    write_routes(&routes, out, METRICS_ROUTE_SUCCESSES, successes_of);
    write_routes(&routes, out, METRICS_ROUTE_FAILURES, failures_of);
    write_routes(&routes, out, METRICS_ROUTE_OVERLOADS, overloads_of);
    write_first_token(&routes, out);
    write_credentials(report, out);
    free(routes.rows);
}

static void
collect(const struct report *report, struct routes *routes)
{
    struct model_record model;
    uint64_t epoch;

    for (uint32_t n = 0; catalog_model_at(report->catalog, n, &model, &epoch) == 0; n++)
        collect_model(report, &model, epoch, routes);
}

/* A snapshot that is gone in the middle ends the list: the next scrape has it all. */
static void
collect_model(const struct report *report, const struct model_record *model, uint64_t epoch,
              struct routes *routes)
{
    int64_t now_us = clock_mono_us();
    struct upstream_record upstream;
    struct route_record record;

    for (uint32_t n = 0; n < model->n_routes; n++) {
        if (catalog_get_route(report->catalog, epoch, model, n, &record, &upstream) != 0)
            return;
        if (routes->n == routes->room) {
            routes->room = routes->room == 0 ? 64 : 2 * routes->room;
            routes->rows = mem_array(routes->rows, routes->room, sizeof(*routes->rows));
        }

        struct route *route = &routes->rows[routes->n++];

        memcpy(route->model, model->name, sizeof(route->model));
        memcpy(route->upstream, upstream.name, sizeof(route->upstream));
        memcpy(route->upstream_model, record.upstream_model, sizeof(route->upstream_model));
        health_view(report->segment, record.health_row, now_us, &route->view);
        route->is_up = record.is_disabled == 0 && route->view.admin == HEALTH_ENABLED &&
                       route->view.gate == HEALTH_PASSES &&
                       has_credential(report, epoch, &upstream, now_us);
    }
}

static bool
has_credential(const struct report *report, uint64_t epoch, const struct upstream_record *upstream,
               int64_t now_us)
{
    struct credential_record credential;

    for (uint32_t n = 0; n < upstream->n_credentials; n++) {
        if (catalog_get_credential(report->catalog, epoch, upstream->id, n, &credential) == 0 &&
            credential_passes(report, credential.health_row, now_us))
            return true;
    }
    return false;
}

static bool
credential_passes(const struct report *report, uint32_t row, int64_t now_us)
{
    int64_t until_us;
    uint16_t status;

    return health_credential_passes(report->segment, row, now_us, &until_us, &status);
}

static void
write_routes(const struct routes *routes, struct buf *out, enum metrics_text_row row,
             route_figure *figure)
{
    metrics_text_begin(out, row);
    for (size_t n = 0; n < routes->n; n++) {
        const struct route *route = &routes->rows[n];

        metrics_text_int(out, row, "",
                         LABELS("model", route->model, "upstream", route->upstream,
                                "upstream_model", route->upstream_model),
                         figure(route));
    }
}

static void
write_first_token(const struct routes *routes, struct buf *out)
{
    metrics_text_begin(out, METRICS_ROUTE_FIRST_TOKEN);
    for (size_t n = 0; n < routes->n; n++) {
        const struct route *route = &routes->rows[n];

        if (route->view.figures.first_token_us > 0)
            metrics_text_us(out, METRICS_ROUTE_FIRST_TOKEN, "",
                            LABELS("model", route->model, "upstream", route->upstream,
                                   "upstream_model", route->upstream_model),
                            route->view.figures.first_token_us);
    }
}

static void
write_credentials(const struct report *report, struct buf *out)
{
    struct credential_record credential;
    struct upstream_record upstream;
    int64_t now_us = clock_mono_us();
    uint64_t epoch;

    metrics_text_begin(out, METRICS_CREDENTIAL_UP);
    for (uint32_t i = 0; catalog_upstream_at(report->catalog, i, &upstream, &epoch) == 0; i++) {
        for (uint32_t n = 0; n < upstream.n_credentials; n++) {
            if (catalog_get_credential(report->catalog, epoch, upstream.id, n, &credential) != 0)
                return;
            metrics_text_int(out, METRICS_CREDENTIAL_UP, "",
                             LABELS("upstream", upstream.name, "credential", credential.name),
                             credential_passes(report, credential.health_row, now_us));
        }
    }
}
