/* SPDX-License-Identifier: ISC
 *
 * key_table - index entries that name rows, rows under seqlocks, and the order that keeps a reader
 * from ever seeing one key's digest with another's limits.
 *
 *   publish a new key    row (odd .. even), then its entry
 *   replace              row; if its digest changed, the new entry, then the old one goes
 *   recycle              the old entry goes, then as new; rate cells start anew
 *
 * An entry is only a hint: what counts is the digest in the row, read under the row's sequence.
 * Where an entry goes, those behind it move up (no tombstones, which years of rotation would pile
 * up); a reader who found nothing while entries moved looks again.
 */
#include "relayos/shm/key_table.h"

#include <sched.h>
#include <string.h>

#include "layout.h"
#include "row_index.h"

#define KEY_READ_TRIES   1000 /* of a row being written; a dead writer leaves it so */
#define KEY_READ_SPINS   16   /* then let the writer have the CPU: it may lack just that */
#define KEY_ATOMIC_FLAGS (KEY_DISABLED | KEY_REVOKED | KEY_CUT)

static bool probe(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE],
                  struct key_view *out);
static void view_copy(const struct key_view *from, struct key_view *out);
static bool row_read(const struct key_row *row, uint8_t digest[KEY_DIGEST_SIZE],
                     struct key_view *out);
static void row_write(struct segment *segment, uint32_t row, const uint8_t digest[KEY_DIGEST_SIZE],
                      const struct key_view *view);
static void ledger_index(struct segment *segment);
static void repair_entries(struct segment *segment);
static uint32_t row_of_key(const struct segment *segment, uint64_t key_id);
static uint32_t row_of_digest(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE]);
static uint32_t row_for_new_key(struct segment *segment);
static void row_vacate(struct segment *segment, uint32_t row);
static bool is_revoked(const struct segment *segment, uint32_t row);
static uint32_t entry_find(const struct segment *segment, uint32_t row);
static void entry_insert(struct segment *segment, uint32_t row);
static void entry_delete(struct segment *segment, uint32_t at);
static void entry_drop(struct segment *segment, uint32_t at);
static uint64_t entry_of(const struct segment *segment, uint32_t row);
static uint32_t entry_home(const struct segment *segment, uint32_t row);
static bool digest_equal(const uint8_t a[KEY_DIGEST_SIZE], const uint8_t b[KEY_DIGEST_SIZE]);
static uint64_t digest_word(const uint8_t digest[KEY_DIGEST_SIZE]);

int
key_table_find(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE],
               struct key_view *out)
{
    const _Atomic uint32_t *moves = &segment->header->key_moves;
    uint8_t found[KEY_DIGEST_SIZE];

    for (int n = 0; n < KEY_READ_TRIES; n++) {
        uint32_t before = atomic_load_explicit(moves, memory_order_acquire);

        if (probe(segment, digest, out))
            return 0;
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(moves, memory_order_relaxed) == before)
            break;
        if (n >= KEY_READ_SPINS)
            (void)sched_yield();
    }
    /* Unknown: read and compare some row nevertheless, so that time does not tell. */
    uint32_t row = (uint32_t)(digest_word(digest) >> 32) % segment->capacity.keys;

    (void)row_read(&segment->key_rows[row], found, out);
    (void)digest_equal(found, digest);
    memset(out, 0, sizeof(*out));
    return ERR_INVALID_KEY;
}

/* Once along the chain of a digest. */
static bool
probe(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE], struct key_view *out)
{
    uint64_t word = digest_word(digest);
    uint32_t mask = segment->n_key_entries - 1;
    uint32_t at = (uint32_t)word & mask;
    uint8_t found[KEY_DIGEST_SIZE];

    for (uint32_t n = 0; n <= mask; n++, at = (at + 1) & mask) {
        uint64_t entry = atomic_load_explicit(&segment->key_index[at], memory_order_acquire);

        if (entry == KEY_ENTRY_EMPTY)
            return false;
        if (entry >> 32 != word >> 32)
            continue;

        uint32_t row = (uint32_t)entry - 1;

        assert(row < segment->capacity.keys);
        if (row_read(&segment->key_rows[row], found, out) && digest_equal(found, digest))
            return true;
    }
    return false;
}

