/* SPDX-License-Identifier: ISC */
#include "audit_flight.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "relayos/base/mem.h"
#include "relayos/shm/audit.h"

#define TRIES        3
#define MONEY_MAX    (INT64_C(1) << 53) /* nano-USD: nine million dollars for one request */
#define UUID_VERSION 7

/* A cell's word, and what flights hold on it for certain. */
struct sum {
    uint64_t word;
    int64_t held;
};

static const char *head_fault(const struct segment *segment, uint32_t idx);
static const char *holds_fault(const struct segment *segment, uint32_t idx, uint64_t head);
static bool texts_end(const struct flight_record *record);
static bool usage_is_sound(const struct usage *usage);
static bool sums_are_right(const struct segment *segment, struct sum *sums, uint32_t *out_cell);
static void add_flight(const struct segment *segment, uint32_t idx, struct sum *sums);

int
audit_flight_heads(const struct segment *segment, struct errmsg *why)
{
    uint32_t n_flights = flight_n_slots(segment);
    const char *fault = NULL;

    for (uint32_t idx = 0; idx < n_flights; idx++) {
        for (int n = 0; n < TRIES && (fault = head_fault(segment, idx)) != NULL; n++)
            ;
        if (fault != NULL) {
            errmsg_set(why, "flight %u: %s", idx, fault);
            return ERR_UNSAFE;
        }
    }
    return 0;
}

static const char *
head_fault(const struct segment *segment, uint32_t idx)
{
    uint64_t head = atomic_load_explicit(&segment->flight_heads[idx], memory_order_acquire);
    enum flight_state state = shm_head_state(head);

    if (head == FLIGHT_FREE)
        return NULL;
    if (state == FLIGHT_FREE || state >= FLIGHT_N_STATES)
        return "state";
    if (atomic_load_explicit(&segment->flight_slots[idx].noted_n, memory_order_relaxed) > 2)
        return "usage index";
    const char *fault = holds_fault(segment, idx, head);
    /* What it moved on from while we looked says nothing. */
    bool is_same = atomic_load_explicit(&segment->flight_heads[idx], memory_order_acquire) == head;
    return is_same ? fault : NULL;
}

static const char *
holds_fault(const struct segment *segment, uint32_t idx, uint64_t head)
{
    const struct flight_record *record = &segment->flight_slots[idx].record;
    unsigned held = shm_head_byte(head, FLIGHT_HELD_SHIFT);
    unsigned moving = shm_head_byte(head, FLIGHT_MOVING_SHIFT);

    if (record->n_holds > LIMIT_FLIGHT_HOLDS)
        return "number of holds";
    if (record->n_attempts > LIMIT_ATTEMPTS)
        return "number of attempts";
    if ((held & moving) != 0 || (held | moving) >> record->n_holds != 0)
        return "held and moving";
    for (uint32_t i = 0; i < record->n_holds; i++) {
        if (record->holds[i].cell_idx >= segment->capacity.quota_cells ||
            record->holds[i].amount < 0 || record->holds[i].amount > QUOTA_RESERVED_MAX)
            return "hold";
    }
    if (shm_head_state(head) == FLIGHT_DONE && !audit_record_is_sound(record))
        return "record";
    return NULL;
}

bool
audit_record_is_sound(const struct flight_record *record)
{
    return record->request_id.bytes[6] >> 4 == UUID_VERSION && record->key_id != 0 &&
           record->n_holds <= LIMIT_FLIGHT_HOLDS && record->n_attempts <= LIMIT_ATTEMPTS &&
           record->n_choices <= LIMIT_CHOICES && record->category < ERR_N_CATEGORIES &&
           record->provenance <= USAGE_INVALID && record->charge_nusd >= 0 &&
           record->charge_nusd <= MONEY_MAX && record->cost_nusd >= 0 &&
           record->cost_nusd <= MONEY_MAX && record->reserved_nusd >= 0 &&
           record->body_bytes >= 0 && record->accepted_real_us > 0 &&
           usage_is_sound(&record->usage) && texts_end(record);
}

