/* SPDX-License-Identifier: ISC */
#include "audit.h"

#include <stdio.h>

#include "ledger.h"
#include "relayos/base/log.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_name.h"

#define PAGE_GROUPS     500 /* some milliseconds between two settlements */
#define DIFFERENCES_MAX 100 /* in one page */

static int repair(struct ledger *ledger, struct errmsg *why);
static int rebuild(struct ledger *ledger, struct errmsg *why);
static int explain(struct ledger *ledger, struct errmsg *why);
static int check_all_if_cheap(struct ledger *ledger, struct errmsg *why);
static int judge(const struct store_audit *audit, struct errmsg *why);
static void describe(const struct store_audit_difference *difference, char *out, size_t size);
static int check_group(struct ledger *ledger, const struct book_entry *group, struct frame_out *out,
                       int64_t *n_cells, int64_t *n_wrong);
static void write_difference(struct ledger *ledger, const struct book_entry *group,
                             const struct book_cell *cell, int64_t used, int64_t sum,
                             struct frame_out *out);

int
audit_start(struct ledger *ledger, struct errmsg *why)
{
    int rc = ledger->heritage->is_repair ? repair(ledger, why) : 0;

    if (store_n_lost(ledger->store) > 0)
        log_error("ledger.rows_lost",
                  "rows=%lld were committed and are not in the database: its log was damaged, or a "
                  "backup was put back",
                  (long long)store_n_lost(ledger->store));
    if (rc != 0)
        return rc;
    rc = store_ledger_verify_recent(ledger->store, ledger->book.now[PERIOD_MONTH].first_day, why);
    return rc == 0 ? check_all_if_cheap(ledger, why) : explain(ledger, why);
}

static int
repair(struct ledger *ledger, struct errmsg *why)
{
    struct store_audit audit;
    char text[256];
    int rc = store_audit_run(ledger->store, 0, &audit, why);

    if (rc == 0)
        rc = rebuild(ledger, why);
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < audit.n_shown; i++) {
        describe(&audit.shown[i], text, sizeof(text));
        log_warn("ledger.repair", "%s", text);
    }
    log_warn("ledger.repaired",
             "rows=%lld differences=%lld usage sums and totals were made anew from the ledger rows",
             (long long)audit.n_rows, (long long)audit.n_mendable);
    return 0;
}

static int
rebuild(struct ledger *ledger, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    return rc == 0 ? ledger_end(ledger, store_ledger_rebuild(ledger->store), why) : rc;
}

/* The quick check says that something differs; the full one says what. */
static int
explain(struct ledger *ledger, struct errmsg *why)
{
    struct store_audit audit;
    struct errmsg details, quick = *why;

    if (store_audit_run(ledger->store, 0, &audit, &details) != 0) {
        errmsg_set(why, "%s; and then: %s", quick.text, details.text);
        return ERR_STORE;
    }
    if (judge(&audit, why) != 0)
        return ERR_STORE;
    errmsg_set(why, "%s (start once with relayosd --repair)", quick.text);
    return ERR_STORE;
}

static int
check_all_if_cheap(struct ledger *ledger, struct errmsg *why)
{
    struct store_audit audit;
    bool is_cheap = false;
    int rc = store_audit_is_cheap(ledger->store, &is_cheap);

    if (rc != 0)
        errmsg_set(why, "%s", store_error(ledger->store));
    if (rc != 0 || !is_cheap)
        return rc;
    rc = store_audit_run(ledger->store, 0, &audit, why);
    return rc == 0 ? judge(&audit, why) : rc;
}

/* What a rebuild mends refuses the start; what nothing mends is said, and the books go on. */
static int
judge(const struct store_audit *audit, struct errmsg *why)
{
    const struct store_audit_difference *first = NULL;
    char text[256];

    for (size_t i = 0; i < audit->n_shown; i++) {
        enum store_audit_kind kind = audit->shown[i].kind;

        describe(&audit->shown[i], text, sizeof(text));
        if (kind > STORE_AUDIT_MODEL)
            log_error("ledger.audit", "%s", text);
        else if (first == NULL)
            first = &audit->shown[i];
    }
    if (first == NULL)
        return 0;
    describe(first, text, sizeof(text));
    errmsg_set(why,
               "the usage sums are not what the ledger rows add up to, in %lld places; the first: "
               "%s. Somebody changed the database, or it was damaged. Restore a backup, or start "
               "once with relayosd --repair, which makes the sums anew from the rows",
               (long long)audit->n_mendable, text);
    return ERR_STORE;
}

