/* SPDX-License-Identifier: ISC
 *
 * attempt - who was asked, when, and how it ended.
 */
#include "attempt.h"

#include <stdatomic.h>

#include "charge.h"
#include "leg.h"
#include "pick.h"
#include "relayos/base/crash.h"
#include "relayos/policy/price.h"
#include "relayos/policy/route_gate.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/health.h"
#include "request.h"
#include "verdict.h"

static const struct usage no_usage;

static void fill(struct flight_attempt *attempt, const struct pick *pick);
static void pin_cost(struct leg *leg, const struct route_record *route);
static void tell(const struct leg *leg);
static void note_unsettled(struct leg *leg) __attribute__((cold, noinline));
static void note_cost(struct flight_attempt *attempt, const struct charge *charge, int64_t nusd);

void
attempt_begin(struct leg *leg, const struct pick *pick)
{
    struct request *r = leg->request;
    struct flight_record *record = r->record;

    assert(record->n_attempts < LIMIT_ATTEMPTS);
    if (leg->stream.usage.is_reported) /* by the attempt before, which never reached the caller */
        flight_note_usage(r->flight, &no_usage);
    leg->attempt = &record->attempts[record->n_attempts];
    fill(leg->attempt, pick);
    leg->attempt->start_us = record->stage_us[FLIGHT_STAGE_ROUTE_SELECTED];
    pin_cost(leg, &pick->route);
    atomic_signal_fence(memory_order_release); /* a kill finds it whole, or not at all */
    record->n_attempts++;

    leg->health_row = pick->route.health_row;
    leg->credential_row = pick->credential_record.health_row;
    leg->credential_id = pick->credential_record.id;
    leg->upstream_id = pick->upstream.id;
    leg->n_credential = pick->n_credential;
    leg->epoch = pick->epoch;
    leg->is_trial = pick->is_trial;
    leg->is_crowded = pick->is_crowded;
    leg->place = route_gate_place(pick->route.id, &pick->credential_record);
    health_begin(r->worker->segment, r->worker->slot, leg->health_row);
    CRASH_POINT("attempt.begun");
}

int
attempt_append_credential(const struct leg *leg, struct buf *out)
{
    return catalog_append_credential(leg->request->worker->catalog, leg->epoch, leg->upstream_id,
                                     leg->n_credential, out);
}

static void
fill(struct flight_attempt *attempt, const struct pick *pick)
{
    size_t name_max = sizeof(attempt->credential) - 1;

    memset(attempt, 0, offsetof(struct flight_attempt, upstream)); /* what an earlier flight left */
    attempt->route_id = pick->route.id;
    attempt->outcome = ATTEMPT_RUNNING;
    attempt->reason = pick->reason;
    attempt->model_id = pick->model_id;
    attempt->score = pick->score;
    memcpy(attempt->credential, pick->credential_record.name, name_max);
    memcpy(attempt->upstream, pick->upstream.name, sizeof(attempt->upstream));
    memcpy(attempt->upstream_model, pick->route.upstream_model, sizeof(attempt->upstream_model));
    attempt->upstream_request_id[0] = attempt->note[0] = '\0';
}

/* The cost that held when the request was admitted. */
static void
pin_cost(struct leg *leg, const struct route_record *route)
{
    struct flight_record *record = leg->request->record;
    const struct price *cost = &route->cost;

    if (route->cost_until_us != 0)
        cost = price_at(cost, route->cost_changes, record->accepted_real_us);
    if (leg->cost == NULL)
        leg->cost = &record->cost;
    price_copy(leg->cost, cost);
}

void
attempt_report(struct leg *leg, const struct upstream_report *report)
{
    struct flight_attempt *attempt = leg->attempt;

    attempt->is_reused = report->is_reused;
    attempt->n_redials = report->n_redials;
    attempt->connected_us = report->connected_us;
    attempt->first_byte_us = report->first_byte_us;
}

void
attempt_end(struct leg *leg, enum attempt_outcome outcome, enum err_category category)
{
    struct request *r = leg->request;
    struct flight_attempt *attempt = leg->attempt;

    if (attempt == NULL || attempt->outcome != ATTEMPT_RUNNING)
        return;
    /* From here on its attempt says what it has cost: for an undertaker not the one beside it, too.
     */
    if (leg == r->leg && r->beside != NULL && leg->stream.usage.is_reported)
        flight_note_usage(r->flight, &no_usage);
    attempt->outcome = (uint8_t)outcome;
    attempt->category = (uint8_t)category;
    attempt->end_us = loop_now_us(r->worker->loop);
    if (outcome != ATTEMPT_OK)
        note_unsettled(leg);
    tell(leg);
}

static void
tell(const struct leg *leg)
{
    const struct verdict verdict = {
        .attempt = leg->attempt,
        .health_row = leg->health_row,
        .credential_row = leg->credential_row,
        .credential_id = leg->credential_id,
        .n_credential = leg->n_credential,
        .is_trial = leg->is_trial,
        .is_crowded = leg->is_crowded,
        .is_askers_own = leg->is_askers_own,
        .refusal = leg->refusal,
        .retry_after_s = leg->retry_after_s,
        .first_token_us = leg->first_token_us,
        .usage = leg->attempt->outcome == ATTEMPT_OK ? &leg->stream.usage : NULL,
    };

    verdict_report(leg->request, &verdict);
}

/* The provider may have counted an answer that no caller ever saw. */
static void
note_unsettled(struct leg *leg)
{
    struct charge_facts facts;
    struct charge cost;

    attempt_charge_facts(leg, &facts);
    charge_cost(&facts, leg->cost, &cost);
    note_cost(leg->attempt, &cost, cost.nusd);
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
attempt_charge_facts(const struct leg *leg, struct charge_facts *out)
{
    const struct request *r = leg->request;
    uint8_t outcome = leg->attempt == NULL ? ATTEMPT_NONE : leg->attempt->outcome;

    *out = (struct charge_facts){
        .operation = r->facts.operation,
        .is_complete = leg->stream.is_complete,
        .has_content = leg->stream.has_content,
        .may_have_run = outcome == ATTEMPT_UNCERTAIN || outcome == ATTEMPT_CANCELLED,
        .body_bytes = r->record->body_bytes,
        .input_bound = r->input_bound,
        .unmetered_bytes = leg->unmetered_bytes,
        .reserved_nusd = r->record->reserved_nusd,
        .usage = &leg->stream.usage,
    };
}
