/* SPDX-License-Identifier: ISC
 *
 * Random histories of the books: requests, corrections of rows and of days, now and long after,
 * sums that are made anew, rows that are archived. Whatever usage is added up by, every figure of
 * it is what the ledger's rows come to.
 */
#include <criterion/criterion.h>

#include "relayos/base/period.h"
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_archive.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_usage.h"
#include "relayos/store/store_usage_table.h"
#include "store_fixture.h"

#define N_KEYS    6
#define N_DAYS    5 /* over the end of a month: FIXTURE_NOW_US is a 25th */
#define DAY_US    INT64_C(86400000000)
#define START_US  (FIXTURE_NOW_US + 4 * DAY_US)
#define N_STEPS   400
#define N_FIGURES 9

struct history {
    struct fixture fixture;
    struct store_usage_cache *cache;
    uint64_t seed;
    int64_t now_us; /* rows are written as time goes by */
    uint32_t n_requests;
    struct uuid last;
};

static uint32_t
draw(struct history *history, uint32_t n)
{
    history->seed = history->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(history->seed >> 33) % n;
}

static void
make_keys(struct history *history)
{
    cr_assert_eq(store_begin(history->fixture.store), 0);
    for (int i = 0; i < N_KEYS; i++) {
        struct key_record key = {.tool = (uint8_t)(i % 3), .flags = KEY_ALL_MODELS};

        key.digest[0] = (uint8_t)(i + 1);
        snprintf(key.name, sizeof key.name, "key %d", i);
        snprintf(key.owner, sizeof key.owner, "owner %d", i % 2);
        cr_assert_eq(store_key_insert(history->fixture.store, &key), 0);
    }
    cr_assert_eq(store_commit(history->fixture.store), 0);
}

static void
request(struct history *history)
{
    struct flight_record flight;
    enum store_insert inserted;

    fixture_flight(&flight, history->n_requests++);
    flight.key_id = 1 + draw(history, N_KEYS);
    flight.accepted_real_us = history->now_us - draw(history, 3600) * INT64_C(1000000);
    flight.day_id = period_at(PERIOD_DAY, flight.accepted_real_us).id;
    flight.request_id = history->last = text_uuid_new(flight.accepted_real_us);
    snprintf(flight.model, sizeof flight.model, "model-%u", draw(history, 3));
    flight.charge_nusd = draw(history, 20) == 0 ? STORE_ADJUST_AMOUNT_MAX : draw(history, 100000);
    flight.cost_nusd = draw(history, 1000);
    flight.usage.count[USAGE_INPUT] = draw(history, 1000);
    flight.usage.count[USAGE_CACHE_READ] = draw(history, 1000);
    flight.usage.count[USAGE_CACHE_WRITE_1H] = draw(history, 1000);
    flight.usage.count[USAGE_OUTPUT] = draw(history, 1000);
    flight.category = draw(history, 4) == 0 ? ERR_CATEGORY_UPSTREAM_ERROR : 0;
    cr_assert_eq(store_begin(history->fixture.store), 0);
    cr_assert_eq(fixture_insert(&history->fixture, &flight, &inserted), 0);
    cr_assert_eq(store_commit(history->fixture.store), 0);
}

/* Refused is as well: then nothing may change. */
static void
correct(struct history *history)
{
    struct store_adjustment adjustment = {
        .made_us = history->now_us,
        .charge_nusd = (int64_t)draw(history, 2000) - 1000,
        .cost_nusd = (int64_t)draw(history, 20) - 10,
        .quota_tokens = (int64_t)draw(history, 20) - 10,
        .who = SLICE_LIT("tester"),
        .reason = SLICE_LIT("it was wrong"),
    };
    struct errmsg why;

    adjustment.request_id = text_uuid_new(adjustment.made_us);
    if (draw(history, 2) == 0) {
        adjustment.corrects = history->last;
    } else {
        adjustment.key_id = 1 + draw(history, N_KEYS);
        adjustment.day = period_at(PERIOD_DAY, history->now_us - draw(history, N_DAYS) * DAY_US).id;
        snprintf(adjustment.model, sizeof adjustment.model, "model-%u", draw(history, 4));
    }
    cr_assert_eq(store_begin(history->fixture.store), 0);
    if (store_adjust(history->fixture.store, &adjustment, &why) == 0)
        cr_assert_eq(store_commit(history->fixture.store), 0);
    else
        store_rollback(history->fixture.store);
}

