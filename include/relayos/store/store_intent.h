/* SPDX-License-Identifier: ISC
 *
 * store_intent - calls that are about to be made, noted before they are (durability strict). A row
 * goes in the batch that brings the call's ledger row; what is left after a power cut was open.
 *
 * Process: the ledger, inside a batch but for the list.
 */
#ifndef RELAYOS_STORE_STORE_INTENT_H
#define RELAYOS_STORE_STORE_INTENT_H

#include <stddef.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/store/store.h"

/* Noting the same call twice changes nothing; dropping one that is not there neither. */
int store_intent_put(struct store *store, const struct flight_record *flight) MUST_CHECK;
int store_intent_drop(struct store *store, struct uuid request_id) MUST_CHECK;
/*
 * The next one by request id after *after: 1 and what is known of the flight in *out (the rest is
 * zero), 0 at the end, or an error.
 */
int store_intent_next(struct store *store, struct uuid after, struct flight_record *out) MUST_CHECK;

#endif
