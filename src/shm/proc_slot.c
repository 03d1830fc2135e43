/* SPDX-License-Identifier: ISC
 *
 * proc_slot - claim words, states and counters of the processes.
 */
#include "relayos/shm/proc_slot.h"

#include <unistd.h>

#include "layout.h"
#include "relayos/base/clock.h"
#include "relayos/base/proc.h"

static struct proc_slot *slot_at(const struct segment *segment, uint32_t slot);
static uint64_t claim_pack(uint32_t generation, pid_t pid);
static uint32_t claim_generation(uint64_t claim);
static pid_t claim_pid(uint64_t claim);

const char *
proc_role_name(enum proc_role role)
{
    static const char *const names[PROC_N_ROLES] = {"master", "ledger", "prober", "console",
                                                    "worker"};

    assert(role < PROC_N_ROLES);
    return names[role];
}

const char *
proc_counter_name(enum proc_counter counter)
{
    static const char *const names[PROC_N_COUNTERS] = {
#define COUNTER(name, NAME) #name,
        PROC_COUNTERS(COUNTER)
#undef COUNTER
    };

    assert(counter < PROC_N_COUNTERS);
    return names[counter];
}

uint32_t
proc_slot_count(const struct segment *segment)
{
    return segment->capacity.n_workers + PROC_WORKER;
}

uint32_t
proc_slot_of(const struct segment *segment, enum proc_role role)
{
    assert(role < PROC_N_ROLES);
    return role == PROC_WORKER ? 0 : segment->capacity.n_workers + role;
}

uint32_t
proc_slot_offer(struct segment *segment, uint32_t slot, enum proc_role role)
{
    struct proc_slot *s = slot_at(segment, slot);
    uint64_t claim = atomic_load_explicit(&s->claim, memory_order_acquire);
    uint32_t generation;

    assert((role == PROC_WORKER) == (slot < segment->capacity.n_workers));
    /* A CAS, because a child of an earlier offer may be claiming right now: it then loses or, if it
     * was first, is what the caller has yet to find out about, and fenced off from here on. */
    do {
        generation = claim_generation(claim) + 1;
        if (generation == 0)
            generation = 1;
    } while (!atomic_compare_exchange_weak_explicit(&s->claim, &claim, claim_pack(generation, 0),
                                                    memory_order_acq_rel, memory_order_acquire));
    atomic_store_explicit(&s->role, role, memory_order_relaxed);
    atomic_store_explicit(&s->start_time, 0, memory_order_relaxed);
    atomic_store_explicit(&s->heartbeat_us, 0, memory_order_relaxed);
    return generation;
}

bool
proc_slot_fence(struct segment *segment, uint32_t slot)
{
    struct proc_slot *s = slot_at(segment, slot);
    uint64_t claim = atomic_load_explicit(&s->claim, memory_order_acquire);

    if (claim == 0) /* never offered: nobody is on the way, and generations are counted as starts */
        return true;
    while (claim_pid(claim) == 0) {
        uint32_t next = claim_generation(claim) + 1;

        if (atomic_compare_exchange_weak_explicit(&s->claim, &claim,
                                                  claim_pack(next == 0 ? 1 : next, 0),
                                                  memory_order_acq_rel, memory_order_acquire))
            return true;
    }
    return false;
}

int
proc_slot_claim(struct segment *segment, uint32_t slot, uint32_t generation)
{
    struct proc_slot *s = slot_at(segment, slot);
    uint64_t offered = claim_pack(generation, 0);

    if (!atomic_compare_exchange_strong_explicit(&s->claim, &offered,
                                                 claim_pack(generation, getpid()),
                                                 memory_order_acq_rel, memory_order_relaxed))
        return ERR_CONFLICT;
    atomic_store_explicit(&s->state, PROC_CLAIMED, memory_order_release);
    atomic_store_explicit(&s->start_time, proc_start_time(getpid()), memory_order_release);
    atomic_store_explicit(&s->started_us, clock_real_us(), memory_order_relaxed);
    atomic_store_explicit(&s->heartbeat_us, clock_mono_us(), memory_order_relaxed);
    atomic_store_explicit(&s->counters[PROC_COUNTER_CONNECTIONS_OPEN], 0, memory_order_relaxed);
    atomic_store_explicit(&s->counters[PROC_COUNTER_BODY_BYTES], 0, memory_order_relaxed);
    return 0;
}

