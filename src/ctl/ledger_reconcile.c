/* SPDX-License-Identifier: ISC
 *
 * `ledger reconcile`: a provider's list of what it served against our attempts, by the id that it
 * gave them or by ours; with --apply, differences in cost become corrections.
 *
 * A correction names the provider's id in its reason, and counts for what it is of: the same list
 * applied twice changes nothing the second time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "ledger.h"
#include "print.h"
#include "provider_list.h"
#include "reconcile_match.h"
#include "relayos/base/limits.h"
#include "value.h"

#define DEFAULT_SHOWN          50
#define DEFAULT_TOLERANCE_NUSD 1000

struct reconcile {
    struct provider_list list;
    struct reconcile_match match;
    const char *file; /* its name without directories: it stands in reasons */
    int64_t n_shown;
    int64_t n_applied, n_refused;
};

static int read_all(struct client *client, const struct args *args, struct reconcile *out);
static int read_list(const struct args *args, struct reconcile *out);
static int apply(struct client *client, const struct args *args, struct reconcile *reconcile);
static int apply_one(struct client *client, const struct args *args,
                     const struct reconcile *reconcile, const struct reconcile_pair *pair);
static void show(const struct client *client, const struct reconcile *reconcile);
static void print_pairs(const struct reconcile *reconcile, enum reconcile_verdict verdict,
                        const char *title, struct buf *out);
static void write_json(const struct reconcile *reconcile, struct buf *out);
static void write_pair(const struct reconcile_pair *pair, struct frame_out *out);

static const char *const verdict_names[RECONCILE_N_VERDICTS] = {
    [RECONCILE_EQUAL] = "equal",
    [RECONCILE_DIFFERENT] = "different",
    [RECONCILE_RESOLVED] = "resolved",
    [RECONCILE_ONLY_OURS] = "only_ours",
    [RECONCILE_ONLY_THEIRS] = "only_theirs",
};

int
ledger_reconcile_run(struct client *client, const struct args *args)
{
    struct reconcile reconcile = {.n_shown = DEFAULT_SHOWN};
    int rc = read_all(client, args, &reconcile);

    if (rc == CTL_OK && args_has(args, "apply"))
        rc = apply(client, args, &reconcile);
    if (rc == CTL_OK)
        show(client, &reconcile);
    if (rc == CTL_OK && reconcile.n_refused > 0)
        rc = CTL_REFUSED;
    reconcile_match_fini(&reconcile.match);
    provider_list_fini(&reconcile.list);
    return rc;
}

static int
read_all(struct client *client, const struct args *args, struct reconcile *out)
{
    struct store *store = NULL;
    struct errmsg why;
    int64_t tolerance = DEFAULT_TOLERANCE_NUSD;

    if ((args_has(args, "limit") && value_count(args_get(args, "limit"), &out->n_shown, &why) != 0))
        return client_fail(CTL_USAGE, "ledger reconcile: %s", why.text);
    if (args_has(args, "tolerance") &&
        provider_list_cost(slice_str(args_get(args, "tolerance")), &tolerance) != 0)
        return client_fail(CTL_USAGE, "ledger reconcile: --tolerance is USD: 0.000001");
    int rc = read_list(args, out);
    if (rc == CTL_OK)
        rc = ledger_open_database(client, args, &store);
    if (rc != CTL_OK)
        return rc;
    if (reconcile_match_run(store, &out->list, tolerance, &out->match) != 0)
        rc = client_fail(CTL_REFUSED, "%s", store_error(store));
    store_close(&store);
    return rc;
}

