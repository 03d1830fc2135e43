/* SPDX-License-Identifier: ISC
 *
 * store_row - ledger rows read back, in the order they were written: for exports and audits.
 *
 * Process: the ledger. One call reads a bounded number of rows, so that settlements come between.
 */
#ifndef RELAYOS_STORE_STORE_ROW_H
#define RELAYOS_STORE_STORE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/text.h"
#include "relayos/model/usage.h"
#include "relayos/store/store.h"

struct store_row {
    int64_t seq;
    struct uuid request_id;
    bool is_correction;
    struct uuid corrects; /* all zero: not of one row */
    uint64_t key_id;
    uint32_t day, route_id, price_version;
    uint16_t status;
    char model[LIMIT_MODEL_NAME];
    char endpoint[64], protocol[32], category[32], provenance[16]; /* category "": none */
    struct usage usage;
    int64_t quota_tokens, charge_nusd, cost_nusd, reserved_nusd, t_accepted_us, t_done_us;
    char who[LIMIT_NAME], reason[256]; /* of a correction */
};

/* ERR_MISSING: no such row. */
int store_row_get(struct store *store, struct uuid request_id, struct store_row *out) MUST_CHECK;

struct store_row_filter {
    uint32_t first_day, last_day; /* inclusive; 0 = open */
    uint64_t key_id;              /* 0 = all */
};
struct store_row_cursor {
    int64_t after; /* seq; 0 = from the beginning */
    bool is_at_end;
};
/* Up to n further rows; it may be fewer, or none, before the end. */
int store_row_next(struct store *store, const struct store_row_filter *filter,
                   struct store_row_cursor *cursor, struct store_row *out, size_t n,
                   size_t *out_n) MUST_CHECK;

/* The number of the newest ledger row, 0 if there is none. */
int store_row_last_seq(struct store *store, int64_t *out) MUST_CHECK;

#endif
