/* SPDX-License-Identifier: ISC */
#include "relayos/model/catalog.h"
#include "store_fixture.h"

static void
insert_flights(struct fixture *fixture, uint32_t n)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.category = i % 10 == 9 ? ERR_CATEGORY_UPSTREAM_TIMEOUT : ERR_CATEGORY_NONE;
        cr_assert_eq(fixture_insert(fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture->store), 0);
}

Test(store_trace, comes_back_as_it_was_but_for_the_origin_of_time)
{
    struct fixture fixture;
    struct flight_record flight;
    struct store_trace trace;
    enum store_insert inserted;

    fixture_init(&fixture);
    fixture_flight(&flight, 7);
    flight.stage_us[FLIGHT_STAGE_FIRST_TOKEN] = 0; /* not reached */
    flight.endpoint = 4;
    flight.protocol = PROTOCOL_ANTHROPIC_MESSAGES;
    flight.is_stream = 1;
    flight.usage.reasoning_tokens = 5;
    flight.n_attempts = 2;
    flight.attempts[1] = flight.attempts[0];
    flight.attempts[0].outcome = ATTEMPT_UNCERTAIN;
    flight.attempts[0].category = ERR_CATEGORY_UPSTREAM_ERROR;
    snprintf(flight.attempts[0].note, sizeof(flight.attempts[0].note), "reset");
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    cr_assert_eq(store_commit(fixture.store), 0);

    cr_assert_eq(store_trace_get(fixture.store, flight.request_id, &trace), 0);
    struct flight_record *got = &trace.flight;
    cr_expect_arr_eq(got->request_id.bytes, flight.request_id.bytes, 16);
    cr_expect_eq(got->key_id, flight.key_id);
    cr_expect_str_eq(got->model, flight.model);
    cr_expect_eq(got->endpoint, 4);
    cr_expect_eq(got->protocol, PROTOCOL_ANTHROPIC_MESSAGES);
    cr_expect_eq(got->is_stream, 1);
    cr_expect_eq(got->status, 200);
    cr_expect_eq(got->accepted_real_us, flight.accepted_real_us);
    cr_expect_eq(got->stage_us[FLIGHT_STAGE_COMPLETED], STORE_TRACE_ACCEPTED_US + 700);
    cr_expect_eq(got->stage_us[FLIGHT_STAGE_FIRST_TOKEN], 0);
    cr_expect_eq(got->stage_us[FLIGHT_STAGE_SETTLED], STORE_TRACE_ACCEPTED_US + 1000);
    cr_expect_eq(got->usage.count[USAGE_INPUT], 107);
    cr_expect_eq(got->usage.reasoning_tokens, 5);
    cr_expect_eq(got->charge_nusd, 1007);
    cr_expect_eq(got->provenance, USAGE_REPORTED);
    cr_expect_eq(got->day_id, 20251125);
    cr_assert_eq(got->n_attempts, 2);
    cr_expect_eq(got->attempts[0].outcome, ATTEMPT_UNCERTAIN);
    cr_expect_eq(got->attempts[0].category, ERR_CATEGORY_UPSTREAM_ERROR);
    cr_expect_str_eq(got->attempts[0].note, "reset");
    cr_expect_str_eq(got->attempts[1].upstream, "openai-main");
    cr_expect_not(trace.is_refusal);
    struct uuid unknown = {.bytes = {1}};
    cr_expect_eq(store_trace_get(fixture.store, unknown, &trace), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(store_trace, a_refused_call_leaves_one_too)
{
    struct fixture fixture;
    struct store_trace trace;
    struct refusal_record refusal = {.accepted_real_us = FIXTURE_NOW_US,
                                     .elapsed_us = 40,
                                     .endpoint = 255,
                                     .category = ERR_CATEGORY_QUOTA_EXCEEDED,
                                     .step = FLIGHT_STAGE_KEY_CHECKED,
                                     .status = 429};

    fixture_init(&fixture);
    refusal.request_id = text_uuid_new(FIXTURE_NOW_US);
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_trace_refuse(fixture.store, &refusal), 0);
    cr_assert_eq(store_trace_refuse(fixture.store, &refusal), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_assert_eq(store_trace_get(fixture.store, refusal.request_id, &trace), 0);
    cr_expect(trace.is_refusal);
    cr_expect_eq(trace.flight.category, ERR_CATEGORY_QUOTA_EXCEEDED);
    cr_expect_eq(trace.flight.status, 429);
    cr_expect_eq(trace.flight.endpoint, 255);
    cr_expect_eq(trace.flight.stage_us[FLIGHT_STAGE_KEY_CHECKED], STORE_TRACE_ACCEPTED_US + 40);
    cr_expect_eq(trace.flight.stage_us[FLIGHT_STAGE_QUOTA_CHECKED], 0);
    cr_expect_eq(trace.flight.charge_nusd, 0);
    fixture_fini(&fixture);
}

Test(store_trace, pages_go_from_new_to_old_without_a_gap_or_a_repeat)
{
    enum { N = 95, PAGE = 10 };
    struct fixture fixture;
    static struct store_trace page[PAGE];
    struct store_trace_filter filter = {.any_key = true};
    size_t n = PAGE, n_seen = 0;

    fixture_init(&fixture);
    insert_flights(&fixture, N);
    while (n == PAGE) {
        cr_assert_eq(fixture_list(&fixture, &filter, page, PAGE, &n), 0);
        for (size_t i = 0; i < n; i++, n_seen++)
            cr_expect_eq(page[i].flight.accepted_real_us,
                         FIXTURE_NOW_US + (int64_t)(N - 1 - n_seen) * 1000);
        filter.before = page[n - 1].flight.request_id;
    }
    cr_expect_eq(n_seen, N);
    fixture_fini(&fixture);
}

/* A key's traces are found by spans of 65.5 seconds: none is missed or repeated at their ends. */
Test(store_trace, pages_of_one_key_go_on_over_spans_of_time_and_gaps)
{
    enum { N = 120, PAGE = 4 };
    struct fixture fixture;
    static struct store_trace page[PAGE];
    static const uint64_t key = 2;
    struct store_trace_filter filter = {.key_ids = &key, .n_key_ids = 1};
    size_t n = PAGE, n_seen = 0;
    enum store_insert inserted;
    int64_t last_us = INT64_MAX;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    for (uint32_t i = 0; i < N; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.accepted_real_us =
            FIXTURE_NOW_US + i * INT64_C(9000000) + (i > 60 ? INT64_C(86400000000) : 0);
        flight.request_id = text_uuid_new(flight.accepted_real_us);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture.store), 0);
    while (n == PAGE) {
        cr_assert_eq(fixture_list(&fixture, &filter, page, PAGE, &n), 0);
        for (size_t i = 0; i < n; i++, n_seen++) {
            cr_expect_eq(page[i].flight.key_id, 2);
            cr_expect_lt(page[i].flight.accepted_real_us, last_us);
            last_us = page[i].flight.accepted_real_us;
        }
        filter.before = n > 0 ? page[n - 1].flight.request_id : filter.before;
    }
    cr_expect_eq(n_seen, N / 5);
    fixture_fini(&fixture);
}

Test(store_trace, retention_forgets_a_keys_spans_with_the_last_trace_in_them)
{
    struct fixture fixture;
    size_t n;

    fixture_init(&fixture);
    insert_flights(&fixture, 100);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM trace_key"), 5);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(store_trace_expire(fixture.store, FIXTURE_NOW_US + 200000, i < 3 ? 33 : 1, &n),
                     0);
        cr_assert_eq(store_commit(fixture.store), 0);
        cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM trace_key"), i < 2    ? 5
                                                                                : i == 2 ? 1
                                                                                         : 0);
    }
    fixture_fini(&fixture);
}

