/* SPDX-License-Identifier: ISC */
#include "relayos/base/hash.h"
#include "relayos/shm/rate.h"
#include "segment_suite.h"

#include <sched.h>

SEGMENT_SUITE(key_table);

static void
digest_of(uint64_t n, uint8_t digest[KEY_DIGEST_SIZE])
{
    hash_sha256(slice_of(&n, sizeof(n)), digest);
}

/* A view all of whose numbers follow from the id, so that a torn copy shows. */
static struct key_view
view_of(uint64_t key_id)
{
    struct key_view view = {.key_id = key_id,
                            .owner_hash = key_id * 3,
                            .expires_us = (int64_t)key_id * 5,
                            .requests_per_minute = (int64_t)key_id * 7,
                            .n_limits = (uint8_t)(key_id % (LIMIT_KEY_LIMITS + 2))};

    for (uint8_t i = 0; i < view.n_limits; i++)
        view.limits[i] = (struct key_limit_cells){.model_id = (uint32_t)key_id + i,
                                                  .boundary_us = (int64_t)key_id * 11 + i,
                                                  .next_boundary_us = (int64_t)key_id * 13 + i};
    for (size_t i = 0; i < LIMIT_MODELS / 64; i++)
        view.scope[i] = key_id + i;
    return view;
}

static bool
is_whole(const struct key_view *view)
{
    struct key_view expected = view_of(view->key_id);

    expected.row = view->row;
    expected.flags = view->flags;
    size_t used =
        offsetof(struct key_view, limits) + expected.n_limits * sizeof(expected.limits[0]);

    return memcmp(&expected, view, used) == 0; /* what is behind is not copied */
}

static int
publish(uint64_t key_id, uint64_t digest_n)
{
    uint8_t digest[KEY_DIGEST_SIZE];
    struct key_view view = view_of(key_id);

    digest_of(digest_n, digest);
    return key_table_publish(segment, digest, &view);
}

static int
find(uint64_t digest_n, struct key_view *out)
{
    uint8_t digest[KEY_DIGEST_SIZE];

    digest_of(digest_n, digest);
    return key_table_find(segment, digest, out);
}

static uint32_t
row_of(uint64_t digest_n)
{
    struct key_view view;

    cr_assert_eq(find(digest_n, &view), 0);
    return view.row;
}

