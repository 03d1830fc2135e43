/* SPDX-License-Identifier: ISC
 *
 * proc_slot - who is alive: one slot per process, claimed through a fence, with heartbeat and
 * counters.
 *
 * Spawn fence: the master writes claim = (generation, 0) and forks; the child must CAS it to
 * (generation, pid) before it touches anything else of the segment, or exit. A master killed
 * between fork and recording the pid can so never lead to two workers on one slot array: the next
 * master moves (generation, 0) on to a new generation first.
 *
 * Slots 0 .. n_workers-1 are workers; then the roles of enum proc_role.
 */
#ifndef RELAYOS_SHM_PROC_SLOT_H
#define RELAYOS_SHM_PROC_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "relayos/base/err.h"
#include "relayos/shm/segment.h"

enum proc_role { PROC_MASTER, PROC_LEDGER, PROC_PROBER, PROC_CONSOLE, PROC_WORKER, PROC_N_ROLES };
const char *proc_role_name(enum proc_role role);

enum proc_state {
    PROC_VACANT,
    PROC_CLAIMED,
    PROC_READY,
    PROC_DRAINING,
    PROC_DEAD /* found dead, its flights not yet taken care of by the undertaker */
};

/* COUNTER(name, NAME): totals since the segment was made; each written by its own process. */
#define PROC_COUNTERS(COUNTER)                                                                     \
    COUNTER(requests, REQUESTS)                                                                    \
    COUNTER(requests_ok, REQUESTS_OK)                                                              \
    COUNTER(requests_refused, REQUESTS_REFUSED)                                                    \
    COUNTER(requests_failed, REQUESTS_FAILED)                                                      \
    COUNTER(client_gone, CLIENT_GONE)                                                              \
    COUNTER(connections, CONNECTIONS)           /* accepted */                                     \
    COUNTER(connections_open, CONNECTIONS_OPEN) /* gauge */                                        \
    COUNTER(body_bytes, BODY_BYTES)             /* in memory, gauge */                             \
    COUNTER(bad_framing, BAD_FRAMING)           /* refused by the guard */                         \
    COUNTER(tls_handshakes, TLS_HANDSHAKES)                                                        \
    COUNTER(tls_failed, TLS_FAILED)       /* handshakes that failed */                             \
    COUNTER(proxy_refused, PROXY_REFUSED) /* no good PROXY header, or not from a proxy */          \
    COUNTER(turned_away, TURNED_AWAY) /* connections: too many of one address, no descriptor */    \
    COUNTER(displaced, DISPLACED)     /* connections that waited, for others to come in */         \
    COUNTER(upstream_calls, UPSTREAM_CALLS)                                                        \
    COUNTER(upstream_reused, UPSTREAM_REUSED)                                                      \
    COUNTER(upstream_redials, UPSTREAM_REDIALS)                                                    \
    COUNTER(upstream_failed, UPSTREAM_FAILED)                                                      \
    COUNTER(bytes_in, BYTES_IN)                                                                    \
    COUNTER(bytes_out, BYTES_OUT)                                                                  \
    COUNTER(settled, SETTLED) /* ledger */                                                         \
    COUNTER(settle_batches, SETTLE_BATCHES)                                                        \
    COUNTER(settle_errors, SETTLE_ERRORS)                                                          \
    COUNTER(undertaken, UNDERTAKEN)                                                                \
    COUNTER(checkpoints, CHECKPOINTS)                                                              \
    COUNTER(refusals_traced, REFUSALS_TRACED)                                                      \
    COUNTER(overshoots, OVERSHOOTS) /* worker: charged more than was held on a quota */            \
    COUNTER(over_quota, OVER_QUOTA) /* worker: let pass where a shadow would have refused */       \
    COUNTER(unheld, UNHELD)         /* worker: answered before the row was durable (power_wait) */ \
    COUNTER(replays, REPLAYS)       /* worker: answered again to an Idempotency-Key */             \
    COUNTER(shed, SHED)             /* worker: refused early, for want of room or time */          \
    COUNTER(captures, CAPTURES)     /* worker: calls whose bodies were written down */             \
    COUNTER(captures_lost, CAPTURES_LOST) /* those for which there was no room, or no disk */      \
    COUNTER(probes, PROBES)               /* prober */                                             \
    COUNTER(probes_failed, PROBES_FAILED)

enum proc_counter {
#define COUNTER(name, NAME) PROC_COUNTER_##NAME,
    PROC_COUNTERS(COUNTER)
#undef COUNTER
        PROC_N_COUNTERS
};
const char *proc_counter_name(enum proc_counter counter);

struct proc_view {
    enum proc_role role;
    enum proc_state state;
    uint32_t generation;
    pid_t pid;
    uint64_t start_time;  /* proc_start_time: tells a reused pid */
    int64_t heartbeat_us; /* clock_mono_us of the last sign of life */
    int64_t started_us;   /* real time */
    uint64_t counters[PROC_N_COUNTERS];
};

/* Number of slots; slot of a role (for PROC_WORKER: slot n is worker n). */
uint32_t proc_slot_count(const struct segment *segment);
uint32_t proc_slot_of(const struct segment *segment, enum proc_role role);

/*
 * Master: open the slot for a new child; returns the generation the child must claim with. Only
 * once its last owner is known to have ended. Flights that owner left are then orphans by
 * generation (flight_is_orphan), whatever the slot's state becomes.
 */
uint32_t proc_slot_offer(struct segment *segment, uint32_t slot, enum proc_role role);
/*
 * New master: whoever was offered the slot by a dead one and has not claimed it will not. False:
 * it has been claimed, and perhaps lives. (Unlike an offer, this never takes a claim away.)
 */
bool proc_slot_fence(struct segment *segment, uint32_t slot);
/* Child: claim it, or ERR_CONFLICT: somebody moved on, exit at once. */
int proc_slot_claim(struct segment *segment, uint32_t slot, uint32_t generation) MUST_CHECK;
/*
 * READY, DRAINING: the process itself. DEAD: the master, when a worker has ended, however it ended.
 * VACANT: the ledger, when nothing of a dead worker is left to undertake; on a worker's slot that
 * is not DEAD (the master has offered it again meanwhile) it does nothing.
 */
void proc_slot_set_state(struct segment *segment, uint32_t slot, enum proc_state state);
/* True if the claimant of this generation is the slot's owner and not known to be dead. */
bool proc_slot_is_living(const struct segment *segment, uint32_t slot, uint32_t generation);
void proc_slot_beat(struct segment *segment, uint32_t slot, int64_t now_us);
/* A worker that waits for commits of the ledger says so; the ledger wakes no others. */
void proc_slot_set_waiting(struct segment *segment, uint32_t slot, bool is_waiting);
bool proc_slot_is_waiting(const struct segment *segment, uint32_t slot);
void proc_slot_view(const struct segment *segment, uint32_t slot, struct proc_view *out);

/* Own slot only (one writer each). Gauges start from 0 at each claim. */
void proc_slot_count_add(struct segment *segment, uint32_t slot, enum proc_counter counter,
                         int64_t n);

#endif
