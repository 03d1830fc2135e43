/* SPDX-License-Identifier: ISC
 *
 * recall - a log in a ring for each worker, and an index of it: eight words to a bucket.
 *
 *   word   63...40 39.......0
 *          tag     position / 16, modulo 2^40     0 = empty
 *
 * A position counts all bytes that were ever written to the ring; it lies at that modulo the ring's
 * length. The writer moves the frontier over what it is about to overwrite, writes the record, and
 * links it by one store into the index. A reader takes a word, copies the record, and looks at the
 * frontier again: what it has not passed by a ring's length was not touched meanwhile. Killed
 * before the link, a writer leaves bytes that nobody finds.
 */
#include "relayos/shm/recall.h"

#include <string.h>

#include "layout.h"
#include "relayos/base/crash.h"
#include "relayos/base/hash.h"

#define UNIT          16 /* records begin at its multiples */
#define TAG_SHIFT     40
#define POSITION_MASK ((UINT64_C(1) << TAG_SHIFT) - 1)
#define BUCKET        (SHM_LINE / sizeof(uint64_t))
#define LARGEST       4 /* a record is at most so many times smaller than its ring */

struct record {
    uint64_t position;
    struct recall_key key;
    int64_t kept_us;
    uint64_t len;
    uint64_t check; /* of all of it */
};
static_assert(sizeof(struct record) % UNIT == 0, "its bytes follow");

/* A worker's ring, laid out. */
struct ring {
    _Atomic uint64_t *frontier;
    _Atomic uint64_t *index;
    size_t n_buckets;
    char *bytes;
    uint64_t size;
};

static struct ring ring_of(const struct segment *segment, uint32_t slot);
static _Atomic uint64_t *bucket_of(const struct ring *ring, const struct recall_key *key);
static uint64_t tag_of(const struct recall_key *key);
static uint64_t claim(const struct ring *ring, uint64_t len);
static void link_record(const struct ring *ring, const struct recall_key *key, uint64_t position);
static uint64_t age_of(const struct ring *ring, uint64_t word);
static bool read_ring(const struct ring *ring, const struct recall_key *key, int64_t since_us,
                      struct record *out, struct buf *bytes);
static bool read_record(const struct ring *ring, uint64_t word, struct record *out);
static bool is_untouched(const struct ring *ring, uint64_t position);
static uint64_t check_of(const struct record *record, const char *bytes);
static uint64_t mix(uint64_t sum, struct slice bytes);

struct recall_key
recall_key_of(const struct recall_name *name)
{
    uint64_t id = mix(hash_mix64(name->kind + 1), name->id);

    return (struct recall_key){
        .owner_hash = name->owner_hash,
        .conversation = name->conversation,
        .id = id,
        .place = hash_mix64(id ^ hash_mix64(name->owner_hash) ^ name->conversation)};
}

/* ---- writing ---- */

bool
recall_keep(struct segment *segment, uint32_t slot, const struct recall_key *key,
            struct slice bytes, int64_t now_us)
{
    struct record record = {.key = *key, .kept_us = now_us, .len = bytes.len};

    assert(slot < segment->capacity.n_workers);
    if (segment->capacity.recall == 0)
        return false;
    const struct ring ring = ring_of(segment, slot);
    if (bytes.len > ring.size / LARGEST - sizeof(record))
        return false;
    record.position = claim(&ring, sizeof(record) + bytes.len);
    record.check = check_of(&record, bytes.ptr);
    char *place = ring.bytes + record.position % ring.size;
    memcpy(place, &record, sizeof(record));
    memcpy(place + sizeof(record), bytes.ptr, bytes.len);
    CRASH_POINT("recall.written");
    link_record(&ring, key, record.position);
    return true;
}

static struct ring
ring_of(const struct segment *segment, uint32_t slot)
{
    const size_t size = segment->capacity.recall;
    char *base = segment->recall + slot * size;
    struct ring ring = {.frontier = (void *)base, .index = (void *)(base + SHM_LINE)};

    /* A bucket for each 2 KiB: a word for each 256 bytes. */
    ring.n_buckets = size / (BUCKET * 256);
    const size_t head = (1 + ring.n_buckets) * SHM_LINE;
    ring.bytes = base + head;
    ring.size = size - head;
    return ring;
}

/* Where so many bytes in one piece will be; what lay there is gone from now on. */
static uint64_t
claim(const struct ring *ring, uint64_t len)
{
    uint64_t position = atomic_load_explicit(ring->frontier, memory_order_relaxed);
    uint64_t offset = position % ring->size;

    len = (len + UNIT - 1) & ~(uint64_t)(UNIT - 1);
    if (offset + len > ring->size)
        position += ring->size - offset;
    atomic_store_explicit(ring->frontier, position + len, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* the frontier before what is written behind it */
    CRASH_POINT("recall.claimed");
    return position;
}

/* In the place of the record before of that key, of none, or of the oldest. */
static void
link_record(const struct ring *ring, const struct recall_key *key, uint64_t position)
{
    _Atomic uint64_t *words = bucket_of(ring, key), *oldest = &words[0];
    uint64_t oldest_age = 0;

    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
        uint64_t age = age_of(ring, word);

        if (word >> TAG_SHIFT == tag_of(key))
            age = UINT64_MAX;
        if (age > oldest_age) {
            oldest = &words[i];
            oldest_age = age;
        }
    }
    atomic_store_explicit(oldest, tag_of(key) << TAG_SHIFT | (position / UNIT & POSITION_MASK),
                          memory_order_release);
}

