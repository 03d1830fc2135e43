/* SPDX-License-Identifier: ISC
 *
 * flight - slots, their heads, and the desk that a worker takes them from.
 */
#include "relayos/shm/flight.h"

#include <stdlib.h>
#include <string.h>

#include "doorbell.h"
#include "layout.h"
#include "quota_hold.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/mem.h"

#define FLIGHT_RETURNS_PER_TAKE   64
#define FLIGHT_RESCAN_INTERVAL_US 1000000

enum flight_place { PLACE_OUT, PLACE_LISTED, PLACE_TAKEN };

/* A worker's view of one slot. */
struct flight {
    struct flight_slot *slot;
    _Atomic uint64_t *head;
    uint32_t n;          /* of the desk */
    uint32_t generation; /* the worker's */
    uint32_t n_uses;
    uint8_t place; /* enum flight_place: LISTED and TAKEN are ours, OUT is not back yet */
};

struct flight_desk {
    struct segment *segment;
    struct doorbell *done, *returns, *ask;
    uint32_t n_flights;
    uint32_t n_listed;
    int64_t next_rescan_us;
    uint32_t *listed; /* last in, first out: a slot whose lines are still in the cache */
    struct flight flights[];
};

struct holds {
    unsigned held, moving, concurrent; /* bits by index of the record's holds */
};

static void flight_move(_Atomic uint64_t *head, uint32_t generation, enum flight_state to,
                        struct holds holds);
static struct holds holds_of(uint64_t head);
static void desk_list(struct flight_desk *desk, uint32_t n);
static void desk_take_returns(struct flight_desk *desk);
static void desk_rescan(struct flight_desk *desk);
static void record_reset(struct flight_record *record);
static void slot_prefetch(const struct flight_slot *slot);
static void prefetch(const struct flight_slot *slot, size_t from, size_t to);
static void give_back(const struct segment *segment, const struct flight_record *record,
                      unsigned which);
static void land(struct flight_desk *desk, struct flight *flight, struct holds holds);

const char *
flight_state_name(enum flight_state state)
{
    static const char *const names[FLIGHT_N_STATES] = {"free",       "intent",    "held",
                                                       "dispatched", "releasing", "done"};

    assert(state < FLIGHT_N_STATES);
    return names[state];
}

/*
 * The one place where a head changes. Each move is one store by the flight's one writer; what is
 * written before it (holds before INTENT, the settlement before DONE) is seen by whoever sees it.
 *
 *   killed in     what stands                      who repairs it
 *   FREE          nothing                          the next desk lists the slot
 *   INTENT        some of `moving` in the cells    undertaker: void; reconcile
 *   HELD          `held` in the cells, for sure    undertaker: void gives it back
 *   DISPATCHED    the same; perhaps served         undertaker: bury, usage as noted
 *    + moving     concurrency hold being returned  the same; reconcile
 *   RELEASING     some of `moving` in the cells    undertaker: bury, charge 0; reconcile
 *   DONE          `held` in the cells, record ok   nobody has to: the ledger settles it
 *    + moving     the ledger: committed, some of   next ledger: its insert conflicts, so no charge;
 *                 `moving` still in the cells      settled again; reconcile of all at its start
 */
static inline __attribute__((always_inline)) void /* for holds in registers */
flight_move(_Atomic uint64_t *head, uint32_t generation, enum flight_state to, struct holds holds)
{
    static const uint8_t may_follow[FLIGHT_N_STATES] = {
        [FLIGHT_FREE] = 1 << FLIGHT_INTENT,
        [FLIGHT_INTENT] = 1 << FLIGHT_HELD | 1 << FLIGHT_FREE | 1 << FLIGHT_DONE,
        [FLIGHT_HELD] = 1 << FLIGHT_DISPATCHED | 1 << FLIGHT_RELEASING | 1 << FLIGHT_HELD |
                        1 << FLIGHT_FREE | 1 << FLIGHT_DONE,
        [FLIGHT_DISPATCHED] =
            1 << FLIGHT_RELEASING | 1 << FLIGHT_DISPATCHED | 1 << FLIGHT_FREE | 1 << FLIGHT_DONE,
        [FLIGHT_RELEASING] = 1 << FLIGHT_DONE | 1 << FLIGHT_FREE,
        [FLIGHT_DONE] = 1 << FLIGHT_DONE | 1 << FLIGHT_FREE,
    };
    enum flight_state from = shm_head_state(atomic_load_explicit(head, memory_order_relaxed));

    assert(from < FLIGHT_N_STATES && may_follow[from] >> to & 1);
    assert((holds.held & holds.moving) == 0);

    uint64_t next = to | (uint64_t)holds.held << FLIGHT_HELD_SHIFT |
                    (uint64_t)holds.moving << FLIGHT_MOVING_SHIFT |
                    (uint64_t)holds.concurrent << FLIGHT_CONCURRENT_SHIFT |
                    (uint64_t)generation << FLIGHT_GENERATION_SHIFT;

    atomic_store_explicit(head, to == FLIGHT_FREE ? 0 : next, memory_order_release);
}

