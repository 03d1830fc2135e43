/* SPDX-License-Identifier: ISC */
#include "doorbell.h"
#include "first_touch.h"
#include "fixture.h"

static struct segment *segment;
static struct flight_desk *desk;
static struct quota_cell *money, *tokens, *concurrent;

static void
make(void)
{
    segment = fixture_segment();
    desk = fixture_desk(segment, 1);
    money = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, 1000);
    tokens = fixture_cell(segment, 1, LIMIT_UNIT_TOKENS, 50);
    concurrent = fixture_cell(segment, 1, LIMIT_UNIT_CONCURRENT, 2);
}

static void
drop(void)
{
    flight_desk_close(&desk);
    segment_detach(&segment);
}

TestSuite(flight, .init = make, .fini = drop);

static struct flight *
take(int64_t nusd, int64_t n_tokens)
{
    struct flight *flight = flight_take(desk);

    cr_assert_not_null(flight);

    struct flight_record *record = flight_record(flight);

    record->n_holds = 3;
    record->holds[0] = fixture_hold(segment, money, nusd);
    record->holds[1] = fixture_hold(segment, concurrent, 1);
    record->holds[2] = fixture_hold(segment, tokens, n_tokens);
    return flight;
}

static struct flight *
hold(int64_t nusd, int64_t n_tokens)
{
    struct flight *flight = take(nusd, n_tokens);
    uint32_t failed;

    cr_assert_eq(flight_hold(segment, flight, &failed), 0);
    return flight;
}

static void
assert_reserved(int64_t nusd, int64_t n_tokens, int64_t n_concurrent)
{
    cr_assert_eq(fixture_reserved(money), nusd);
    cr_assert_eq(fixture_reserved(tokens), n_tokens);
    cr_assert_eq(fixture_reserved(concurrent), n_concurrent);
}

Test(flight, a_served_request_keeps_its_holds_until_it_is_settled)
{
    struct flight *flight = hold(300, 20);
    struct flight_record copy;
    uint32_t idx;

    assert_reserved(300, 20, 1);
    flight_dispatch(flight);
    flight_record(flight)->charge_nusd = 120;
    flight_done(segment, desk, flight);
    assert_reserved(300, 20, 0); /* concurrency does not wait for the ledger */
    cr_assert_eq(flight_desk_n_unsettled(desk), 1);

    cr_assert(flight_doorbell_take(segment, 1, &idx));
    cr_assert_eq(idx, 32); /* the first slot of worker 1 */
    cr_assert_eq(flight_copy(segment, idx, &copy), FLIGHT_DONE);
    cr_assert_eq(copy.charge_nusd, 120);
    quota_charge(money, copy.charge_nusd);
    flight_settled(segment, idx);
    assert_reserved(0, 0, 0);
    cr_assert_eq(fixture_used(money), 120);
    cr_assert_eq(flight_peek(segment, idx), FLIGHT_FREE);
    cr_assert_not(flight_doorbell_take(segment, 1, &idx));
}

Test(flight, a_failure_before_usage_gives_all_back_at_once_and_leaves_its_trace)
{
    struct flight *flight = hold(300, 20);
    uint32_t idx;

    flight_dispatch(flight);
    flight_record(flight)->category = ERR_CATEGORY_UPSTREAM_ERROR;
    flight_release(segment, desk, flight);
    assert_reserved(0, 0, 0);
    cr_assert(flight_doorbell_take(segment, 1, &idx));
    cr_assert_eq(flight_peek(segment, idx), FLIGHT_DONE);
    flight_settled(segment, idx);
    assert_reserved(0, 0, 0);
}

Test(flight, holds_are_all_or_nothing_and_say_which_failed)
{
    struct flight *flight = take(300, 51);
    uint32_t failed = 99;

    cr_assert_eq(flight_hold(segment, flight, &failed), ERR_QUOTA_EXCEEDED);
    cr_assert_eq(failed, 2);
    assert_reserved(0, 0, 0);
    flight_put_back(desk, flight);

    struct flight *a = hold(1, 1), *b = hold(1, 1), *c = take(1, 1);

    cr_assert_eq(flight_hold(segment, c, &failed), ERR_QUOTA_EXCEEDED);
    cr_assert_eq(failed, 1); /* two at a time */
    flight_dispatch(a);
    flight_done(segment, desk, a);
    cr_assert_eq(flight_hold(segment, c, &failed), 0);
    (void)b;
    cr_assert_eq(a, flight);
}

