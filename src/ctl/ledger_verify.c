/* SPDX-License-Identifier: ISC
 *
 * `ledger verify`: the books against themselves, read beside the ledger in one snapshot, then the
 * running gateway's quota cells against the sums.
 */
#include <stdio.h>

#include "ledger.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/limits.h"
#include "relayos/base/period.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_reader.h"
#include "value_books.h"

static int check_books(struct store *store, const struct args *args, struct frame_out *out,
                       bool *out_is_sound);
static int first_day(const struct args *args, uint32_t *out);
static void write_audit(const struct store_audit *audit, struct frame_out *out);
static void write_difference(const struct store_audit_difference *difference,
                             struct frame_out *out);
static int check_cells(struct client *client, struct frame_out *out, bool *out_is_sound);
static void show(const struct client *client, struct frame_out *out, bool is_sound);
static void print_report(const struct frame_value *report, bool is_sound, struct buf *out);
static void print_differences(const struct frame_value *differences, struct buf *out);
static void print_cells(const struct frame_value *differences, struct buf *out);

int
ledger_verify_run(struct client *client, const struct args *args)
{
    struct frame_out *out = frame_out_new();
    struct store *store = NULL;
    bool is_sound = true;
    int rc = ledger_open_database(client, args, &store);

    frame_map(out, NULL);
    if (rc == CTL_OK)
        rc = check_books(store, args, out, &is_sound);
    store_close(&store);
    if (rc == CTL_OK && !args_has(args, "database"))
        rc = check_cells(client, out, &is_sound);
    if (rc == CTL_OK) {
        frame_bool(out, "is_sound", is_sound);
        frame_end(out);
        show(client, out, is_sound);
        rc = is_sound ? CTL_OK : CTL_REFUSED;
    }
    frame_out_free(&out);
    return rc;
}

