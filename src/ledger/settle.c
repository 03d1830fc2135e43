/* SPDX-License-Identifier: ISC */
#include "settle.h"

#include <assert.h>
#include <stdlib.h>

#include "choice.h"
#include "intent.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/policy/price.h"
#include "relayos/report/report_request.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/refusal.h"
#include "relayos/shm/tally.h"
#include "relayos/store/store_intent.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_trace.h"
#include "wake.h"

#define MAX_BATCHES      16 /* in one turn: commands wait no longer than that */
#define SCAN_INTERVAL_US 1000000

static void collect(struct ledger *ledger);
static void collect_from_doorbells(struct ledger *ledger);
static void collect_by_scan(struct ledger *ledger);
static void collect_refusals(struct ledger *ledger);
static void queue(struct settle *settle, uint32_t flight_idx);
static int commit_batch(struct ledger *ledger);
static int write_batch(struct ledger *ledger);
static int write_flight(struct ledger *ledger, struct settle_row *row, int64_t now_us);
static void log_conflict(const struct flight_record *flight);
static void release(struct ledger *ledger, struct settle_tally *tally);
static void forget_batch(struct settle *settle);

void
settle_init(struct settle *settle, uint32_t n_flights)
{
    settle->is_queued = mem_zalloc(n_flights);
    settle->scan_is_due = true;
}

void
settle_fini(struct settle *settle)
{
    free(settle->is_queued);
    settle->is_queued = NULL;
}

int
settle_run(struct ledger *ledger, struct settle_tally *tally)
{
    struct settle *settle = &ledger->settle;
    int rc = 0;

    ledger->last_settle_us = clock_mono_us();
    if (ledger->store == NULL)
        return ERR_STORE; /* said already, and tried again each second */
    for (int n = 0; rc == 0 && n < MAX_BATCHES; n++) {
        collect(ledger);
        if (settle->n_rows == 0 && settle->n_refusals == 0 && ledger->intents.n_asking == 0)
            break;
        CRASH_POINT("settle.collected");
        rc = commit_batch(ledger);
        CRASH_POINT("settle.committed");
        if (rc == 0 && ledger_is_current(ledger))
            release(ledger, tally);
        forget_batch(settle);
    }
    if (rc == 0)
        ledger->last_settle_real_us = clock_real_us();
    return rc;
}

static void
collect(struct ledger *ledger)
{
    struct settle *settle = &ledger->settle;
    int64_t now_us = clock_mono_us();
    bool is_scan = settle->scan_is_due || now_us - settle->last_scan_us >= SCAN_INTERVAL_US;

    assert(settle->n_rows == 0);
    intent_collect(ledger, is_scan);
    collect_from_doorbells(ledger);
    if (is_scan) {
        settle->last_scan_us = now_us;
        collect_by_scan(ledger);
    }
    collect_refusals(ledger);
}

static void
collect_from_doorbells(struct ledger *ledger)
{
    uint32_t n_workers = segment_capacity(ledger->segment)->n_workers, idx;
    struct settle *settle = &ledger->settle;

    for (uint32_t slot = 0; slot < n_workers; slot++) {
        while (settle->n_rows < SETTLE_BATCH_ROWS &&
               flight_doorbell_take(ledger->segment, slot, &idx))
            queue(settle, idx);
    }
}

/* A ring entry may be lost with the process that owed it: each second every slot is looked at. */
static void
collect_by_scan(struct ledger *ledger)
{
    struct settle *settle = &ledger->settle;
    uint32_t n_flights = flight_n_slots(ledger->segment);

    for (uint32_t idx = 0; idx < n_flights && settle->n_rows < SETTLE_BATCH_ROWS; idx++) {
        if (flight_peek(ledger->segment, idx) == FLIGHT_DONE)
            queue(settle, idx);
    }
    settle->scan_is_due = settle->n_rows == SETTLE_BATCH_ROWS;
}

static void
queue(struct settle *settle, uint32_t flight_idx)
{
    if (settle->is_queued[flight_idx])
        return;
    settle->is_queued[flight_idx] = 1;
    settle->rows[settle->n_rows++] = (struct settle_row){.flight_idx = flight_idx};
}

static void
collect_refusals(struct ledger *ledger)
{
    uint32_t n_workers = segment_capacity(ledger->segment)->n_workers;
    struct settle *settle = &ledger->settle;

    for (uint32_t slot = 0; slot < n_workers; slot++) {
        while (settle->n_refusals < SETTLE_BATCH_REFUSALS &&
               refusal_take(ledger->segment, slot, &settle->refusals[settle->n_refusals]))
            settle->n_refusals++;
    }
}

