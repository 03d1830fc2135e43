/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"

#define BOTH (USAGE_SAID_INPUT | USAGE_SAID_OUTPUT)

/* A worker dies with a flight in each state; what each comes to. */
static const struct row {
    enum flight_state state;
    bool has_usage;
    int64_t charge;
    const char *provenance, *counted_as, *category;
    bool is_early;  /* of the prompt: no content had come */
    uint8_t totals; /* that it said */
} rows[] = {
    {FLIGHT_HELD, false, 0, "none", "voided", "internal", false, BOTH},
    {FLIGHT_DISPATCHED, false, 0, "indeterminate", "indeterminate", "internal", false, BOTH},
    {FLIGHT_DISPATCHED, true, 70, "reported", "settled", "internal", false, BOTH},
    {FLIGHT_DISPATCHED, true, 0, "indeterminate", "indeterminate", "internal", true, BOTH},
    {FLIGHT_DISPATCHED, true, 70, "estimated", "settled", "internal", false, USAGE_SAID_INPUT},
    {FLIGHT_DISPATCHED, true, 70, "estimated", "settled", "internal", false, USAGE_SAID_OUTPUT},
};

static struct flight *
fly(struct fixture *fixture, uint64_t key, const struct row *row)
{
    struct flight *flight = fixture_flight(fixture, key, 400);

    cr_assert_eq(fixture_hold(fixture, flight), 0);
    if (row->state == FLIGHT_DISPATCHED)
        flight_dispatch(flight);
    if (row->has_usage) {
        struct usage usage = {.is_reported = 1, .tier_permille = 1000, .totals = row->totals};

        usage.count[USAGE_OUTPUT] = 70;
        flight_note_usage(flight, &usage);
        if (!row->is_early) {
            flight_record(flight)->stage_us[FLIGHT_STAGE_FIRST_TOKEN] = 1;
            return flight;
        }
        flight_record(flight)->attempts[0] = (struct flight_attempt){.outcome = ATTEMPT_RUNNING};
        flight_record(flight)->n_attempts = 1;
    }
    return flight;
}

static const struct frame_value *
undertake(struct fixture *fixture)
{
    frame_int(fixture_command(fixture, "undertake"), "slot", 0);
    return fixture_result(fixture);
}

Test(undertaker, ends_each_flight_by_what_is_known_of_it)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture fixture;
        struct proc_view worker;

        fixture_init(&fixture);
        uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
        struct uuid id = flight_record(fly(&fixture, key, &rows[i]))->request_id;
        fixture_kill_worker(&fixture);
        const struct frame_value *result = undertake(&fixture);
        cr_expect_eq(frame_get_int(result, rows[i].counted_as, 0), 1, "row %zu", i);
        cr_expect_eq(frame_get_int(result, "settled", 0) + frame_get_int(result, "voided", 0) +
                         frame_get_int(result, "indeterminate", 0),
                     1);
        proc_slot_view(fixture.heritage.segment, 0, &worker);
        cr_expect_eq(worker.state, PROC_VACANT);
        cr_expect_eq(fixture_quota(&fixture, key, 0).used, rows[i].charge);
        cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
        cr_expect_eq(ledger_outbox(&fixture.ledger), 0);

        char text[TEXT_UUID_SIZE];
        text_uuid_format(id, text);
        frame_str(fixture_command(&fixture, "request.show"), "request_id",
                  slice_of(text, sizeof(text)));
        const struct frame_value *request = frame_get(fixture_result(&fixture), "request");
        cr_expect(fixture_str_is(request, "provenance", rows[i].provenance), "row %zu", i);
        cr_expect(fixture_str_is(request, "category", rows[i].category), "row %zu", i);
        cr_expect_eq(frame_get_int(request, "charge_nusd", -1), rows[i].charge);
        fixture_fini(&fixture);
    }
}

/* An attempt that was given up has its cost; what it used is not the caller's to pay. */
Test(undertaker, charges_the_attempt_that_ran_and_keeps_the_costs_of_all)
{
    static const struct {
        enum attempt_outcome last;
        int64_t charge, cost;
        const char *provenance;
    } cases[] = {{ATTEMPT_RUNNING, 70, 9 + 35, "reported"},
                 {ATTEMPT_OK, 70, 9 + 35, "reported"},
                 {ATTEMPT_FAILED, 0, 9 + 5, "indeterminate"},
                 {ATTEMPT_UNCERTAIN, 0, 9 + 5, "indeterminate"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture fixture;

        fixture_init(&fixture);
        uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
        struct flight *flight = fly(&fixture, key, &rows[2]);
        struct flight_record *record = flight_record(flight);
        struct uuid id = record->request_id;

        memset(record->attempts, 0, 2 * sizeof(record->attempts[0]));
        record->attempts[0].outcome = ATTEMPT_FAILED;
        record->attempts[0].provenance = USAGE_REPORTED;
        record->attempts[0].cost_nusd = 9;
        record->attempts[1].outcome = (uint8_t)cases[i].last;
        record->attempts[1].cost_nusd = cases[i].last >= ATTEMPT_FAILED ? 5 : 0;
        record->n_attempts = 2;
        if (cases[i].charge == 0)
            record->stage_us[FLIGHT_STAGE_FIRST_TOKEN] = 0;
        fixture_kill_worker(&fixture);
        (void)undertake(&fixture);

        char text[TEXT_UUID_SIZE];
        text_uuid_format(id, text);
        frame_str(fixture_command(&fixture, "request.show"), "request_id",
                  slice_of(text, sizeof(text)));
        const struct frame_value *request = frame_get(fixture_result(&fixture), "request");
        cr_expect_eq(frame_get_int(request, "charge_nusd", -1), cases[i].charge, "case %zu", i);
        cr_expect_eq(frame_get_int(request, "cost_nusd", -1), cases[i].cost, "case %zu", i);
        cr_expect(fixture_str_is(request, "provenance", cases[i].provenance), "case %zu", i);
        fixture_fini(&fixture);
    }
}

Test(undertaker, leaves_a_finished_flight_to_settlement)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 30));
    fixture_kill_worker(&fixture);
    const struct frame_value *result = undertake(&fixture);
    cr_expect_eq(frame_get_int(result, "settled", -1), 0);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 30);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    fixture_fini(&fixture);
}