Test(flight, a_hold_on_a_recycled_cell_is_a_conflict)
{
    struct flight *flight = take(1, 1);
    uint32_t failed = 99;

    cr_assert_eq(quota_cell_close(segment, (uint32_t)(tokens - segment->quota_cells)), 0);
    cr_assert_eq(flight_hold(segment, flight, &failed), ERR_CONFLICT);
    cr_assert_eq(failed, 2);
    cr_assert_eq(fixture_reserved(money), 0);
    flight_put_back(desk, flight);
}

/* A free model under a quota holds 0, and its key may be revoked while the answer streams. */
Test(flight, a_hold_of_nothing_outlives_its_cell)
{
    struct flight *flight = flight_take(desk);
    struct flight_record *record = flight_record(flight);
    uint32_t failed, idx;

    record->n_holds = 1;
    record->holds[0] = fixture_hold(segment, money, 0);
    cr_assert_eq(flight_hold(segment, flight, &failed), 0);
    cr_assert_eq(quota_cell_close(segment, record->holds[0].cell_idx), 0);
    flight_dispatch(flight);
    flight_done(segment, desk, flight);
    cr_assert(flight_doorbell_take(segment, 1, &idx));
    flight_settled(segment, idx);
    cr_assert_eq(flight_peek(segment, idx), FLIGHT_FREE);
}

Test(flight, a_request_without_quotas_flies_too)
{
    struct flight *flight = flight_take(desk);
    uint32_t failed;

    cr_assert_eq(flight_hold(segment, flight, &failed), 0);
    flight_dispatch(flight);
    flight_done(segment, desk, flight);
    cr_assert_eq(flight_peek(segment, 32), FLIGHT_DONE);
}

Test(flight, the_last_whole_usage_is_what_others_see)
{
    struct flight *flight = hold(1, 1);
    struct flight_record copy;

    flight_dispatch(flight);
    cr_assert_eq(flight_copy(segment, 32, &copy), FLIGHT_DISPATCHED);
    cr_assert_eq(copy.usage.is_reported, 0);
    for (int64_t n = 1; n < 6; n++) {
        flight_note_usage(flight, &(struct usage){.count[USAGE_OUTPUT] = n, .is_reported = 1});
        cr_assert_eq(flight_copy(segment, 32, &copy), FLIGHT_DISPATCHED);
        cr_assert_eq(copy.usage.count[USAGE_OUTPUT], n);
    }
    flight_record(flight)->usage.count[USAGE_OUTPUT] = 77;
    flight_done(segment, desk, flight);
    cr_assert_eq(flight_copy(segment, 32, &copy), FLIGHT_DONE);
    cr_assert_eq(copy.usage.count[USAGE_OUTPUT], 77);
}

Test(flight, a_record_starts_from_zero_whatever_the_last_one_left)
{
    for (int round = 0; round < 3; round++) {
        struct flight *flight = flight_take(desk);
        struct flight_record *record = flight_record(flight);
        uint32_t idx, failed;

        cr_assert_eq(record->n_holds | record->n_attempts | record->charge_nusd, 0);
        cr_assert_eq(record->stage_us[FLIGHT_STAGE_COMPLETED], 0);
        cr_assert_eq(record->usage.count[USAGE_OUTPUT], 0);
        cr_assert_eq(record->model[0] | record->user_agent[0], 0);
        cr_assert_eq(record->client_address[0] | record->client_request_id[0], 0);
        memset(record, 0xee, offsetof(struct flight_record, attempts[2]));
        record->n_holds = 0;
        record->n_attempts = 2;
        cr_assert_eq(flight_hold(segment, flight, &failed), 0);
        flight_dispatch(flight);
        flight_done(segment, desk, flight);
        cr_assert(flight_doorbell_take(segment, 1, &idx));
        flight_settled(segment, idx);
    }
}