Test(store_trace, each_filter_keeps_what_it_names)
{
    static struct store_trace page[100];
    static const uint64_t keys[] = {3, 77, 5};
    static const struct {
        struct store_trace_filter filter;
        size_t n;
    } rows[] = {
        {{.key_ids = &keys[0], .n_key_ids = 1}, 20},
        {{.key_ids = &keys[1], .n_key_ids = 1}, 0},
        {{.any_key = true, .model = {"model-1", 7}}, 33},
        {{.any_key = true, .status = {"ok", 2}}, 90},
        {{.any_key = true, .status = {"failed", 6}}, 10},
        {{.any_key = true, .status = {"upstream_timeout", 16}}, 10},
        {{.any_key = true, .status = {"rate_limited", 12}}, 0},
        {{.status = {"failed", 6}, .key_ids = &keys[2], .n_key_ids = 1}, 10},
        {{.key_ids = keys, .n_key_ids = 3}, 40},
        {{.n_key_ids = 0}, 0},
        {{.any_key = true, .since_us = FIXTURE_NOW_US + 50000}, 50},
        {{.any_key = true, .until_us = FIXTURE_NOW_US + 30000}, 30},
        {{.any_key = true, .since_us = FIXTURE_NOW_US + 50000, .until_us = FIXTURE_NOW_US + 60000},
         10},
    };
    struct fixture fixture;

    fixture_init(&fixture);
    insert_flights(&fixture, 100);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = 999;

        cr_assert_eq(fixture_list(&fixture, &rows[i].filter, page, 100, &n), 0);
        cr_expect_eq(n, rows[i].n, "row %zu: %zu", i, n);
    }
    fixture_fini(&fixture);
}

