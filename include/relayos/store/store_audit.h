/* SPDX-License-Identifier: ISC
 *
 * store_audit - the books against themselves: what is compared, and what differs with both figures.
 *
 * Compared are the usage sums with the ledger rows, the days' totals with both, the models' sums
 * with the usage sums, corrections with the rows they are of, and the running numbers, in which
 * nothing may be missing.
 *
 * Process: any, on a store of its own (store_reader.h); the ledger for a small one, or when it
 * repairs: it reads every row of those days.
 */
#ifndef RELAYOS_STORE_STORE_AUDIT_H
#define RELAYOS_STORE_STORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/text.h"
#include "relayos/store/store.h"
#include "relayos/store/store_row.h"

#define STORE_AUDIT_SHOWN 20

enum store_audit_kind {
    STORE_AUDIT_USAGE,      /* usage sums: a rebuild mends them */
    STORE_AUDIT_DAY,        /* a day's total: likewise */
    STORE_AUDIT_MODEL,      /* a model's sums of a day: likewise; the last that one mends */
    STORE_AUDIT_CORRECTION, /* a correction that does not fit its row */
    STORE_AUDIT_GAP,        /* rows are missing */
};

struct store_audit_difference {
    enum store_audit_kind kind;
    uint32_t day;
    uint64_t key_id;
    char model[LIMIT_MODEL_NAME];
    struct uuid request_id; /* of a correction */
    char what[64];          /* which figure, or what is wrong */
    int64_t rows, sums;     /* what the ledger rows say, and what stands there */
};

struct store_audit {
    /* What was compared. */
    int64_t n_rows, n_corrections, n_sums, n_days;
    int64_t charge_nusd, cost_nusd, quota_tokens; /* of the rows */
    /* What differs: all are counted, the first are kept. */
    int64_t n_differences;
    int64_t n_mendable; /* of them: by a rebuild */
    size_t n_shown;
    struct store_audit_difference shown[STORE_AUDIT_SHOWN];
};

/* Rows of that day and later (0 = all that are kept). 0 also with differences. */
int store_audit_run(struct store *store, uint32_t first_day, struct store_audit *out,
                    struct errmsg *why) MUST_CHECK;
/* Every page and every index of the database; ERR_STORE with the first thing that is wrong. */
int store_audit_pages(struct store *store, struct errmsg *why) MUST_CHECK;
/* Is it so small that all of it can be audited at each start? */
int store_audit_is_cheap(struct store *store, bool *out) MUST_CHECK;

/* Corrections of a row, in the order they were made; up to n. */
int store_audit_corrections(struct store *store, struct uuid corrects, struct store_row *out,
                            size_t n, size_t *out_n) MUST_CHECK;

#endif
