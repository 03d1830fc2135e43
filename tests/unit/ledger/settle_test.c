/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <sys/resource.h>

#include "ledger_fixture.h"
#include "relayos/shm/refusal.h"
#include "relayos/store/store_ledger.h"

static uint32_t
next_random(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

Test(settle, charges_what_was_used_and_gives_the_reservation_back)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 400);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 150);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    cr_expect_eq(fixture_charged(&fixture, 0), 150);
    cr_expect_eq(ledger_outbox(&fixture.ledger), 0);
    fixture_fini(&fixture);
}

/* LI-01: the doorbell and the scan find the same flight; and so does a ledger that was killed
 * between its commit and the release of the slot. */
Test(settle, a_flight_found_twice_is_settled_once)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 100000, NULL);
    for (int i = 0; i < 5; i++)
        cr_assert(fixture_request(&fixture, key, 100, 10));
    fixture.ledger.settle.scan_is_due = true;
    cr_expect_eq(fixture_settle(&fixture), 5);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 50);

    /* The row is in the store already; the slot says DONE. */
    struct flight *flight = fixture_flight(&fixture, key, 100);
    struct flight_record *record = flight_record(flight);
    cr_assert_eq(fixture_hold(&fixture, flight), 0);
    flight_dispatch(flight);
    fixture_done(&fixture, flight, 10);
    struct store_settlement settlement = {.flight = record, .quota_tokens = 10, .now_us = 1};
    enum store_insert inserted;
    cr_assert_eq(store_begin(fixture.ledger.store), 0);
    cr_assert_eq(store_ledger_insert(fixture.ledger.store, &settlement, &inserted), 0);
    cr_assert_eq(store_commit(fixture.ledger.store), 0);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(ledger_outbox(&fixture.ledger), 0);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 60);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    cr_expect_eq(fixture_charged(&fixture, 0), 60);
    fixture_fini(&fixture);
}

Test(settle, a_request_that_failed_before_usage_leaves_a_row_and_no_charge)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = fixture_flight(&fixture, key, 400);
    cr_assert_eq(fixture_hold(&fixture, flight), 0);
    flight_dispatch(flight);
    flight_record(flight)->category = ERR_CATEGORY_UPSTREAM_ERROR;
    flight_release(fixture.heritage.segment, fixture.desk, flight);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);
    struct frame_out *args = fixture_command(&fixture, "request.list");
    frame_cstr(args, "status", "failed");
    const struct frame_value *requests = frame_get(fixture_result(&fixture), "requests");
    cr_assert_eq(frame_length(requests), 1);
    cr_expect(fixture_str_is(frame_at(requests, 0), "category", "upstream_error"));
    cr_expect(fixture_str_is(frame_at(requests, 0), "provenance", "none"));
    fixture_fini(&fixture);
}

Test(settle, token_and_money_limits_count_in_their_own_unit)
{
    struct fixture fixture;

    fixture_init(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "both");
    frame_int(args, "quota_nusd", 1000);
    frame_int(args, "quota_tokens", 5000);
    frame_cstr(args, "quota_period", "total");
    frame_int(args, "max_concurrent", 2);
    uint64_t key = (uint64_t)frame_get_int(frame_get(fixture_result(&fixture), "key"), "id", 0);
    struct flight *flight = fixture_flight(&fixture, key, 300);
    cr_assert_eq(flight_record(flight)->n_holds, 3);
    cr_assert_eq(fixture_hold(&fixture, flight), 0);
    flight_dispatch(flight);
    fixture_done(&fixture, flight, 20);
    flight_record(flight)->charge_nusd = 7;
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 7);
    cr_expect_eq(fixture_quota(&fixture, key, 1).used, 20);
    cr_expect_eq(fixture_quota(&fixture, key, 2).used, 0);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(fixture_quota(&fixture, key, i).reserved, 0);
    fixture_fini(&fixture);
}

Test(settle, refused_calls_are_traced)
{
    struct fixture fixture;
    struct refusal_record refusal = {.category = ERR_CATEGORY_INVALID_KEY, .status = 401};

    fixture_init(&fixture);
    for (int i = 0; i < 3; i++) {
        refusal.accepted_real_us = clock_real_us();
        refusal.request_id = text_uuid_new(refusal.accepted_real_us);
        refusal_push(fixture.heritage.segment, 0, &refusal);
    }
    (void)fixture_command(&fixture, "settle");
    cr_expect_eq(frame_get_int(fixture_result(&fixture), "refusals", 0), 3);
    (void)fixture_command(&fixture, "request.list");
    cr_expect_eq(frame_length(frame_get(fixture_result(&fixture), "requests")), 3);
    fixture_fini(&fixture);
}