Test(key_table, what_is_published_is_found_by_its_digest_alone)
{
    struct key_view view;

    for (uint64_t key = 1; key <= 20; key++)
        cr_assert_eq(publish(key, key), 0);
    for (uint64_t key = 1; key <= 20; key++) {
        cr_assert_eq(find(key, &view), 0);
        cr_assert_eq(view.key_id, key);
        cr_assert(is_whole(&view));
    }
    cr_assert_eq(find(99, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 0);
    cr_assert_eq(key_table_n_rows(segment), 20);
    cr_assert_eq(key_table_at(segment, 7, &view), 0);
    cr_assert_eq(key_table_at(segment, 20, &view), ERR_MISSING);
}

Test(key_table, a_digest_that_differs_in_one_bit_is_unknown)
{
    uint8_t digest[KEY_DIGEST_SIZE];
    struct key_view view;

    cr_assert_eq(publish(1, 1), 0);
    digest_of(1, digest);
    for (int bit = 0; bit < 8 * KEY_DIGEST_SIZE; bit++) {
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(key_table_find(segment, digest, &view), ERR_INVALID_KEY);
        digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_eq(key_table_find(segment, digest, &view), 0);
}

Test(key_table, flags_change_at_once_and_keep_the_scope_flag)
{
    uint8_t digest[KEY_DIGEST_SIZE];
    struct key_view view = view_of(1);

    digest_of(1, digest);
    view.flags = KEY_ALL_MODELS;
    cr_assert_eq(key_table_publish(segment, digest, &view), 0);
    key_table_set_flags(segment, view.row, KEY_DISABLED);
    cr_assert_eq(find(1, &view), 0);
    cr_assert_eq(view.flags, KEY_ALL_MODELS | KEY_DISABLED);
    key_table_set_flags(segment, view.row, 0);
    cr_assert_eq(find(1, &view), 0);
    cr_assert_eq(view.flags, KEY_ALL_MODELS);
}

Test(key_table, a_replaced_digest_is_no_longer_known)
{
    struct key_view view;

    cr_assert_eq(publish(1, 1), 0);
    cr_assert_eq(publish(1, 2), 0);
    cr_assert_eq(find(1, &view), ERR_INVALID_KEY);
    cr_assert_eq(find(2, &view), 0);
    cr_assert_eq(view.row, 0);
    cr_assert_eq(publish(2, 2), ERR_EXISTS);
    key_table_set_flags(segment, 0, KEY_REVOKED);
    cr_assert_eq(publish(2, 2), 0); /* the revoked one gives way */
    cr_assert_eq(find(2, &view), 0);
    cr_assert_eq(view.key_id, 2);
}

Test(key_table, rows_of_revoked_keys_are_used_again_with_fresh_rates)
{
    uint32_t n = fixture_capacity.keys;
    struct key_view view;
    int64_t retry_us;

    for (uint64_t key = 1; key <= n; key++)
        cr_assert_eq(publish(key, key), 0);
    cr_assert_eq(publish(n + 1, n + 1), ERR_FULL);
    cr_assert_eq(find(9, &view), 0);
    cr_assert_eq(rate_take(segment, view.row, RATE_REQUESTS, 1, 1, 1000, &retry_us), 0);
    key_table_set_flags(segment, view.row, KEY_REVOKED);
    cr_assert_eq(publish(n + 1, n + 1), 0);
    cr_assert_eq(find(9, &view), ERR_INVALID_KEY);
    cr_assert_eq(find(n + 1, &view), 0);
    cr_assert_eq(view.row, 8);
    cr_assert_eq(rate_take(segment, view.row, RATE_REQUESTS, 1, 1, 1000, &retry_us), 0);
}

Test(key_table, years_of_rotation_do_not_fill_the_index)
{
    uint32_t n_empty = 0;
    struct key_view view;

    for (uint64_t key = 1; key <= 50000; key++) {
        cr_assert_eq(publish(key, key), 0);
        key_table_set_flags(segment, row_of(key), KEY_REVOKED);
    }
    for (uint32_t at = 0; at < segment->n_key_entries; at++)
        n_empty += segment->key_index[at] == KEY_ENTRY_EMPTY;
    cr_assert_eq(n_empty, segment->n_key_entries - fixture_capacity.keys);
    for (uint64_t key = 50000; key > 50000 - fixture_capacity.keys; key--)
        cr_assert_eq(find(key, &view), 0);
}

Test(key_table, a_ledger_killed_inside_a_row_hides_that_key_until_it_is_published_again)
{
    struct key_view view;

    cr_assert_eq(publish(1, 1), 0);
    cr_assert_eq(publish(2, 2), 0);
    segment->key_rows[0].sequence++; /* odd: the writer is gone */
    segment->key_rows[0].digest[5] ^= 1;
    cr_assert_eq(find(1, &view), ERR_INVALID_KEY);
    cr_assert_eq(find(2, &view), 0);

    row_index_free(&segment->keys_by_id); /* the next ledger */
    cr_assert_eq(publish(1, 1), 0);
    cr_assert_eq(publish(2, 2), 0);
    cr_assert_eq(find(1, &view), 0);
    cr_assert(is_whole(&view));
    cr_assert_eq(find(2, &view), 0);
    cr_assert_eq(key_table_n_rows(segment), 2);
}

Test(key_table, a_row_whose_entry_was_never_written_is_found_after_a_succession)
{
    struct key_view view;

    cr_assert_eq(publish(1, 1), 0);
    for (uint32_t at = 0; at < segment->n_key_entries; at++)
        segment->key_index[at] = KEY_ENTRY_EMPTY;
    cr_assert_eq(find(1, &view), ERR_INVALID_KEY);
    row_index_free(&segment->keys_by_id);
    cr_assert_eq(publish(2, 2), 0);
    cr_assert_eq(find(1, &view), 0);
}

Test(key_table, scope_is_by_model_id)
{
    struct key_view view = {.scope = {[1] = 1}};

    cr_assert(key_view_may_use(&view, 64));
    cr_assert_not(key_view_may_use(&view, 63));
    cr_assert_not(key_view_may_use(&view, LIMIT_MODELS));
    view.flags = KEY_ALL_MODELS;
    cr_assert(key_view_may_use(&view, 63));
}

/* Readers hammer two keys that change owner of their rows; each copy must be whole and of the
 * digest. */
Test(key_table, a_reader_never_sees_half_a_row_or_another_keys, .timeout = 60)
{
    enum { N_ROUNDS = 30000, N_READERS = 3 };
    struct shared {
        _Atomic bool is_over;
        _Atomic int n_wrong, n_found;
    } *shared = fixture_shared(sizeof(*shared));
    int status, n_failed = 0;

    for (uint64_t key = 1; key <= fixture_capacity.keys; key++)
        cr_assert_eq(publish(key, key % 8), key <= 8 ? 0 : ERR_EXISTS);
    for (int i = 0; i < N_READERS; i++) {
        if (fork() != 0)
            continue;
        for (uint64_t n = 0; !shared->is_over; n++) {
            struct key_view view;

            if (find(n % 8, &view) != 0)
                continue;
            /* The key of a digest is known by its remainder. */
            shared->n_found++;
            shared->n_wrong += view.key_id % 8 != n % 8 || !is_whole(&view);
        }
        _exit(0);
    }
    for (uint64_t n = 9; n < N_ROUNDS; n++) {
        key_table_set_flags(segment, row_of(n % 8), KEY_REVOKED);
        cr_assert_eq(publish(n, n % 8), 0); /* recycles the row of the revoked one */
    }
    while (shared->n_found < 1000)
        (void)sched_yield();
    shared->is_over = true;
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(shared->n_wrong, 0);
}

Test(key_table, a_hundred_thousand_keys_are_looked_up_in_a_few_probes)
{
    enum { N_KEYS = 100000 };
    struct segment_capacity capacity = fixture_capacity;
    uint64_t n_probes = 0;
    struct key_view view;

    segment_detach(&segment);
    capacity.keys = N_KEYS;
    segment = fixture_segment_of(&capacity);
    for (uint64_t key = 1; key <= N_KEYS; key++)
        cr_assert_eq(publish(key, key), 0);
    for (uint64_t key = 1; key <= N_KEYS; key++) {
        uint8_t digest[KEY_DIGEST_SIZE];
        uint64_t word;

        cr_assert_eq(find(key, &view), 0);
        digest_of(key, digest);
        memcpy(&word, digest, sizeof(word));
        for (uint32_t at = (uint32_t)word & (segment->n_key_entries - 1);
             (uint32_t)segment->key_index[at] != view.row + 1;
             at = (at + 1) & (segment->n_key_entries - 1))
            n_probes++;
    }
    cr_assert_lt(n_probes, N_KEYS / 2, "%lu probes past the first", (unsigned long)n_probes);
}