static int
commit_batch(struct ledger *ledger)
{
    struct errmsg why;
    int rc = ledger_begin(ledger, &why);

    if (rc == 0)
        rc = ledger_end(ledger, write_batch(ledger), &why);
    if (rc == 0)
        return 0;
    proc_slot_count_add(ledger->segment, ledger->heritage->slot, PROC_COUNTER_SETTLE_ERRORS, 1);
    log_error("ledger.settle_failed", "rows=%zu outbox=%u %s", ledger->settle.n_rows,
              ledger_outbox(ledger), why.text);
    ledger->settle.scan_is_due = true; /* the doorbells have been taken; the slots still say DONE */
    return rc;
}

static int
write_batch(struct ledger *ledger)
{
    struct settle *settle = &ledger->settle;
    int64_t now_us = clock_mono_us();
    int rc = intent_write(ledger);

    for (size_t i = 0; rc == 0 && i < settle->n_rows; i++)
        rc = write_flight(ledger, &settle->rows[i], now_us);
    for (size_t i = 0; rc == 0 && i < settle->n_refusals; i++)
        rc = store_trace_refuse(ledger->store, &settle->refusals[i]);
    return rc;
}

static int
write_flight(struct ledger *ledger, struct settle_row *row, int64_t now_us)
{
    struct flight_record *flight = &ledger->settle.flight;
    enum flight_state state = flight_copy(ledger->segment, row->flight_idx, flight);
    enum store_insert inserted = STORE_INSERT_SAME;

    assert(state == FLIGHT_DONE); /* it was when it was queued, and only we take it from there */
    row->key_id = flight->key_id;
    row->day_id = flight->day_id;
    row->model_id = flight->model_id;
    row->charge_nusd = flight->charge_nusd;
    bool has_usage = flight->provenance == USAGE_REPORTED ||
                     flight->provenance == USAGE_ESTIMATED || flight->provenance == USAGE_INVALID;
    row->quota_tokens = has_usage ? price_quota_tokens(&flight->usage) : 0;

    char choices[CHOICE_TEXT_SIZE];
    struct store_settlement settlement = {.flight = flight,
                                          .quota_tokens = row->quota_tokens,
                                          .now_us = now_us,
                                          .choices = choice_format(flight, choices)};
    report_choice_models(ledger->catalog, flight, settlement.attempt_models);
    int rc = store_ledger_insert(ledger->store, &settlement, &inserted);
    if (rc != 0)
        return rc;
    row->is_new = inserted == STORE_INSERT_NEW;
    CRASH_POINT("settle.row_written");
    if (inserted == STORE_INSERT_CONFLICT)
        log_conflict(flight);
    return flight->has_intent ? store_intent_drop(ledger->store, flight->request_id) : 0;
}

static void
log_conflict(const struct flight_record *flight)
{
    char id[TEXT_UUID_SIZE];

    text_uuid_format(flight->request_id, id);
    log_error("ledger.conflict",
              "request_id=%.*s key_id=%llu charge_nusd=%lld another row has this request id; the "
              "first one stands",
              TEXT_UUID_SIZE, id, (unsigned long long)flight->key_id,
              (long long)flight->charge_nusd);
}

/*
 * The rows are durable: charge what was new, then give the reservations and the slots back. The
 * notes first: a flight that asked may be among the rows, and once its slot is free the next one in
 * it may ask, of whom nothing is durable yet.
 */
static void
release(struct ledger *ledger, struct settle_tally *tally)
{
    struct settle *settle = &ledger->settle;
    uint32_t slot = ledger->heritage->slot;

    intent_release(ledger);
    for (size_t i = 0; i < settle->n_rows; i++) {
        if (settle->rows[i].is_new) {
            book_charge(ledger, &settle->rows[i]);
            (void)flight_copy(ledger->segment, settle->rows[i].flight_idx, &settle->flight);
            tally_settle(ledger->segment, &settle->flight);
        }
        CRASH_POINT("settle.charged");
        flight_settled(ledger->segment, settle->rows[i].flight_idx);
        wake_mark(ledger, settle->rows[i].flight_idx);
    }
    wake_send(ledger);
    proc_slot_count_add(ledger->segment, slot, PROC_COUNTER_SETTLED, (int64_t)settle->n_rows);
    proc_slot_count_add(ledger->segment, slot, PROC_COUNTER_SETTLE_BATCHES, 1);
    proc_slot_count_add(ledger->segment, slot, PROC_COUNTER_REFUSALS_TRACED,
                        (int64_t)settle->n_refusals);
    tally->n_settled += (int64_t)settle->n_rows;
    tally->n_refusals += (int64_t)settle->n_refusals;
    settle->n_refusals = 0;
}

static void
forget_batch(struct settle *settle)
{
    for (size_t i = 0; i < settle->n_rows; i++)
        settle->is_queued[settle->rows[i].flight_idx] = 0;
    settle->n_rows = 0;
}

void
settle_try(struct ledger *ledger)
{
    struct settle_tally tally = {0};

    if (settle_run(ledger, &tally) != 0)
        ledger->settle.scan_is_due = true;
}
