/* SPDX-License-Identifier: ISC
 *
 * ledger_fixture - all that a test of the ledger needs: process, commands, and requests as a worker
 * would make them.
 */
#ifndef TESTS_LEDGER_FIXTURE_H
#define TESTS_LEDGER_FIXTURE_H

#include "ledger_command.h"

/* What the key table gives a worker for a key id. */
static inline void
fixture_view(struct fixture *fixture, uint64_t key_id, struct key_view *out)
{
    uint32_t n = key_table_n_rows(fixture->heritage.segment), row = 0;

    while (row < n &&
           (key_table_at(fixture->heritage.segment, row, out) != 0 || out->key_id != key_id))
        row++;
    cr_assert_lt(row, n, "key %llu is not published", (unsigned long long)key_id);
}

/* A flight of that key to that model, that is to reserve amount on each limit that counts it. */
static inline struct flight *
fixture_flight_to(struct fixture *fixture, uint64_t key_id, int64_t amount, const char *model)
{
    struct flight *flight;
    struct key_view view;

    while ((flight = flight_take(fixture->desk)) == NULL)
        (void)usleep(1000); /* a ledger at work gives some back; else the test's timeout ends it */
    struct flight_record *record = flight_record(flight);
    fixture_view(fixture, key_id, &view);
    record->accepted_real_us = clock_real_us();
    record->request_id = text_uuid_new(record->accepted_real_us);
    record->key_id = key_id;
    record->key_row = view.row;
    record->stage_us[FLIGHT_STAGE_ACCEPTED] = clock_mono_us();
    record->day_id = period_at(PERIOD_DAY, record->accepted_real_us).id;
    snprintf(record->model, sizeof(record->model), "%s", model);
    cr_assert_eq(
        catalog_model_id(fixture->heritage.catalog, slice_str(record->model), &record->model_id),
        0);
    for (uint8_t i = 0; i < view.n_limits; i++) {
        const struct key_limit_cells *limit = &view.limits[i];
        int which = clock_real_us() >= limit->boundary_us;

        if (limit->model_id != QUOTA_ALL_MODELS && limit->model_id != record->model_id)
            continue;
        record->holds[record->n_holds++] =
            (struct flight_hold){.cell_idx = limit->cell_idx[which],
                                 .generation = limit->cell_generation[which],
                                 .amount = limit->unit == LIMIT_UNIT_CONCURRENT ? 1 : amount};
        if (record->day_id < period_first_day(limit->period_id[which]))
            record->day_id = period_first_day(limit->period_id[which]); /* a clock set back */
    }
    record->reserved_nusd = amount;
    record->price.nusd[USAGE_OUTPUT] = 1000000; /* 1 nano-USD a token */
    record->cost.nusd[USAGE_OUTPUT] = 500000;
    return flight;
}

static inline struct flight *
fixture_flight(struct fixture *fixture, uint64_t key_id, int64_t amount)
{
    return fixture_flight_to(fixture, key_id, amount, "claude-sonnet-4");
}

static inline int
fixture_hold(struct fixture *fixture, struct flight *flight)
{
    uint32_t failed;

    return flight_hold(fixture->heritage.segment, flight, &failed);
}

/* DISPATCHED -> DONE with that many output tokens, one nano-USD each. */
static inline void
fixture_done(struct fixture *fixture, struct flight *flight, int64_t tokens)
{
    struct flight_record *record = flight_record(flight);

    record->usage.count[USAGE_OUTPUT] = tokens;
    record->usage.is_reported = 1;
    record->usage.tier_permille = 1000;
    record->charge_nusd = tokens;
    record->cost_nusd = tokens / 2;
    record->status = 200;
    record->provenance = USAGE_REPORTED;
    record->stage_us[FLIGHT_STAGE_COMPLETED] = clock_mono_us();
    flight_done(fixture->heritage.segment, fixture->desk, flight);
}

/* A whole request: false if the quota refused it. */
static inline bool
fixture_request_to(struct fixture *fixture, uint64_t key_id, int64_t amount, const char *model)
{
    struct flight *flight = fixture_flight_to(fixture, key_id, amount, model);

    if (fixture_hold(fixture, flight) != 0) {
        flight_put_back(fixture->desk, flight);
        return false;
    }
    flight_dispatch(flight);
    fixture_done(fixture, flight, amount);
    return true;
}

/* Slots of all workers that are not free. */
static inline uint32_t
fixture_n_flights(const struct fixture *fixture)
{
    const struct segment *segment = fixture->heritage.segment;
    uint32_t n = 0;

    for (uint32_t idx = 0; idx < flight_n_slots(segment); idx++)
        n += flight_peek(segment, idx) != FLIGHT_FREE;
    return n;
}

static inline bool
fixture_request(struct fixture *fixture, uint64_t key_id, int64_t reserved, int64_t tokens)
{
    struct flight *flight = fixture_flight(fixture, key_id, reserved);

    if (fixture_hold(fixture, flight) != 0) {
        flight_put_back(fixture->desk, flight);
        return false;
    }
    flight_dispatch(flight);
    fixture_done(fixture, flight, tokens);
    return true;
}

static inline int64_t
fixture_settle(struct fixture *fixture)
{
    (void)fixture_command(fixture, "settle");
    return frame_get_int(fixture_result(fixture), "settled", -1);
}

/* The cell of a key's n-th limit in this period. */
static inline struct quota_view
fixture_quota(struct fixture *fixture, uint64_t key_id, int n)
{
    struct quota_view quota;
    struct key_view view;

    fixture_view(fixture, key_id, &view);
    cr_assert_lt(n, view.n_limits);
    int which = clock_real_us() >= view.limits[n].boundary_us;
    struct quota_cell *cell =
        quota_cell_at(fixture->heritage.segment, view.limits[n].cell_idx[which],
                      view.limits[n].cell_generation[which]);
    cr_assert_not_null(cell);
    quota_view(cell, &quota);
    return quota;
}

/* sum(charge) of the key's usage rows, by the report. */
static inline int64_t
fixture_charged(struct fixture *fixture, int64_t period)
{
    struct frame_out *args = fixture_command(fixture, "usage");
    int64_t sum = 0;

    frame_int(args, "period", period);
    const struct frame_value *rows = frame_get(fixture_result(fixture), "rows");
    for (size_t i = 0; i < frame_length(rows); i++)
        sum += frame_get_int(frame_at(rows, i), "charge_nusd", 0);
    return sum;
}

#endif
