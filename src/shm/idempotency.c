/* SPDX-License-Identifier: ISC
 *
 * idempotency - one CAS on the bucket's word makes a claim.
 *
 * Who wants a key reads the bucket's word, looks through what is linked, prepares an entry that is
 * not, and links it by a CAS on that word: any other claim in the bucket since then has moved its
 * version, the CAS fails, and the look-up is made again. An entry's way:
 *
 *     FREE, FINISHED, or of a dead worker -> RESERVED (its link is taken off) -> RUNNING -> linked
 *     -> FINISHED | FREE
 *
 * so that a linked entry is either whole (RUNNING, FINISHED), or nobody's (FREE), or being evicted
 * (RESERVED). A worker killed anywhere leaves a word with its own name on it: whoever needs room
 * takes that entry, and a look-up passes over it.
 */
#include "relayos/shm/idempotency.h"

#include <string.h>

#include "layout.h"
#include "relayos/base/crash.h"
#include "relayos/base/secret.h"

#define LINKS         ((UINT64_C(1) << IDEMPOTENCY_WAYS) - 1)
#define ONE_CHANGE    (LINKS + 1)
#define STATE_MASK    UINT64_C(3)
#define SLOT_SHIFT    8
#define VERSION_SHIFT 16
#define VERSION_MASK  UINT64_C(0xffff)
#define OWNER_SHIFT   32
#define NO_WAY        UINT32_MAX
#define CLAIM_TRIES   64 /* each of them failed because another claim was made */

enum state { STATE_FREE, STATE_RESERVED, STATE_RUNNING, STATE_FINISHED };

/* A bucket, and where its entries begin. */
struct bucket {
    struct segment *segment;
    _Atomic uint64_t *word;
    uint32_t first;
};

static struct bucket bucket_of(struct segment *segment, const uint8_t key[32]);
static bool look_up(const struct bucket *bucket, uint64_t word,
                    const struct idempotency_claim *claim, struct idempotency_found *out);
static bool look_at(const struct bucket *bucket, uint32_t way,
                    const struct idempotency_claim *claim, struct idempotency_found *out);
static uint32_t reserve(const struct bucket *bucket, const struct idempotency_claim *claim);
static uint32_t choose_victim(const struct bucket *bucket, uint64_t *out_owner);
static void unlink_way(const struct bucket *bucket, uint32_t way);
static void fill(const struct bucket *bucket, uint32_t way, const struct idempotency_claim *claim,
                 struct idempotency_found *out);
static bool is_dead(const struct segment *segment, uint64_t owner);
static enum state state_of(uint64_t owner);
static uint64_t owner_next(uint64_t owner, enum state state);

void
idempotency_find_or_claim(struct segment *segment, const struct idempotency_claim *claim,
                          struct idempotency_found *out)
{
    uint32_t way = NO_WAY;

    *out = (struct idempotency_found){.verdict = IDEMPOTENCY_FULL};
    if (segment->capacity.idempotency == 0)
        return;
    struct bucket bucket = bucket_of(segment, claim->key);
    struct idempotency_found mine = {0};

    for (int i = 0; i < CLAIM_TRIES; i++) {
        uint64_t word = atomic_load_explicit(bucket.word, memory_order_acquire);

        if (look_up(&bucket, word, claim, out))
            break;
        if (way == NO_WAY) {
            if ((way = reserve(&bucket, claim)) == NO_WAY)
                return;
            fill(&bucket, way, claim, &mine);
            continue; /* what was evicted had a link: the word may be another now */
        }
        CRASH_POINT("idempotency.prepared");
        if (atomic_compare_exchange_strong_explicit(bucket.word, &word,
                                                    (word + ONE_CHANGE) | UINT64_C(1) << way,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            CRASH_POINT("idempotency.claimed");
            *out = mine;
            return;
        }
    }
    if (way != NO_WAY)
        idempotency_give_up(segment, &mine);
}

static struct bucket
bucket_of(struct segment *segment, const uint8_t key[32])
{
    uint32_t n_buckets = segment->capacity.idempotency / IDEMPOTENCY_WAYS;
    uint64_t hash;

    memcpy(&hash, key, sizeof(hash));
    uint32_t n = (uint32_t)(hash % n_buckets);
    return (struct bucket){.segment = segment,
                           .word = &segment->idempotency_buckets[n],
                           .first = n * IDEMPOTENCY_WAYS};
}

/* ---- looking ---- */

static bool
look_up(const struct bucket *bucket, uint64_t word, const struct idempotency_claim *claim,
        struct idempotency_found *out)
{
    for (uint32_t way = 0; way < IDEMPOTENCY_WAYS; way++)
        if ((word >> way & 1) != 0 && look_at(bucket, way, claim, out))
            return true;
    return false;
}

/* Copied, and then seen to be what it was: an entry that changes meanwhile is another one. */
static bool
look_at(const struct bucket *bucket, uint32_t way, const struct idempotency_claim *claim,
        struct idempotency_found *out)
{
    const struct idempotency_entry *entry =
        &bucket->segment->idempotency_entries[bucket->first + way];
    uint64_t owner = atomic_load_explicit(&entry->owner, memory_order_acquire);
    enum state state = state_of(owner);

