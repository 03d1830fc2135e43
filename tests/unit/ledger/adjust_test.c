/* SPDX-License-Identifier: ISC */
#include "adjust.h"
#include "ledger_fixture.h"
#include "relayos/store/store_audit.h"

#define N_STEPS 2000
#define N_ROWS  64

static int
adjust_row(struct fixture *fixture, struct uuid id, int64_t nusd, int64_t tokens)
{
    struct frame_out *args = fixture_command(fixture, "ledger.adjust");
    char text[TEXT_UUID_SIZE];

    text_uuid_format(id, text);
    frame_str(args, "request_id", slice_of(text, sizeof(text)));
    frame_int(args, "charge_nusd", nusd);
    frame_int(args, "quota_tokens", tokens);
    frame_cstr(args, "reason", "ticket 17");
    const struct frame_value *reply = fixture_call(fixture);
    return frame_get_bool(reply, "ok", false) ? 0 : command_code_find(frame_get_str(reply, "code"));
}

static struct uuid
serve(struct fixture *fixture, uint64_t key_id, int64_t tokens)
{
    struct flight *flight = fixture_flight(fixture, key_id, tokens);
    struct uuid id = flight_record(flight)->request_id;

    cr_assert_eq(fixture_hold(fixture, flight), 0);
    flight_dispatch(flight);
    fixture_done(fixture, flight, tokens);
    cr_assert_eq(fixture_settle(fixture), 1);
    return id;
}

static void
check_books(struct fixture *fixture)
{
    struct store_audit audit;
    struct errmsg why;

    cr_assert_eq(store_audit_run(fixture->ledger.store, 0, &audit, &why), 0, "%s", why.text);
    cr_assert_eq(audit.n_differences, 0, "%s", audit.shown[0].what);
    (void)fixture_command(fixture, "ledger.cells");
    cr_assert_eq(frame_length(frame_get(fixture_result(fixture), "differences")), 0);
}

static uint64_t
draw(uint64_t *seed, uint64_t n)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (*seed >> 33) % n;
}

/* LI-04: requests, credits and debits in any order, ledgers that die: rows, sums and cells agree
 * with a list on paper after each step. */
Test(adjust, any_history_of_charges_and_corrections_keeps_the_balance, .timeout = 200)
{
    static struct fixture fixture;
    struct {
        struct uuid id;
        int64_t nusd, tokens;
    } rows[N_ROWS];
    int64_t used = 0, tokens = 0;
    uint64_t seed = 20261125, n_rows = 0, n_refused = 0;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", 1000000 * USD, NULL);

    for (int step = 0; step < N_STEPS; step++) {
        if (n_rows == 0 || draw(&seed, 4) == 0) {
            uint64_t at = n_rows < N_ROWS ? n_rows++ : draw(&seed, N_ROWS);

            rows[at].nusd = rows[at].tokens = (int64_t)draw(&seed, 1000000) + 1;
            rows[at].id = serve(&fixture, key, rows[at].nusd);
            used += rows[at].nusd;
            tokens += rows[at].tokens;
        } else {
            uint64_t at = draw(&seed, n_rows);
            int64_t nusd = (int64_t)draw(&seed, 2000000) - 1000000, n = draw(&seed, 2) ? nusd : 0;
            bool fits = rows[at].nusd + nusd >= 0 && rows[at].tokens + n >= 0;

            int rc = adjust_row(&fixture, rows[at].id, nusd, n);
            cr_assert_eq(rc == 0, fits, "step %d: %d for %lld of %lld", step, rc, (long long)nusd,
                         (long long)rows[at].nusd);
            n_refused += !fits;
            rows[at].nusd += fits ? nusd : 0;
            rows[at].tokens += fits ? n : 0;
            used += fits ? nusd : 0;
            tokens += fits ? n : 0;
        }
        cr_assert_eq(fixture_quota(&fixture, key, 0).used, used, "step %d, seed 20261125", step);
        if (step % 400 == 399) {
            fixture_restart_ledger(&fixture);
            check_books(&fixture);
        }
    }
    cr_expect_gt(n_refused, 10);
    cr_expect_eq(fixture_charged(&fixture, FIXTURE_MONTH), used);
    fixture_fini(&fixture);
}

Test(adjust, says_what_is_wrong_with_a_correction)
{
    static struct fixture fixture;
    struct frame_out *args;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "anna", USD, NULL);
    (void)fixture_command(&fixture, "ledger.adjust");
    cr_expect_eq(fixture_failure(&fixture, "one of the two"), ERR_SYNTAX);
    args = fixture_command(&fixture, "ledger.adjust");
    frame_cstr(args, "key", "anna");
    frame_int(args, "day", 20991231);
    cr_expect_eq(fixture_failure(&fixture, "has not come"), ERR_SYNTAX);
    args = fixture_command(&fixture, "ledger.adjust");
    frame_cstr(args, "key", "anna");
    frame_int(args, "charge_nusd", -1);
    cr_expect_eq(fixture_failure(&fixture, "name the model"), ERR_SYNTAX);
    args = fixture_command(&fixture, "ledger.adjust");
    frame_cstr(args, "key", "anna");
    frame_int(args, "charge_nusd", 1);
    cr_expect_eq(fixture_failure(&fixture, "who makes it and why"), ERR_SYNTAX);
    args = fixture_command(&fixture, "ledger.adjust");
    frame_cstr(args, "key", "nobody");
    cr_expect_eq(fixture_failure(&fixture, "nobody"), ERR_MISSING);
    fixture_fini(&fixture);
}

Test(adjust, of_an_earlier_month_leaves_this_ones_quota)
{
    static struct fixture fixture;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "anna", USD, NULL);
    struct frame_out *args = fixture_command(&fixture, "ledger.adjust");

    frame_cstr(args, "key", "anna");
    frame_int(args, "day", 20251031);
    frame_int(args, "charge_nusd", 5);
    frame_cstr(args, "reason", "late bill");
    (void)fixture_result(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 0);
    cr_expect_eq(fixture_charged(&fixture, 202510), 5);
    check_books(&fixture);
    fixture_fini(&fixture);
}