/* Each in a span of its own, some spans with several of them: the keys' requests are merged. */
Test(store_trace, pages_of_several_keys_come_in_the_order_of_time)
{
    enum { N = 300, PAGE = 7 };
    static const uint64_t keys[] = {1, 3, 4, 99};
    struct fixture fixture;
    static struct store_trace page[PAGE];
    struct store_trace_filter filter = {.key_ids = keys, .n_key_ids = 4};
    size_t n = PAGE, n_seen = 0;
    enum store_insert inserted;
    int64_t last_us = INT64_MAX;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    for (uint32_t i = 0; i < N; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        flight.accepted_real_us = FIXTURE_NOW_US + i * INT64_C(23000000);
        flight.request_id = text_uuid_new(flight.accepted_real_us);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture.store), 0);
    while (n == PAGE) {
        cr_assert_eq(fixture_list(&fixture, &filter, page, PAGE, &n), 0);
        for (size_t i = 0; i < n; i++, n_seen++) {
            cr_expect_neq(page[i].flight.key_id, 2);
            cr_expect_neq(page[i].flight.key_id, 5);
            cr_expect_lt(page[i].flight.accepted_real_us, last_us);
            last_us = page[i].flight.accepted_real_us;
        }
        filter.before = n > 0 ? page[n - 1].flight.request_id : filter.before;
    }
    cr_expect_eq(n_seen, N * 3 / 5);
    fixture_fini(&fixture);
}

Test(store_trace, a_search_that_is_late_says_where_it_was)
{
    static struct store_trace traces[100];
    struct store_trace_page page = {.traces = traces, .room = 100};
    struct store_trace_filter filter = {
        .any_key = true, .model = SLICE_LIT("no-such-model"), .deadline_us = 1};
    static const struct uuid none;
    struct fixture fixture;
    int n_pages = 0;

    fixture_init(&fixture);
    insert_flights(&fixture, 500);
    do {
        cr_assert_eq(store_trace_list(fixture.store, &filter, &page), 0);
        cr_expect_eq(page.n, 0);
        filter.before = page.next;
        n_pages++;
    } while (memcmp(&page.next, &none, sizeof(none)) != 0 && n_pages < 100);
    cr_expect(n_pages > 1 && n_pages < 100, "%d", n_pages);
    fixture_fini(&fixture);
}

Test(store_trace, retention_drops_traces_in_slices_and_leaves_the_ledger)
{
    struct fixture fixture;
    size_t n = 0, n_slices = 0, n_dropped = 0;

    fixture_init(&fixture);
    insert_flights(&fixture, 100);
    do {
        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(store_trace_expire(fixture.store, FIXTURE_NOW_US + 60000, 25, &n), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
        cr_expect_leq(n, 25);
        n_dropped += n;
        n_slices++;
    } while (n > 0);
    cr_expect_eq(n_dropped, 60);
    cr_expect_eq(n_slices, 4);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM trace"), 40);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM attempt"), 40);
    cr_expect_eq(fixture_query(&fixture, "SELECT count(*) FROM ledger"), 100);
    fixture_fini(&fixture);
}

static void
insert_settlement(struct fixture *fixture, const struct store_settlement *settlement)
{
    enum store_insert inserted;

    cr_assert_eq(store_begin(fixture->store), 0);
    cr_assert_eq(store_ledger_insert(fixture->store, settlement, &inserted), 0);
    cr_assert_eq(store_commit(fixture->store), 0);
    cr_assert_eq(inserted, STORE_INSERT_NEW);
}