    if (state != STATE_RUNNING && state != STATE_FINISHED)
        return false;
    bool is_same_key = memcmp(entry->key, claim->key, sizeof(entry->key)) == 0;
    bool is_same_body = memcmp(entry->body, claim->body, sizeof(entry->body)) == 0;
    int64_t finished_us = entry->finished_us;
    struct idempotency_found found = {.entry = bucket->first + way,
                                      .owner = owner,
                                      .original = entry->request_id,
                                      .answer_len = entry->answer_len};

    atomic_thread_fence(memory_order_acquire);
    if (!is_same_key)
        return false;
    if (atomic_load_explicit(&entry->owner, memory_order_relaxed) != owner)
        return look_at(bucket, way, claim, out);
    if (state == STATE_RUNNING ? is_dead(bucket->segment, owner)
                               : claim->now_us - finished_us > claim->ttl_us)
        return false;
    found.verdict = !is_same_body            ? IDEMPOTENCY_CONFLICT
                    : state == STATE_RUNNING ? IDEMPOTENCY_RUNNING
                    : found.answer_len > 0   ? IDEMPOTENCY_ANSWERED
                                             : IDEMPOTENCY_FINISHED;
    *out = found;
    return true;
}

bool
idempotency_read(const struct segment *segment, const struct idempotency_found *found, char *out)
{
    const struct idempotency_entry *entry = &segment->idempotency_entries[found->entry];

    assert(found->verdict == IDEMPOTENCY_ANSWERED && found->answer_len <= IDEMPOTENCY_ANSWER_MAX);
    memcpy(out, segment->idempotency_answers[found->entry], found->answer_len);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&entry->owner, memory_order_relaxed) == found->owner;
}

/* ---- claiming ---- */

/* An entry for ourselves, without a link and wiped; NO_WAY: all of them run. */
static uint32_t
reserve(const struct bucket *bucket, const struct idempotency_claim *claim)
{
    uint64_t owner;
    uint32_t way;

    for (int i = 0; i < CLAIM_TRIES; i++) {
        if ((way = choose_victim(bucket, &owner)) == NO_WAY)
            return NO_WAY;
        uint32_t n = bucket->first + way;
        struct idempotency_entry *entry = &bucket->segment->idempotency_entries[n];
        uint64_t mine = STATE_RESERVED | (uint64_t)claim->slot << SLOT_SHIFT |
                        (((owner >> VERSION_SHIFT) + 1) & VERSION_MASK) << VERSION_SHIFT |
                        (uint64_t)claim->generation << OWNER_SHIFT;

        if (!atomic_compare_exchange_strong_explicit(&entry->owner, &owner, mine,
                                                     memory_order_acq_rel, memory_order_relaxed))
            continue;
        atomic_thread_fence(memory_order_release); /* the word before what is written below */
        CRASH_POINT("idempotency.reserved");
        unlink_way(bucket, way);
        secret_wipe(bucket->segment->idempotency_answers[n],
                    entry->answer_len <= IDEMPOTENCY_ANSWER_MAX ? entry->answer_len
                                                                : IDEMPOTENCY_ANSWER_MAX);
        return way;
    }
    return NO_WAY;
}

