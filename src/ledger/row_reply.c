/* SPDX-License-Identifier: ISC */
#include "row_reply.h"

#include <stdlib.h>

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/mem.h"
#include "relayos/report/report_row.h"

#define PAGE_ROWS 1000 /* some milliseconds between two settlements */

static int read_filter(struct ledger *ledger, const struct frame_value *args,
                       struct store_row_filter *filter, struct errmsg *why);
static int read_day(const struct frame_value *args, const char *name, uint32_t *out,
                    struct errmsg *why);

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
    struct report report = ledger_report(ledger);
    struct store_row *rows = mem_array(NULL, page, sizeof(*rows));
    rc = store_row_next(ledger->store, &filter, &cursor, rows, page, &n);
    if (rc == 0)
        report_row_write_all(&report, rows, n, "rows", out);
    frame_int_if(out, "next", rc == 0 && !cursor.is_at_end, cursor.after);
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
    struct report report = ledger_report(ledger);
    frame_map(out, "row");
    report_row_write(&report, &row, out);
    frame_end(out);
    return report_row_corrections(&report, id, out);
}
