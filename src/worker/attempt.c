/* SPDX-License-Identifier: ISC
 *
 * attempt - who was asked, when, and how it ended.
 */
#include "attempt.h"

#include <stdatomic.h>

#include "charge.h"
#include "pick.h"
#include "relayos/policy/price.h"
#include "relayos/shm/health.h"
#include "request.h"

static void pin_cost(struct flight_record *record, const struct route_record *route);
static void note_unsettled(struct request *r, struct flight_attempt *attempt)
    __attribute__((cold, noinline));
static void note_cost(struct flight_attempt *attempt, const struct charge *charge, int64_t nusd);

void
attempt_begin(struct request *r, const struct pick *pick)
{
    static const struct usage nothing;
    struct flight_record *record = r->record;

    assert(record->n_attempts < LIMIT_ATTEMPTS);
    struct flight_attempt *attempt = &record->attempts[record->n_attempts];
    memset(attempt, 0, offsetof(struct flight_attempt, upstream)); /* what an earlier flight left */
    attempt->route_id = pick->route.id;
    attempt->outcome = ATTEMPT_RUNNING;
    attempt->start_us = r->record->stage_us[FLIGHT_STAGE_ROUTE_SELECTED];
    memcpy(attempt->upstream, pick->upstream.name, sizeof(attempt->upstream));
    memcpy(attempt->upstream_model, pick->route.upstream_model, sizeof(attempt->upstream_model));
    attempt->upstream_request_id[0] = attempt->note[0] = '\0';
    if (r->stream.usage.is_reported) /* by the attempt before, which never reached the caller */
        flight_note_usage(r->flight, &nothing);
    pin_cost(record, &pick->route);
    atomic_signal_fence(memory_order_release); /* a kill finds it whole, or not at all */
    record->n_attempts++;

    r->health_row = pick->health_row;
    if (r->health_row != PICK_NO_HEALTH)
        health_begin(r->worker->segment, r->worker->slot, r->health_row);
}

/* The cost that held when the request was admitted. */
static void
pin_cost(struct flight_record *record, const struct route_record *route)
{
    const struct price *cost = &route->cost;

    if (route->cost_until_us != 0)
        cost = price_at(cost, route->cost_changes, record->accepted_real_us);
    price_copy(&record->cost, cost);
}

void
attempt_report(struct request *r, const struct upstream_report *report)
{
    struct flight_attempt *attempt = attempt_current(r);

    attempt->is_reused = report->is_reused;
    attempt->n_redials = report->n_redials;
    attempt->connected_us = report->connected_us;
    attempt->first_byte_us = report->first_byte_us;
}

void
attempt_end(struct request *r, enum attempt_outcome outcome, enum err_category category)
{
    struct flight_attempt *attempt = attempt_current(r);
    int64_t first_token_us = r->record->stage_us[FLIGHT_STAGE_FIRST_TOKEN];

    if (attempt->outcome != ATTEMPT_RUNNING)
        return;
    attempt->outcome = (uint8_t)outcome;
    attempt->category = (uint8_t)category;
    attempt->end_us = loop_now_us(r->worker->loop);
    if (outcome != ATTEMPT_OK)
        note_unsettled(r, attempt);
    if (r->health_row != PICK_NO_HEALTH)
        health_end(r->worker->segment, r->worker->slot, r->health_row,
                   attempt_is_route_fault(category),
                   first_token_us > attempt->start_us ? first_token_us - attempt->start_us : 0,
                   attempt->end_us);
}

/* The provider may have counted an answer that no caller ever saw. */
static void
note_unsettled(struct request *r, struct flight_attempt *attempt)
{
    struct charge_facts facts;
    struct charge cost;

    attempt_charge_facts(r, &facts);
    charge_cost(&facts, &r->record->cost, &cost);
    note_cost(attempt, &cost, cost.nusd);
}

static void
note_cost(struct flight_attempt *attempt, const struct charge *charge, int64_t nusd)
{
    attempt->provenance = (uint8_t)charge->provenance;
    attempt->input_tokens = price_prompt_tokens(&charge->usage);
    attempt->output_tokens = price_output_tokens(&charge->usage);
    attempt->cost_nusd = nusd;
}

void
attempt_settle(struct request *r, const struct charge *charge)
{
    struct flight_record *record = r->record;
    int64_t total = 0;

    for (uint32_t i = 0; i < record->n_attempts; i++) {
        struct flight_attempt *attempt = &record->attempts[i];

        if (attempt->outcome == ATTEMPT_OK) /* the last: it was not priced yet */
            note_cost(attempt, charge, price_charge_nusd(&charge->usage, &record->cost));
        if (__builtin_add_overflow(total, attempt->cost_nusd, &total))
            total = INT64_MAX;
    }
    record->cost_nusd = total;
}

void
attempt_charge_facts(const struct request *r, struct charge_facts *out)
{
    enum attempt_outcome outcome = ATTEMPT_NONE;

    if (r->record->n_attempts > 0)
        outcome = attempt_current(r)->outcome;
    *out = (struct charge_facts){
        .operation = r->facts.operation,
        .is_complete = r->stream.is_complete,
        .has_content = r->stream.has_content,
        .may_have_run = outcome == ATTEMPT_UNCERTAIN || outcome == ATTEMPT_CANCELLED,
        .body_bytes = r->record->body_bytes,
        .unmetered_bytes = r->unmetered_bytes,
        .reserved_nusd = r->record->reserved_nusd,
        .usage = &r->stream.usage,
    };
}

struct flight_attempt *
attempt_current(const struct request *r)
{
    assert(r->record != NULL && r->record->n_attempts > 0);
    return &r->record->attempts[r->record->n_attempts - 1];
}

bool
attempt_is_route_fault(enum err_category category)
{
    return category == ERR_CATEGORY_UPSTREAM_ERROR || category == ERR_CATEGORY_UPSTREAM_TIMEOUT ||
           category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED ||
           category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE;
}
