/* SPDX-License-Identifier: ISC
 *
 * wake - workers that hold answers back until a commit are told of it, each once a batch.
 */
#ifndef LEDGER_WAKE_H
#define LEDGER_WAKE_H

#include <stdint.h>

struct ledger;

/* Of this flight the batch at hand tells something. */
void wake_mark(struct ledger *ledger, uint32_t flight_idx);
/* Tell their workers, if they wait. */
void wake_send(struct ledger *ledger);

#endif
