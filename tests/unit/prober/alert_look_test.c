/* SPDX-License-Identifier: ISC */
#include "alert_look.h"

#include "relayos/base/clock.h"
#include "relayos/model/key.h"
#include "relayos/shm/health_credential.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/tally.h"
#include "segment_fixture.h"

#define SECOND INT64_C(1000000)

static struct segment_fixture fixture;
static struct alert_look look;
static struct alert_book book;
static int64_t now_us;

static void
name_key(void *ctx, uint64_t key_id, char out[LIMIT_NAME])
{
    (void)ctx;
    snprintf(out, LIMIT_NAME, "name-%llu", (unsigned long long)key_id);
}

static void
setup(void)
{
    segment_fixture_init(&fixture);
    segment_set_admission(fixture.segment, true);
    look = (struct alert_look){
        .segment = fixture.segment, .catalog = fixture.catalog, .key_name = name_key};
    alert_book_init(&book, UINT32_MAX);
    now_us = 1000 * SECOND;
}

static void
nothing(void *ctx, const struct alert *alert, bool is_resolved)
{
    (void)ctx;
    (void)alert;
    (void)is_resolved;
}

static void
look_now(void)
{
    alert_book_begin(&book);
    alert_look_all(&look, &book, now_us, now_us);
}

/* How many hold now. */
static size_t
n_seen(void)
{
    size_t n_rows = 0;

    look_now();
    for (size_t n = 0; n < book.n; n++)
        n_rows += book.rows[n].is_seen;
    return n_rows;
}

/* The alert of that kind, which must hold now. */
static const struct alert *
seen(enum alert_kind kind)
{
    look_now();
    for (size_t n = 0; n < book.n; n++) {
        if (book.rows[n].kind == kind && book.rows[n].is_seen)
            return &book.rows[n];
    }
    return NULL;
}

static void
open_cell(uint64_t key_id, int64_t used, bool is_shadow)
{
    const struct quota_cell_id id = {key_id, 202611, QUOTA_ALL_MODELS, LIMIT_UNIT_NUSD};
    const struct quota_terms terms = {
        .limit = 100 * INT64_C(1000000000), .used = used, .is_shadow = is_shadow};
    uint32_t idx, generation;

    cr_assert_eq(quota_cell_open(fixture.segment, &id, &terms, &idx, &generation), 0);
}

Test(alert_look, where_all_is_well_there_is_nothing_to_say, .init = setup)
{
    open_cell(7, 79 * INT64_C(1000000000), false);
    cr_expect_eq(n_seen(), 0);
}

Test(alert_look, a_quota_is_told_of_at_80_and_at_100_per_cent, .init = setup)
{
    open_cell(7, 80 * INT64_C(1000000000), false);
    const struct alert *near = seen(ALERT_QUOTA_NEAR);

    cr_assert_not_null(near);
    cr_expect_str_eq(near->subject, "key 7: usd, all models, 202611");
    cr_expect_not_null(strstr(near->text, "name-7: $80.00 of $100.00 are used"), "%s", near->text);
    cr_expect_null(seen(ALERT_QUOTA_USED_UP));
    open_cell(8, 100 * INT64_C(1000000000), true);
    const struct alert *up = seen(ALERT_QUOTA_USED_UP);
    cr_assert_not_null(up);
    cr_expect_not_null(strstr(up->subject, "key 8"));
    cr_expect_not_null(strstr(up->text, "a shadow: nothing is refused"), "%s", up->text);
}

Test(alert_look, a_model_is_down_when_none_of_its_routes_passes, .init = setup)
{
    int64_t wall_us = now_us;

    for (int n = 0; n < 2; n++) {
        const struct routing_settings settings = {.breaker_failures = 1,
                                                  .breaker_percent = 50,
                                                  .breaker_calls = 1000,
                                                  .open_us = 60 * SECOND,
                                                  .open_max_us = 60 * SECOND};
        const struct health_outcome outcome = {.verdict = HEALTH_FAULT, .now_us = wall_us};

        health_begin(fixture.segment, 0, fixture.routes[n].health_row);
        cr_assert(
            health_end(fixture.segment, 0, fixture.routes[n].health_row, &outcome, &settings));
        const struct alert *route = seen(ALERT_ROUTE_DOWN);
        cr_assert_not_null(route);
        if (n == 0)
            cr_expect_str_eq(route->subject, "route m/mock/m-0");
        cr_expect_eq(seen(ALERT_MODEL_DOWN) != NULL, n == 1);
    }
    cr_expect_str_eq(seen(ALERT_MODEL_DOWN)->subject, "m");
}