/* What is used of it: most keys have few of the limits that there is room for. A row being written
 * may say anything for now. */
static void
view_copy(const struct key_view *from, struct key_view *out)
{
    memcpy(out, from, offsetof(struct key_view, limits));

    size_t n = out->n_limits > LIMIT_KEY_LIMITS + 1 ? 0 : out->n_limits;

    memcpy(out->limits, from->limits, n * sizeof(out->limits[0]));
    if (out->n_networks > 0 && out->n_networks <= LIMIT_KEY_NETWORKS)
        memcpy(out->networks, from->networks, out->n_networks * sizeof(out->networks[0]));
}

/* A whole copy of a row that holds a key, its flags as of now. */
static bool
row_read(const struct key_row *row, uint8_t digest[KEY_DIGEST_SIZE], struct key_view *out)
{
    for (int n = 0; n < KEY_READ_TRIES; n++) {
        uint32_t before = atomic_load_explicit(&row->sequence, memory_order_acquire);

        memcpy(digest, row->digest, KEY_DIGEST_SIZE);
        view_copy(&row->view, out);
        out->flags = (out->flags & ~(uint32_t)KEY_ATOMIC_FLAGS) |
                     atomic_load_explicit(&row->flags, memory_order_acquire);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load_explicit(&row->sequence, memory_order_relaxed) == before)
            return out->key_id != 0;
        if (n >= KEY_READ_SPINS)
            (void)sched_yield();
    }
    return false;
}

bool
key_view_may_use(const struct key_view *view, uint32_t model_id)
{
    if (model_id >= LIMIT_MODELS)
        return false;
    return (view->flags & KEY_ALL_MODELS) != 0 || (view->scope[model_id / 64] >> model_id % 64 & 1);
}

int
key_table_at(const struct segment *segment, uint32_t row, struct key_view *out)
{
    uint8_t digest[KEY_DIGEST_SIZE];

    if (row >= segment->capacity.keys || !row_read(&segment->key_rows[row], digest, out))
        return ERR_MISSING;
    return 0;
}

uint32_t
key_table_n_rows(const struct segment *segment)
{
    return atomic_load_explicit(&segment->header->key_n_rows, memory_order_acquire);
}

/* ---- the ledger ---- */

int
key_table_publish(struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE],
                  struct key_view *view)
{
    assert(view->key_id != 0 && view->n_limits <= LIMIT_KEY_LIMITS + 1);
    assert(view->n_networks <= LIMIT_KEY_NETWORKS);
    ledger_index(segment);

    uint32_t row = row_of_key(segment, view->key_id);
    uint32_t other = row_of_digest(segment, digest);

    if (other != ROW_INDEX_END && other != row) {
        if (!is_revoked(segment, other))
            return ERR_EXISTS;
        row_vacate(segment, other); /* one key at a time may be found by a digest */
    }
    if (row == ROW_INDEX_END) {
        row = row_for_new_key(segment);
        if (row == ROW_INDEX_END)
            return ERR_FULL;
        view->row = row;
        row_write(segment, row, digest, view);
        row_index_add(segment->keys_by_id, view->key_id, row);
        entry_insert(segment, row);
        return 0;
    }

    uint32_t old_entry = entry_find(segment, row);
    bool is_same = memcmp(segment->key_rows[row].digest, digest, KEY_DIGEST_SIZE) == 0;

    view->row = row;
    row_write(segment, row, digest, view);
    if (!is_same) {
        entry_insert(segment, row);
        entry_delete(segment, old_entry);
    }
    return 0;
}

void
key_table_set_flags(struct segment *segment, uint32_t row, uint32_t flags)
{
    assert(row < segment->capacity.keys);
    atomic_store_explicit(&segment->key_rows[row].flags, flags & KEY_ATOMIC_FLAGS,
                          memory_order_release);
}

