/* SPDX-License-Identifier: ISC */
#include "explain_route.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/policy/price.h"
#include "relayos/policy/route_gate.h"
#include "relayos/shm/health.h"

#define TRIES 3 /* a catalog snapshot may go away under us */

static int look_once(struct ledger *ledger, struct slice model,
                     const struct explain_question *question, struct explain_routes *out);
static void draw(const struct route_gate *gate, const struct explain_question *question,
                 struct explain_routes *routes);
static void put_in_order(const struct explain_question *question, struct explain_routes *routes);
static uint32_t next_of(const struct explain_question *question, struct explain_routes *routes);
static uint32_t list_best_tier(const struct explain_routes *routes, bool wants_trial,
                               uint16_t *out);
static void write_route(struct ledger *ledger, const struct explain_routes *routes, uint32_t at,
                        const struct explain_question *question, struct frame_out *out);
static void write_state(const struct explain_routes *routes, uint32_t at,
                        const struct explain_question *question, struct frame_out *out);
static int64_t cost_of(const struct route_record *route, const struct explain_question *question);

int
explain_route_look(struct ledger *ledger, struct slice model,
                   const struct explain_question *question, struct explain_routes *out)
{
    int rc = ERR_CONFLICT;

    for (int i = 0; i < TRIES && rc == ERR_CONFLICT; i++)
        rc = look_once(ledger, model, question, out);
    return rc;
}

/* Any protocol will do: the key does not say which one its tool speaks. */
static int
look_once(struct ledger *ledger, struct slice model, const struct explain_question *question,
          struct explain_routes *out)
{
    const struct catalog *catalog = ledger->catalog;
    struct route_gate gate = {.segment = ledger->segment,
                              .key_id = question->key_id,
                              .now_us = question->now_us,
                              .protocols = UINT32_MAX};
    int rc = catalog_find_model(catalog, model, &out->model, &out->epoch);

    if (rc != 0)
        return rc;
    const struct route_option *options = catalog_options(catalog, out->epoch, &out->model);
    gate.credentials = catalog_credentials(catalog, out->epoch);
    if (options == NULL || gate.credentials == NULL)
        return ERR_CONFLICT;
    out->n = out->model.n_routes <= LIMIT_MODEL_ROUTES ? out->model.n_routes : 0;
    memcpy(out->options, options, out->n * sizeof(*options));
    route_gate_options(&gate, out->options, out->n, out->candidates);
    if (!catalog_is_whole(catalog, out->epoch))
        return ERR_CONFLICT;
    route_gate_exclude_full(&gate, out->candidates, out->n);
    for (uint32_t i = 0; i < out->n; i++)
        health_figures(ledger->segment, out->options[i].health_row, question->now_us,
                       &out->candidates[i].figures);
    draw(&gate, question, out);
    put_in_order(question, out);
    out->err = out->n_usable > 0
                   ? 0
                   : route_nothing(out->candidates, out->n, question->now_us, &out->retry_us);
    out->is_panic = out->n_usable == 0 && route_panic(out->candidates, out->n) < out->n;
    return 0;
}

/* Some policies draw: how often each would come first is found by choosing often. */
static void
draw(const struct route_gate *gate, const struct explain_question *question,
     struct explain_routes *routes)
{
    struct route_question one = question->route;

    memset(routes->n_first, 0, sizeof(routes->n_first));
    for (uint64_t i = 0; i < EXPLAIN_DRAWS; i++) {
        one.random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        uint32_t at = route_gate_choose(gate, &one, routes->candidates, routes->n);

        if (at < routes->n)
            routes->n_first[at]++;
    }
}

static void
put_in_order(const struct explain_question *question, struct explain_routes *routes)
{
    uint32_t at, n = 0;

    while ((at = next_of(question, routes)) < routes->n) {
        routes->order[n++] = (uint16_t)at;
        routes->candidates[at].exclusion = ROUTE_TRIED;
    }
    routes->n_usable = n;
    for (uint32_t i = 0; i < n; i++)
        routes->candidates[routes->order[i]].exclusion = ROUTE_USABLE;
    for (uint32_t i = 0; i < routes->n; i++)
        if (routes->candidates[i].exclusion != ROUTE_USABLE)
            routes->order[n++] = (uint16_t)i;
}

/* The best of what is left, all of a tier compared; one that wants a trial after those that are
 * well. n: nothing is left. */
