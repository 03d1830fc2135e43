/* SPDX-License-Identifier: ISC
 *
 * poison - requests that were in flight in workers that crashed, by fingerprint: one that was there
 * POISON_CRASHES times within a minute is refused for a while, so that a caller who repeats it does
 * not take the gateway down for all others.
 *
 * Process: the master counts, workers ask: one load while nothing is in quarantine. The fingerprint
 *          is key, model, endpoint and size of the body; innocent ones that share all four share
 *          the fate, which ends by itself.
 */
#ifndef RELAYOS_SHM_POISON_H
#define RELAYOS_SHM_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

#define POISON_CRASHES       5
#define POISON_WINDOW_US     INT64_C(60000000)
#define POISON_QUARANTINE_US INT64_C(600000000)
#define POISON_ROWS          16 /* in quarantine at a time */

/* Worker, before the hold. Needs of the record what a fingerprint is made of. */
bool poison_is_quarantined(const struct segment *segment, const struct flight_record *record,
                           int64_t now_us);

/* Master: it was in flight in a worker that crashed. True if it is in quarantine from now on. */
bool poison_count(struct segment *segment, const struct flight_record *record, int64_t now_us);

struct poison_view {
    uint64_t fingerprint, key_id;
    int64_t body_bytes, until_us;
    uint8_t endpoint;
    char model[LIMIT_MODEL_NAME];
};
/* The same for a slot of a dead worker, believing nothing of what stands there: its segment may be
 * damaged. *out says what is in quarantine now. */
bool poison_count_flight(struct segment *segment, uint32_t idx, int64_t now_us,
                         struct poison_view *out);
/* From a damaged segment into the one that takes its place: what can be true. */
void poison_carry(const struct segment *from, struct segment *to, int64_t now_us);

/* Those in quarantine now; returns how many were written. Master. */
size_t poison_list(const struct segment *segment, int64_t now_us,
                   struct poison_view out[POISON_ROWS]);

#endif