static _Atomic uint64_t *
bucket_of(const struct ring *ring, const struct recall_key *key)
{
    return &ring->index[key->place % ring->n_buckets * BUCKET];
}

/* Never 0, which is an empty word. */
static uint64_t
tag_of(const struct recall_key *key)
{
    return key->place >> TAG_SHIFT | 1;
}

/* Bytes from its record's begin to the frontier; of an empty word more than any. */
static uint64_t
age_of(const struct ring *ring, uint64_t word)
{
    uint64_t frontier = atomic_load_explicit(ring->frontier, memory_order_relaxed);

    return word == 0 ? UINT64_MAX : ((frontier / UNIT - word) & POSITION_MASK) * UNIT;
}

/* ---- reading ---- */

bool
recall_find(const struct segment *segment, const struct recall_key *key, int64_t ttl_us,
            int64_t now_us, struct buf *out)
{
    struct record record;
    int64_t since_us = now_us - ttl_us;
    size_t from = out->len;
    bool is_found = false;

    for (uint32_t slot = 0; slot < segment->capacity.n_workers && segment->capacity.recall > 0;
         slot++) {
        const struct ring ring = ring_of(segment, slot);
        size_t before = out->len;

        if (!read_ring(&ring, key, since_us, &record, out)) {
            out->len = before;
            continue;
        }
        memmove(out->ptr + from, out->ptr + before, out->len - before);
        out->len -= before - from;
        since_us = record.kept_us + 1; /* an older one is of no use any more */
        is_found = true;
    }
    return is_found;
}

static bool
read_ring(const struct ring *ring, const struct recall_key *key, int64_t since_us,
          struct record *out, struct buf *bytes)
{
    _Atomic uint64_t *words = bucket_of(ring, key);
    size_t from = bytes->len;

    for (size_t i = 0; i < BUCKET; i++) {
        uint64_t word = atomic_load_explicit(&words[i], memory_order_acquire);

        if (word >> TAG_SHIFT != tag_of(key) || !read_record(ring, word, out) ||
            memcmp(&out->key, key, sizeof(*key)) != 0 || out->kept_us < since_us)
            continue;
        buf_append(bytes, ring->bytes + out->position % ring->size + sizeof(*out), out->len);
        atomic_thread_fence(memory_order_acquire);
        return !bytes->overflow && is_untouched(ring, out->position) &&
               check_of(out, bytes->ptr + from) == out->check;
    }
    return false;
}

/* Its head, if that lies whole in the ring; its bytes may still be overwritten meanwhile. */
static bool
read_record(const struct ring *ring, uint64_t word, struct record *out)
{
    uint64_t frontier = atomic_load_explicit(ring->frontier, memory_order_relaxed);
    uint64_t age = ((frontier / UNIT - word) & POSITION_MASK) * UNIT;

    if (age < sizeof(*out) || age > ring->size || age > frontier)
        return false;
    const uint64_t position = frontier - age;
    const uint64_t room = ring->size - position % ring->size;
    if (room < sizeof(*out))
        return false;
    memcpy(out, ring->bytes + position % ring->size, sizeof(*out));
    atomic_thread_fence(memory_order_acquire);
    return is_untouched(ring, position) && out->position == position &&
           out->len <= room - sizeof(*out);
}

static bool
is_untouched(const struct ring *ring, uint64_t position)
{
    return atomic_load_explicit(ring->frontier, memory_order_relaxed) - position <= ring->size;
}

/* It tells a torn or scribbled record, no more. */
static uint64_t
check_of(const struct record *record, const char *bytes)
{
    uint64_t from = record->position ^ hash_mix64((uint64_t)record->kept_us) ^ record->key.place;

    return mix(from, slice_of(bytes, record->len)) ^ hash_mix64(record->key.owner_hash) ^
           record->key.conversation ^ record->key.id;
}

/* Eight bytes a step. */
static uint64_t
mix(uint64_t sum, struct slice bytes)
{
    const char *p = bytes.ptr;
    size_t left = bytes.len;
    uint64_t word;

    for (; left >= sizeof(word); p += sizeof(word), left -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        sum = (sum << 23 | sum >> 41) * UINT64_C(0x9e3779b97f4a7c15) ^ word;
    }
    word = 0;
    if (left > 0)
        memcpy(&word, p, left);
    return hash_mix64(((sum << 23 | sum >> 41) * UINT64_C(0x9e3779b97f4a7c15) ^ word) +
                      hash_mix64(bytes.len));
}
