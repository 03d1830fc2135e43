/* SPDX-License-Identifier: ISC */
#include "ledger_fixture.h"

Test(request_query, pages_through_all_requests_newest_first)
{
    struct fixture fixture;
    char after[64] = "";
    size_t n_seen = 0, n_pages = 0;
    int64_t last_us = INT64_MAX;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 0, NULL);
    for (int i = 0; i < 25; i++) {
        clock_fake_set(1000000 + i * 1000, FIXTURE_NOW_US + i * 1000);
        cr_assert(fixture_request(&fixture, key, 0, i));
    }
    cr_expect_eq(fixture_settle(&fixture), 25);
    do {
        struct frame_out *args = fixture_command(&fixture, "request.list");
        frame_int(args, "limit", 10);
        frame_cstr(args, "after", after);
        frame_cstr(args, "key", "a");
        frame_cstr(args, "status", "ok");
        const struct frame_value *result = fixture_result(&fixture);
        const struct frame_value *requests = frame_get(result, "requests");
        for (size_t i = 0; i < frame_length(requests); i++, n_seen++) {
            int64_t us = frame_get_int(frame_at(requests, i), "accepted_us", 0);
            cr_expect_lt(us, last_us);
            last_us = us;
        }
        struct slice next = frame_get_str(result, "next");
        snprintf(after, sizeof(after), "%.*s", (int)next.len, next.len == 0 ? "" : next.ptr);
        n_pages++;
    } while (after[0] != '\0' && n_pages < 10);
    cr_expect_eq(n_seen, 25);
    cr_expect_eq(n_pages, 3);
    fixture_fini(&fixture);
}

Test(request_query, a_running_request_is_shown_from_the_segment)
{
    struct fixture fixture;
    char text[TEXT_UUID_SIZE];

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = fixture_flight(&fixture, key, 400);
    cr_assert_eq(fixture_hold(&fixture, flight), 0);
    flight_dispatch(flight);
    text_uuid_format(flight_record(flight)->request_id, text);
    frame_str(fixture_command(&fixture, "request.show"), "request_id", slice_of(text, 36));
    const struct frame_value *request = frame_get(fixture_result(&fixture), "request");
    cr_expect(fixture_str_is(request, "state", "dispatched"));
    cr_expect(fixture_str_is(request, "key_name", "a"));
    cr_expect_eq(frame_get_int(request, "reserved_nusd", 0), 400);

    fixture_done(&fixture, flight, 100);
    cr_expect_eq(fixture_settle(&fixture), 1);
    frame_str(fixture_command(&fixture, "request.show"), "request_id", slice_of(text, 36));
    request = frame_get(fixture_result(&fixture), "request");
    cr_expect(fixture_str_is(request, "state", "settled"));
    cr_expect_eq(frame_get_int(frame_get(request, "usage"), "output", 0), 100);
    const struct frame_value *stages = frame_get(request, "stages");
    cr_assert_eq(frame_length(stages), FLIGHT_N_STAGES);
    cr_expect(fixture_str_is(frame_at(stages, 0), "name", "accepted"));
    cr_expect_eq(frame_get_int(frame_at(stages, 0), "offset_us", -1), 0);
    cr_expect_eq(frame_get_int(frame_at(stages, FLIGHT_STAGE_SETTLED), "offset_us", -1), 0);
    cr_expect_eq(frame_get_int(frame_at(stages, FLIGHT_STAGE_FIRST_TOKEN), "offset_us", -1), -1);
    fixture_fini(&fixture);
}

Test(request_query, what_is_no_request_is_said_to_be_none)
{
    struct fixture fixture;

    fixture_init(&fixture);
    frame_cstr(fixture_command(&fixture, "request.show"), "request_id", "yesterday");
    cr_expect_eq(fixture_failure(&fixture, "no request id"), ERR_SYNTAX);
    frame_cstr(fixture_command(&fixture, "request.show"), "request_id",
               "019ac0de-1234-7abc-8def-0123456789ab");
    cr_expect_eq(fixture_failure(&fixture, "no such request"), ERR_MISSING);
    frame_cstr(fixture_command(&fixture, "request.list"), "key", "nobody");
    cr_expect_eq(fixture_failure(&fixture, "there is no key"), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(request_query, a_checkpoint_drops_what_is_older_than_the_retention)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 0, NULL);
    for (int i = 0; i < 10; i++)
        cr_assert(fixture_request(&fixture, key, 0, 5));
    cr_expect_eq(fixture_settle(&fixture), 10);
    clock_fake_set(2000000, FIXTURE_NOW_US + INT64_C(31) * 86400 * 1000000);
    (void)fixture_command(&fixture, "checkpoint");
    const struct frame_value *result = fixture_result(&fixture);
    cr_expect_gt(frame_get_int(result, "wal_frames", 0), 0);
    cr_expect_eq(frame_get_int(result, "checkpointed", 0), frame_get_int(result, "wal_frames", -1));
    (void)fixture_command(&fixture, "request.list");
    cr_expect_eq(frame_length(frame_get(fixture_result(&fixture), "requests")), 0);
    cr_expect_eq(fixture_charged(&fixture, FIXTURE_MONTH), 50);
    fixture_fini(&fixture);
}

Test(request_query, the_report_by_model_and_by_key)
{
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t a = fixture_key(&fixture, "a", 0, NULL), b = fixture_key(&fixture, "b", 0, NULL);
    cr_assert(fixture_request(&fixture, a, 0, 5));
    cr_assert(fixture_request(&fixture, b, 0, 7));
    cr_expect_eq(fixture_settle(&fixture), 2);
    frame_cstr(fixture_command(&fixture, "usage"), "by", "model");
    const struct frame_value *rows = frame_get(fixture_result(&fixture), "rows");
    cr_assert_eq(frame_length(rows), 1);
    cr_expect(fixture_str_is(frame_at(rows, 0), "model", "claude-sonnet-4"));
    cr_expect_eq(frame_get_int(frame_at(rows, 0), "requests", 0), 2);
    cr_expect_eq(frame_get_int(frame_at(rows, 0), "output", 0), 12);
    (void)fixture_command(&fixture, "usage");
    rows = frame_get(fixture_result(&fixture), "rows");
    cr_assert_eq(frame_length(rows), 2);
    cr_expect(fixture_str_is(frame_at(rows, 0), "key_name", "b")); /* the dearest first */
    frame_cstr(fixture_command(&fixture, "usage"), "by", "moon");
    cr_expect_eq(fixture_failure(&fixture, "not kept"), ERR_SYNTAX);
    fixture_fini(&fixture);
}

/* "There are none" would be a lie about words that nobody knows. */
Test(request_query, a_filter_that_names_nothing_is_refused)
{
    struct fixture fixture;

    fixture_init(&fixture);
    frame_cstr(fixture_command(&fixture, "request.list"), "status", "bogus");
    fixture_failure(&fixture, "neither ok nor failed");
    frame_cstr(fixture_command(&fixture, "request.list"), "provenance", "bogus");
    fixture_failure(&fixture, "none of reported");
    frame_cstr(fixture_command(&fixture, "request.list"), "status", "quota_exceeded");
    (void)fixture_result(&fixture);
    frame_cstr(fixture_command(&fixture, "key.list"), "state", "bogus");
    fixture_failure(&fixture, "none of active");
    frame_cstr(fixture_command(&fixture, "key.list"), "tool", "bogus");
    fixture_failure(&fixture, "none of cursor");
    fixture_fini(&fixture);
}