static void
row_write(struct segment *segment, uint32_t row, const uint8_t digest[KEY_DIGEST_SIZE],
          const struct key_view *view)
{
    struct key_row *r = &segment->key_rows[row];
    uint32_t odd = atomic_load_explicit(&r->sequence, memory_order_relaxed) | 1;

    atomic_store_explicit(&r->sequence, odd, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    memcpy(r->digest, digest, KEY_DIGEST_SIZE);
    r->view = *view;
    atomic_store_explicit(&r->flags, view->flags & KEY_ATOMIC_FLAGS, memory_order_release);
    atomic_store_explicit(&r->sequence, odd + 1, memory_order_release);
}

/* Once per ledger: rows by key id, and what a predecessor killed in the middle has left. */
static void
ledger_index(struct segment *segment)
{
    if (segment->keys_by_id != NULL)
        return;
    segment->keys_by_id = row_index_new(segment->capacity.keys);
    for (uint32_t row = segment->capacity.keys; row-- > 0;) {
        struct key_row *r = &segment->key_rows[row];
        static const uint8_t no_digest[KEY_DIGEST_SIZE];
        static const struct key_view nobody;

        if (r->sequence % 2 != 0)
            row_write(segment, row, no_digest, &nobody);
        if (r->view.key_id == 0)
            row_index_put_free(segment->keys_by_id, row);
        else
            row_index_add(segment->keys_by_id, r->view.key_id, row);
    }
    repair_entries(segment);
}

/*
 * What a ledger killed between two stores may have left: entries that lead nowhere or say the same
 * twice go; a row without an entry gets one.
 */
static void
repair_entries(struct segment *segment)
{
    uint32_t odd = segment->header->key_moves | 1;

    segment->header->key_moves = odd;
    for (uint32_t at = 0; at < segment->n_key_entries;) {
        uint64_t entry = segment->key_index[at];
        uint32_t row = (uint32_t)entry - 1;

        if (entry != KEY_ENTRY_EMPTY &&
            (segment->key_rows[row].view.key_id == 0 || entry_find(segment, row) != at))
            entry_drop(segment, at); /* another may have moved up to here */
        else
            at++;
    }
    for (uint32_t row = 0; row < segment->capacity.keys; row++)
        if (segment->key_rows[row].view.key_id != 0 && entry_find(segment, row) == ROW_INDEX_END)
            entry_insert(segment, row);
    segment->header->key_moves = odd + 1;
}

static uint32_t
row_of_key(const struct segment *segment, uint64_t key_id)
{
    uint32_t row = row_index_first(segment->keys_by_id, key_id);

    while (row != ROW_INDEX_END && segment->key_rows[row].view.key_id != key_id)
        row = row_index_next(segment->keys_by_id, row);
    return row;
}

static uint32_t
row_of_digest(const struct segment *segment, const uint8_t digest[KEY_DIGEST_SIZE])
{
    uint32_t mask = segment->n_key_entries - 1;
    uint32_t at = (uint32_t)digest_word(digest) & mask;

    for (; segment->key_index[at] != KEY_ENTRY_EMPTY; at = (at + 1) & mask) {
        uint32_t row = (uint32_t)segment->key_index[at] - 1;

        if (memcmp(segment->key_rows[row].digest, digest, KEY_DIGEST_SIZE) == 0)
            return row;
    }
    return ROW_INDEX_END;
}

/* A free row, or that of a revoked key: all in turn, so that the last revoked goes last. */
static uint32_t
row_for_new_key(struct segment *segment)
{
    uint32_t row = row_index_take_free(segment->keys_by_id);

    for (uint32_t n = 0; row == ROW_INDEX_END && n < segment->capacity.keys; n++) {
        uint32_t old = segment->key_cursor++ % segment->capacity.keys;

        if (!is_revoked(segment, old))
            continue;
        row_vacate(segment, old);
        row = row_index_take_free(segment->keys_by_id);
    }
    if (row == ROW_INDEX_END)
        return row;
    if (row >= segment->header->key_n_rows)
        atomic_store_explicit(&segment->header->key_n_rows, row + 1, memory_order_release);
    for (int kind = 0; kind < 2; kind++)
        atomic_store_explicit(&segment->rate_cells[row].arrival_ns[kind], 0, memory_order_relaxed);
    return row;
}

static void
row_vacate(struct segment *segment, uint32_t row)
{
    static const struct key_view nobody;
    struct key_row *r = &segment->key_rows[row];
    uint8_t digest[KEY_DIGEST_SIZE];

    memcpy(digest, r->digest, sizeof(digest));
    entry_delete(segment, entry_find(segment, row));
    row_index_remove(segment->keys_by_id, r->view.key_id, row);
    row_write(segment, row, digest, &nobody);
    row_index_put_free(segment->keys_by_id, row);
}

static bool
is_revoked(const struct segment *segment, uint32_t row)
{
    return (segment->key_rows[row].flags & KEY_REVOKED) != 0;
}

/* ---- index entries; at least half of them are empty, so each chain ends ---- */

/* Place of the entry of a row, by the digest that the row has now; ROW_INDEX_END if none. */
static uint32_t
entry_find(const struct segment *segment, uint32_t row)
{
    uint64_t entry = entry_of(segment, row);
    uint32_t at = entry_home(segment, row);

    while (segment->key_index[at] != entry) {
        if (segment->key_index[at] == KEY_ENTRY_EMPTY)
            return ROW_INDEX_END;
        at = (at + 1) & (segment->n_key_entries - 1);
    }
    return at;
}

static void
entry_insert(struct segment *segment, uint32_t row)
{
    uint32_t at = entry_home(segment, row);

    while (segment->key_index[at] != KEY_ENTRY_EMPTY)
        at = (at + 1) & (segment->n_key_entries - 1);
    atomic_store_explicit(&segment->key_index[at], entry_of(segment, row), memory_order_release);
}

static void
entry_delete(struct segment *segment, uint32_t at)
{
    assert(at != ROW_INDEX_END);
    atomic_fetch_add_explicit(&segment->header->key_moves, 1, memory_order_acq_rel);
    entry_drop(segment, at);
    atomic_fetch_add_explicit(&segment->header->key_moves, 1, memory_order_release);
}

/* Entries behind it that may stand there move up: copied first, so that none is ever nowhere. */
static void
entry_drop(struct segment *segment, uint32_t at)
{
    uint32_t mask = segment->n_key_entries - 1;
    uint32_t hole = at;

    for (;;) {
        at = (at + 1) & mask;

        uint64_t entry = segment->key_index[at];

        if (entry == KEY_ENTRY_EMPTY)
            break;

        uint32_t home = entry_home(segment, (uint32_t)entry - 1);

        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* its home is behind the hole */
        atomic_store_explicit(&segment->key_index[hole], entry, memory_order_release);
        hole = at;
    }
    atomic_store_explicit(&segment->key_index[hole], KEY_ENTRY_EMPTY, memory_order_release);
}

static uint64_t
entry_of(const struct segment *segment, uint32_t row)
{
    return digest_word(segment->key_rows[row].digest) >> 32 << 32 | (row + 1);
}

static uint32_t
entry_home(const struct segment *segment, uint32_t row)
{
    return (uint32_t)digest_word(segment->key_rows[row].digest) & (segment->n_key_entries - 1);
}

/* In the same time wherever they differ: no branch before the end. */
static bool
digest_equal(const uint8_t a[KEY_DIGEST_SIZE], const uint8_t b[KEY_DIGEST_SIZE])
{
    uint64_t difference = 0;

    for (int i = 0; i < KEY_DIGEST_SIZE; i += 8)
        difference |= digest_word(a + i) ^ digest_word(b + i);
    return difference == 0;
}

static uint64_t
digest_word(const uint8_t digest[KEY_DIGEST_SIZE])
{
    uint64_t word;

    memcpy(&word, digest, sizeof(word));
    return word;
}
