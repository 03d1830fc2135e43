/* SPDX-License-Identifier: ISC
 *
 * store_ledger - one row per settled request, written once and never changed, and the usage sums
 * that follow from it in the same batch.
 *
 * Process: the ledger, inside a batch. relayos-ledger(5) documents the tables.
 */
#ifndef RELAYOS_STORE_STORE_LEDGER_H
#define RELAYOS_STORE_STORE_LEDGER_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/model/flight.h"
#include "relayos/store/store.h"

/* What the store needs to know of a flight beside its record. */
struct store_settlement {
    const struct flight_record *flight;
    int64_t quota_tokens; /* what counts against token quotas */
    int64_t now_us;       /* clock_mono_us: the trace's last stage */
    /* The models that attempts were made for; NULL: the one that was asked for. */
    const char *attempt_models[LIMIT_ATTEMPTS];
    struct slice choices; /* [[attempt, "route", score, "exclusion"(, "pinned")], ..., n left out];
                             or empty */
};

enum store_insert {
    STORE_INSERT_NEW,      /* the row is new, usage was added */
    STORE_INSERT_SAME,     /* it was there already, word for word: nothing changed */
    STORE_INSERT_CONFLICT, /* another row has this request id: nothing changed, raise the alarm */
};

/* Ledger row, usage, trace and attempts of a finished flight: all of them, or none if not new. */
int store_ledger_insert(struct store *store, const struct store_settlement *settlement,
                        enum store_insert *out) MUST_CHECK;

/*
 * Compare the usage sums with the ledger rows from that day on (0 = all there are): ERR_STORE with
 * the first difference. Reads every row of those days: the full check is a command.
 */
int store_ledger_verify(struct store *store, uint32_t first_day, struct errmsg *why) MUST_CHECK;
/* The quick check of a start: the rows written since the last mark against the totals of the days,
 * and those, from that day on, against the usage sums. */
int store_ledger_verify_recent(struct store *store, uint32_t first_day,
                               struct errmsg *why) MUST_CHECK;
/* Inside a batch, with each checkpoint: what is there now is taken as verified. */
int store_ledger_mark(struct store *store) MUST_CHECK;
/* Inside a batch of its own: the usage sums anew from the ledger rows. */
int store_ledger_rebuild(struct store *store) MUST_CHECK;

#endif
