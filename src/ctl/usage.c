/* SPDX-License-Identifier: ISC */
#include "usage.h"

#include "print.h"
#include "value.h"

static void print_row(const struct frame_value *row, bool is_by_model, struct print_table *table);

static int read_period(const char *text, int64_t *out, struct errmsg *why);

int
usage_write(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int64_t period = 0;
    int rc = args_has(args, "period") ? read_period(args_get(args, "period"), &period, why) : 0;

    if (args_has(args, "key"))
        frame_cstr(out, "key", args_get(args, "key"));
    if (args_has(args, "by"))
        frame_cstr(out, "by", args_get(args, "by"));
    frame_int(out, "period", period);
    return rc;
}

/* 202611 or 2026-11; 20261126 or 2026-11-26. What is a month or a day, the ledger knows. */
static int
read_period(const char *text, int64_t *out, struct errmsg *why)
{
    char digits[16];
    size_t len = 0;

    for (size_t i = 0; text[i] != '\0' && len + 1 < sizeof(digits); i++) {
        if (text[i] != '-' || (i != 4 && i != 7))
            digits[len++] = text[i];
    }
    digits[len] = '\0';
    if (value_count(digits, out, why) == 0)
        return 0;
    errmsg_set(why, "\"%s\" is not a period: write 202611 for a month, 20261126 for a day", text);
    return ERR_SYNTAX;
}

void
usage_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    static const char *const names[] = {"requests", "input", "cache_read", "cache_write", "output"};
    const struct frame_value *rows = frame_get(result, "rows");
    const char *by = args_get(args, "by");
    bool is_by_model = by != NULL && slice_eq_str(slice_str(by), "model");
    int64_t charge = 0, cost = 0;
    struct print_table *table = print_table_new(
        is_by_model ? "MODEL >REQUESTS >INPUT >CACHE-READ >CACHE-WRITE >OUTPUT >CHARGED >COST"
                    : "KEY >REQUESTS >INPUT >CACHE-READ >CACHE-WRITE >OUTPUT >CHARGED >COST");

    for (size_t n = 0; n < frame_length(rows); n++) {
        print_row(frame_at(rows, n), is_by_model, table);
        charge += frame_get_int(frame_at(rows, n), "charge_nusd", 0);
        cost += frame_get_int(frame_at(rows, n), "cost_nusd", 0);
    }
    if (frame_length(rows) > 1) {
        print_cell(table, "total");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            int64_t sum = 0;
            for (size_t n = 0; n < frame_length(rows); n++)
                sum += frame_get_int(frame_at(rows, n), names[i], 0);
            print_cell_count(table, sum);
        }
        print_cell_usd(table, charge);
        print_cell_usd(table, cost);
    }
    print_table_end(&table, "Nothing was used in this period.", out);
}

static void
print_row(const struct frame_value *row, bool is_by_model, struct print_table *table)
{
    struct slice name = frame_get_str(row, is_by_model ? "model" : "key_name");

    if (name.len > 0)
        print_cell_text(table, name);
    else
        print_cell(table, "%lld", (long long)frame_get_int(row, "key_id", 0));
    print_cell_count(table, frame_get_int(row, "requests", 0));
    print_cell_count(table, frame_get_int(row, "input", 0));
    print_cell_count(table, frame_get_int(row, "cache_read", 0));
    print_cell_count(table, frame_get_int(row, "cache_write", 0));
    print_cell_count(table, frame_get_int(row, "output", 0));
    print_cell_usd(table, frame_get_int(row, "charge_nusd", 0));
    print_cell_usd(table, frame_get_int(row, "cost_nusd", 0));
}
