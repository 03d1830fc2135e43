/* SPDX-License-Identifier: ISC */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/mem.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_usage.h"

#define MAX_ROWS 10000

static int read_query(struct ledger *ledger, const struct frame_value *args,
                      struct store_usage_query *query, struct period *period, struct errmsg *why);
static int read_period(const struct ledger *ledger, int64_t id, struct period *out,
                       struct errmsg *why);
static void write_row(const struct store_usage_row *row, uint32_t period_id, struct frame_out *out);

int
figures_usage(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
              struct errmsg *why)
{
    struct store_usage_query query;
    struct period period;
    size_t n = 0;
    int rc = read_query(ledger, args, &query, &period, why);

    if (rc != 0)
        return rc;
    struct store_usage_row *rows = mem_array(NULL, MAX_ROWS, sizeof(*rows));
    rc = store_usage_report(ledger->store, &query, rows, MAX_ROWS, &n);
    frame_array(out, "rows");
    for (size_t i = 0; rc == 0 && i < n; i++)
        write_row(&rows[i], period.id, out);
    frame_end(out);
    free(rows);
    return rc;
}

static int
read_query(struct ledger *ledger, const struct frame_value *args, struct store_usage_query *query,
           struct period *period, struct errmsg *why)
{
    struct slice by = frame_get_str(args, "by");
    int rc = read_period(ledger, frame_get_int(args, "period", 0), period, why);

    if (rc != 0)
        return rc;
    *query = (struct store_usage_query){
        .by = STORE_USAGE_BY_KEY, .first_day = period->first_day, .last_day = period->last_day};
    if (slice_eq_str(by, "model")) {
        query->by = STORE_USAGE_BY_MODEL;
    } else if (by.len != 0 && !slice_eq_str(by, "key")) {
        errmsg_set(why, "usage by %.*s is not kept; by \"key\" or \"model\"", (int)by.len, by.ptr);
        return ERR_SYNTAX;
    }
    return key_args_find_id(ledger, args, &query->key_id, why);
}

/* A month or a day by its id; 0 is this month. */
static int
read_period(const struct ledger *ledger, int64_t id, struct period *out, struct errmsg *why)
{
    *out = ledger->book.now[PERIOD_MONTH];
    if (id == 0)
        return 0;
    if (id > 0 && id <= 999912 && period_day_is_valid(id * 100 + 1))
        *out = period_of_day(PERIOD_MONTH, (uint32_t)id * 100 + 1);
    else if (period_day_is_valid(id))
        *out = period_of_day(PERIOD_DAY, (uint32_t)id);
    else
        errmsg_set(why, "a period is written YYYYMM or YYYYMMDD: %u is this month, %u today",
                   out->id, ledger->book.day);
    return out->id == id ? 0 : ERR_SYNTAX;
}

static void
write_row(const struct store_usage_row *row, uint32_t period_id, struct frame_out *out)
{
    frame_map(out, NULL);
    if (row->key_id != 0) {
        frame_int(out, "key_id", (int64_t)row->key_id);
        frame_cstr(out, "key_name", row->key_name);
    }
    if (row->model[0] != '\0')
        frame_cstr(out, "model", row->model);
    frame_int(out, "period_id", period_id);
    frame_int(out, "requests", row->n_requests);
    frame_int(out, "failed", row->n_failed);
    frame_int(out, "input", row->input);
    frame_int(out, "cache_read", row->cache_read);
    frame_int(out, "cache_write", row->cache_write);
    frame_int(out, "output", row->output);
    frame_int(out, "reasoning", row->reasoning);
    frame_int(out, "charge_nusd", row->charge_nusd);
    frame_int(out, "cost_nusd", row->cost_nusd);
    frame_end(out);
}

int
figures_status(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    uint32_t n_cells = segment_capacity(ledger->segment)->quota_cells, n_used = 0;
    char path[CONF_PATH_SIZE + 16];
    struct quota_cell_info info;

    (void)args, (void)why;
    for (uint32_t idx = 0; idx < n_cells; idx++)
        n_used += quota_cell_info(ledger->segment, idx, &info) == 0;
    snprintf(path, sizeof(path), "%s/relayos.db", ledger->heritage->conf->data_dir);
    frame_cstr(out, "database", path);
    frame_bool(out, "is_open", ledger->store != NULL);
    frame_int(out, "wal_bytes", ledger->store == NULL ? 0 : store_wal_bytes(ledger->store));
    frame_int(out, "n_keys", ledger->book.n_published);
    frame_int(out, "outbox", ledger_outbox(ledger));
    frame_int(out, "last_settle_us", ledger->last_settle_real_us);
    frame_int(out, "last_checkpoint_us", ledger->last_checkpoint_real_us);
    frame_int(out, "quota_cells_used", n_used);
    return 0;
}