Test(settle, a_restart_comes_to_the_same_used)
{
    struct fixture fixture;
    uint32_t random = 7;

    fixture_init(&fixture);
    uint64_t keys[3] = {fixture_key(&fixture, "a", USD, NULL),
                        fixture_key(&fixture, "b", USD, NULL),
                        fixture_key(&fixture, "c", USD, NULL)};
    int64_t used[3] = {0};
    for (int i = 0; i < 200; i++) {
        uint32_t k = (next_random(&random) >> 16) % 3;
        int64_t tokens = next_random(&random) >> 20;

        cr_assert(fixture_request(&fixture, keys[k], 5000, tokens));
        used[k] += tokens;
        if (i % 7 == 0)
            (void)fixture_settle(&fixture);
        if (i % 50 == 49)
            fixture_restart_ledger(&fixture);
        if (i % 60 == 0)
            while (fixture_n_flights(&fixture) > 40)
                (void)fixture_settle(&fixture);
    }
    (void)fixture_settle(&fixture);
    fixture_restart_ledger(&fixture);
    for (int k = 0; k < 3; k++) {
        cr_expect_eq(fixture_quota(&fixture, keys[k], 0).used, used[k]);
        cr_expect_eq(fixture_quota(&fixture, keys[k], 0).reserved, 0);
    }
    cr_expect_eq(fixture_charged(&fixture, 0), used[0] + used[1] + used[2]);
    fixture_fini(&fixture);
}

Test(settle, a_ledger_that_was_fenced_off_commits_nothing)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    (void)segment_ledger_epoch_next(fixture.heritage.segment);
    (void)fixture_command(&fixture, "settle");
    (void)fixture_failure(&fixture, "");
    cr_expect_eq(ledger_outbox(&fixture.ledger), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 400);
    cr_expect(fixture.ledger.is_fenced);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 150);
    cr_expect_eq(fixture_charged(&fixture, 0), 150);
    fixture_fini(&fixture);
}

Test(settle, a_database_that_went_away_is_opened_again_and_nothing_is_lost)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    store_close(&fixture.ledger.store); /* as after a failed fsync */
    ledger_tick(&fixture.ledger, clock_mono_us());
    (void)fixture_command(&fixture, "settle");
    cr_expect_eq(frame_get_int(fixture_result(&fixture), "settled", 0), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 150);
    fixture_fini(&fixture);
}

/* Writes fail (here: the file may not grow); the batch is whole again once they work. */
Test(settle, a_failed_write_closes_admission_and_loses_nothing)
{
    struct fixture fixture;
    struct rlimit limit, none = {.rlim_cur = 4096};

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    none.rlim_max = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    (void)fixture_command(&fixture, "settle");
    int code = fixture_failure(&fixture, "");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(code, ERR_STORE);
    cr_expect_null(fixture.ledger.store);
    cr_expect_not(segment_admission_is_open(fixture.heritage.segment));
    cr_expect_eq(ledger_outbox(&fixture.ledger), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);

    fixture.ledger.last_tick_us = 0;
    ledger_tick(&fixture.ledger, clock_mono_us());
    cr_expect(segment_admission_is_open(fixture.heritage.segment));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 150);
    cr_expect_eq(fixture_charged(&fixture, 0), 150);
    fixture_fini(&fixture);
}

Test(settle, admission_closes_when_the_outbox_fills_and_opens_when_it_has_drained)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 0, NULL);
    cr_expect(segment_admission_is_open(fixture.heritage.segment));
    flight_desk_close(&fixture.desk);
    for (uint32_t slot = 0; slot < 2; slot++) { /* fill both workers' flights */
        uint32_t generation = proc_slot_offer(fixture.heritage.segment, slot, PROC_WORKER);
        cr_assert_eq(proc_slot_claim(fixture.heritage.segment, slot, generation), 0);
        fixture.desk = flight_desk_open(fixture.heritage.segment, slot);
        for (int i = 0; i < 60; i++)
            cr_assert(fixture_request(&fixture, key, 0, 1));
        if (slot == 0)
            flight_desk_close(&fixture.desk);
    }
    fixture.ledger.last_tick_us = 0;
    ledger_tick(&fixture.ledger, clock_mono_us());
    cr_expect_not(segment_admission_is_open(fixture.heritage.segment));
    cr_expect_eq(ledger_flush(&fixture.ledger), 0);
    fixture.ledger.last_tick_us = 0;
    ledger_tick(&fixture.ledger, clock_mono_us());
    cr_expect(segment_admission_is_open(fixture.heritage.segment));
    fixture_fini(&fixture);
}
