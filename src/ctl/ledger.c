/* SPDX-License-Identifier: ISC */
#include "ledger.h"

#include <stdio.h>
#include <unistd.h>

#include "print.h"
#include "relayos/store/store_reader.h"
#include "value_books.h"

static int ask_database(struct client *client, char *out, size_t size);
static int write_amount(const struct args *args, const char *option, const char *member,
                        bool is_money, struct frame_out *out, struct errmsg *why);
static void print_row(const struct frame_value *row, struct print_table *table);

/* ---- where the books are ---- */

int
ledger_open_database(struct client *client, const struct args *args, struct store **out)
{
    const char *given = args_get(args, "database");
    char path[LEDGER_PATH_SIZE], log[LEDGER_PATH_SIZE + 8];
    struct errmsg why;
    int rc = ledger_find_database(client, args, path);

    if (rc != CTL_OK)
        return rc;
    /* A file by itself is a copy; beside a log somebody writes it, or was killed writing it. */
    snprintf(log, sizeof(log), "%s-wal", path);
    enum store_reader_kind kind =
        given != NULL && access(log, F_OK) != 0 ? STORE_READER_STILL : STORE_READER_LIVE;
    if (store_reader_open(path, kind, out, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    return CTL_OK;
}

int
ledger_find_database(struct client *client, const struct args *args, char out[LEDGER_PATH_SIZE])
{
    const char *given = args_get(args, "database");

    if (given == NULL)
        return ask_database(client, out, LEDGER_PATH_SIZE);
    snprintf(out, LEDGER_PATH_SIZE, "%s", given);
    return CTL_OK;
}

static int
ask_database(struct client *client, char *out, size_t size)
{
    const struct frame_value *result = NULL;

    (void)client_begin(client, COMMAND_LEDGER_STATUS);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    struct slice path = frame_get_str(result, "database");
    snprintf(out, size, "%.*s", (int)path.len, path.ptr);
    return CTL_OK;
}

/* ---- show ---- */

int
ledger_write_show(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    frame_cstr(out, "request_id", args->operands[0]);
    return 0;
}

void
ledger_print_show(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *row = frame_get(result, "row");
    const struct frame_value *corrections = frame_get(result, "corrections");
    int64_t charge = frame_get_int(row, "charge_nusd", 0),
            cost = frame_get_int(row, "cost_nusd", 0);
    struct print_table *table = print_table_new("ROW MADE >CHARGED >COST >TOKENS BY WHY");

    (void)args;
    print_row(row, table);
    for (size_t n = 0; n < frame_length(corrections); n++) {
        print_row(frame_at(corrections, n), table);
        charge += frame_get_int(frame_at(corrections, n), "charge_nusd", 0);
        cost += frame_get_int(frame_at(corrections, n), "cost_nusd", 0);
    }
    if (frame_length(corrections) > 0) {
        print_cell(table, "in all");
        print_cell(table, "-");
        print_cell_usd(table, charge);
        print_cell_usd(table, cost);
        for (int n = 0; n < 3; n++)
            print_cell(table, "-");
    }
    print_table_end(&table, "", out);
}

static void
print_row(const struct frame_value *row, struct print_table *table)
{
    bool is_correction = frame_get_bool(row, "is_correction", false);

    print_cell_text(table, frame_get_str(row, "request_id"));
    print_cell_time(table, frame_get_int(row, "done_us", 0));
    print_cell_usd(table, frame_get_int(row, "charge_nusd", 0));
    print_cell_usd(table, frame_get_int(row, "cost_nusd", 0));
    print_cell_count(table, frame_get_int(row, "quota_tokens", 0));
    print_cell_text(table, frame_get_str(row, is_correction ? "who" : "key_name"));
    print_cell_text(table, frame_get_str(row, is_correction ? "reason" : "provenance"));
}

/* ---- adjust ---- */

int
ledger_write_adjust(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    static const char *const texts[] = {"key", "model", "reason"};
    uint32_t day;
    int rc = value_books_day_option(args, "day", &day, why);

    if (rc == 0)
        rc = write_amount(args, "amount", "charge_nusd", true, out, why);
    if (rc == 0)
        rc = write_amount(args, "cost", "cost_nusd", true, out, why);
    if (rc == 0)
        rc = write_amount(args, "tokens", "quota_tokens", false, out, why);
    if (rc != 0)
        return rc;
    if (args_has(args, "reason") == 0) {
        errmsg_set(why, "--reason TEXT is needed: it stands beside the correction for ever");
        return ERR_SYNTAX;
    }
    if ((args->n_operands == 1) == args_has(args, "key")) {
        errmsg_set(why, "name a request or --key KEY, one of the two");
        return ERR_SYNTAX;
    }
    if (args->n_operands == 1)
        frame_cstr(out, "request_id", args->operands[0]);
    if (day != 0)
        frame_int(out, "day", day);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        if (args_has(args, texts[n]))
            frame_cstr(out, texts[n], args_get(args, texts[n]));
    }
    return 0;
}

static int
write_amount(const struct args *args, const char *option, const char *member, bool is_money,
             struct frame_out *out, struct errmsg *why)
{
    int64_t amount = 0;
    int rc;

    if (!args_has(args, option))
        return 0;
    rc = is_money ? value_books_amount(args_get(args, option), &amount, why)
                  : value_books_signed(args_get(args, option), &amount, why);
    if (rc == 0)
        frame_int(out, member, amount);
    return rc;
}

void
ledger_print_adjust(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *row = frame_get(result, "correction");
    struct print_table *table = print_table_new("CORRECTION MADE >CHARGED >COST >TOKENS BY WHY");

    (void)args;
    print_row(row, table);
    print_table_end(&table, "", out);
}

/* ---- billed ---- */

int
ledger_write_billed(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    uint32_t day;
    int rc = value_books_day(args->operands[0], &day, why);

    if (rc == 0)
        frame_int(out, "day", day);
    return rc;
}

void
ledger_print_billed(const struct frame_value *result, const struct args *args, struct buf *out)
{
    (void)args;
    buf_printf(out, "Billed until %lld.\n", (long long)frame_get_int(result, "billed_until", 0));
}