static void
make_anew(struct history *history)
{
    cr_assert_eq(store_begin(history->fixture.store), 0);
    cr_assert_eq(store_ledger_rebuild(history->fixture.store), 0);
    cr_assert_eq(store_commit(history->fixture.store), 0);
}

static void
add(int64_t *sums, const struct store_usage_group *group)
{
    const int64_t figures[N_FIGURES] = {group->n_requests, group->n_failed,    group->input,
                                        group->cache_read, group->cache_write, group->output,
                                        group->reasoning,  group->charge_nusd, group->cost_nusd};

    for (int n = 0; n < N_FIGURES; n++)
        sums[n] += figures[n];
}

/* By whatever it is asked for. */
static void
sum_of(struct history *history, enum store_usage_column by, uint32_t first, uint32_t last,
       int64_t sums[N_FIGURES])
{
    struct store_usage_table_query query = {
        .by = by, .any_key = true, .first_day = first, .last_day = last, .cache = history->cache};
    struct store_usage_table table = {0};

    cr_assert_eq(store_usage_table_make(history->fixture.store, &query, &table), 0);
    memset(sums, 0, N_FIGURES * sizeof(sums[0]));
    for (size_t i = 0; i < table.n; i++)
        add(sums, &table.groups[i]);
    store_usage_table_fini(&table);
}

/* What relayosctl usage says. */
static void
sum_of_report(struct history *history, enum store_usage_by by, uint32_t first, uint32_t last,
              int64_t sums[N_FIGURES])
{
    static struct store_usage_row rows[64];
    struct store_usage_query query = {.by = by, .first_day = first, .last_day = last};
    size_t n = 0;

    cr_assert_eq(store_usage_report(history->fixture.store, &query, rows, 64, &n), 0);
    memset(sums, 0, N_FIGURES * sizeof(sums[0]));
    for (size_t i = 0; i < n; i++) {
        struct store_usage_group group = {
            .n_requests = rows[i].n_requests,
            .n_failed = rows[i].n_failed,
            .input = rows[i].input,
            .cache_read = rows[i].cache_read,
            .cache_write = rows[i].cache_write,
            .output = rows[i].output,
            .reasoning = rows[i].reasoning,
            .charge_nusd = rows[i].charge_nusd,
            .cost_nusd = rows[i].cost_nusd,
        };

        add(sums, &group);
    }
}

static void
sum_of_ledger(struct history *history, uint32_t first, uint32_t last, int64_t sums[N_FIGURES])
{
    static const char *const figures[N_FIGURES] = {"corrects IS NULL",
                                                   "corrects IS NULL AND category IS NOT NULL",
                                                   "input + input_audio + input_image",
                                                   "cache_read",
                                                   "cache_write_5m + cache_write_1h",
                                                   "output + output_audio + output_image",
                                                   "reasoning",
                                                   "charge_nusd",
                                                   "cost_nusd"};
    char sql[256];

    for (int n = 0; n < N_FIGURES; n++) {
        snprintf(sql, sizeof sql,
                 "SELECT coalesce(sum(%s), 0) FROM ledger WHERE day BETWEEN %u AND %u", figures[n],
                 first, last);
        sums[n] = fixture_query(&history->fixture, sql);
    }
}

