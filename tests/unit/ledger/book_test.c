/* SPDX-License-Identifier: ISC
 *
 * Several limits of one key: which rows each of them counts, over days, models and restarts.
 */
#include "ledger_fixture.h"

#define SONNET "claude-sonnet-4"
#define MINI   "gpt-4.1-mini"
#define DAY_US INT64_C(86400000000)

struct quota {
    const char *unit, *period, *model;
    int64_t amount;
    bool is_shadow;
};

static void
write_quotas(struct frame_out *args, const struct quota *quotas, size_t n)
{
    frame_array(args, "quotas");
    for (size_t i = 0; i < n; i++) {
        frame_map(args, NULL);
        frame_cstr(args, "unit", quotas[i].unit);
        frame_int(args, "amount", quotas[i].amount);
        if (quotas[i].period != NULL)
            frame_cstr(args, "period", quotas[i].period);
        if (quotas[i].model != NULL)
            frame_cstr(args, "model", quotas[i].model);
        frame_bool(args, "shadow", quotas[i].is_shadow);
        frame_end(args);
    }
    frame_end(args);
}

static uint64_t
create(struct fixture *fixture, const char *name, const struct quota *quotas, size_t n)
{
    struct frame_out *args = fixture_command(fixture, "key.create");

    frame_cstr(args, "name", name);
    write_quotas(args, quotas, n);
    return (uint64_t)frame_get_int(frame_get(fixture_result(fixture), "key"), "id", 0);
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "tokens/week:gpt-4.1-mini=7 usd/day=5" of a KEY reply, sorted; s behind a shadow. */
static void
describe(const struct frame_value *key, const char *what, char out[512])
{
    const struct frame_value *limits = frame_get(key, "limits");
    char texts[LIMIT_KEY_LIMITS][64];
    size_t n = frame_length(limits), len = 0;

    cr_assert_leq(n, (size_t)LIMIT_KEY_LIMITS);
    for (size_t i = 0; i < n; i++) {
        const struct frame_value *limit = frame_at(limits, i);
        struct slice unit = frame_get_str(limit, "unit"), period = frame_get_str(limit, "period"),
                     model = frame_get_str(limit, "model");

        snprintf(texts[i], sizeof(texts[i]), "%.*s/%.*s%s%.*s=%lld%s", (int)unit.len, unit.ptr,
                 (int)period.len, period.ptr, model.len == 0 ? "" : ":", (int)model.len,
                 model.len == 0 ? "" : model.ptr, (long long)frame_get_int(limit, what, -1),
                 frame_get_bool(limit, "shadow", false) ? "s" : "");
    }
    qsort(texts, n, sizeof(texts[0]), compare_texts);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        len += (size_t)snprintf(out + len, 512 - len, "%s%s", i == 0 ? "" : " ", texts[i]);
}

static void
expect_key(struct fixture *fixture, const char *name, const char *what, const char *expected)
{
    char got[512];

    describe(frame_get(fixture_key_command(fixture, "key.show", name), "key"), what, got);
    cr_expect_str_eq(got, expected);
}

static void
update(struct fixture *fixture, const char *name, const struct quota *quotas, size_t n, bool clears)
{
    struct frame_out *args = fixture_command(fixture, "key.update");

    frame_cstr(args, "key", name);
    if (clears)
        frame_bool(args, "no_quotas", true);
    write_quotas(args, quotas, n);
    (void)fixture_result(fixture);
}

static void
turn_to(struct fixture *fixture, int64_t real_us)
{
    clock_fake_set(clock_mono_us() + 2000000, real_us);
    ledger_tick(&fixture->ledger, clock_mono_us());
    while (fixture->ledger.book.is_walking)
        ledger_tick(&fixture->ledger, clock_mono_us());
}

Test(book, each_limit_counts_its_own_rows)
{
    static const struct quota quotas[] = {{"usd", "day", NULL, 100, false},
                                          {"tokens", "week", NULL, 1000, false},
                                          {"usd", "month", MINI, 50, false},
                                          {"usd", "total", NULL, 5000, false}};
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = create(&fixture, "a", quotas, 4);
    cr_assert(fixture_request_to(&fixture, key, 60, SONNET));
    cr_assert(fixture_request_to(&fixture, key, 30, MINI));
    cr_expect_not(fixture_request_to(&fixture, key, 21, MINI));   /* the model's, and the day's */
    cr_expect_not(fixture_request_to(&fixture, key, 11, SONNET)); /* the day's */
    cr_expect_eq(fixture_settle(&fixture), 2);
    expect_key(&fixture, "a", "used",
               "tokens/week=90 usd/day=90 usd/month:gpt-4.1-mini=30 usd/total=90");
    expect_key(&fixture, "a", "reserved",
               "tokens/week=0 usd/day=0 usd/month:gpt-4.1-mini=0 usd/total=0");
    expect_key(&fixture, "a", "period_id",
               "tokens/week=120251124 usd/day=20251125 usd/month:gpt-4.1-mini=202511 usd/total=0");

    turn_to(&fixture, FIXTURE_NOW_US + DAY_US);
    cr_expect_not(fixture_request_to(&fixture, key, 21, MINI)); /* the model's month goes on */
    cr_expect(fixture_request_to(&fixture, key, 99, SONNET));
    cr_expect_eq(fixture_settle(&fixture), 1);
    expect_key(&fixture, "a", "used",
               "tokens/week=189 usd/day=99 usd/month:gpt-4.1-mini=30 usd/total=189");
    fixture_restart_ledger(&fixture);
    expect_key(&fixture, "a", "used",
               "tokens/week=189 usd/day=99 usd/month:gpt-4.1-mini=30 usd/total=189");
    fixture_fini(&fixture);
}

Test(book, a_quota_takes_the_place_of_its_like)
{
    static const struct quota first[] = {{"usd", "month", NULL, 50, false},
                                         {"usd", "day", NULL, 5, false}};
    static const struct quota raised[] = {{"usd", "month", NULL, 60, true}};
    static const struct quota gone[] = {{"usd", "day", NULL, 0, false}};
    static const struct quota meant[] = {{"usd", NULL, NULL, 70, false},
                                         {"usd", NULL, MINI, 7, false}};
    static const struct quota anew[] = {{"tokens", "week", NULL, 9, false}};
    struct fixture fixture;

    fixture_init(&fixture);
    (void)create(&fixture, "a", first, 2);
    expect_key(&fixture, "a", "limit", "usd/day=5 usd/month=50");
    update(&fixture, "a", raised, 1, false);
    expect_key(&fixture, "a", "limit", "usd/day=5 usd/month=60s");
    update(&fixture, "a", gone, 1, false);
    expect_key(&fixture, "a", "limit", "usd/month=60s");
    update(&fixture, "a", meant, 2, false);
    expect_key(&fixture, "a", "limit", "usd/month:gpt-4.1-mini=7 usd/month=70");
    update(&fixture, "a", anew, 1, true);
    expect_key(&fixture, "a", "limit", "tokens/week=9");

    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_cstr(args, "quota_period", "day");
    (void)fixture_result(&fixture);
    expect_key(&fixture, "a", "limit", "tokens/day=9");
    update(&fixture, "a", first, 2, false);
    args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    frame_cstr(args, "quota_period", "day");
    cr_expect_eq(fixture_failure(&fixture, "several quotas"), ERR_SYNTAX);
    fixture_fini(&fixture);
}

Test(book, quotas_that_cannot_be_are_refused)
{
    static const struct quota bad[][2] = {
        {{"eur", "day", NULL, 1, false}},
        {{"concurrent", "total", NULL, 1, false}},
        {{"usd", "year", NULL, 1, false}},
        {{"usd", "day", NULL, -1, false}},
    };
    static const struct quota unknown = {"usd", "day", "gpt-4.1-mono", 1, false};
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct frame_out *args = fixture_command(&fixture, "key.create");

        frame_cstr(args, "name", "a");
        write_quotas(args, bad[i], 1);
        cr_expect_eq(fixture_failure(&fixture, "quota"), ERR_SYNTAX, "case %zu", i);
    }
    struct frame_out *args = fixture_command(&fixture, "key.create");
    frame_cstr(args, "name", "a");
    write_quotas(args, &unknown, 1);
    cr_expect_eq(fixture_failure(&fixture, "did you mean gpt-4.1-mini"), ERR_SYNTAX);
    fixture_fini(&fixture);
}

