/* SPDX-License-Identifier: ISC
 *
 * books - the invariant that every test may end with: for each key the ledger's rows, the usage
 * table and the quota cells say the same, nothing is reserved and nothing waits for settlement.
 */
#ifndef SUPPORT_BOOKS_H
#define SUPPORT_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway.h"

/* Wait until nothing is in flight or unsettled, then check; fails the test with what is wrong. */
void books_check(const struct gateway *gateway);
/* Ledger rows; sum of charges; both after everything was settled. */
int64_t books_n_rows(const struct gateway *gateway);
int64_t books_charged_nusd(const struct gateway *gateway);
/* One number by SQL, read-only. */
int64_t books_query(const struct gateway *gateway, const char *sql);
/* Reserved money and tokens over all limits of all keys, as relayosctl shows them. */
int64_t books_reserved(const struct gateway *gateway);

#endif