Test(flight, when_nothing_is_free_there_is_no_flight)
{
    uint32_t failed, n = 0;
    struct flight *flight;

    clock_fake_set(1000000, 0);
    while ((flight = flight_take(desk)) != NULL) {
        cr_assert_eq(flight_hold(segment, flight, &failed), 0);
        flight_dispatch(flight);
        flight_done(segment, desk, flight);
        n++;
    }
    cr_assert_eq(n, fixture_capacity.flights_per_worker);
    cr_assert_eq(flight_desk_n_unsettled(desk), n);

    /* One is settled, but the word of it is lost: found by the scan, a second later at most. */
    flight_settled(segment, 40);
    doorbell_drop_all(doorbell_at(segment, 1, DOORBELL_RETURN));
    cr_assert_null(flight_take(desk));
    clock_fake_set(2000000, 0);
    cr_assert_not_null(flight_take(desk));
    cr_assert_null(flight_take(desk));
}

Test(flight, a_slot_returned_twice_is_listed_once)
{
    uint32_t idx, failed;
    struct flight *flight = flight_take(desk);

    cr_assert_eq(flight_hold(segment, flight, &failed), 0);
    flight_dispatch(flight);
    flight_done(segment, desk, flight);
    cr_assert(flight_doorbell_take(segment, 1, &idx));
    flight_settled(segment, idx);
    cr_assert(doorbell_push(doorbell_at(segment, 1, DOORBELL_RETURN),
                            fixture_capacity.flights_per_worker, 0));
    flight = flight_take(desk);
    for (uint32_t n = 1; n < fixture_capacity.flights_per_worker; n++)
        cr_assert_neq(flight_take(desk), flight);
    cr_assert_null(flight_take(desk));
}

Test(flight, a_stale_doorbell_is_passed_over)
{
    uint32_t idx, failed;
    struct flight *flight = flight_take(desk);

    cr_assert_eq(flight_hold(segment, flight, &failed), 0);
    flight_dispatch(flight);
    flight_done(segment, desk, flight);
    flight_settled(segment, 32); /* found by a scan */
    cr_assert_not(flight_doorbell_take(segment, 1, &idx));
}

Test(flight, a_new_desk_leaves_what_a_dead_one_had_in_flight_to_the_undertaker)
{
    struct flight *flight = hold(100, 10);
    struct flight_record copy;

    flight_dispatch(flight);
    flight_note_usage(flight, &(struct usage){.count[USAGE_INPUT] = 9, .is_reported = 1});
    (void)hold(200, 20);
    cr_assert_not(flight_is_orphan(segment, 32));
    flight_desk_close(&desk);
    proc_slot_set_state(segment, 1, PROC_DEAD);
    cr_assert(flight_is_orphan(segment, 32));

    desk = fixture_desk(segment, 1); /* the slot has a new worker before the undertaker came */
    for (uint32_t n = 2; n < fixture_capacity.flights_per_worker; n++)
        cr_assert_not_null(flight_take(desk));
    cr_assert_null(flight_take(desk));
    cr_assert(flight_is_orphan(segment, 32));
    cr_assert(flight_is_orphan(segment, 33));
    cr_assert_eq(flight_copy(segment, 32, &copy), FLIGHT_DISPATCHED);
    copy.charge_nusd = 5;
    flight_bury(segment, 32, &copy);
    assert_reserved(300, 30, 1);
    cr_assert_eq(flight_copy(segment, 33, &copy), FLIGHT_HELD);
    flight_bury(segment, 33, &copy);
    assert_reserved(300, 30, 0);
    flight_settled(segment, 33);
    assert_reserved(100, 10, 0);
    cr_assert_eq(quota_reconcile_all(segment), 0);
    assert_reserved(100, 10, 0);
    cr_assert_eq(flight_copy(segment, 32, &copy), FLIGHT_DONE);
    cr_assert_eq(copy.charge_nusd, 5);
    cr_assert_eq(copy.usage.count[USAGE_INPUT], 9);
    flight_settled(segment, 32);
    assert_reserved(0, 0, 0);
    cr_assert_not_null(flight_take(desk));
    cr_assert_not_null(flight_take(desk));
    cr_assert_null(flight_take(desk));
}

Test(flight, a_living_worker_in_the_middle_of_a_move_is_waited_for_then_reported)
{
    (void)hold(100, 10);
    segment->flight_heads[32] = (segment->flight_heads[32] & ~UINT64_C(0xffffff)) | FLIGHT_INTENT |
                                UINT64_C(7) << FLIGHT_MOVING_SHIFT;
    cr_assert_eq(quota_reconcile_all(segment), ERR_BUSY);
    assert_reserved(100, 10, 1); /* too high till then, never too low */
    proc_slot_set_state(segment, 1, PROC_DEAD);
    cr_assert_eq(quota_reconcile_all(segment), 0);
    assert_reserved(0, 0, 0);
}

