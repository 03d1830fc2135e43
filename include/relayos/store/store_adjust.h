/* SPDX-License-Identifier: ISC
 *
 * store_adjust - corrections: new ledger rows that add to an old one or to a key's day, negative
 * amounts included. Nothing is ever rewritten; the usage sums follow in the same batch.
 *
 * Bounds: a row with its corrections, and the sum of a key, day and model, never fall below zero.
 *
 * Process: the ledger, inside a batch. Afterwards the quota cells are charged with the same
 * amounts.
 */
#ifndef RELAYOS_STORE_STORE_ADJUST_H
#define RELAYOS_STORE_STORE_ADJUST_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/base/text.h"
#include "relayos/store/store.h"

/* 1,000,000 USD or as many tokens at a time; and what a key's day may come to: sums over days and
 * keys, which SQLite would not store past 63 bits, stay far from it. */
#define STORE_ADJUST_AMOUNT_MAX INT64_C(1000000000000000)
#define STORE_ADJUST_SUM_MAX    (INT64_C(1) << 56)

struct store_adjustment {
    struct uuid request_id; /* of the correction itself: a new one; the same again is ERR_EXISTS */
    struct uuid corrects;   /* the row; all zero: the key's day */
    /* Given with a key's day; taken from the row otherwise. */
    uint64_t key_id;
    uint32_t day;
    char model[LIMIT_MODEL_NAME];
    /* What is added. */
    int64_t charge_nusd, cost_nusd, quota_tokens;
    int64_t made_us;
    struct slice who, reason; /* neither is empty */
};

/*
 * Errors, after which the batch is as it was, with the reason: ERR_MISSING (no such row or key),
 * ERR_CONFLICT (would fall below zero; the day is archived; a correction is corrected by another
 * one of its row), ERR_EXISTS, ERR_SYNTAX (no reason given, nothing to add, too large).
 */
int store_adjust(struct store *store, struct store_adjustment *adjustment,
                 struct errmsg *why) MUST_CHECK;

#endif