static struct holds
holds_of(uint64_t head)
{
    return (struct holds){.held = shm_head_byte(head, FLIGHT_HELD_SHIFT),
                          .moving = shm_head_byte(head, FLIGHT_MOVING_SHIFT),
                          .concurrent = shm_head_byte(head, FLIGHT_CONCURRENT_SHIFT)};
}

/* ---- the desk ---- */

struct flight_desk *
flight_desk_open(struct segment *segment, uint32_t slot)
{
    uint32_t n_flights = segment->capacity.flights_per_worker;
    struct flight_desk *desk = mem_zalloc(sizeof(*desk) + n_flights * sizeof(desk->flights[0]));
    struct proc_view owner;

    proc_slot_view(segment, slot, &owner);
    desk->segment = segment;
    desk->done = doorbell_at(segment, slot, DOORBELL_DONE);
    desk->returns = doorbell_at(segment, slot, DOORBELL_RETURN);
    desk->ask = doorbell_at(segment, slot, DOORBELL_ASK);
    desk->n_flights = n_flights;
    desk->listed = mem_array(NULL, n_flights, sizeof(desk->listed[0]));
    /* What was returned before now is FREE, and what is FREE is found below. */
    doorbell_drop_all(desk->returns);
    for (uint32_t n = n_flights; n-- > 0;) {
        size_t idx = (size_t)slot * n_flights + n;

        desk->flights[n] = (struct flight){.slot = &segment->flight_slots[idx],
                                           .head = &segment->flight_heads[idx],
                                           .n = n,
                                           .generation = owner.generation};
        desk_list(desk, n);
    }
    return desk;
}

void
flight_desk_close(struct flight_desk **desk)
{
    if (*desk == NULL)
        return;
    free((*desk)->listed);
    free(*desk);
    *desk = NULL;
}

/* To the free list, if it is free and not there (an index may be returned twice, or too late). */
static void
desk_list(struct flight_desk *desk, uint32_t n)
{
    assert(n < desk->n_flights);

    struct flight *flight = &desk->flights[n];

    if (flight->place != PLACE_OUT ||
        shm_head_state(atomic_load_explicit(flight->head, memory_order_acquire)) != FLIGHT_FREE)
        return;
    flight->place = PLACE_LISTED;
    desk->listed[desk->n_listed++] = n;
}

struct flight *
flight_take(struct flight_desk *desk)
{
    /* Returns first, though the list may have others: the cache knows what came back just now. */
    desk_take_returns(desk);
    if (desk->n_listed == 0)
        desk_rescan(desk);
    if (desk->n_listed == 0)
        return NULL;

    struct flight *flight = &desk->flights[desk->listed[--desk->n_listed]];

    assert(flight->place == PLACE_LISTED);
    flight->place = PLACE_TAKEN;
    flight->n_uses++;
    record_reset(&flight->slot->record);
    atomic_store_explicit(&flight->slot->noted_n, 0, memory_order_relaxed);
    atomic_store_explicit(&flight->slot->intent, FLIGHT_INTENT_NONE, memory_order_relaxed);
    if (desk->n_listed > 0)
        slot_prefetch(desk->flights[desk->listed[desk->n_listed - 1]].slot);
    return flight;
}

/* Between two uses of a slot the ledger has had it and a thousand others went by: its lines are far
 * away. Ask for the next one's while this request is worked on. */
static void
slot_prefetch(const struct flight_slot *slot)
{
    prefetch(slot, 0, offsetof(struct flight_slot, record.price.tiers));
    prefetch(slot, offsetof(struct flight_slot, record.cost),
             offsetof(struct flight_slot, record.cost.tiers));
    prefetch(slot, offsetof(struct flight_slot, record.model),
             offsetof(struct flight_slot, record.attempts[0].note));
    prefetch(slot, offsetof(struct flight_slot, noted), sizeof(*slot));
}

