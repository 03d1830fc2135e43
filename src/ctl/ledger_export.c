/* SPDX-License-Identifier: ISC
 *
 * `ledger export`: the rows as CSV (RFC 4180) or JSON lines, page by page, however many there are.
 */
#include <stdio.h>

#include "ledger.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/codec/json_out.h"
#include "relayos/model/usage.h"
#include "value_books.h"

#define PAGE_TEXT (16 * 1024 * 1024)

enum column_kind { COLUMN_TEXT, COLUMN_INT, COLUMN_USAGE, COLUMN_USD, COLUMN_TIME };

/* Columns, in order; relayosctl(8) documents them. */
static const struct column {
    const char *name;
    enum column_kind kind;
    const char *member; /* of ROW */
} columns[] = {
    {"seq", COLUMN_INT, "seq"},
    {"request_id", COLUMN_TEXT, "request_id"},
    {"corrects", COLUMN_TEXT, "corrects"},
    {"accepted", COLUMN_TIME, "accepted_us"},
    {"day", COLUMN_INT, "day"},
    {"key_id", COLUMN_INT, "key_id"},
    {"key_name", COLUMN_TEXT, "key_name"},
    {"model", COLUMN_TEXT, "model"},
    {"endpoint", COLUMN_TEXT, "endpoint"},
    {"protocol", COLUMN_TEXT, "protocol"},
    {"status", COLUMN_INT, "status"},
    {"category", COLUMN_TEXT, "category"},
    {"provenance", COLUMN_TEXT, "provenance"},
#define BUCKET(name, NAME, unit) {#name, COLUMN_USAGE, #name},
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
        {"reasoning", COLUMN_USAGE, "reasoning"},
    {"tier_permille", COLUMN_USAGE, "tier_permille"},
    {"quota_tokens", COLUMN_INT, "quota_tokens"},
    {"charge_usd", COLUMN_USD, "charge_nusd"},
    {"charge_nusd", COLUMN_INT, "charge_nusd"},
    {"cost_usd", COLUMN_USD, "cost_nusd"},
    {"cost_nusd", COLUMN_INT, "cost_nusd"},
    {"route_id", COLUMN_INT, "route_id"},
    {"price_version", COLUMN_INT, "price_version"},
    {"accepted_us", COLUMN_INT, "accepted_us"},
    {"done_us", COLUMN_INT, "done_us"},
    {"who", COLUMN_TEXT, "who"},
    {"reason", COLUMN_TEXT, "reason"},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

typedef void write_row(const struct frame_value *row, struct buf *out);

struct export
{
    uint32_t first_day, last_day;
    const char *key; /* or NULL */
    write_row *write;
};

static int read_options(const struct client *client, const struct args *args, struct export *out,
                        struct errmsg *why);
static int write_pages(struct client *client, const struct export *export);
static void ask(struct client *client, const struct export *export, int64_t after);
static void write_header(struct buf *out);
static write_row write_csv, write_jsonl;
static struct slice text_of(const struct frame_value *row, const struct column *column,
                            char room[32]);
static bool is_text(const struct column *column);

int
ledger_export_run(struct client *client, const struct args *args)
{
    struct export export;
    struct errmsg why;

    if (read_options(client, args, &export, &why) != 0)
        return client_fail(CTL_USAGE, "ledger export: %s", why.text);
    return write_pages(client, &export);
}

static int
read_options(const struct client *client, const struct args *args, struct export *out,
             struct errmsg *why)
{
    struct slice format = slice_str(args_get(args, "format"));
    int rc = value_books_day_option(args, "from", &out->first_day, why);

    if (rc == 0)
        rc = value_books_day_option(args, "to", &out->last_day, why);
    out->key = args_get(args, "key");
    out->write = client->is_json || slice_eq_str(format, "jsonl") ? write_jsonl : write_csv;
    if (rc == 0 && format.len > 0 && !slice_eq_str(format, "csv") &&
        !slice_eq_str(format, "jsonl")) {
        errmsg_set(why, "--format is csv or jsonl");
        return ERR_SYNTAX;
    }
    return rc;
}

static int
write_pages(struct client *client, const struct export *export)
{
    const struct frame_value *result = NULL;
    int64_t after = 0;
    struct buf text;
    int rc = CTL_OK;

    buf_init(&text, PAGE_TEXT);
    if (export->write == write_csv)
        write_header(&text);
    do {
        ask(client, export, after);
        if ((rc = client_call(client, &result)) != CTL_OK)
            break;
        const struct frame_value *rows = frame_get(result, "rows");
        for (size_t n = 0; n < frame_length(rows); n++)
            export->write(frame_at(rows, n), &text);
        if (text.overflow || fwrite(text.ptr, 1, text.len, stdout) != text.len) {
            rc = client_fail(CTL_REFUSED, "ledger export: cannot write; what came out is not all");
            break;
        }
        buf_clear(&text);
        after = frame_get_int(result, "next", 0);
    } while (after != 0);
    buf_fini(&text);
    return rc;
}

static void
ask(struct client *client, const struct export *export, int64_t after)
{
    struct frame_out *out = client_begin(client, COMMAND_LEDGER_ROWS);

    frame_int(out, "after", after);
    frame_int(out, "from", export->first_day);
    frame_int(out, "to", export->last_day);
    if (export->key != NULL)
        frame_cstr(out, "key", export->key);
}

static void
write_header(struct buf *out)
{
    for (size_t n = 0; n < N_COLUMNS; n++)
        buf_printf(out, "%s%s", columns[n].name, n + 1 < N_COLUMNS ? "," : "\r\n");
}

static void
write_csv(const struct frame_value *row, struct buf *out)
{
    char room[32];

    for (size_t n = 0; n < N_COLUMNS; n++) {
        print_csv(text_of(row, &columns[n], room), out);
        buf_append_str(out, n + 1 < N_COLUMNS ? "," : "\r\n");
    }
}

static void
write_jsonl(const struct frame_value *row, struct buf *out)
{
    struct json_out json;
    char room[32];

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    for (size_t n = 0; n < N_COLUMNS; n++) {
        struct slice text = text_of(row, &columns[n], room);

        if (!is_text(&columns[n]))
            json_out_raw(&json, columns[n].name, text);
        else if (text.len == 0)
            json_out_null(&json, columns[n].name);
        else
            json_out_string(&json, columns[n].name, text);
    }
    json_out_end_object(&json);
    buf_append_byte(out, '\n');
}

/* Decimal money is text in JSON too: a reader's floats would round it. */
static bool
is_text(const struct column *column)
{
    return column->kind != COLUMN_INT && column->kind != COLUMN_USAGE;
}

static struct slice
text_of(const struct frame_value *row, const struct column *column, char room[32])
{
    int64_t n;

    if (column->kind == COLUMN_TEXT)
        return frame_get_str(row, column->member);
    n = frame_get_int(column->kind == COLUMN_USAGE ? frame_get(row, "usage") : row, column->member,
                      0);
    if (column->kind == COLUMN_USD)
        value_books_decimal(n, room);
    else if (column->kind == COLUMN_TIME)
        clock_format_utc(n, 6, room);
    else
        snprintf(room, 32, "%lld", (long long)n);
    return slice_str(room);
}
