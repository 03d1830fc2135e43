/* SPDX-License-Identifier: ISC
 *
 * What people wait for is found by an index, in the order in which it is shown: no statement of a
 * list reads a whole table or sorts one.
 */
#include <criterion/criterion.h>

#include "relayos/model/usage.h"
#include "store_fixture.h"

static const struct {
    const char *name;
    enum statement statement;
} asked[] = {
#define ASKED(NAME)                                                                                \
    {                                                                                              \
#NAME, STATEMENT_##NAME                                                                    \
    }
    ASKED(KEY_IDS),
    ASKED(KEY_IDS_OF_OWNER),
    ASKED(KEY_GET),
    ASKED(KEY_NAME),
    ASKED(KEY_FIND_NAME),
    ASKED(KEY_MODELS),
    ASKED(KEY_LIMITS),
    ASKED(USAGE_OF_GROUP),
    ASKED(TRACE_SCAN_ALL),
    ASKED(TRACE_SCAN_FAILED),
    ASKED(TRACE_SCAN_CATEGORY),
    ASKED(TRACE_KEY_BEFORE),
    ASKED(TRACE_GET),
    ASKED(ATTEMPT_LIST),
    ASKED(USAGE_ROWS_OF_DAYS),
    ASKED(USAGE_ROWS_OF_KEY),
    ASKED(USAGE_ROWS_OF_KEYS),
    ASKED(USAGE_ROWS_OF_LEDGER),
    ASKED(USAGE_HOURS),
    ASKED(USAGE_KEY_LABELS),
    ASKED(USAGE_MARKS),
    ASKED(USAGE_SAMPLE),
    ASKED(USAGE_SAMPLE_OF_ID),
    ASKED(ROW_FLOOR),
    ASKED(ROW_CEILING),
    /* And what the prober reads, which has no directory to sort in. */
    ASKED(ROW_PAGE),
    ASKED(LEDGER_LAST),
    ASKED(USER_NEXT),
    ASKED(USER_FIND),
    ASKED(SESSION_GET),
    ASKED(ADMIN_KEY_NEXT),
    ASKED(ADMIN_KEY_FIND),
    ASKED(TRAIL_NEXT),
    ASKED(TRAIL_PREVIOUS),
    ASKED(TRAIL_PREVIOUS_OF_TARGET),
    ASKED(TRAIL_PREVIOUS_OF_WHO),
    ASKED(TRAIL_PREVIOUS_OF_ACTION),
#undef ASKED
};

static void
look_at(struct fixture *fixture, const char *name, enum statement statement)
{
    const char *sql = sqlite3_sql(fixture->store->statements[statement]);
    char text[8192];
    sqlite3_stmt *plan;
    int n = 0;

    cr_assert_lt(snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", sql), (int)sizeof text);
    cr_assert_eq(sqlite3_prepare_v2(fixture->store->handle, text, -1, &plan, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(fixture->store->handle));
    for (; sqlite3_step(plan) == SQLITE_ROW; n++) {
        const char *step = (const char *)sqlite3_column_text(plan, 3);

        cr_expect(strncmp(step, "SCAN ", 5) != 0 || strcmp(step, "SCAN CONSTANT ROW") == 0,
                  "%s: %s", name, step);
        cr_expect(strstr(step, "TEMP B-TREE") == NULL, "%s: %s", name, step);
        cr_expect(strstr(step, "AUTOMATIC") == NULL, "%s: %s", name, step);
    }
    cr_expect_gt(n, 0, "%s", name);
    sqlite3_finalize(plan);
}

Test(plan, lists_neither_read_nor_sort_a_whole_table)
{
    struct fixture fixture;

    fixture_init(&fixture);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        look_at(&fixture, asked[i].name, asked[i].statement);
    fixture_fini(&fixture);
}

/* As long as the planner has no statistics it goes by the schema alone; with some of them it must
 * not come to think otherwise. */
Test(plan, statistics_do_not_change_that)
{
    struct fixture fixture;
    enum store_insert inserted;

    fixture_init(&fixture);
    cr_assert_eq(store_begin(fixture.store), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        struct flight_record flight;

        fixture_flight(&flight, i);
        cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    }
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_assert_eq(db_exec(fixture.store, "ANALYZE"), 0);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++)
        look_at(&fixture, asked[i].name, asked[i].statement);
    fixture_fini(&fixture);
}
