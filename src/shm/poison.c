/* SPDX-License-Identifier: ISC
 *
 * poison - a hashed set of counters, and the short list that workers look at.
 */
#include "relayos/shm/poison.h"

#include <string.h>

#include "layout.h"

static uint64_t fingerprint_of(const struct flight_record *record);
static struct poison_counter *counter_of(struct shm_poison *poison, uint64_t fingerprint,
                                         int64_t now_us);
static void quarantine(struct shm_poison *poison, const struct flight_record *record,
                       uint64_t fingerprint, int64_t until_us);

bool
poison_is_quarantined(const struct segment *segment, const struct flight_record *record,
                      int64_t now_us)
{
    const struct shm_poison *poison = segment->poison;
    uint32_t n_rows = atomic_load_explicit(&poison->n_rows, memory_order_acquire);

    if (n_rows == 0)
        return false;
    uint64_t fingerprint = fingerprint_of(record);
    for (uint32_t n = 0; n < n_rows && n < POISON_ROWS; n++) {
        const struct poison_row *row = &poison->rows[n];

        if (atomic_load_explicit(&row->fingerprint, memory_order_acquire) == fingerprint)
            return atomic_load_explicit(&row->until_us, memory_order_relaxed) > now_us;
    }
    return false;
}

/* Never 0. */
static uint64_t
fingerprint_of(const struct flight_record *record)
{
    const uint64_t parts[] = {
        record->key_id,
        (uint64_t)record->model_id << 8 | record->endpoint,
        (uint64_t)record->body_bytes,
    };
    uint64_t h = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        h = (h ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h | 1;
}

bool
poison_count(struct segment *segment, const struct flight_record *record, int64_t now_us)
{
    struct shm_poison *poison = segment->poison;
    uint64_t fingerprint = fingerprint_of(record);
    struct poison_counter *counter = counter_of(poison, fingerprint, now_us);

    if (counter->fingerprint != fingerprint || now_us - counter->since_us > POISON_WINDOW_US)
        *counter = (struct poison_counter){.fingerprint = fingerprint, .since_us = now_us};
    if (++counter->n_crashes < POISON_CRASHES)
        return false;
    *counter = (struct poison_counter){.fingerprint = 0};
    quarantine(poison, record, fingerprint, now_us + POISON_QUARANTINE_US);
    return true;
}

bool
poison_count_flight(struct segment *segment, uint32_t idx, int64_t now_us, struct poison_view *out)
{
    const struct flight_record *record = &segment->flight_slots[idx].record;

    if (!flight_is_orphan(segment, idx) || !poison_count(segment, record, now_us))
        return false;
    *out = (struct poison_view){.key_id = record->key_id, .body_bytes = record->body_bytes};
    memcpy(out->model, record->model, sizeof(out->model));
    out->model[sizeof(out->model) - 1] = '\0';
    return true;
}

void
poison_carry(const struct segment *from, struct segment *to, int64_t now_us)
{
    const struct shm_poison *old = from->poison;
    struct shm_poison *new = to->poison;
    uint32_t n_rows = 0;

    for (int n = 0; n < POISON_COUNTERS; n++) {
        const struct poison_counter *counter = &old->counters[n];

        if (counter->since_us <= now_us && counter->n_crashes < POISON_CRASHES)
            new->counters[n] = *counter;
    }
    for (int n = 0; n < POISON_ROWS; n++) {
        int64_t until_us = old->rows[n].until_us;

        if (until_us <= now_us || until_us > now_us + POISON_QUARANTINE_US)
            continue;
        memcpy(&new->rows[n_rows], &old->rows[n], sizeof(old->rows[n]));
        new->rows[n_rows++].model[LIMIT_MODEL_NAME - 1] = '\0';
    }
    atomic_store_explicit(&new->n_rows, n_rows, memory_order_release);
}

/* Its own, or of its bucket the one that says least: expired, or with the fewest crashes. */
static struct poison_counter *
counter_of(struct shm_poison *poison, uint64_t fingerprint, int64_t now_us)
{
    uint64_t bucket = (fingerprint >> 32) % (POISON_COUNTERS / POISON_WAYS);
    struct poison_counter *ways = &poison->counters[bucket * POISON_WAYS];
    struct poison_counter *least = &ways[0];

    for (int n = 0; n < POISON_WAYS; n++) {
        if (ways[n].fingerprint == fingerprint)
            return &ways[n];
        if (now_us - ways[n].since_us > POISON_WINDOW_US)
            ways[n] = (struct poison_counter){.fingerprint = 0};
        if (ways[n].n_crashes < least->n_crashes)
            least = &ways[n];
    }
    return least;
}

/* Its own row, else the one that ends first. */
static void
quarantine(struct shm_poison *poison, const struct flight_record *record, uint64_t fingerprint,
           int64_t until_us)
{
    struct poison_row *row = &poison->rows[0];
    uint32_t n_rows = atomic_load_explicit(&poison->n_rows, memory_order_relaxed);

    for (uint32_t n = 0; n < POISON_ROWS && row->fingerprint != fingerprint; n++) {
        struct poison_row *other = &poison->rows[n];

        if (other->fingerprint == fingerprint || other->until_us < row->until_us)
            row = other;
    }
    atomic_store_explicit(&row->fingerprint, 0, memory_order_release);
    row->key_id = record->key_id;
    row->body_bytes = record->body_bytes;
    row->endpoint = record->endpoint;
    memcpy(row->model, record->model, sizeof(row->model));
    row->model[sizeof(row->model) - 1] = '\0';
    atomic_store_explicit(&row->until_us, until_us, memory_order_relaxed);
    atomic_store_explicit(&row->fingerprint, fingerprint, memory_order_release);
    uint32_t n = (uint32_t)(row - poison->rows) + 1;
    if (n > n_rows)
        atomic_store_explicit(&poison->n_rows, n, memory_order_release);
}

size_t
poison_list(const struct segment *segment, int64_t now_us, struct poison_view out[POISON_ROWS])
{
    size_t n_out = 0;

    for (uint32_t n = 0; n < POISON_ROWS; n++) {
        const struct poison_row *row = &segment->poison->rows[n];
        int64_t until_us = atomic_load_explicit(&row->until_us, memory_order_relaxed);

        if (row->fingerprint == 0 || until_us <= now_us)
            continue;
        out[n_out] = (struct poison_view){.fingerprint = row->fingerprint,
                                          .key_id = row->key_id,
                                          .body_bytes = row->body_bytes,
                                          .until_us = until_us,
                                          .endpoint = row->endpoint};
        memcpy(out[n_out++].model, row->model, sizeof(row->model));
    }
    return n_out;
}