static int
read_list(const struct args *args, struct reconcile *out)
{
    const struct provider_list_columns columns = {.id = args_get(args, "id-column"),
                                                  .input = args_get(args, "input-column"),
                                                  .output = args_get(args, "output-column"),
                                                  .cost = args_get(args, "cost-column")};
    const char *slash = strrchr(args->operands[0], '/');
    struct errmsg why;

    out->file = slash == NULL ? args->operands[0] : slash + 1;
    if (provider_list_read(args->operands[0], &columns, &out->list, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    if (!out->list.has_tokens && !out->list.has_cost)
        return client_fail(CTL_REFUSED,
                           "%s: no column holds tokens or cost; name them with --input-column, "
                           "--output-column, --cost-column",
                           args->operands[0]);
    return CTL_OK;
}

/* ---- apply ---- */

static int
apply(struct client *client, const struct args *args, struct reconcile *reconcile)
{
    if (!reconcile->list.has_cost)
        return client_fail(CTL_USAGE, "ledger reconcile: without a column of costs there is "
                                      "nothing to correct; name it with --cost-column");
    if (!args_has(args, "yes"))
        return client_fail(CTL_USAGE, "ledger reconcile: --apply writes corrections that stay for "
                                      "ever; look at what differs, then say --apply --yes");
    if (args_has(args, "database"))
        return client_fail(CTL_USAGE, "ledger reconcile: only the running gateway's books can be "
                                      "corrected, not a copy");
    for (size_t n = 0; n < reconcile->match.n_pairs; n++) {
        const struct reconcile_pair *pair = &reconcile->match.pairs[n];
        bool is_due = pair->verdict == RECONCILE_DIFFERENT || pair->verdict == RECONCILE_RESOLVED;

        if (!is_due || pair->theirs_nusd == pair->ours_nusd)
            continue;
        int rc = apply_one(client, args, reconcile, pair);
        if (rc == CTL_UNREACHABLE)
            return rc;
        reconcile->n_applied += rc == CTL_OK;
        reconcile->n_refused += rc != CTL_OK;
    }
    return CTL_OK;
}

/* What it cost us; with --charge a request of which we knew nothing is charged to its caller too.
 */
static int
apply_one(struct client *client, const struct args *args, const struct reconcile *reconcile,
          const struct reconcile_pair *pair)
{
    struct frame_out *out = client_begin(client, COMMAND_LEDGER_ADJUST);
    const struct frame_value *result = NULL;
    int64_t delta = pair->theirs_nusd - pair->ours_nusd;
    char id[TEXT_UUID_SIZE], reason[240];
    bool is_charged = args_has(args, "charge") && pair->verdict == RECONCILE_RESOLVED;

    text_uuid_format(pair->request_id, id);
    frame_str(out, "request_id", slice_of(id, sizeof(id)));
    frame_int(out, "cost_nusd", delta);
    if (is_charged) {
        frame_int(out, "charge_nusd", delta);
        frame_int(out, "quota_tokens", pair->theirs_input + pair->theirs_output);
    }
    snprintf(reason, sizeof(reason), "reconcile %.120s: %s", reconcile->file, pair->id);
    frame_cstr(out, "reason", reason);
    return client_call(client, &result);
}

/* ---- what came of it ---- */

static void
show(const struct client *client, const struct reconcile *reconcile)
{
    const struct reconcile_match *match = &reconcile->match;
    struct buf out;

    buf_init(&out, 256 * 1024 * 1024);
    if (client->is_json) {
        write_json(reconcile, &out);
    } else {
        print_pairs(reconcile, RECONCILE_DIFFERENT, "Different", &out);
        print_pairs(reconcile, RECONCILE_RESOLVED, "Unknown to us until now", &out);
        print_pairs(reconcile, RECONCILE_ONLY_THEIRS, "Only in their list", &out);
        print_pairs(reconcile, RECONCILE_ONLY_OURS, "Only in ours", &out);
        buf_printf(&out,
                   "%lld equal, %lld different, %lld unknown until now, %lld only in theirs, %lld "
                   "only in ours\n",
                   (long long)match->n[RECONCILE_EQUAL], (long long)match->n[RECONCILE_DIFFERENT],
                   (long long)match->n[RECONCILE_RESOLVED],
                   (long long)match->n[RECONCILE_ONLY_THEIRS],
                   (long long)match->n[RECONCILE_ONLY_OURS]);
        if (reconcile->n_applied + reconcile->n_refused > 0)
            buf_printf(&out, "%lld corrections written, %lld refused\n",
                       (long long)reconcile->n_applied, (long long)reconcile->n_refused);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
}

static void
print_pairs(const struct reconcile *reconcile, enum reconcile_verdict verdict, const char *title,
            struct buf *out)
{
    struct print_table *table;
    int64_t n_left = reconcile->n_shown;
    char id[TEXT_UUID_SIZE];

    if (reconcile->match.n[verdict] == 0)
        return;
    buf_printf(out, "%s:\n", title);
    table = print_table_new(
        "THEIR-ID REQUEST >OUR-COST >THEIR-COST >OUR-IN >THEIR-IN >OUR-OUT >THEIR-OUT");
    for (size_t n = 0; n < reconcile->match.n_pairs && n_left > 0; n++) {
        const struct reconcile_pair *pair = &reconcile->match.pairs[n];

        if (pair->verdict != verdict)
            continue;
        n_left--;
        text_uuid_format(pair->request_id, id);
        print_cell_text(table, slice_str(pair->id));
        print_cell(table, "%.*s", TEXT_UUID_SIZE, verdict == RECONCILE_ONLY_THEIRS ? "-" : id);
        print_cell_usd(table, pair->ours_nusd);
        print_cell_usd(table, pair->theirs_nusd);
        print_cell_count(table, pair->ours_input);
        print_cell_count(table, pair->theirs_input);
        print_cell_count(table, pair->ours_output);
        print_cell_count(table, pair->theirs_output);
    }
    print_table_end(&table, "", out);
}

static void
write_json(const struct reconcile *reconcile, struct buf *out)
{
    struct frame_out *frame = frame_out_new();
    struct frame_in *in = NULL;
    struct buf wire;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    frame_map(frame, NULL);
    for (int n = 0; n < RECONCILE_N_VERDICTS; n++)
        frame_int(frame, verdict_names[n], reconcile->match.n[n]);
    frame_int(frame, "applied", reconcile->n_applied);
    frame_int(frame, "refused", reconcile->n_refused);
    frame_array(frame, "pairs");
    for (size_t n = 0; n < reconcile->match.n_pairs; n++) {
        if (reconcile->match.pairs[n].verdict != RECONCILE_EQUAL)
            write_pair(&reconcile->match.pairs[n], frame);
    }
    frame_end(frame);
    frame_end(frame);
    frame_out_finish(frame, &wire);
    if (frame_in_take(&wire, &in) == 0)
        frame_to_json(frame_root(in), 2, out);
    buf_append_byte(out, '\n');
    frame_in_free(&in);
    frame_out_free(&frame);
    buf_fini(&wire);
}

static void
write_pair(const struct reconcile_pair *pair, struct frame_out *out)
{
    char id[TEXT_UUID_SIZE];

    frame_map(out, NULL);
    frame_cstr(out, "verdict", verdict_names[pair->verdict]);
    frame_cstr(out, "id", pair->id);
    text_uuid_format(pair->request_id, id);
    if (pair->verdict == RECONCILE_ONLY_THEIRS)
        frame_nil(out, "request_id");
    else
        frame_str(out, "request_id", slice_of(id, sizeof(id)));
    frame_int(out, "ours_nusd", pair->ours_nusd);
    frame_int(out, "theirs_nusd", pair->theirs_nusd);
    frame_int(out, "ours_input", pair->ours_input);
    frame_int(out, "theirs_input", pair->theirs_input);
    frame_int(out, "ours_output", pair->ours_output);
    frame_int(out, "theirs_output", pair->theirs_output);
    frame_end(out);
}