static void
describe(const struct store_audit_difference *difference, char *out, size_t size)
{
    char id[TEXT_UUID_SIZE];

    switch (difference->kind) {
    case STORE_AUDIT_USAGE:
        snprintf(out, size, "day %u, key %llu, model %s: %s is %lld, the rows say %lld",
                 difference->day, (unsigned long long)difference->key_id, difference->model,
                 difference->what, (long long)difference->sums, (long long)difference->rows);
        break;
    case STORE_AUDIT_DAY:
        snprintf(out, size, "day %u: the total of %s is %lld, the rows say %lld", difference->day,
                 difference->what, (long long)difference->sums, (long long)difference->rows);
        break;
    case STORE_AUDIT_MODEL:
        snprintf(out, size, "day %u, model %s: %s of all keys is %lld, the usage sums say %lld",
                 difference->day, difference->model, difference->what, (long long)difference->sums,
                 (long long)difference->rows);
        break;
    case STORE_AUDIT_CORRECTION:
        text_uuid_format(difference->request_id, id);
        snprintf(out, size, "correction %.*s: %s", TEXT_UUID_SIZE, id, difference->what);
        break;
    case STORE_AUDIT_GAP:
        snprintf(out, size, "%s: there are %lld, numbered up to %lld", difference->what,
                 (long long)difference->rows, (long long)difference->sums);
        break;
    }
}

/* ---- quota cells ---- */

int
audit_cells(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    int64_t n = frame_get_int(args, "after", 0), n_cells = 0, n_wrong = 0;
    const struct book *book = &ledger->book;
    int rc = 0;

    if (ledger->store == NULL)
        return ERR_STORE;
    if (book->is_walking && !book->is_rolling) {
        errmsg_set(why, "all keys are being published anew; try again in a moment");
        return ERR_BUSY;
    }
    if (n < 0 || n > book->n_entries)
        n = book->n_entries;
    int64_t until = n + PAGE_GROUPS < book->n_entries ? n + PAGE_GROUPS : book->n_entries;
    frame_array(out, "differences");
    for (; rc == 0 && n < until && n_wrong < DIFFERENCES_MAX; n++)
        rc = check_group(ledger, &book->entries[n], out, &n_cells, &n_wrong);
    frame_end(out);
    frame_int(out, "cells", n_cells);
    frame_int_if(out, "next", n < book->n_entries, n);
    return rc;
}

static int
check_group(struct ledger *ledger, const struct book_entry *group, struct frame_out *out,
            int64_t *n_cells, int64_t *n_wrong)
{
    for (uint32_t i = 0; i < group->n_cells; i++) {
        const struct book_cell *cell = &group->cells[i];
        struct slice model = {0};
        struct quota_view view;
        int64_t nusd, tokens;

        if (cell->unit == LIMIT_UNIT_CONCURRENT)
            continue;
        if (cell->model_id != QUOTA_ALL_MODELS)
            model = slice_str(catalog_model_name(ledger->catalog, cell->model_id));
        int rc = store_usage_of_group(ledger->store, group->group_id, model, cell->first_day,
                                      cell->last_day, &nusd, &tokens);
        if (rc != 0)
            return rc;
        quota_view(quota_cell_at(ledger->segment, cell->idx, cell->generation), &view);
        int64_t sum = cell->unit == LIMIT_UNIT_NUSD ? nusd : tokens;
        ++*n_cells;
        if (view.used == sum)
            continue;
        ++*n_wrong;
        write_difference(ledger, group, cell, view.used, sum, out);
    }
    return 0;
}

static void
write_difference(struct ledger *ledger, const struct book_entry *group,
                 const struct book_cell *cell, int64_t used, int64_t sum, struct frame_out *out)
{
    bool is_of_model = cell->model_id != QUOTA_ALL_MODELS;

    frame_map(out, NULL);
    frame_int(out, "key_id", (int64_t)group->group_id);
    frame_cstr(out, "unit", store_name(STORE_NAME_UNIT, cell->unit));
    frame_int(out, "period_id", cell->period_id);
    frame_cstr(out, "model",
               is_of_model ? catalog_model_name(ledger->catalog, cell->model_id) : NULL);
    frame_int(out, "used", used);
    frame_int(out, "sum", sum);
    frame_end(out);
}