static uint32_t
next_of(const struct explain_question *question, struct explain_routes *routes)
{
    uint16_t list[LIMIT_MODEL_ROUTES];
    uint32_t n = list_best_tier(routes, false, list);

    if (n == 0)
        n = list_best_tier(routes, true, list);
    if (n == 0)
        return routes->n;

    uint32_t best = route_best(&question->route, routes->candidates, list, n);
    if (question->route.policy == ROUTE_WEIGHTED) /* the likeliest */
        for (uint32_t i = 0; i < n; i++)
            if (routes->options[list[i]].weight > routes->options[best].weight)
                best = list[i];
    return best;
}

static uint32_t
list_best_tier(const struct explain_routes *routes, bool wants_trial, uint16_t *out)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < routes->n; i++) {
        const struct route_candidate *candidate = &routes->candidates[i];

        if (candidate->exclusion != ROUTE_USABLE || candidate->wants_trial != wants_trial)
            continue;
        if (n > 0 && routes->options[i].tier > routes->options[out[0]].tier)
            break; /* they stand by rising tier */
        out[n++] = (uint16_t)i;
    }
    return n;
}

void
explain_route_write(struct ledger *ledger, const struct explain_routes *routes,
                    const struct explain_question *question, struct frame_out *out)
{
    frame_array(out, "routes");
    for (uint32_t i = 0; i < routes->n; i++)
        write_route(ledger, routes, routes->order[i], question, out);
    frame_end(out);
}

static void
write_route(struct ledger *ledger, const struct explain_routes *routes, uint32_t at,
            const struct explain_question *question, struct frame_out *out)
{
    const struct route_candidate *candidate = &routes->candidates[at];
    const struct health_figures *figures = &candidate->figures;
    struct upstream_record upstream = {.name = ""};
    struct route_record route = {.id = routes->options[at].id};
    char id[16];
    bool is_there = catalog_get_route(ledger->catalog, routes->epoch, &routes->model, at, &route,
                                      &upstream) == 0;

    snprintf(id, sizeof(id), "%08x", routes->options[at].id);
    frame_map(out, NULL);
    frame_cstr(out, "id", id);
    frame_cstr(out, "upstream", upstream.name);
    frame_cstr(out, "upstream_model", route.upstream_model);
    frame_int(out, "tier", routes->options[at].tier);
    frame_int(out, "weight", routes->options[at].weight);
    write_state(routes, at, question, out);
    frame_int(out, "first_permille", routes->n_first[at] * 1000 / EXPLAIN_DRAWS);
    frame_int_if(out, "score", candidate->exclusion == ROUTE_USABLE, candidate->score);
    frame_int_if(out, "cost_nusd", is_there, cost_of(&route, question));
    frame_int(out, "in_flight", figures->in_flight);
    int64_t limit = figures->limit;
    if (route.max_concurrent != 0 && route.max_concurrent < limit)
        limit = route.max_concurrent;
    frame_int_if(out, "limit", limit != INT64_MAX, limit);
    frame_int_known(out, "first_token_us", figures->first_token_us);
    frame_int(out, "success_permille", figures->success_permille);
    frame_end(out);
}

static void
write_state(const struct explain_routes *routes, uint32_t at,
            const struct explain_question *question, struct frame_out *out)
{
    const struct route_candidate *candidate = &routes->candidates[at];
    enum route_exclusion exclusion = (enum route_exclusion)candidate->exclusion;
    bool has_end = exclusion != ROUTE_USABLE && candidate->until_us > question->now_us;

    frame_cstr(out, "state",
               exclusion == ROUTE_USABLE && candidate->wants_trial
                   ? "trial"
                   : route_exclusion_name(exclusion));
    frame_cstr(out, "reason", route_exclusion_text(exclusion));
    frame_int_if(out, "until_us", has_end,
                 candidate->until_us - question->now_us + question->now_real_us);
}

/* What the operator would pay there, with nothing in a cache. */
static int64_t
cost_of(const struct route_record *route, const struct explain_question *question)
{
    struct usage usage = {.count = {[USAGE_INPUT] = question->route.prompt_tokens,
                                    [USAGE_OUTPUT] = question->route.output_tokens,
                                    [USAGE_REQUEST] = 1}};

    return price_charge_nusd(&usage,
                             price_at(&route->cost, route->cost_changes, question->now_real_us));
}