Test(book, a_shadow_tells_and_lets_pass)
{
    static const struct quota quotas[] = {{"usd", "month", NULL, 100, true}};
    struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = create(&fixture, "a", quotas, 1);
    struct flight *fits = fixture_flight(&fixture, key, 80);
    struct flight *over = fixture_flight(&fixture, key, 30);

    cr_assert_eq(fixture_hold(&fixture, fits), 0);
    cr_assert_eq(fixture_hold(&fixture, over), 0);
    cr_expect_eq(flight_record(fits)->is_over_quota, 0);
    cr_expect_eq(flight_record(over)->is_over_quota, 1);
    expect_key(&fixture, "a", "reserved", "usd/month=110s");
    flight_dispatch(fits);
    flight_dispatch(over);
    fixture_done(&fixture, fits, 80);
    fixture_done(&fixture, over, 30);
    cr_expect_eq(fixture_settle(&fixture), 2);
    expect_key(&fixture, "a", "used", "usd/month=110s");
    expect_key(&fixture, "a", "reserved", "usd/month=0s");
    fixture_fini(&fixture);
}

/* A day publishes anew only what it changes. */
Test(book, a_new_day_touches_only_keys_whose_periods_end)
{
    static const struct quota daily[] = {{"usd", "day", NULL, 100, false}};
    static const struct quota monthly[] = {{"usd", "month", NULL, 100, false}};
    struct fixture fixture;
    struct key_view before = {0}, after = {0};

    fixture_init(&fixture);
    uint64_t day = create(&fixture, "d", daily, 1), month = create(&fixture, "m", monthly, 1);
    fixture_view(&fixture, month, &before);
    turn_to(&fixture, FIXTURE_NOW_US + DAY_US);
    fixture_view(&fixture, day, &after);
    cr_expect_eq(after.limits[0].period_id[0], 20251126);
    cr_expect_eq(after.limits[0].period_id[1], 20251127);
    cr_expect_eq(book_find(&fixture.ledger.book, day)->day, 20251126);
    fixture_view(&fixture, month, &after);
    cr_expect_eq(memcmp(&before, &after, sizeof(after)), 0);
    cr_expect_eq(book_find(&fixture.ledger.book, month)->day, 20251125);
    turn_to(&fixture, FIXTURE_NOW_US + 10 * DAY_US); /* after a long sleep: 2025-12-05 */
    fixture_view(&fixture, month, &after);
    cr_expect_eq(after.limits[0].period_id[0], 202512);
    fixture_view(&fixture, day, &after);
    cr_expect_eq(after.limits[0].period_id[0], 20251205);
    fixture_fini(&fixture);
}