static inline void
prefetch(const struct flight_slot *slot, size_t from, size_t to)
{
    for (size_t at = from & ~(size_t)(SHM_LINE - 1); at < to; at += SHM_LINE)
        __builtin_prefetch((const char *)slot + at, 1);
}

static void
desk_take_returns(struct flight_desk *desk)
{
    uint32_t n;

    for (int i = 0; i < FLIGHT_RETURNS_PER_TAKE; i++) {
        if (!doorbell_pop(desk->returns, desk->n_flights, &n))
            return;
        desk_list(desk, n);
    }
}

/* All in flight, or a return was lost with the ledger that owed it: look at most once a second. */
static void
desk_rescan(struct flight_desk *desk)
{
    int64_t now_us = clock_mono_us();

    if (now_us < desk->next_rescan_us)
        return;
    desk->next_rescan_us = now_us + FLIGHT_RESCAN_INTERVAL_US;
    for (uint32_t n = desk->n_flights; n-- > 0;)
        desk_list(desk, n);
}

/* What the last request left, but for its attempts, choices and tiers: none of them counts now. */
static void
record_reset(struct flight_record *record)
{
    memset(record, 0, offsetof(struct flight_record, price.tiers));
    memset(&record->cost, 0, offsetof(struct price, tiers));
    record->model[0] = '\0';
    record->client_address[0] = '\0';
    record->client_request_id[0] = '\0';
    record->user_agent[0] = '\0';
    record->traceparent[0] = '\0';
    record->n_choices = 0;
    record->n_unlisted = 0;
}

void
flight_put_back(struct flight_desk *desk, struct flight *flight)
{
    assert(flight->place == PLACE_TAKEN);
    assert(atomic_load_explicit(flight->head, memory_order_relaxed) == FLIGHT_FREE);
    flight->place = PLACE_OUT;
    desk_list(desk, flight->n);
}

void
flight_expect(const struct flight *flight)
{
    __builtin_prefetch((const void *)flight->head, 1);
    slot_prefetch(flight->slot);
}

struct flight_record *
flight_record(struct flight *flight)
{
    return &flight->slot->record;
}

uint32_t
flight_desk_n_unsettled(const struct flight_desk *desk)
{
    return doorbell_n_waiting(desk->done);
}

/* ---- the life of a flight, in its worker ---- */

int
flight_hold(struct segment *segment, struct flight *flight, uint32_t *out_failed)
{
    struct flight_record *record = &flight->slot->record;
    uint32_t n_holds = record->n_holds;
    unsigned all = (1u << n_holds) - 1;
    unsigned concurrent = 0;

    assert(flight->place == PLACE_TAKEN && n_holds <= LIMIT_FLIGHT_HOLDS);
    flight_move(flight->head, flight->generation, FLIGHT_INTENT, (struct holds){.moving = all});
    CRASH_POINT("flight.intent");
    for (uint32_t i = 0; i < n_holds; i++) {
        struct quota_held held = {0};
        int err = quota_hold(segment, &record->holds[i], &held);

        if (err != 0) {
            give_back(segment, record, (1u << i) - 1);
            flight_move(flight->head, flight->generation, FLIGHT_FREE, (struct holds){0});
            /* Who sees the holds of the next use in the record sees that these went back. */
            atomic_thread_fence(memory_order_release);
            *out_failed = i;
            return err;
        }
        CRASH_POINT("flight.one_hold");
        concurrent |= (unsigned)held.is_concurrent << i;
        record->is_over_quota |= held.is_over;
    }
    CRASH_POINT("flight.all_holds");
    flight_move(flight->head, flight->generation, FLIGHT_HELD,
                (struct holds){.held = all, .concurrent = concurrent});
    return 0;
}

void
flight_dispatch(struct flight *flight)
{
    uint64_t head = atomic_load_explicit(flight->head, memory_order_relaxed);

    assert(shm_head_state(head) == FLIGHT_HELD);
    flight_move(flight->head, flight->generation, FLIGHT_DISPATCHED, holds_of(head));
    CRASH_POINT("flight.dispatched");
}

void
flight_note_usage(struct flight *flight, const struct usage *usage)
{
    struct flight_slot *slot = flight->slot;
    uint32_t next = atomic_load_explicit(&slot->noted_n, memory_order_relaxed) == 1 ? 2 : 1;

    assert(flight->place == PLACE_TAKEN);
    slot->noted[next - 1] = *usage;
    CRASH_POINT("flight.usage_half_noted");
    atomic_store_explicit(&slot->noted_n, next, memory_order_release);
}