/* Within their arrays. */
static bool
texts_end(const struct flight_record *record)
{
#define ENDS(text) (memchr((text), '\0', sizeof(text)) != NULL)
    if (!ENDS(record->model) || record->model[0] == '\0' || !ENDS(record->client_address) ||
        !ENDS(record->client_request_id) || !ENDS(record->user_agent) || !ENDS(record->traceparent))
        return false;
    for (uint32_t i = 0; i < record->n_attempts; i++) {
        const struct flight_attempt *attempt = &record->attempts[i];

        if (!ENDS(attempt->upstream) || !ENDS(attempt->upstream_model) ||
            !ENDS(attempt->upstream_request_id) || !ENDS(attempt->note) ||
            !ENDS(attempt->credential) || attempt->reason >= ATTEMPT_N_REASONS ||
            attempt->outcome > ATTEMPT_CANCELLED || attempt->category >= ERR_N_CATEGORIES)
            return false;
    }
#undef ENDS
    return true;
}

static bool
usage_is_sound(const struct usage *usage)
{
    for (int i = 0; i < USAGE_N_BUCKETS; i++) {
        if (usage->count[i] < 0 || usage->count[i] > LIMIT_TOKENS)
            return false;
    }
    return usage->reasoning_tokens >= 0 && usage->reasoning_tokens <= LIMIT_TOKENS;
}

/*
 * A cell whose word did not change while all flights were read must have at least what they hold: a
 * worker stores "held" after it has changed the word, and "moving" before it takes it back. More
 * is no damage: what a dead worker was moving stays reserved until it is reconciled. Nothing here
 * waits for anybody to come to rest.
 */
int
audit_flight_sums(const struct segment *segment, struct errmsg *why)
{
    struct sum *sums = mem_array(NULL, segment->capacity.quota_cells, sizeof(*sums));
    uint32_t cell = 0;
    bool is_right = false;

    for (int n = 0; n < TRIES && !is_right; n++)
        is_right = sums_are_right(segment, sums, &cell);
    if (!is_right)
        errmsg_set(why, "quota cell %u: %lld reserved, but flights hold %lld", cell,
                   (long long)(sums[cell].word >> QUOTA_VERSION_BITS), (long long)sums[cell].held);
    free(sums);
    return is_right ? 0 : ERR_UNSAFE;
}

static bool
sums_are_right(const struct segment *segment, struct sum *sums, uint32_t *out_cell)
{
    const struct quota_cell *cells = segment->quota_cells;
    uint32_t n_cells = segment->capacity.quota_cells;

    for (uint32_t n = 0; n < n_cells; n++)
        sums[n] = (struct sum){.word = atomic_load_explicit(&cells[n].word, memory_order_acquire)};
    for (uint32_t idx = 0; idx < flight_n_slots(segment); idx++)
        add_flight(segment, idx, sums);
    atomic_thread_fence(memory_order_acquire);
    for (uint32_t n = 0; n < n_cells; n++) {
        int64_t reserved = (int64_t)(sums[n].word >> QUOTA_VERSION_BITS);

        if (reserved == QUOTA_CLOSED ||
            atomic_load_explicit(&cells[n].word, memory_order_relaxed) != sums[n].word ||
            sums[n].held <= reserved)
            continue;
        *out_cell = n;
        return false;
    }
    return true;
}

static void
add_flight(const struct segment *segment, uint32_t idx, struct sum *sums)
{
    const struct flight_record *record = &segment->flight_slots[idx].record;
    struct flight_hold holds[LIMIT_FLIGHT_HOLDS];
    uint64_t head;

    do {
        head = atomic_load_explicit(&segment->flight_heads[idx], memory_order_acquire);
        memcpy(holds, record->holds, sizeof(holds));
        atomic_thread_fence(memory_order_acquire);
    } while (atomic_load_explicit(&segment->flight_heads[idx], memory_order_relaxed) != head);

    unsigned held = shm_head_byte(head, FLIGHT_HELD_SHIFT);

    for (int i = 0; i < LIMIT_FLIGHT_HOLDS; i++) {
        if (!(held >> i & 1) || holds[i].cell_idx >= segment->capacity.quota_cells ||
            holds[i].generation != segment->quota_cells[holds[i].cell_idx].generation)
            continue;
        sums[holds[i].cell_idx].held += holds[i].amount;
    }
}
