/* SPDX-License-Identifier: ISC */
#include "undertaker.h"

#include <assert.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/policy/price.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/health.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"

static void bury(struct ledger *ledger, uint32_t idx, struct undertaker_tally *tally);
static void judge(struct flight_record *flight, enum flight_state state,
                  struct undertaker_tally *tally);
static bool has_usage(const struct flight_record *flight);
static uint8_t provenance_of(const struct usage *usage);
static bool has_reached_caller(const struct flight_record *flight);
static uint32_t who_used(const struct flight_record *flight);
static void end_attempts(struct flight_record *flight, bool was_sent);
static void note_cost(const struct flight_record *flight, struct flight_attempt *attempt,
                      bool was_sent);

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
    CRASH_POINT("undertaker.buried");
    health_forget_worker(ledger->segment, slot);
    /* Now or at the next turn: the flights are DONE, and nobody can be admitted on too little. */
    if (quota_reconcile_all(ledger->segment) != 0)
        ledger->reconcile_is_due = true;
    CRASH_POINT("undertaker.reconciled");
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

    CRASH_POINT("undertaker.found");
    judge(flight, state, tally);
    CRASH_POINT("undertaker.judged");
    flight_bury(ledger->segment, idx, flight);
}

static void
judge(struct flight_record *flight, enum flight_state state, struct undertaker_tally *tally)
{
    static const struct usage nothing;
    bool was_sent = state == FLIGHT_DISPATCHED;
    bool is_owed = was_sent && has_usage(flight) && has_reached_caller(flight);

    if (flight->category == ERR_CATEGORY_NONE)
        flight->category = ERR_CATEGORY_INTERNAL;
    if (flight->stage_us[FLIGHT_STAGE_COMPLETED] == 0)
        flight->stage_us[FLIGHT_STAGE_COMPLETED] = clock_mono_us();
    flight->charge_nusd = 0;
    end_attempts(flight, was_sent);
    if (is_owed) {
        flight->usage.tier_permille =
            price_factor_permille(&flight->price, flight->usage.service_tier);
        flight->charge_nusd = price_charge_nusd(&flight->usage, &flight->price);
        flight->provenance = provenance_of(&flight->usage);
        tally->n_settled++;
    } else {
        flight->usage = nothing;
        flight->provenance = was_sent ? USAGE_INDETERMINATE : USAGE_NONE;
        tally->n_indeterminate += was_sent;
        tally->n_voided += !was_sent;
    }
}

static bool
has_usage(const struct flight_record *flight)
{
    return flight->usage.is_reported && !flight->usage.is_invalid;
}

/* Of a total that was not said nobody knows any more how much it came to: it is charged as 0. */
static uint8_t
provenance_of(const struct usage *usage)
{
    const uint8_t both = USAGE_SAID_INPUT | USAGE_SAID_OUTPUT;

    return (usage->totals & both) == both ? USAGE_REPORTED : USAGE_ESTIMATED;
}

/* What was counted before any content came is not the caller's to pay. */
static bool
has_reached_caller(const struct flight_record *flight)
{
    return flight->stage_us[FLIGHT_STAGE_FIRST_TOKEN] != 0;
}

/* The attempt that what was noted last is about: the one that was through, else the one that ran;
 * of a hedge pair the first, for the other becomes the request's only when that one ends.
 * LIMIT_ATTEMPTS: none. */
static uint32_t
who_used(const struct flight_record *flight)
{
    uint32_t used = LIMIT_ATTEMPTS;

    for (uint32_t i = 0; i < flight->n_attempts && i < LIMIT_ATTEMPTS; i++) {
        uint8_t outcome = flight->attempts[i].outcome;

        if (outcome == ATTEMPT_OK)
            return i;
        if (outcome == ATTEMPT_RUNNING && used == LIMIT_ATTEMPTS)
            used = i;
    }
    return used;
}

/* The others know what they have cost. */
static void
end_attempts(struct flight_record *flight, bool was_sent)
{
    uint32_t used = who_used(flight);
    int64_t total = 0;

    for (uint32_t i = 0; i < flight->n_attempts && i < LIMIT_ATTEMPTS; i++) {
        struct flight_attempt *attempt = &flight->attempts[i];

        if (attempt->outcome == ATTEMPT_RUNNING)
            attempt->provenance = was_sent ? USAGE_INDETERMINATE : USAGE_NONE;
        if (i == used && (attempt->outcome == ATTEMPT_RUNNING || attempt->provenance == USAGE_NONE))
            note_cost(flight, attempt, was_sent);
        if (attempt->outcome == ATTEMPT_RUNNING) {
            attempt->outcome = was_sent ? ATTEMPT_UNCERTAIN : ATTEMPT_FAILED;
            attempt->end_us = flight->stage_us[FLIGHT_STAGE_COMPLETED];
        }
        if (__builtin_add_overflow(total, attempt->cost_nusd, &total))
            total = INT64_MAX;
    }
    flight->cost_nusd = total;
}

static void
note_cost(const struct flight_record *flight, struct flight_attempt *attempt, bool was_sent)
{
    attempt->provenance = was_sent ? USAGE_INDETERMINATE : USAGE_NONE;
    if (!was_sent || !has_usage(flight))
        return;
    attempt->provenance = provenance_of(&flight->usage);
    attempt->input_tokens = price_prompt_tokens(&flight->usage);
    attempt->output_tokens = price_output_tokens(&flight->usage);
    attempt->cost_nusd = price_charge_nusd(&flight->usage, &flight->cost);
}
