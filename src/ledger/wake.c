/* SPDX-License-Identifier: ISC */
#include "wake.h"

#include <assert.h>
#include <unistd.h>

#include "ledger.h"
#include "relayos/base/crash.h"
#include "relayos/base/limits.h"
#include "relayos/shm/proc_slot.h"

static_assert(LIMIT_WORKERS <= 64, "a bit for each worker");

void
wake_mark(struct ledger *ledger, uint32_t flight_idx)
{
    uint32_t slot = flight_idx / segment_capacity(ledger->segment)->flights_per_worker;

    ledger->to_wake |= UINT64_C(1) << slot;
}

/* A worker that another master has forked listens elsewhere, and looks for itself now and then. */
void
wake_send(struct ledger *ledger)
{
    const int *fds = ledger->heritage->wake_fds;

    for (; ledger->to_wake != 0; ledger->to_wake &= ledger->to_wake - 1) {
        uint32_t slot = (uint32_t)__builtin_ctzll(ledger->to_wake);

        CRASH_POINT("wake.unsent");
        if (fds != NULL && proc_slot_is_waiting(ledger->segment, slot))
            (void)!write(fds[slot], &(uint64_t){1}, sizeof(uint64_t));
    }
}