/* ---- its worker dies between the load of its head and the look at who lives ---- */

static struct flight *dying;
static uint64_t last_head;

static void
come_to_hold_and_die(void)
{
    segment->flight_heads[32] = last_head;
    proc_slot_set_state(segment, 1, PROC_DEAD);
}

static void
wait_for_the_exact_look(void)
{
    first_touch_then(segment->proc_slots, come_to_hold_and_die);
}

static void
let_the_first_look_pass(void)
{
    first_touch_then(segment->flight_slots[32].record.holds, wait_for_the_exact_look);
}

Test(flight, what_a_worker_came_to_hold_before_it_died_counts)
{
    (void)hold(100, 10);
    last_head = segment->flight_heads[32];
    segment->flight_heads[32] =
        (last_head & ~UINT64_C(0xffffff)) | FLIGHT_INTENT | UINT64_C(7) << FLIGHT_MOVING_SHIFT;
    first_touch_then(segment->proc_slots, let_the_first_look_pass);
    cr_assert_eq(quota_reconcile_all(segment), 0);
    cr_assert_eq(segment->flight_heads[32], last_head, "it died in between");
    assert_reserved(100, 10, 1);
}

static void
land_and_die(void)
{
    flight_done(segment, desk, dying);
    proc_slot_set_state(segment, 1, PROC_DEAD);
}

Test(flight, what_landed_before_its_worker_died_is_no_orphan)
{
    dying = hold(100, 10);
    flight_dispatch(dying);
    first_touch_then(segment->proc_slots, land_and_die);
    cr_assert_not(flight_is_orphan(segment, 32));
    cr_assert_eq(flight_peek(segment, 32), FLIGHT_DONE, "it died in between");
}

Test(flight, a_legal_life_is_the_only_one, .signal = SIGABRT)
{
    flight_done(segment, desk, hold(1, 1)); /* never dispatched */
}

Test(flight, a_settled_flight_cannot_be_settled_again, .signal = SIGABRT)
{
    struct flight *flight = hold(1, 1);

    flight_dispatch(flight);
    flight_done(segment, desk, flight);
    flight_settled(segment, 32);
    flight_settled(segment, 32);
}

/* QE-01 over two cells at once: exactly as many are admitted as both limits allow. */
Test(flight, racing_workers_are_admitted_exactly_up_to_every_limit)
{
    enum { N_WORKERS = 4, N_TRIES = 4000, MOST_NUSD = 3001, MOST_TOKENS = 5000 };
    _Atomic int *n_admitted = fixture_shared(sizeof(*n_admitted));
    struct quota_cell *a = fixture_cell(segment, 9, LIMIT_UNIT_NUSD, MOST_NUSD);
    struct quota_cell *b = fixture_cell(segment, 9, LIMIT_UNIT_TOKENS, MOST_TOKENS);
    int status, n_failed = 0;

    for (uint32_t w = 0; w < N_WORKERS; w++) {
        if (fork() != 0)
            continue;

        struct flight_desk *own = w == 1 ? desk : fixture_desk(segment, w);

        for (int n = 0; n < N_TRIES; n++) {
            struct flight *flight = flight_take(own);
            uint32_t failed, idx;

            if (flight == NULL)
                _exit(1);
            flight_record(flight)->n_holds = 2;
            flight_record(flight)->holds[n % 2] = fixture_hold(segment, a, 2);
            flight_record(flight)->holds[(n + 1) % 2] = fixture_hold(segment, b, 3);
            if (flight_hold(segment, flight, &failed) != 0) {
                flight_put_back(own, flight);
                continue;
            }
            (*n_admitted)++;
            flight_dispatch(flight);
            flight_done(segment, own, flight);
            /* Its own ledger, to keep the slots going: charged in full. */
            while (flight_doorbell_take(segment, w, &idx)) {
                quota_charge(a, 2);
                quota_charge(b, 3);
                flight_settled(segment, idx);
            }
        }
        _exit(0);
    }
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(*n_admitted, MOST_NUSD / 2);
    cr_assert_eq(fixture_used(a), MOST_NUSD - 1);
    cr_assert_eq(fixture_used(b), 3 * (MOST_NUSD / 2));
    cr_assert_eq(fixture_reserved(a) + fixture_reserved(b), 0);
}
