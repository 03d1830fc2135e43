/* SPDX-License-Identifier: ISC
 *
 * pace - when the next probe may start. A round is cut into equal shares of its interval, one a
 * probe, and each starts at a random moment of its share, so that gateways do not come in step;
 * never closer to the last one than the budget has it. Pure: the functions get the time.
 */
#ifndef RELAYOS_PROBER_PACE_H
#define RELAYOS_PROBER_PACE_H

#include <stdint.h>

struct pace {
    int64_t start_us, share_us; /* of this round */
    int64_t gap_us;             /* between two starts at least, by the budget */
    int64_t last_us; /* of the last start, whatever round it was of; 0 = there was none */
};

/* per_minute 0 = no budget. */
void pace_begin(struct pace *pace, uint32_t n_probes, int64_t interval_us, uint32_t per_minute,
                int64_t now_us);
/* When the n-th of the round is due; random: 64 fresh bits. */
int64_t pace_due_us(const struct pace *pace, uint32_t n, uint64_t random);
void pace_note_start(struct pace *pace, int64_t now_us);

#endif