void
flight_release(struct segment *segment, struct flight_desk *desk, struct flight *flight)
{
    struct holds holds = holds_of(atomic_load_explicit(flight->head, memory_order_relaxed));

    assert(flight->slot->record.charge_nusd == 0);
    flight_move(flight->head, flight->generation, FLIGHT_RELEASING,
                (struct holds){.moving = holds.held});
    CRASH_POINT("flight.releasing");
    give_back(segment, &flight->slot->record, holds.held);
    CRASH_POINT("flight.released");
    land(desk, flight, (struct holds){0});
}

void
flight_done(struct segment *segment, struct flight_desk *desk, struct flight *flight)
{
    uint64_t head = atomic_load_explicit(flight->head, memory_order_relaxed);
    struct holds holds = holds_of(head);
    unsigned kept = holds.held & ~holds.concurrent;

    assert(shm_head_state(head) == FLIGHT_DISPATCHED);
    if (holds.concurrent != 0) {
        flight_move(flight->head, flight->generation, FLIGHT_DISPATCHED,
                    (struct holds){.held = kept, .moving = holds.concurrent});
        CRASH_POINT("flight.concurrency_returning");
        give_back(segment, &flight->slot->record, holds.concurrent);
    }
    CRASH_POINT("flight.before_done");
    land(desk, flight, (struct holds){.held = kept});
}

/* From here on it is the ledger's. */
static void
land(struct flight_desk *desk, struct flight *flight, struct holds holds)
{
    assert(flight->place == PLACE_TAKEN);
    flight->place = PLACE_OUT;
    flight_move(flight->head, flight->generation, FLIGHT_DONE, holds);
    CRASH_POINT("flight.done_unrung");
    (void)doorbell_push(desk->done, desk->n_flights, flight->n); /* full: the ledger scans */
}

static void
give_back(const struct segment *segment, const struct flight_record *record, unsigned which)
{
    for (int i = 0; i < LIMIT_FLIGHT_HOLDS; i++)
        if (which >> i & 1)
            quota_unhold(segment, &record->holds[i]);
}

uint32_t
flight_n_uses(const struct flight *flight)
{
    return flight->n_uses;
}

/* Listed or taken anew, it has been free; and it stays out until this worker has seen that. */
bool
flight_is_settled(const struct flight *flight, uint32_t n_uses)
{
    return flight->n_uses != n_uses || flight->place != PLACE_OUT ||
           shm_head_state(atomic_load_explicit(flight->head, memory_order_acquire)) == FLIGHT_FREE;
}

void
flight_ask_intent(struct flight_desk *desk, struct flight *flight)
{
    assert(shm_head_state(atomic_load_explicit(flight->head, memory_order_relaxed)) == FLIGHT_HELD);
    flight->slot->record.has_intent = 1;
    atomic_store_explicit(&flight->slot->intent, FLIGHT_INTENT_ASKED, memory_order_release);
    CRASH_POINT("flight.intent_asked");
    (void)doorbell_push(desk->ask, desk->n_flights, flight->n); /* full: the ledger scans */
}

bool
flight_intent_is_noted(const struct flight *flight)
{
    return atomic_load_explicit(&flight->slot->intent, memory_order_acquire) == FLIGHT_INTENT_NOTED;
}

/* ---- the ledger's side, and what anyone may look at ---- */

uint32_t
flight_n_slots(const struct segment *segment)
{
    return segment->capacity.n_workers * segment->capacity.flights_per_worker;
}

enum flight_state
flight_peek(const struct segment *segment, uint32_t idx)
{
    assert(idx < flight_n_slots(segment));
    return shm_head_state(atomic_load_explicit(&segment->flight_heads[idx], memory_order_acquire));
}

enum flight_state
flight_copy(const struct segment *segment, uint32_t idx, struct flight_record *out)
{
    const struct flight_slot *slot = &segment->flight_slots[idx];
    enum flight_state state = flight_peek(segment, idx);

    if (state == FLIGHT_FREE)
        return state;
    memcpy(out, &slot->record, sizeof(*out));
    if (state != FLIGHT_DONE) {
        uint32_t noted_n = atomic_load_explicit(&slot->noted_n, memory_order_acquire);

        assert(noted_n <= 2);
        out->usage = noted_n == 0 ? (struct usage){0} : slot->noted[noted_n - 1];
    }
    return state;
}

