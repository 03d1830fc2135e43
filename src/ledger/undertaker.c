/* SPDX-License-Identifier: ISC */
#include "undertaker.h"

#include <assert.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/policy/price.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/health.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"

static void bury(struct ledger *ledger, uint32_t idx, struct undertaker_tally *tally);
static void judge(struct flight_record *flight, enum flight_state state,
                  struct undertaker_tally *tally);
static void end_attempts(struct flight_record *flight, enum attempt_outcome outcome);

int
undertaker_visit(struct ledger *ledger, uint32_t slot, struct undertaker_tally *tally,
                 struct errmsg *why)
{
    uint32_t per_worker = segment_capacity(ledger->segment)->flights_per_worker;
    struct proc_view view;

    if (slot >= segment_capacity(ledger->segment)->n_workers) {
        errmsg_set(why, "there is no worker slot %u", slot);
        return ERR_MISSING;
    }
    proc_slot_view(ledger->segment, slot, &view);
    if (view.state != PROC_DEAD) {
        errmsg_set(why, "the worker of slot %u has not been found dead", slot);
        return ERR_CONFLICT;
    }
    undertaker_bury_orphans(ledger, slot * per_worker, per_worker, tally);
    health_forget_worker(ledger->segment, slot);
    /* Now or at the next turn: the flights are DONE, and nobody can be admitted on too little. */
    if (quota_reconcile_all(ledger->segment) != 0)
        ledger->reconcile_is_due = true;
    proc_slot_set_state(ledger->segment, slot, PROC_VACANT);
    settle_try(ledger);
    return 0;
}

void
undertaker_bury_orphans(struct ledger *ledger, uint32_t first, uint32_t n,
                        struct undertaker_tally *tally)
{
    uint32_t n_buried = 0;

    assert(first + n <= flight_n_slots(ledger->segment));
    for (uint32_t idx = first; idx < first + n; idx++) {
        if (flight_is_orphan(ledger->segment, idx)) {
            bury(ledger, idx, tally);
            n_buried++;
        }
    }
    if (n_buried == 0)
        return;
    ledger->settle.scan_is_due = true; /* nobody rings for the dead */
    proc_slot_count_add(ledger->segment, ledger->heritage->slot, PROC_COUNTER_UNDERTAKEN, n_buried);
}

static void
bury(struct ledger *ledger, uint32_t idx, struct undertaker_tally *tally)
{
    struct flight_record *flight = &ledger->settle.flight;
    enum flight_state state = flight_copy(ledger->segment, idx, flight);

    judge(flight, state, tally);
    flight_bury(ledger->segment, idx, flight);
}

static void
judge(struct flight_record *flight, enum flight_state state, struct undertaker_tally *tally)
{
    static const struct usage nothing;
    bool was_sent = state == FLIGHT_DISPATCHED;

    if (flight->category == ERR_CATEGORY_NONE)
        flight->category = ERR_CATEGORY_INTERNAL;
    if (flight->stage_us[FLIGHT_STAGE_COMPLETED] == 0)
        flight->stage_us[FLIGHT_STAGE_COMPLETED] = clock_mono_us();
    flight->charge_nusd = flight->cost_nusd = 0;
    if (was_sent && flight->usage.is_reported && !flight->usage.is_invalid) {
        flight->charge_nusd = price_charge_nusd(&flight->usage, &flight->price);
        flight->cost_nusd = price_charge_nusd(&flight->usage, &flight->cost);
        flight->provenance = USAGE_REPORTED;
        tally->n_settled++;
    } else {
        flight->usage = nothing;
        flight->provenance = was_sent ? USAGE_INDETERMINATE : USAGE_NONE;
        tally->n_indeterminate += was_sent;
        tally->n_voided += !was_sent;
    }
    end_attempts(flight, was_sent ? ATTEMPT_UNCERTAIN : ATTEMPT_FAILED);
}

static void
end_attempts(struct flight_record *flight, enum attempt_outcome outcome)
{
    for (uint32_t i = 0; i < flight->n_attempts && i < LIMIT_ATTEMPTS; i++) {
        if (flight->attempts[i].outcome != ATTEMPT_RUNNING)
            continue;
        flight->attempts[i].outcome = (uint8_t)outcome;
        flight->attempts[i].end_us = flight->stage_us[FLIGHT_STAGE_COMPLETED];
    }
}
