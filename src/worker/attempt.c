/* SPDX-License-Identifier: ISC
 *
 * attempt - who was asked, when, and how it ended.
 */
#include "attempt.h"

#include "pick.h"

#include "relayos/shm/health.h"
#include "request.h"

void
attempt_begin(struct request *r, const struct pick *pick)
{
    struct flight_record *record = r->record;

    assert(record->n_attempts < LIMIT_ATTEMPTS);
    struct flight_attempt *attempt = &record->attempts[record->n_attempts++];
    attempt->route_id = pick->route.id;
    attempt->outcome = ATTEMPT_RUNNING;
    attempt->start_us = r->record->stage_us[FLIGHT_STAGE_ROUTE_SELECTED];
    memcpy(attempt->upstream, pick->upstream.name, sizeof(attempt->upstream));
    memcpy(attempt->upstream_model, pick->route.upstream_model, sizeof(attempt->upstream_model));
    record->cost = pick->route.cost;

    r->health_row = pick->health_row;
    if (r->health_row != PICK_NO_HEALTH)
        health_begin(r->worker->segment, r->worker->slot, r->health_row);
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
    if (r->health_row != PICK_NO_HEALTH)
        health_end(r->worker->segment, r->worker->slot, r->health_row,
                   attempt_is_route_fault(category),
                   first_token_us > attempt->start_us ? first_token_us - attempt->start_us : 0,
                   attempt->end_us);
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
