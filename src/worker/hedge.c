/* SPDX-License-Identifier: ISC
 *
 * hedge - request->leg is the one that counts (its usage, its stages), request->beside the other.
 */
#include "hedge.h"

#include <stdlib.h>

#include "failover.h"
#include "leg.h"
#include "pick.h"
#include "relay.h"
#include "relayos/base/crash.h"
#include "relayos/base/mem.h"
#include "relayos/policy/price.h"
#include "relayos/shm/health.h"
#include "request.h"

#define SPARES_MAX 16

struct hedge {
    struct leg leg; /* first: a leg that is not the request's own is one of these */
    struct price cost;
    struct hedge *next; /* among the spares */
};

static struct leg *take(struct request *r);
static void give(struct leg *leg);
static void make_first(struct leg *leg);
static void swap_costs(struct leg *leg, struct leg *other);

int64_t
hedge_delay(const struct leg *leg)
{
    const struct request *r = leg->request;
    struct worker *worker = r->worker;

    /* State that lies upstream has one place. */
    if (!worker->scratch.model.may_hedge || r->is_hedged || r->facts.n_state_ids > 0)
        return 0;
    const struct routing_settings *settings = worker_settings(worker);
    if (settings->hedge_percent == 0)
        return 0;
    int64_t delay_us = health_first_token_p95(worker->segment, leg->health_row);
    return delay_us > settings->hedge_min_us ? delay_us : settings->hedge_min_us;
}

void
hedge_start(struct request *r)
{
    struct worker *worker = r->worker;
    struct pick *pick = &worker->scratch.pick;
    enum flight_stage stage = r->stage;
    int64_t selected_us = r->record->stage_us[FLIGHT_STAGE_ROUTE_SELECTED];

    if (r->is_hedged || !failover_may_try(r))
        return;
    r->is_hedged = true;
    int err = pick_route(r, ATTEMPT_HEDGE, pick, &worker->scratch.why);
    r->retry_after_s = 0; /* that there is no second one is nothing to tell */
    if (err == 0) {
        r->beside = take(r);
        relay_start_leg(r->beside, pick);
        CRASH_POINT("hedge.started");
    }
    /* The stages are the first one's until the second wins. */
    r->stage = stage;
    r->record->stage_us[FLIGHT_STAGE_ROUTE_SELECTED] = selected_us;
}

static struct leg *
take(struct request *r)
{
    struct worker *worker = r->worker;
    struct hedge *hedge = worker->spare_hedges;

    if (hedge == NULL) {
        hedge = mem_zalloc(sizeof(*hedge));
    } else {
        worker->spare_hedges = hedge->next;
        worker->n_spare_hedges--;
        *hedge = (struct hedge){0};
    }
    hedge->leg.request = r;
    hedge->leg.cost = &hedge->cost;
    return &hedge->leg;
}

static void
give(struct leg *leg)
{
    struct worker *worker = leg->request->worker;
    struct hedge *hedge = (struct hedge *)leg;

    if (worker->n_spare_hedges == SPARES_MAX) {
        free(hedge);
        return;
    }
    hedge->next = worker->spare_hedges;
    worker->spare_hedges = hedge;
    worker->n_spare_hedges++;
}

void
hedge_win(struct leg *leg)
{
    struct request *r = leg->request;

    if (r->beside == NULL)
        return;
    if (leg != r->leg)
        make_first(leg);
    hedge_drop(r);
}

bool
hedge_goes_on(struct leg *leg)
{
    struct request *r = leg->request;

    if (r->beside == NULL)
        return false;
    if (leg == r->leg)
        make_first(r->beside);
    hedge_drop(r);
    return true;
}

/* They change places: what the record says of the request's leg is now said of this one. */
static void
make_first(struct leg *leg)
{
    static const struct usage nothing;
    struct request *r = leg->request;
    struct leg *other = r->leg;
    int64_t *stage_us = r->record->stage_us;

    r->leg = leg;
    r->beside = other;
    swap_costs(leg, other);
    CRASH_POINT("hedge.swapped");
    stage_us[FLIGHT_STAGE_ROUTE_SELECTED] = leg->attempt->start_us;
    stage_us[FLIGHT_STAGE_DISPATCHED] = leg->attempt->start_us;
    stage_us[FLIGHT_STAGE_FIRST_BYTE] = leg->attempt->first_byte_us;
    if (leg->stream.usage.is_reported || other->stream.usage.is_reported)
        flight_note_usage(r->flight, leg->stream.usage.is_reported ? &leg->stream.usage : &nothing);
}

/* The record has the cost of the one that counts. */
static void
swap_costs(struct leg *leg, struct leg *other)
{
    struct price *place = leg->cost;
    struct price cost;

    price_copy(&cost, leg->cost);
    price_copy(leg->cost, other->cost);
    price_copy(other->cost, &cost);
    leg->cost = other->cost;
    other->cost = place;
}

void
hedge_drop(struct request *r)
{
    struct leg *leg = r->beside;

    if (leg == NULL)
        return;
    r->beside = NULL;
    leg_end(leg, ATTEMPT_CANCELLED, ERR_CATEGORY_NONE);
    leg_close(leg);
    if (leg != &r->own_leg)
        give(leg);
}

void
hedge_dispose(struct request *r)
{
    assert(r->beside == NULL);
    if (r->leg != &r->own_leg)
        give(r->leg);
}

void
hedge_free_spares(struct worker *worker)
{
    while (worker->spare_hedges != NULL) {
        struct hedge *hedge = worker->spare_hedges;

        worker->spare_hedges = hedge->next;
        free(hedge);
    }
}
