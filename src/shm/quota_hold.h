/* SPDX-License-Identifier: ISC
 *
 * quota_hold - what a flight asks of quota cells: take one hold, give one back.
 *
 * Process: the flight's owner of the moment, between the head stores that frame the move
 * (flight.c).
 */
#ifndef SHM_QUOTA_HOLD_H
#define SHM_QUOTA_HOLD_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

struct quota_held {
    bool is_concurrent;
    bool is_over; /* on a shadow, which would have refused it */
};
/*
 * Reserve its amount. 0; ERR_QUOTA_EXCEEDED, nothing changed, if used + reserved + amount would
 * pass the limit; or ERR_CONFLICT: the cell is not the hold's any more. A shadow that has no room
 * left to count in makes it a hold of nothing.
 */
int quota_hold(const struct segment *segment, struct flight_hold *hold,
               struct quota_held *out) MUST_CHECK;
/* Its one end. After a charge, quota_charge() comes first. */
void quota_unhold(const struct segment *segment, const struct flight_hold *hold);

#endif