static void
expect_same(struct history *history, uint32_t first, uint32_t last, const int64_t *wanted)
{
    int64_t sums[N_FIGURES];

    for (int by = STORE_USAGE_DAY; by <= STORE_USAGE_OWNER; by++) {
        sum_of(history, (enum store_usage_column)by, first, last, sums);
        for (int n = 0; n < N_FIGURES; n++)
            cr_expect_eq(sums[n], wanted[n], "%u to %u by %d, figure %d: %lld, not %lld", first,
                         last, by, n, (long long)sums[n], (long long)wanted[n]);
    }
    for (int by = STORE_USAGE_BY_KEY; by <= STORE_USAGE_BY_MODEL; by++) {
        sum_of_report(history, (enum store_usage_by)by, first, last, sums);
        for (int n = 0; n < N_FIGURES; n++)
            cr_expect_eq(sums[n], wanted[n], "report by %d, figure %d", by, n);
    }
}

static void
expect_as_the_ledger(struct history *history)
{
    uint32_t days[2];
    int64_t wanted[N_FIGURES];

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++)
            days[i] = period_at(PERIOD_DAY, START_US + draw(history, N_DAYS) * DAY_US).id;
        uint32_t first = days[0] < days[1] ? days[0] : days[1], last = days[0] + days[1] - first;

        sum_of_ledger(history, first, last, wanted);
        expect_same(history, first, last, wanted);
    }
}

Test(usage_history, figures_are_what_the_ledger_says_whatever_happens, .timeout = 200)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct history history = {
            .seed = seed, .now_us = START_US, .cache = store_usage_cache_new()};

        fixture_init(&history.fixture);
        make_keys(&history);
        request(&history);
        for (int step = 0; step < N_STEPS; step++) {
            uint32_t what = draw(&history, 20);

            history.now_us += N_DAYS * DAY_US / N_STEPS;

            if (what < 13)
                request(&history);
            else if (what < 19)
                correct(&history);
            else
                make_anew(&history);
            if (step % 20 == 0)
                expect_as_the_ledger(&history);
        }
        expect_as_the_ledger(&history);
        store_usage_cache_free(&history.cache);
        fixture_fini(&history.fixture);
    }
}

/* Rows may go; sums stay, but for those by hour, which are of rows. */
Test(usage_history, figures_outlive_the_rows)
{
    struct history history = {.seed = 7, .now_us = START_US, .cache = store_usage_cache_new()};
    uint32_t first = period_at(PERIOD_DAY, START_US).id,
             last = period_at(PERIOD_DAY, START_US + (N_DAYS - 1) * DAY_US).id;
    int64_t wanted[N_FIGURES], sums[N_FIGURES];
    bool is_done = false;
    struct errmsg why;
    size_t n = 0;

    fixture_init(&history.fixture);
    make_keys(&history);
    request(&history);
    for (int step = 0; step < N_STEPS; step++, history.now_us += N_DAYS * DAY_US / N_STEPS)
        draw(&history, 3) != 0 ? request(&history) : correct(&history);
    sum_of_ledger(&history, first, last, wanted);
    cr_assert_eq(store_begin(history.fixture.store), 0);
    cr_assert_eq(store_archive_allow(history.fixture.store, 20260201, 20260310, &why), 0, "%s",
                 why.text);
    while (!is_done)
        cr_assert_eq(store_archive_drop(history.fixture.store, 100, &n, &is_done), 0);
    cr_assert_eq(store_commit(history.fixture.store), 0);
    cr_expect_lt(fixture_query(&history.fixture, "SELECT count(*) FROM ledger"), 3);
    for (int round = 0; round < 2; round++) {
        for (int by = STORE_USAGE_DAY; by <= STORE_USAGE_OWNER; by++) {
            if (by == STORE_USAGE_HOUR)
                continue;
            sum_of(&history, (enum store_usage_column)by, first, last, sums);
            for (int i = 0; i < N_FIGURES; i++)
                cr_expect_eq(sums[i], wanted[i], "by %d, figure %d", by, i);
        }
        store_usage_cache_free(&history.cache); /* and without it */
    }
    fixture_fini(&history.fixture);
}