void
proc_slot_set_state(struct segment *segment, uint32_t slot, enum proc_state state)
{
    struct proc_slot *s = slot_at(segment, slot);
    uint32_t dead = PROC_DEAD;

    assert(state <= PROC_DEAD);
    if (state == PROC_VACANT && slot < segment->capacity.n_workers) {
        (void)atomic_compare_exchange_strong_explicit(&s->state, &dead, PROC_VACANT,
                                                      memory_order_acq_rel, memory_order_relaxed);
        return;
    }
    atomic_store_explicit(&s->state, state, memory_order_release);
}

bool
proc_slot_is_living(const struct segment *segment, uint32_t slot, uint32_t generation)
{
    const struct proc_slot *s = slot_at(segment, slot);
    uint64_t claim = atomic_load_explicit(&s->claim, memory_order_acquire);

    if (claim_generation(claim) != generation || claim_pid(claim) == 0)
        return false;
    /* VACANT with a claim: between the claim's CAS and the next store, or a dead one undertaken. */
    uint32_t state = atomic_load_explicit(&s->state, memory_order_acquire);

    return state != PROC_DEAD && state != PROC_VACANT;
}

void
proc_slot_beat(struct segment *segment, uint32_t slot, int64_t now_us)
{
    atomic_store_explicit(&slot_at(segment, slot)->heartbeat_us, now_us, memory_order_relaxed);
}

void
proc_slot_set_waiting(struct segment *segment, uint32_t slot, bool is_waiting)
{
    atomic_store_explicit(&slot_at(segment, slot)->is_waiting, is_waiting, memory_order_release);
}

bool
proc_slot_is_waiting(const struct segment *segment, uint32_t slot)
{
    return atomic_load_explicit(&slot_at(segment, slot)->is_waiting, memory_order_acquire) != 0;
}

void
proc_slot_view(const struct segment *segment, uint32_t slot, struct proc_view *out)
{
    const struct proc_slot *s = slot_at(segment, slot);
    uint64_t claim = atomic_load_explicit(&s->claim, memory_order_acquire);

    out->role = atomic_load_explicit(&s->role, memory_order_relaxed);
    out->state = atomic_load_explicit(&s->state, memory_order_acquire);
    out->generation = claim_generation(claim);
    out->pid = claim_pid(claim);
    out->start_time = atomic_load_explicit(&s->start_time, memory_order_acquire);
    out->heartbeat_us = atomic_load_explicit(&s->heartbeat_us, memory_order_relaxed);
    out->started_us = atomic_load_explicit(&s->started_us, memory_order_relaxed);
    for (int i = 0; i < PROC_N_COUNTERS; i++)
        out->counters[i] = atomic_load_explicit(&s->counters[i], memory_order_relaxed);
}

/* One writer, so a load and a store: no bus lock on the request path. */
void
proc_slot_count_add(struct segment *segment, uint32_t slot, enum proc_counter counter, int64_t n)
{
    _Atomic uint64_t *total = &slot_at(segment, slot)->counters[counter];

    atomic_store_explicit(total, atomic_load_explicit(total, memory_order_relaxed) + (uint64_t)n,
                          memory_order_relaxed);
}

static struct proc_slot *
slot_at(const struct segment *segment, uint32_t slot)
{
    assert(slot < proc_slot_count(segment));
    return &segment->proc_slots[slot];
}

static uint64_t
claim_pack(uint32_t generation, pid_t pid)
{
    return (uint64_t)generation << 32 | (uint32_t)pid;
}

static uint32_t
claim_generation(uint64_t claim)
{
    return (uint32_t)(claim >> 32);
}

static pid_t
claim_pid(uint64_t claim)
{
    return (pid_t)(uint32_t)claim;
}
