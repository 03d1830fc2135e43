/* SPDX-License-Identifier: ISC
 *
 * salvage - what is owed stands in the flights: out of a segment that is damaged, into a fresh one,
 * whose ledger then settles it.
 *
 *   DONE, sound record        as it is: the row that it would have become
 *   running, sound record     an orphan: the undertaker's rules, with the usage noted so far
 *   anything else             an orphan without usage: becomes `indeterminate`, charge 0
 *
 * Holds are not carried over: the fresh segment's cells are opened from the store.
 */
#ifndef RELAYOS_SHM_SALVAGE_H
#define RELAYOS_SHM_SALVAGE_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/model/flight.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/segment.h"

struct salvaged {
    uint32_t idx; /* in the damaged segment */
    enum flight_state state;
    bool is_sound;
    struct flight_record record;
};

/* Process-local copies of all flights in use; nobody may be writing any more. free() it. */
struct salvaged *salvage_take(const struct segment *segment, size_t *out_n);
/* Into an empty segment with room for them (the same capacities). */
void salvage_put(struct segment *segment, const struct salvaged *flights, size_t n);

#endif