/* ---- random histories against a plain list of rows (QE-07) ---- */

enum { N_KEYS = 4, N_STEPS = 400, N_PERIODS = 4 };

struct row {
    uint64_t key;
    uint32_t day;
    bool is_mini;
    int64_t amount;
};

static int64_t
sum_of(const struct row *rows, size_t n, uint64_t key, const struct key_limit_cells *limit)
{
    static const enum period_kind kinds[] = {[LIMIT_PERIOD_MONTH] = PERIOD_MONTH,
                                             [LIMIT_PERIOD_TOTAL] = PERIOD_TOTAL,
                                             [LIMIT_PERIOD_DAY] = PERIOD_DAY,
                                             [LIMIT_PERIOD_WEEK] = PERIOD_WEEK};
    struct period now = period_at(kinds[limit->period], clock_real_us());
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        if (rows[i].key == key && rows[i].day >= now.first_day && rows[i].day <= now.last_day &&
            (limit->model_id == QUOTA_ALL_MODELS || (limit->model_id == 1) == rows[i].is_mini))
            sum += rows[i].amount;
    }
    return sum;
}

Test(book, every_cell_is_the_sum_of_its_rows_whatever_happens, .timeout = 120)
{
    static const char *const periods[N_PERIODS] = {"day", "week", "month", "total"};
    static struct row rows[N_STEPS];
    uint64_t keys[N_KEYS];
    struct fixture fixture;
    size_t n_rows = 0;
    unsigned seed = 20261125;
    int64_t now_us = FIXTURE_NOW_US;

    fixture_init(&fixture);
    period_zone_set("CET-1CEST,M3.5.0,M10.5.0/3");
    book_set_day(&fixture.ledger.book, period_at(PERIOD_DAY, now_us).id);
    for (int k = 0; k < N_KEYS; k++) {
        struct quota quotas[3];
        char name[16];

        for (int q = 0; q < 3; q++) /* three different ones of the eight (period, model) */
            quotas[q] =
                (struct quota){(k + q) % 2 == 0 ? "usd" : "tokens", periods[(k + q) % N_PERIODS],
                               q == 1 ? MINI : NULL, 100000, q == 2};
        snprintf(name, sizeof(name), "k%d", k);
        keys[k] = create(&fixture, name, quotas, 3);
    }
    for (int step = 0; step < N_STEPS; step++) {
        int dice = rand_r(&seed) % 20;

        if (dice == 0) {
            now_us += DAY_US * (rand_r(&seed) % 16) + rand_r(&seed) % 3600 * INT64_C(1000000);
            turn_to(&fixture, now_us);
        } else if (dice == 1) {
            fixture_restart_ledger(&fixture);
        } else {
            struct row *row = &rows[n_rows];

            *row = (struct row){.key = keys[rand_r(&seed) % N_KEYS],
                                .day = period_at(PERIOD_DAY, now_us).id,
                                .is_mini = rand_r(&seed) % 2 == 1,
                                .amount = rand_r(&seed) % 900};
            n_rows +=
                fixture_request_to(&fixture, row->key, row->amount, row->is_mini ? MINI : SONNET);
        }
        (void)fixture_settle(&fixture);
        for (int k = 0; k < N_KEYS; k++) {
            struct key_view view;

            fixture_view(&fixture, keys[k], &view);
            cr_assert_eq(view.n_limits, 3);
            for (int q = 0; q < 3; q++) {
                struct quota_view quota = fixture_quota(&fixture, keys[k], q);

                cr_assert_eq(quota.used, sum_of(rows, n_rows, keys[k], &view.limits[q]),
                             "step %d key %d limit %d", step, k, q);
                cr_assert_eq(quota.reserved, 0);
            }
        }
    }
    cr_expect_gt(n_rows, 100);
    fixture_fini(&fixture);
}

/* What is refused for want of room leaves the key as it was: in the store, and to callers. */
Test(book, an_update_that_finds_no_room_changes_nothing)
{
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 64,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 3,
                                                     .refusals_per_worker = 16};
    static const struct quota first[] = {{"usd", "day", NULL, 5, false}};
    static const struct quota more[] = {{"usd", "day", NULL, 50, false},
                                        {"usd", "month", NULL, 7, false}};
    struct fixture fixture;

    fixture_init_sized(&fixture, &capacity);
    uint64_t key = create(&fixture, "a", first, 1);
    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "a");
    write_quotas(args, more, 2);
    fixture_failure(&fixture, "no room in shared memory");
    expect_key(&fixture, "a", "limit", "usd/day=5");
    cr_expect_not(fixture_request(&fixture, key, 6, 6));
    cr_expect(fixture_request(&fixture, key, 5, 5));
    fixture_restart_ledger(&fixture);
    expect_key(&fixture, "a", "limit", "usd/day=5");
    fixture_fini(&fixture);
}