Test(store_trace, why_each_attempt_was_made_comes_back)
{
    static struct store_trace trace, listed;
    struct fixture fixture;
    struct flight_record flight;
    size_t n;

    fixture_init(&fixture);
    fixture_flight(&flight, 1);
    flight.n_attempts = 3;
    flight.attempts[2] = flight.attempts[1] = flight.attempts[0];
    flight.attempts[0].outcome = ATTEMPT_FAILED;
    flight.attempts[1].outcome = ATTEMPT_CANCELLED;
    flight.attempts[1].reason = ATTEMPT_HEDGE;
    flight.attempts[1].score = UINT32_MAX;
    memset(flight.attempts[1].credential, 'c', sizeof(flight.attempts[1].credential)); /* no NUL */
    flight.attempts[2].reason = ATTEMPT_FALLBACK;
    insert_settlement(&fixture, &(struct store_settlement){.flight = &flight,
                                                           .now_us = 1001000,
                                                           .attempt_models = {[2] = "other"}});
    cr_assert_eq(store_trace_get(fixture.store, flight.request_id, &trace), 0);
    cr_expect_eq(trace.flight.attempts[0].reason, ATTEMPT_FIRST);
    cr_expect_eq(trace.flight.attempts[1].reason, ATTEMPT_HEDGE);
    cr_expect_eq(trace.flight.attempts[1].score, UINT32_MAX);
    cr_expect_str_eq(trace.flight.attempts[1].credential, "ccccccccccccccccccccccc");
    cr_expect_eq(trace.flight.attempts[2].reason, ATTEMPT_FALLBACK);
    cr_expect_str_eq(trace.attempt_models[0], "");
    cr_expect_str_eq(trace.attempt_models[2], "other");
    cr_expect_str_eq(trace.answered_by, "other");
    cr_assert_eq(
        fixture_list(&fixture, &(struct store_trace_filter){.any_key = true}, &listed, 1, &n), 0);
    cr_expect_eq(listed.n_attempts, 3);
    cr_expect_str_eq(listed.answered_by, "other");
    fixture_fini(&fixture);
}

Test(store_trace, choices_come_back_and_no_more_than_there_is_room_for)
{
    static const char text[] = "[[0,\"00000007\",0,\"open\"],[1,\"fedcba98\",4294967295,"
                               "\"usable\"],12]";
    struct store_choice choices[2];
    struct fixture fixture;
    struct flight_record flight;
    int64_t n_unlisted;
    size_t n;

    fixture_init(&fixture);
    fixture_flight(&flight, 1);
    insert_settlement(&fixture, &(struct store_settlement){.flight = &flight,
                                                           .now_us = 1001000,
                                                           .choices = slice_str(text)});
    cr_assert_eq(store_trace_choices(fixture.store, flight.request_id, choices, 2, &n, &n_unlisted),
                 0);
    cr_assert_eq(n, 2);
    cr_expect_eq(n_unlisted, 12);
    cr_expect_eq(choices[0].route_id, 7);
    cr_expect_str_eq(choices[0].exclusion, "open");
    cr_expect_eq(choices[1].attempt, 1);
    cr_expect_eq(choices[1].route_id, 0xfedcba98);
    cr_expect_eq(choices[1].score, UINT32_MAX);
    cr_expect_str_eq(choices[1].exclusion, "usable");
    cr_assert_eq(store_trace_choices(fixture.store, flight.request_id, choices, 1, &n, &n_unlisted),
                 0);
    cr_expect_eq(n, 1);
    fixture_fini(&fixture);
}

/* Somebody's editor was in the database: the request can still be shown. */
Test(store_trace, choices_that_are_none_are_not_there)
{
    static const char *const texts[] = {"",        "[[0,",   "{}",          "7",
                                        "[\"x\"]", "[null]", "[[],[null]]", "[{\"a\":1}]"};
    struct store_choice choices[2];
    struct fixture fixture;
    struct flight_record flight;
    int64_t n_unlisted;
    size_t n;

    fixture_init(&fixture);
    fixture_flight(&flight, 1);
    insert_settlement(&fixture, &(struct store_settlement){.flight = &flight, .now_us = 1001000});
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char sql[128];

        snprintf(sql, sizeof(sql), "UPDATE trace SET choices = '%s'", texts[i]);
        fixture_change(&fixture, sql);
        cr_expect_eq(
            store_trace_choices(fixture.store, flight.request_id, choices, 2, &n, &n_unlisted), 0,
            "%s", texts[i]);
        cr_expect(n == 0 || choices[0].exclusion[0] == '\0', "%s", texts[i]);
    }
    fixture_fini(&fixture);
}