Test(undertaker, refuses_a_worker_that_lives)
{
    struct fixture fixture;

    fixture_init(&fixture);
    frame_int(fixture_command(&fixture, "undertake"), "slot", 0);
    cr_expect_eq(fixture_failure(&fixture, "not been found dead"), ERR_CONFLICT);
    frame_int(fixture_command(&fixture, "undertake"), "slot", 99);
    cr_expect_eq(fixture_failure(&fixture, "no worker slot"), ERR_MISSING);
    fixture_fini(&fixture);
}

/* A next worker in the slot goes on with the flights that are left. */
Test(undertaker, visits_again_and_again_and_the_books_balance)
{
    struct fixture fixture;
    int64_t used = 0;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", USD, NULL);
    for (int round = 0; round < 10; round++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            (void)fly(&fixture, key, &rows[i]);
            used += rows[i].charge;
        }
        cr_assert(fixture_request(&fixture, key, 400, 11));
        used += 11;
        fixture_kill_worker(&fixture);
        if (round % 3 == 0)
            fixture_restart_ledger(&fixture); /* the ledger died too: the next one adopts */
        (void)undertake(&fixture);
        cr_expect_eq(fixture_quota(&fixture, key, 0).used, used);
        cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
        fixture_start_worker(&fixture);
        cr_expect_eq(fixture_n_flights(&fixture), 0);
    }
    cr_expect_eq(fixture_charged(&fixture, 0), used);
    fixture_fini(&fixture);
}

/* Neither of the two is known to have produced nothing; what was noted is of one of them. */
Test(undertaker, ends_both_of_a_hedge_pair_and_counts_once_what_was_used)
{
    for (int has_usage = 0; has_usage <= 1; has_usage++) {
        struct fixture fixture;

        fixture_init(&fixture);
        uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
        struct flight_record *record = flight_record(fly(&fixture, key, &rows[1 + has_usage]));
        struct uuid id = record->request_id;

        memset(record->attempts, 0, 2 * sizeof(record->attempts[0]));
        record->attempts[0].outcome = record->attempts[1].outcome = ATTEMPT_RUNNING;
        record->attempts[1].reason = ATTEMPT_HEDGE;
        record->attempts[0].model_id = record->attempts[1].model_id = record->model_id;
        record->n_attempts = 2;
        fixture_kill_worker(&fixture);
        const struct frame_value *result = undertake(&fixture);
        cr_expect_eq(frame_get_int(result, has_usage ? "settled" : "indeterminate", 0), 1);

        char text[TEXT_UUID_SIZE];
        text_uuid_format(id, text);
        frame_str(fixture_command(&fixture, "request.show"), "request_id",
                  slice_of(text, sizeof(text)));
        const struct frame_value *request = frame_get(fixture_result(&fixture), "request");
        const struct frame_value *attempts = frame_get(request, "attempts");
        cr_assert_eq(frame_length(attempts), 2);
        for (size_t i = 0; i < 2; i++) {
            cr_expect(fixture_str_is(frame_at(attempts, i), "outcome", "uncertain"));
            cr_expect_geq(frame_get_int(frame_at(attempts, i), "end_us", -1), 0);
        }
        /* The elder's: the hedge is the request's only once that has ended. */
        cr_expect(fixture_str_is(frame_at(attempts, 1), "provenance", "indeterminate"));
        cr_expect_eq(frame_get_int(frame_at(attempts, 1), "cost_nusd", -1), 0);
        cr_expect_eq(frame_get_int(frame_at(attempts, 0), "cost_nusd", -1), has_usage ? 35 : 0);
        cr_expect_eq(frame_get_int(request, "cost_nusd", -1), has_usage ? 35 : 0);
        cr_expect_eq(frame_get_int(request, "charge_nusd", -1), has_usage ? 70 : 0);
        fixture_fini(&fixture);
    }
}

/* The hedge failed before its elder did: what the elder has used reached the caller. */
Test(undertaker, charges_the_one_that_ran_though_a_later_one_had_failed)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight_record *record = flight_record(fly(&fixture, key, &rows[2]));

    memset(record->attempts, 0, 2 * sizeof(record->attempts[0]));
    record->attempts[0].outcome = ATTEMPT_RUNNING;
    record->attempts[1].outcome = ATTEMPT_FAILED;
    record->attempts[1].reason = ATTEMPT_HEDGE;
    record->n_attempts = 2;
    fixture_kill_worker(&fixture);
    cr_expect_eq(frame_get_int(undertake(&fixture), "settled", 0), 1);
    cr_expect_eq(fixture_charged(&fixture, 0), 70);
    fixture_fini(&fixture);
}
