/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_adjust.h"
#include "store_fixture.h"

Test(store_audit, says_what_was_compared)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_fill(&fixture, 30);
    struct store_audit report = fixture_audit(fixture.store);

    cr_expect_eq(report.n_rows, 30);
    cr_expect_eq(report.n_sums, 15, "of 5 keys and 3 models");
    cr_expect_eq(report.n_days, 1);
    cr_expect_eq(report.charge_nusd, fixture_query(&fixture, "SELECT sum(charge_nusd) FROM usage"));
    cr_expect_eq(report.n_differences, 0);
    fixture_fini(&fixture);
}

Test(store_audit, names_each_sum_that_differs_with_both_figures)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture_fill(&fixture, 30);
    fixture_change(&fixture,
                   "UPDATE usage SET output = output + 5 WHERE key_id = 2 AND model = 'model-1'");
    struct store_audit report = fixture_audit(fixture.store);

    cr_assert_eq(report.n_differences, 1 + 1, "the sum of the key, then that of the model");
    cr_expect_eq(report.n_mendable, 2);
    cr_expect_eq(report.shown[1].kind, STORE_AUDIT_MODEL);
    cr_expect_eq(report.shown[0].kind, STORE_AUDIT_USAGE);
    cr_expect_eq(report.shown[0].key_id, 2);
    cr_expect_str_eq(report.shown[0].model, "model-1");
    cr_expect_str_eq(report.shown[0].what, "output");
    cr_expect_eq(report.shown[0].sums - report.shown[0].rows, 5);

    fixture_change(&fixture,
                   "DELETE FROM usage WHERE key_id = 3;"
                   "INSERT INTO usage SELECT 99, day, model, n_requests, n_failed, input,"
                   " cache_read, cache_write, output, reasoning, quota_tokens, charge_nusd,"
                   " cost_nusd, last_us FROM usage WHERE key_id = 1");
    report = fixture_audit(fixture.store);
    cr_expect_eq(report.n_differences, 1 + 3 + 3 + 3, "and of each model");
    fixture_change(&fixture, "DELETE FROM usage; UPDATE day_total SET n_rows = 0");
    report = fixture_audit(fixture.store);
    cr_expect_eq(report.n_shown, report.n_differences);
    cr_expect_eq(report.shown[report.n_shown - 1].kind, STORE_AUDIT_DAY);

    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(store_ledger_rebuild(fixture.store), 0);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(fixture_audit(fixture.store).n_differences, 0);
    fixture_fini(&fixture);
}

/* Each figure of usage_day, and a row too many or too few: the audit names it, the quick check of a
 * start refuses it, a rebuild mends it. */
Test(store_audit, finds_each_sum_of_a_model_that_differs)
{
    static const char *const figures[] = {"n_requests", "n_failed",    "input",
                                          "cache_read", "cache_write", "output",
                                          "reasoning",  "charge_nusd", "cost_nusd"};
    const size_t n_figures = sizeof figures / sizeof figures[0];
    struct fixture fixture;
    struct errmsg why;
    char sql[256];

    fixture_init(&fixture);
    fixture_fill(&fixture, 30);
    for (size_t i = 0; i < n_figures + 2; i++) {
        if (i < n_figures)
            snprintf(sql, sizeof sql, "UPDATE usage_day SET %s = %s + 5 WHERE model = 'model-1'",
                     figures[i], figures[i]);
        else if (i == n_figures)
            snprintf(sql, sizeof sql, "DELETE FROM usage_day WHERE model = 'model-1'");
        else
            snprintf(sql, sizeof sql, "UPDATE usage_day SET model = 'x' WHERE model = 'model-1'");
        fixture_change(&fixture, sql);
        struct store_audit report = fixture_audit(fixture.store);

        cr_expect_eq(report.n_differences, i <= n_figures ? 1 : 2, "%s", sql);
        cr_expect_eq(report.n_mendable, report.n_differences, "%s", sql);
        cr_expect_eq(report.shown[0].kind, STORE_AUDIT_MODEL, "%s", sql);
        if (i < n_figures) {
            cr_expect(strstr(figures[i], report.shown[0].what) != NULL, "%s", sql);
            cr_expect_eq(report.shown[0].sums - report.shown[0].rows, 5, "%s", sql);
        }
        cr_expect_eq(store_ledger_verify(fixture.store, 0, &why), ERR_STORE, "%s", sql);
        cr_expect(strstr(why.text, "of all keys") != NULL, "%s: %s", sql, why.text);
        /* One model for another adds up to the same: the full audit is for that. */
        if (i <= n_figures)
            cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), ERR_STORE, "%s", sql);

        cr_assert_eq(store_begin(fixture.store), 0);
        cr_assert_eq(store_ledger_rebuild(fixture.store), 0);
        cr_assert_eq(store_commit(fixture.store), 0);
        cr_expect_eq(fixture_audit(fixture.store).n_differences, 0, "%s", sql);
        cr_expect_eq(store_ledger_verify_recent(fixture.store, 0, &why), 0, "%s", why.text);
    }
    fixture_fini(&fixture);
}

Test(store_audit, sees_that_a_row_is_gone_and_what_is_wrong_with_a_correction)
{
    struct fixture fixture;
    struct errmsg why;

    fixture_init(&fixture);
    fixture_fill(&fixture, 10);
    struct flight_record flight;
    fixture_flight(&flight, 50);
    enum store_insert inserted;
    cr_assert_eq(store_begin(fixture.store), 0);
    cr_assert_eq(fixture_insert(&fixture, &flight, &inserted), 0);
    struct store_adjustment debit = {.request_id = text_uuid_new(FIXTURE_NOW_US + 1000000),
                                     .corrects = flight.request_id,
                                     .charge_nusd = 77,
                                     .made_us = FIXTURE_NOW_US + 1000000,
                                     .who = SLICE_LIT("anna"),
                                     .reason = SLICE_LIT("late")};
    cr_assert_eq(store_adjust(fixture.store, &debit, &why), 0, "%s", why.text);
    cr_assert_eq(store_commit(fixture.store), 0);
    cr_expect_eq(fixture_audit(fixture.store).n_corrections, 1);
    cr_expect_eq(fixture_audit(fixture.store).n_differences, 0);

    struct store_row rows[4];
    size_t n;
    cr_assert_eq(store_audit_corrections(fixture.store, flight.request_id, rows, 4, &n), 0);
    cr_assert_eq(n, 1);
    cr_expect_eq(rows[0].charge_nusd, 77);
    cr_expect_str_eq(rows[0].reason, "late");

    fixture_change(&fixture, "DELETE FROM adjustment");
    cr_expect_eq(fixture_audit(fixture.store).shown[0].kind, STORE_AUDIT_CORRECTION);
    cr_expect_str_eq(fixture_audit(fixture.store).shown[0].what, "nobody is named who made it");
    fixture_change(&fixture,
                   "DROP TRIGGER ledger_is_never_deleted_from; DELETE FROM ledger WHERE seq = 11");
    struct store_audit report = fixture_audit(fixture.store);
    bool has_gap = false;
    for (size_t i = 0; i < report.n_shown; i++)
        has_gap |= report.shown[i].kind == STORE_AUDIT_GAP && report.shown[i].rows == 11 &&
                   report.shown[i].sums == 12;
    cr_expect(has_gap);
    fixture_fini(&fixture);
}
