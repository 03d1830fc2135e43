/* SPDX-License-Identifier: ISC */
#include "audit.h"
#include "ledger_fixture.h"

#include <sqlite3.h>

static void
change(struct fixture *fixture, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;

    snprintf(path, sizeof(path), "%s/relayos.db", fixture->dir);
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int
start(struct fixture *fixture, bool is_repair, struct errmsg *why)
{
    struct heritage *heritage = &fixture->heritage;

    fixture_attach(fixture);
    heritage->is_repair = is_repair;
    heritage->generation = proc_slot_offer(heritage->segment, heritage->slot, PROC_LEDGER);
    int rc = ledger_start(&fixture->ledger, heritage, why);
    if (rc != 0)
        proc_slot_set_state(heritage->segment, heritage->slot, PROC_VACANT);
    heritage->is_repair = false;
    return rc;
}

Test(audit, a_start_names_what_differs_and_repairs_when_told_to)
{
    static struct fixture fixture;
    struct errmsg why = {""};

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", USD, NULL);
    for (int i = 0; i < 3; i++)
        cr_assert(fixture_request(&fixture, key, 1000, 1000));
    cr_assert_eq(fixture_settle(&fixture), 3);
    fixture_kill_ledger(&fixture);
    change(&fixture, "UPDATE usage SET charge_nusd = 7");
    cr_expect_eq(start(&fixture, false, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "day 20251125, key 1, model claude-sonnet-4: charge_nusd is"
                                        " 7, the rows say 3000"),
                       "%s", why.text);
    cr_expect_not_null(strstr(why.text, "relayosd --repair"), "%s", why.text);
    cr_assert_eq(start(&fixture, true, &why), 0, "%s", why.text);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 3000);
    fixture_restart_ledger(&fixture);
    cr_expect_eq(fixture_charged(&fixture, FIXTURE_MONTH), 3000);
    fixture_fini(&fixture);
}

Test(audit, a_cell_that_says_something_else_is_found)
{
    static struct fixture fixture;
    struct key_view view;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", USD, NULL);
    cr_assert(fixture_request(&fixture, key, 1000, 1000));
    cr_assert_eq(fixture_settle(&fixture), 1);
    (void)fixture_command(&fixture, "ledger.cells");
    const struct frame_value *result = fixture_result(&fixture);
    cr_expect_eq(frame_get_int(result, "cells", 0), 2, "this month's and the next one's");
    cr_expect_eq(frame_length(frame_get(result, "differences")), 0);

    fixture_view(&fixture, key, &view);
    quota_set_used(quota_cell_at(fixture.heritage.segment, view.limits[0].cell_idx[0],
                                 view.limits[0].cell_generation[0]),
                   999);
    (void)fixture_command(&fixture, "ledger.cells");
    const struct frame_value *wrong =
        frame_at(frame_get(fixture_result(&fixture), "differences"), 0);
    cr_assert_not_null(wrong);
    cr_expect_eq(frame_get_int(wrong, "used", 0), 999);
    cr_expect_eq(frame_get_int(wrong, "sum", 0), 1000);
    cr_expect_eq(frame_get_int(wrong, "period_id", 0), FIXTURE_MONTH);
    cr_expect(fixture_str_is(wrong, "unit", "usd"));
    fixture_fini(&fixture);
}