bool
flight_doorbell_take(struct segment *segment, uint32_t slot, uint32_t *out_idx)
{
    struct doorbell *ring = doorbell_at(segment, slot, DOORBELL_DONE);
    uint32_t n_flights = segment->capacity.flights_per_worker;
    uint32_t n;

    /* Bounded by what can be in the ring; an entry may be stale, its slot settled by a scan. */
    for (uint32_t i = 0; i < n_flights; i++) {
        if (!doorbell_pop(ring, n_flights, &n))
            return false;
        assert(n < n_flights);
        if (flight_peek(segment, slot * n_flights + n) == FLIGHT_DONE) {
            *out_idx = slot * n_flights + n;
            return true;
        }
    }
    return false;
}

bool
flight_ask_take(struct segment *segment, uint32_t slot, uint32_t *out_idx)
{
    struct doorbell *ring = doorbell_at(segment, slot, DOORBELL_ASK);
    uint32_t n_flights = segment->capacity.flights_per_worker;
    uint32_t n;

    for (uint32_t i = 0; i < n_flights && doorbell_pop(ring, n_flights, &n); i++) {
        assert(n < n_flights);
        *out_idx = slot * n_flights + n;
        if (flight_is_asking(segment, *out_idx))
            return true;
    }
    return false;
}

bool
flight_is_asking(const struct segment *segment, uint32_t idx)
{
    return flight_peek(segment, idx) == FLIGHT_HELD &&
           atomic_load_explicit(&segment->flight_slots[idx].intent, memory_order_acquire) ==
               FLIGHT_INTENT_ASKED;
}

/* Only the ledger frees a slot, and does this before, so it is the flight that it has noted,
 * whatever became of it. */
void
flight_intent_noted(struct segment *segment, uint32_t idx)
{
    uint32_t asked = FLIGHT_INTENT_ASKED;

    atomic_compare_exchange_strong_explicit(&segment->flight_slots[idx].intent, &asked,
                                            FLIGHT_INTENT_NOTED, memory_order_release,
                                            memory_order_relaxed);
}

/* The slot goes back to its worker, or to that one's successor. */
void
flight_settled(struct segment *segment, uint32_t idx)
{
    assert(flight_peek(segment, idx) == FLIGHT_DONE);

    _Atomic uint64_t *head = &segment->flight_heads[idx];
    uint32_t n_flights = segment->capacity.flights_per_worker;
    struct doorbell *returns = doorbell_at(segment, idx / n_flights, DOORBELL_RETURN);
    struct holds holds = holds_of(*head);

    if (holds.held != 0) {
        flight_move(head, shm_head_generation(*head), FLIGHT_DONE,
                    (struct holds){.moving = holds.held | holds.moving});
        CRASH_POINT("flight.clearing");
        give_back(segment, &segment->flight_slots[idx].record, holds.held);
    }
    CRASH_POINT("flight.cleared");
    flight_move(head, 0, FLIGHT_FREE, (struct holds){0});
    CRASH_POINT("flight.free_unreturned");
    (void)doorbell_push(returns, n_flights, idx % n_flights); /* full: the worker rescans */
}

bool
flight_is_orphan(const struct segment *segment, uint32_t idx)
{
    assert(idx < flight_n_slots(segment));

    uint64_t head = atomic_load_explicit(&segment->flight_heads[idx], memory_order_acquire);
    enum flight_state state = shm_head_state(head);

    if (state == FLIGHT_FREE || state == FLIGHT_DONE ||
        proc_slot_is_living(segment, idx / segment->capacity.flights_per_worker,
                            shm_head_generation(head)))
        return false;
    /* Its last move may have come after we looked, and its death after that. */
    state = flight_peek(segment, idx);
    return state != FLIGHT_FREE && state != FLIGHT_DONE;
}

void
flight_bury(struct segment *segment, uint32_t idx, const struct flight_record *record)
{
    assert(flight_is_orphan(segment, idx));

    _Atomic uint64_t *head = &segment->flight_heads[idx];
    struct flight_slot *slot = &segment->flight_slots[idx];
    uint32_t generation = shm_head_generation(*head);
    struct holds holds = holds_of(*head);
    unsigned kept = holds.held & ~holds.concurrent;

    assert(memcmp(record->holds, slot->record.holds, sizeof(record->holds)) == 0);
    memcpy(&slot->record, record, sizeof(*record));
    CRASH_POINT("flight.burying");
    if (kept != holds.held) { /* so that a ledger killed in between leaves it to reconcile */
        unsigned concurrent = holds.held & holds.concurrent;

        flight_move(head, generation, shm_head_state(*head),
                    (struct holds){.held = kept, .moving = concurrent});
        give_back(segment, record, concurrent);
    }
    flight_move(head, generation, FLIGHT_DONE, (struct holds){.held = kept});
}
