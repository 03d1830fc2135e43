/* SPDX-License-Identifier: ISC
 *
 * turn - whose trial of an open route came to nothing lets others go first: else one caller, whose
 * request fails everywhere or who hangs up each time, has all of them.
 *
 * Process: worker, for itself.
 */
#ifndef RELAYOS_WORKER_TURN_H
#define RELAYOS_WORKER_TURN_H

#include <stdbool.h>
#include <stdint.h>

#define TURN_SLOTS 32

struct turns {
    struct turn {
        uint64_t key_id;
        int64_t until_us;
        uint32_t health_row;
    } turn[TURN_SLOTS];
};

/* A trial of that row by a request of that key told nothing good. */
void turn_note(struct turns *turns, uint32_t health_row, uint64_t key_id, int64_t now_us);
/* Is the next one another's? */
bool turn_is_others(const struct turns *turns, uint32_t health_row, uint64_t key_id,
                    int64_t now_us);

#endif