Test(alert_look, what_the_operator_took_out_is_no_alert_while_something_is_left, .init = setup)
{
    health_set_admin(fixture.segment, fixture.routes[0].health_row, HEALTH_DISABLED);
    cr_expect_eq(n_seen(), 0);
    health_set_admin(fixture.segment, fixture.routes[1].health_row, HEALTH_DRAINED);
    const struct alert *down = seen(ALERT_MODEL_DOWN);
    cr_assert_not_null(down);
    cr_expect_not_null(strstr(down->text, "disabled or drained"));
}

Test(alert_look, a_refused_credential_is_told_of_and_a_cooling_one_is_not, .init = setup)
{
    const struct routing_settings settings = {.open_max_us = 60 * SECOND};
    struct credential_record credential;
    struct upstream_record upstream;
    uint64_t epoch;

    cr_assert_eq(catalog_upstream_at(fixture.catalog, 0, &upstream, &epoch), 0);
    cr_assert_eq(catalog_get_credential(fixture.catalog, epoch, upstream.id, 0, &credential), 0);
    (void)health_credential_fail(fixture.segment, credential.health_row, 429, 5, &settings, now_us);
    cr_expect_null(seen(ALERT_CREDENTIAL_REFUSED));
    (void)health_credential_fail(fixture.segment, credential.health_row, 401, 0, &settings, now_us);
    const struct alert *refused = seen(ALERT_CREDENTIAL_REFUSED);
    cr_assert_not_null(refused);
    cr_expect_str_eq(refused->subject, "upstream mock");
    cr_expect_not_null(strstr(refused->text, "401"));
    cr_expect_not_null(seen(ALERT_MODEL_DOWN), "its routes have no other");
    cr_expect_null(seen(ALERT_ROUTE_DOWN));
}

Test(alert_look, admission_disk_and_certificates_are_watched, .init = setup)
{
    segment_set_admission(fixture.segment, false);
    cr_expect_not_null(seen(ALERT_ADMISSION_CLOSED));
    segment_set_admission(fixture.segment, true);
    tally_set(fixture.segment, TALLY_DISK_BYTES, INT64_C(100) << 30);
    tally_set(fixture.segment, TALLY_DISK_FREE_BYTES, 100 << 20);
    cr_expect_not_null(seen(ALERT_DISK_LOW));
    tally_set(fixture.segment, TALLY_DISK_FREE_BYTES, INT64_C(50) << 30);
    cr_expect_null(seen(ALERT_DISK_LOW));
    tally_set(fixture.segment, TALLY_CERTIFICATE_EXPIRES_US, now_us + 15 * 86400 * SECOND);
    cr_expect_null(seen(ALERT_CERTIFICATE_EXPIRING));
    tally_set(fixture.segment, TALLY_CERTIFICATE_EXPIRES_US, now_us + 13 * 86400 * SECOND);
    cr_expect_not_null(seen(ALERT_CERTIFICATE_EXPIRING));
    tally_set(fixture.segment, TALLY_CERTIFICATE_EXPIRES_US, now_us - SECOND);
    cr_expect_not_null(strstr(seen(ALERT_CERTIFICATE_EXPIRING)->text, "has expired"));
}

Test(alert_look, a_disk_is_low_by_share_and_by_size)
{
    cr_expect(alert_look_disk_is_low(100 << 20, INT64_C(1) << 40));
    cr_expect(alert_look_disk_is_low(INT64_C(3) << 30, INT64_C(100) << 30), "3 %% of it");
    cr_expect_not(alert_look_disk_is_low(INT64_C(8) << 30, INT64_C(1) << 40), "8 GiB will do");
    cr_expect_not(alert_look_disk_is_low(INT64_C(1) << 30, INT64_C(10) << 30));
}

Test(alert_look, a_spell_of_crashes_is_told_of_for_a_while, .init = setup)
{
    tally_set(fixture.segment, TALLY_CHILD_CRASHES, 50);
    cr_expect_null(seen(ALERT_CRASH_LOOP), "one now and then");
    tally_set(fixture.segment, TALLY_CRASH_SPELL_US, now_us);
    cr_expect_not_null(seen(ALERT_CRASH_LOOP));
    now_us += 59 * SECOND;
    cr_expect_not_null(seen(ALERT_CRASH_LOOP));
    now_us += 2 * SECOND;
    cr_expect_null(seen(ALERT_CRASH_LOOP));
    alert_book_end(&book, now_us, nothing, NULL);
}
