/* SPDX-License-Identifier: ISC */
#include "row_reply.h"

#include <stdlib.h>

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_key.h"

#define PAGE_ROWS       1000 /* some milliseconds between two settlements */
#define CORRECTIONS_MAX 100

static int read_filter(struct ledger *ledger, const struct frame_value *args,
                       struct store_row_filter *filter, struct errmsg *why);
static int read_day(const struct frame_value *args, const char *name, uint32_t *out,
                    struct errmsg *why);
static void write_rows(struct ledger *ledger, const struct store_row *rows, size_t n,
                       const char *name, struct frame_out *out);
static void write_id(struct uuid id, const char *name, struct frame_out *out);
static void write_usage(const struct usage *usage, struct frame_out *out);

int
row_reply_page(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct store_row_cursor cursor = {.after = frame_get_int(args, "after", 0)};
    int64_t limit = frame_get_int(args, "limit", PAGE_ROWS);
    size_t n = 0, page = limit < 1 || limit > PAGE_ROWS ? PAGE_ROWS : (size_t)limit;
    struct store_row_filter filter = {0};
    int rc = read_filter(ledger, args, &filter, why);

    if (rc != 0)
        return rc;
    struct store_row *rows = mem_array(NULL, page, sizeof(*rows));
    rc = store_row_next(ledger->store, &filter, &cursor, rows, page, &n);
    if (rc == 0)
        write_rows(ledger, rows, n, "rows", out);
    if (rc == 0 && !cursor.is_at_end)
        frame_int(out, "next", cursor.after);
    else
        frame_nil(out, "next");
    free(rows);
    return rc;
}

static int
read_filter(struct ledger *ledger, const struct frame_value *args, struct store_row_filter *filter,
            struct errmsg *why)
{
    if (ledger->store == NULL)
        return ERR_STORE;
    int rc = key_args_find_id(ledger, args, &filter->key_id, why);

    if (rc == 0)
        rc = read_day(args, "from", &filter->first_day, why);
    return rc == 0 ? read_day(args, "to", &filter->last_day, why) : rc;
}

static int
read_day(const struct frame_value *args, const char *name, uint32_t *out, struct errmsg *why)
{
    int64_t day = frame_get_int(args, name, 0);

    *out = (uint32_t)day;
    if (day == 0 || period_day_is_valid(day))
        return 0;
    errmsg_set(why, "%s: a day is written YYYYMMDD", name);
    return ERR_SYNTAX;
}

int
row_reply_show(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct store_row row;
    struct uuid id;

    if (text_uuid_parse(frame_get_str(args, "request_id"), &id) != 0) {
        errmsg_set(why, "a request id looks like 019ac0de-1234-7abc-8def-0123456789ab");
        return ERR_SYNTAX;
    }
    int rc = ledger->store == NULL ? ERR_STORE : store_row_get(ledger->store, id, &row);
    if (rc == ERR_MISSING)
        errmsg_set(why, "no ledger row has this request id");
    if (rc != 0)
        return rc;
    frame_map(out, "row");
    row_reply_write(ledger, &row, out);
    frame_end(out);
    return row_reply_corrections(ledger, id, out);
}

int
row_reply_corrections(struct ledger *ledger, struct uuid request_id, struct frame_out *out)
{
    struct store_row *rows = mem_array(NULL, CORRECTIONS_MAX, sizeof(*rows));
    size_t n = 0;
    int rc = ledger->store == NULL
                 ? 0
                 : store_audit_corrections(ledger->store, request_id, rows, CORRECTIONS_MAX, &n);

    write_rows(ledger, rows, n, "corrections", out);
    free(rows);
    return rc;
}

static void
write_rows(struct ledger *ledger, const struct store_row *rows, size_t n, const char *name,
           struct frame_out *out)
{
    frame_array(out, name);
    for (size_t i = 0; i < n; i++) {
        frame_map(out, NULL);
        row_reply_write(ledger, &rows[i], out);
        frame_end(out);
    }
    frame_end(out);
}

void
row_reply_write(struct ledger *ledger, const struct store_row *row, struct frame_out *out)
{
    static const struct uuid none;
    bool is_of_row = row->is_correction && memcmp(&row->corrects, &none, sizeof(none)) != 0;
    char name[LIMIT_NAME] = "";

    frame_int(out, "seq", row->seq);
    write_id(row->request_id, "request_id", out);
    frame_bool(out, "is_correction", row->is_correction);
    write_id(is_of_row ? row->corrects : none, "corrects", out);
    frame_int(out, "key_id", (int64_t)row->key_id);
    if (store_key_name(ledger->store, row->key_id, name) != 0)
        name[0] = '\0';
    frame_cstr(out, "key_name", name);
    frame_int(out, "day", row->day);
    frame_cstr(out, "model", row->model);
    frame_cstr(out, "endpoint", row->endpoint);
    frame_cstr(out, "protocol", row->protocol);
    frame_int(out, "status", row->status);
    frame_cstr(out, "category", row->category[0] == '\0' ? NULL : row->category);
    frame_cstr(out, "provenance", row->provenance);
    write_usage(&row->usage, out);
    frame_int(out, "quota_tokens", row->quota_tokens);
    frame_int(out, "charge_nusd", row->charge_nusd);
    frame_int(out, "cost_nusd", row->cost_nusd);
    frame_int(out, "reserved_nusd", row->reserved_nusd);
    frame_int(out, "route_id", row->route_id);
    frame_int(out, "price_version", row->price_version);
    frame_int(out, "accepted_us", row->t_accepted_us);
    frame_int(out, "done_us", row->t_done_us);
    frame_cstr(out, "who", row->is_correction ? row->who : NULL);
    frame_cstr(out, "reason", row->is_correction ? row->reason : NULL);
}

static void
write_id(struct uuid id, const char *name, struct frame_out *out)
{
    static const struct uuid none;
    char text[TEXT_UUID_SIZE];

    if (memcmp(&id, &none, sizeof(none)) == 0) {
        frame_nil(out, name);
        return;
    }
    text_uuid_format(id, text);
    frame_str(out, name, slice_of(text, sizeof(text)));
}

static void
write_usage(const struct usage *usage, struct frame_out *out)
{
    frame_map(out, "usage");
#define BUCKET(name, NAME, unit) frame_int(out, #name, usage->count[USAGE_##NAME]);
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
    frame_int(out, "reasoning", usage->reasoning_tokens);
    frame_int(out, "tier_permille", usage->tier_permille);
    frame_end(out);
}