static int
check_books(struct store *store, const struct args *args, struct frame_out *out, bool *out_is_sound)
{
    bool is_full = args_has(args, "full");
    struct store_audit audit;
    struct errmsg why;
    uint32_t day;
    int rc = first_day(args, &day);

    if (rc != CTL_OK)
        return rc;
    if (store_reader_begin(store) != 0)
        return client_fail(CTL_REFUSED, "%s", store_error(store));
    if (is_full && store_audit_pages(store, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    if (store_audit_run(store, day, &audit, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    store_reader_end(store);
    *out_is_sound = audit.n_differences == 0;
    frame_bool(out, "full", is_full);
    frame_int(out, "from", day);
    write_audit(&audit, out);
    return CTL_OK;
}

/* Everything with --full, else this month unless said. */
static int
first_day(const struct args *args, uint32_t *out)
{
    struct errmsg why;

    if (value_books_day_option(args, "from", out, &why) != 0)
        return client_fail(CTL_USAGE, "ledger verify: %s", why.text);
    if (*out == 0 && !args_has(args, "full"))
        *out = period_at(PERIOD_MONTH, clock_real_us()).first_day;
    return CTL_OK;
}

static void
write_audit(const struct store_audit *audit, struct frame_out *out)
{
    frame_int(out, "rows", audit->n_rows);
    frame_int(out, "corrections", audit->n_corrections);
    frame_int(out, "sums", audit->n_sums);
    frame_int(out, "days", audit->n_days);
    frame_int(out, "charge_nusd", audit->charge_nusd);
    frame_int(out, "cost_nusd", audit->cost_nusd);
    frame_int(out, "quota_tokens", audit->quota_tokens);
    frame_int(out, "n_differences", audit->n_differences);
    frame_array(out, "differences");
    for (size_t n = 0; n < audit->n_shown; n++)
        write_difference(&audit->shown[n], out);
    frame_end(out);
}

static void
write_difference(const struct store_audit_difference *difference, struct frame_out *out)
{
    static const char *const kinds[] = {[STORE_AUDIT_USAGE] = "usage",
                                        [STORE_AUDIT_DAY] = "day",
                                        [STORE_AUDIT_MODEL] = "model",
                                        [STORE_AUDIT_CORRECTION] = "correction",
                                        [STORE_AUDIT_GAP] = "gap"};
    char id[TEXT_UUID_SIZE];

    frame_map(out, NULL);
    frame_cstr(out, "kind", kinds[difference->kind]);
    frame_int(out, "day", difference->day);
    frame_int(out, "key_id", (int64_t)difference->key_id);
    frame_cstr(out, "model", difference->model);
    text_uuid_format(difference->request_id, id);
    if (difference->kind == STORE_AUDIT_CORRECTION)
        frame_str(out, "request_id", slice_of(id, sizeof(id)));
    frame_cstr(out, "what", difference->what);
    frame_int(out, "rows", difference->rows);
    frame_int(out, "sum", difference->sums);
    frame_end(out);
}

static int
check_cells(struct client *client, struct frame_out *out, bool *out_is_sound)
{
    const struct frame_value *result = NULL;
    int64_t n_cells = 0, after = 0;
    int rc;

    frame_array(out, "cell_differences");
    do {
        frame_int(client_begin(client, COMMAND_LEDGER_CELLS), "after", after);
        if ((rc = client_call(client, &result)) != CTL_OK)
            return rc;
        const struct frame_value *differences = frame_get(result, "differences");
        for (size_t n = 0; n < frame_length(differences); n++)
            frame_copy(out, NULL, frame_at(differences, n));
        *out_is_sound = *out_is_sound && frame_length(differences) == 0;
        n_cells += frame_get_int(result, "cells", 0);
    } while ((after = frame_get_int(result, "next", 0)) != 0);
    frame_end(out);
    frame_int(out, "cells", n_cells);
    return CTL_OK;
}

static void
show(const struct client *client, struct frame_out *out, bool is_sound)
{
    struct frame_in *in = NULL;
    struct buf wire, text;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    buf_init(&text, LIMIT_CONTROL_FRAME);
    frame_out_finish(out, &wire);
    if (frame_in_take(&wire, &in) == 0 && client->is_json) {
        frame_to_json(frame_root(in), 2, &text);
        buf_append_byte(&text, '\n');
    } else if (in != NULL) {
        print_report(frame_root(in), is_sound, &text);
    }
    (void)fwrite(text.ptr, 1, text.len, stdout);
    frame_in_free(&in);
    buf_fini(&wire);
    buf_fini(&text);
}

static void
print_report(const struct frame_value *report, bool is_sound, struct buf *out)
{
    int64_t day = frame_get_int(report, "from", 0), n = frame_get_int(report, "n_differences", 0);
    char charged[32], cost[32], count[4][32];

    text_usd_format(frame_get_int(report, "charge_nusd", 0), charged);
    text_usd_format(frame_get_int(report, "cost_nusd", 0), cost);
    text_count_format(frame_get_int(report, "rows", 0), count[0]);
    text_count_format(frame_get_int(report, "corrections", 0), count[1]);
    text_count_format(frame_get_int(report, "sums", 0), count[2]);
    text_count_format(frame_get_int(report, "cells", 0), count[3]);
    buf_append_str(out, "Compared:\n");
    if (day == 0)
        print_line(out, "days", "all that are kept");
    else
        print_line(out, "days", "from %lld on", (long long)day);
    if (frame_get_bool(report, "full", false))
        print_line(out, "pages", "all of the database, and its indexes");
    print_line(out, "rows", "%s, %s of them corrections: %s charged, %s cost", count[0], count[1],
               charged, cost);
    print_line(out, "sums", "%s by key, day and model; %lld by day", count[2],
               (long long)frame_get_int(report, "days", 0));
    if (frame_get(report, "cells") != NULL)
        print_line(out, "quota cells", "%s", count[3]);
    if (is_sound) {
        buf_append_str(out, "No differences.\n");
        return;
    }
    print_differences(frame_get(report, "differences"), out);
    if (n > STORE_AUDIT_SHOWN)
        buf_printf(out, "... and %lld more.\n", (long long)(n - STORE_AUDIT_SHOWN));
    print_cells(frame_get(report, "cell_differences"), out);
}

static void
print_differences(const struct frame_value *differences, struct buf *out)
{
    struct print_table *table = print_table_new("WHAT DAY KEY MODEL FIGURE >ROWS-SAY >STANDS");

    for (size_t n = 0; n < frame_length(differences); n++) {
        const struct frame_value *at = frame_at(differences, n);

        print_cell_text(table, frame_get_str(at, "kind"));
        print_cell(table, "%lld", (long long)frame_get_int(at, "day", 0));
        print_cell(table, "%lld", (long long)frame_get_int(at, "key_id", 0));
        print_cell_text(
            table, frame_get_str(at, frame_get(at, "request_id") == NULL ? "model" : "request_id"));
        print_cell_text(table, frame_get_str(at, "what"));
        print_cell_count(table, frame_get_int(at, "rows", 0));
        print_cell_count(table, frame_get_int(at, "sum", 0));
    }
    print_table_end(&table, "The rows and their sums agree.", out);
}

static void
print_cells(const struct frame_value *differences, struct buf *out)
{
    struct print_table *table = print_table_new("KEY UNIT PERIOD MODEL >SUMS-SAY >CELL");

    for (size_t n = 0; n < frame_length(differences); n++) {
        const struct frame_value *at = frame_at(differences, n);

        print_cell(table, "%lld", (long long)frame_get_int(at, "key_id", 0));
        print_cell_text(table, frame_get_str(at, "unit"));
        print_cell(table, "%lld", (long long)frame_get_int(at, "period_id", 0));
        print_cell_text(table, frame_get_str(at, "model"));
        print_cell_count(table, frame_get_int(at, "sum", 0));
        print_cell_count(table, frame_get_int(at, "used", 0));
    }
    print_table_end(&table, "The quota cells agree with the sums.", out);
}
