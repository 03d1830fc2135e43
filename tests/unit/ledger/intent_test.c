/* SPDX-License-Identifier: ISC
 *
 * Notes of calls: durable before the word that they are, gone with the row, and what is left over
 * without a flight is a row of its own.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "first_touch.h"
#include "ledger_fixture.h"
#include "relayos/store/store_intent.h"
#include "relayos/store/store_ledger.h"

static int
n_notes(struct fixture *fixture)
{
    static struct flight_record flight;
    struct uuid after = {0};
    int n = 0, rc;

    while ((rc = store_intent_next(fixture->ledger.store, after, &flight)) == 1) {
        after = flight.request_id;
        n++;
    }
    cr_assert_eq(rc, 0);
    return n;
}

static struct flight *
ask(struct fixture *fixture, uint64_t key)
{
    struct flight *flight = fixture_flight(fixture, key, 100);

    cr_assert_eq(fixture_hold(fixture, flight), 0);
    flight_ask_intent(fixture->desk, flight);
    return flight;
}

Test(intent, a_call_is_noted_until_its_row_is_there)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = ask(&fixture, key);

    cr_expect_not(flight_intent_is_noted(flight));
    cr_expect_eq(fixture_settle(&fixture), 0);
    cr_expect(flight_intent_is_noted(flight));
    cr_expect_eq(n_notes(&fixture), 1);
    flight_dispatch(flight);
    uint32_t n_uses = flight_n_uses(flight);
    fixture_done(&fixture, flight, 70);
    cr_expect_not(flight_is_settled(flight, n_uses));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect(flight_is_settled(flight, n_uses));
    cr_expect_eq(n_notes(&fixture), 0);
    cr_expect_eq(fixture_charged(&fixture, 0), 70);
    fixture_fini(&fixture);
}

/* Whoever waited for one may give up before it is noted, or while it is. */
Test(intent, a_call_that_is_not_made_leaves_no_note)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *early = ask(&fixture, key), *late = ask(&fixture, key);

    flight_release(fixture.heritage.segment, fixture.desk, early);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(n_notes(&fixture), 1);
    flight_release(fixture.heritage.segment, fixture.desk, late);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(n_notes(&fixture), 0);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    fixture_fini(&fixture);
}

/* The next ledger finds what was asked of a dead one, and what it has noted stays one call. */
Test(intent, a_ledger_that_dies_in_between_costs_nothing)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *noted = ask(&fixture, key), *asked;

    cr_expect_eq(fixture_settle(&fixture), 0);
    asked = ask(&fixture, key);
    fixture_restart_ledger(&fixture);
    (void)fixture_settle(&fixture);
    cr_expect(flight_intent_is_noted(noted) && flight_intent_is_noted(asked));
    cr_expect_eq(n_notes(&fixture), 2);
    cr_expect_eq(fixture_charged(&fixture, 0), 0);
    flight_dispatch(noted);
    fixture_done(&fixture, noted, 5);
    flight_dispatch(asked);
    fixture_done(&fixture, asked, 6);
    cr_expect_eq(fixture_settle(&fixture), 2);
    cr_expect_eq(n_notes(&fixture), 0);
    cr_expect_eq(fixture_charged(&fixture, 0), 11);
    fixture_fini(&fixture);
}

Test(intent, a_note_without_a_flight_becomes_an_indeterminate_row)
{
    static struct flight_record lost;
    struct fixture fixture;
    struct store_settlement settlement = {.flight = &lost};
    enum store_insert inserted;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *lives = ask(&fixture, key);

    cr_expect_eq(fixture_settle(&fixture), 0);
    lost.accepted_real_us = clock_real_us() - 5000000;
    lost.request_id = text_uuid_new(lost.accepted_real_us);
    lost.key_id = key;
    lost.day_id = flight_record(lives)->day_id;
    lost.reserved_nusd = 100;
    snprintf(lost.model, sizeof(lost.model), "claude-sonnet-4");
    cr_assert_eq(store_begin(fixture.ledger.store), 0);
    cr_assert_eq(store_intent_put(fixture.ledger.store, &lost), 0);
    cr_assert_eq(store_intent_put(fixture.ledger.store, &lost), 0, "twice is once");
    cr_assert_eq(store_commit(fixture.ledger.store), 0);
    cr_expect_eq(n_notes(&fixture), 2);

    fixture_restart_ledger(&fixture);
    cr_expect_eq(n_notes(&fixture), 1, "the one that lives");
    cr_expect_eq(fixture_charged(&fixture, 0), 0);
    /* Its row is there: another of that id, with a charge, is a conflict. */
    lost.charge_nusd = 1;
    cr_assert_eq(store_begin(fixture.ledger.store), 0);
    cr_assert_eq(store_ledger_insert(fixture.ledger.store, &settlement, &inserted), 0);
    cr_expect_eq(inserted, STORE_INSERT_CONFLICT);
    store_rollback(fixture.ledger.store);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);
    fixture_fini(&fixture);
}

Test(intent, workers_that_wait_are_woken_and_no_others)
{
    struct fixture fixture;
    uint64_t n = 0;

    fixture_init(&fixture);
    int fds[2] = {eventfd(0, EFD_NONBLOCK), eventfd(0, EFD_NONBLOCK)};
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);

    fixture.heritage.wake_fds = fds;
    cr_assert(fixture_request(&fixture, key, 100, 10));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_lt(read(fds[0], &n, sizeof(n)), 0);
    proc_slot_set_waiting(fixture.heritage.segment, 0, true);
    proc_slot_set_waiting(fixture.heritage.segment, 1, true);
    cr_assert(fixture_request(&fixture, key, 100, 10));
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(read(fds[0], &n, sizeof(n)), sizeof(n), "a row");
    struct flight *flight = ask(&fixture, key);
    cr_expect_eq(fixture_settle(&fixture), 0);
    cr_expect_eq(read(fds[0], &n, sizeof(n)), sizeof(n), "a note");
    cr_expect_eq(fixture_settle(&fixture), 0);
    cr_expect_lt(read(fds[0], &n, sizeof(n)), 0, "nothing");
    cr_expect_lt(read(fds[1], &n, sizeof(n)), 0, "nothing of its own");
    flight_release(fixture.heritage.segment, fixture.desk, flight);
    close(fds[0]);
    close(fds[1]);
    fixture_fini(&fixture);
}

static const struct flight *asking;
static bool is_noted;

static void
see_if_it_is_noted(void)
{
    is_noted = flight_intent_is_noted(asking);
}

/* A slot that is free again may be taken and ask anew: no note of this batch may be for that one.
 */
Test(intent, notes_are_told_of_before_anything_of_the_batch_is_given_back)
{
    struct fixture fixture;
    struct key_view view;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);

    cr_assert(fixture_request(&fixture, key, 100, 10));
    asking = ask(&fixture, key);
    fixture_view(&fixture, key, &view);
    first_touch_then(quota_cell_at(fixture.heritage.segment, view.limits[0].cell_idx[0],
                                   view.limits[0].cell_generation[0]),
                     see_if_it_is_noted);
    cr_expect_eq(fixture_settle(&fixture), 1);
    cr_expect_eq(first_touch.n, 1);
    cr_expect(is_noted);
    fixture_fini(&fixture);
}