/* Free, or of a dead worker; else what has finished first. */
static uint32_t
choose_victim(const struct bucket *bucket, uint64_t *out_owner)
{
    uint32_t oldest = NO_WAY;
    int64_t oldest_us = INT64_MAX;

    for (uint32_t way = 0; way < IDEMPOTENCY_WAYS; way++) {
        const struct idempotency_entry *entry =
            &bucket->segment->idempotency_entries[bucket->first + way];
        uint64_t owner = atomic_load_explicit(&entry->owner, memory_order_acquire);
        enum state state = state_of(owner);

        if (state == STATE_FREE || (state != STATE_FINISHED && is_dead(bucket->segment, owner))) {
            *out_owner = owner;
            return way;
        }
        if (state == STATE_FINISHED && entry->finished_us < oldest_us) {
            oldest = way;
            oldest_us = entry->finished_us;
            *out_owner = owner;
        }
    }
    return oldest;
}

static void
unlink_way(const struct bucket *bucket, uint32_t way)
{
    uint64_t link = UINT64_C(1) << way;
    uint64_t word = atomic_load_explicit(bucket->word, memory_order_acquire);

    while ((word & link) != 0 &&
           !atomic_compare_exchange_weak_explicit(bucket->word, &word, (word + ONE_CHANGE) & ~link,
                                                  memory_order_acq_rel, memory_order_acquire))
        ;
}

static void
fill(const struct bucket *bucket, uint32_t way, const struct idempotency_claim *claim,
     struct idempotency_found *out)
{
    struct idempotency_entry *entry = &bucket->segment->idempotency_entries[bucket->first + way];
    uint64_t owner = atomic_load_explicit(&entry->owner, memory_order_relaxed);

    entry->answer_len = 0;
    entry->finished_us = 0;
    entry->request_id = claim->request_id;
    memcpy(entry->key, claim->key, sizeof(entry->key));
    memcpy(entry->body, claim->body, sizeof(entry->body));
    *out = (struct idempotency_found){.verdict = IDEMPOTENCY_CLAIMED,
                                      .entry = bucket->first + way,
                                      .owner = owner_next(owner, STATE_RUNNING),
                                      .original = claim->request_id};
    atomic_store_explicit(&entry->owner, out->owner, memory_order_release);
}

/* ---- ending ---- */

/* The length first: a worker killed here leaves a successor that wipes as much. */
void
idempotency_finish(struct segment *segment, const struct idempotency_found *found,
                   struct slice answer, int64_t now_us)
{
    struct idempotency_entry *entry = &segment->idempotency_entries[found->entry];

    assert(found->verdict == IDEMPOTENCY_CLAIMED);
    assert(atomic_load_explicit(&entry->owner, memory_order_relaxed) == found->owner);
    if (answer.len > 0 && answer.len <= IDEMPOTENCY_ANSWER_MAX) {
        entry->answer_len = (uint32_t)answer.len;
        atomic_signal_fence(memory_order_release);
        memcpy(segment->idempotency_answers[found->entry], answer.ptr, answer.len);
    }
    entry->finished_us = now_us;
    CRASH_POINT("idempotency.answered");
    atomic_store_explicit(&entry->owner, owner_next(found->owner, STATE_FINISHED),
                          memory_order_release);
}

void
idempotency_give_up(struct segment *segment, const struct idempotency_found *found)
{
    struct idempotency_entry *entry = &segment->idempotency_entries[found->entry];

    assert(found->verdict == IDEMPOTENCY_CLAIMED);
    assert(atomic_load_explicit(&entry->owner, memory_order_relaxed) == found->owner);
    atomic_store_explicit(&entry->owner, owner_next(found->owner, STATE_FREE),
                          memory_order_release);
}

/* ---- words ---- */

static bool
is_dead(const struct segment *segment, uint64_t owner)
{
    return !proc_slot_is_living(segment, owner >> SLOT_SHIFT & 0xff,
                                (uint32_t)(owner >> OWNER_SHIFT));
}

static enum state
state_of(uint64_t owner)
{
    return (enum state)(owner & STATE_MASK);
}

static uint64_t
owner_next(uint64_t owner, enum state state)
{
    uint64_t version = ((owner >> VERSION_SHIFT) + 1) & VERSION_MASK;

    return (owner & ~(STATE_MASK | VERSION_MASK << VERSION_SHIFT)) | state |
           version << VERSION_SHIFT;
}
