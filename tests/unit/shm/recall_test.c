/* SPDX-License-Identifier: ISC
 *
 * What is found is what was kept, or nothing: alone, against a model, in a race, and when its
 * writers are killed.
 */
#include "fixture.h"

#include <sched.h>

#include "relayos/shm/recall.h"

#define TTL    1000
#define OWNER  7
#define ROUNDS 20000

static const char *kept_text = "what was kept";

static struct recall_key
key_of(uint64_t n)
{
    return recall_key_of(&(struct recall_name){RECALL_ITEM, OWNER, 0, slice_of(&n, sizeof(n))});
}

static bool
keep(struct segment *segment, uint32_t slot, uint64_t n, struct slice bytes)
{
    struct recall_key key = key_of(n);

    return recall_keep(segment, slot, &key, bytes, 0);
}

static bool
find(const struct segment *segment, uint64_t n, struct buf *out)
{
    struct recall_key key = key_of(n);

    return recall_find(segment, &key, TTL, 0, out);
}

/* Bytes that follow from their key, a version and their length. */
static size_t
fill(char *room, uint64_t n, uint64_t version, size_t len)
{
    uint64_t state = n * 31 + version + 1;

    memcpy(room, &version, sizeof(version));
    for (size_t i = sizeof(version); i < len; i++)
        room[i] = (char)fixture_random(&state);
    return len;
}

static bool
is_whole(uint64_t n, const struct buf *found, uint64_t *out_version)
{
    static char room[65536];

    if (found->len < sizeof(*out_version) || found->len > sizeof(room))
        return false;
    memcpy(out_version, found->ptr, sizeof(*out_version));
    fill(room, n, *out_version, found->len);
    return memcmp(room, found->ptr, found->len) == 0;
}

Test(recall, what_one_worker_kept_all_find_under_its_very_key)
{
    struct segment *segment = fixture_segment();
    static const char long_id[] =
        "an id that is longer than all others, and so it is hashed before "
        "it goes into the key: nobody makes such ids, but many may send";
    const struct slice id = slice_str(long_id), tail = slice_str(long_id + 1);
    struct recall_key key = recall_key_of(&(struct recall_name){RECALL_CALL, OWNER, 3, id});
    struct recall_key others[] = {
        recall_key_of(&(struct recall_name){RECALL_ITEM, OWNER, 3, id}),
        recall_key_of(&(struct recall_name){RECALL_CALL, OWNER + 1, 3, id}),
        recall_key_of(&(struct recall_name){RECALL_CALL, OWNER, 0, id}),
        recall_key_of(&(struct recall_name){RECALL_CALL, OWNER, 3, tail}),
        recall_key_of(&(struct recall_name){RECALL_CALL, OWNER, 3, {"", 0}}),
    };
    struct buf out;

    buf_init(&out, 1024);
    buf_append_str(&out, "before ");
    cr_expect_not(recall_find(segment, &key, TTL, 0, &out));
    cr_assert(recall_keep(segment, 3, &key, slice_str(kept_text), 5));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_not(recall_find(segment, &others[i], TTL, 5, &out));
    cr_expect(slice_eq_str(buf_slice(&out), "before "));
    cr_expect(recall_find(segment, &key, TTL, 5 + TTL, &out));
    cr_expect(slice_eq_str(buf_slice(&out), "before what was kept"));
    cr_expect_not(recall_find(segment, &key, TTL, 6 + TTL, &out), "its time is over");
    buf_fini(&out);
    segment_detach(&segment);
}

Test(recall, of_several_the_newest_is_found_whoever_kept_it)
{
    struct segment *segment = fixture_segment();
    struct recall_key key = key_of(1);
    struct buf out;

    buf_init(&out, 1024);
    recall_keep(segment, 2, &key, SLICE_LIT("one, and long"), 1);
    recall_keep(segment, 0, &key, SLICE_LIT("three"), 3);
    recall_keep(segment, 1, &key, SLICE_LIT("two"), 2);
    cr_assert(recall_find(segment, &key, TTL, 3, &out));
    cr_expect(slice_eq_str(buf_slice(&out), "three"), "%.*s", (int)out.len, out.ptr);
    recall_keep(segment, 2, &key, SLICE_LIT("four"), 4);
    buf_clear(&out);
    cr_assert(recall_find(segment, &key, TTL, 4, &out));
    cr_expect(slice_eq_str(buf_slice(&out), "four"), "%.*s", (int)out.len, out.ptr);
    buf_fini(&out);
    segment_detach(&segment);
}

Test(recall, what_is_too_large_and_what_has_no_room_is_not_kept)
{
    static char large[SEGMENT_RECALL_STEP];
    struct segment_capacity capacity = fixture_capacity;
    struct segment *segment = fixture_segment();
    struct buf out, narrow;

    buf_init(&out, sizeof(large));
    buf_init(&narrow, 8);
    cr_expect_not(keep(segment, 0, 1, slice_of(large, sizeof(large) / 2)));
    cr_expect(keep(segment, 0, 2, slice_of(large, sizeof(large) / 3)));
    cr_expect(keep(segment, 0, 3, slice_of(large, 0)));
    cr_expect_not(find(segment, 1, &out));
    cr_expect(find(segment, 2, &out));
    cr_expect(find(segment, 3, &out));
    cr_expect_eq(out.len, sizeof(large) / 3);
    cr_expect_not(find(segment, 2, &narrow), "more than its reader takes");
    buf_fini(&out);
    segment_detach(&segment);

    capacity.recall = 0;
    segment = fixture_segment_of(&capacity);
    cr_expect_not(keep(segment, 0, 1, slice_str(kept_text)));
    cr_expect_not(find(segment, 1, &out));
    segment_detach(&segment);
}

/* The model: the last version of each key, and how many bytes its ring has taken since. */
Test(recall, any_history_finds_the_last_or_nothing_and_what_is_fresh_always)
{
    enum { KEYS = 64, SLOTS = 4, FRESH = 8192 };
    static char room[4096];
    struct segment *segment = fixture_segment();
    uint64_t seed = 88172645463325252u, versions[KEYS] = {0}, written[KEYS] = {0},
             total[SLOTS] = {0};
    uint32_t slots[KEYS] = {0};
    unsigned n_found = 0, n_missed = 0;
    struct buf out;

    buf_init(&out, sizeof(room));
    for (uint64_t version = 1; version <= ROUNDS; version++) {
        uint64_t n = fixture_random(&seed) % KEYS, found_version;

        if (fixture_random(&seed) % 3 == 0) {
            size_t len = 8 + fixture_random(&seed) % 2000;

            slots[n] = (uint32_t)(fixture_random(&seed) % SLOTS);
            fill(room, n, version, len);
            struct recall_key key = key_of(n);
            cr_assert(recall_keep(segment, slots[n], &key, slice_of(room, len), (int64_t)version));
            versions[n] = version;
            total[slots[n]] += len + 64;
            written[n] = total[slots[n]];
            continue;
        }
        struct recall_key key = key_of(n);
        buf_clear(&out);
        bool is_found = recall_find(segment, &key, ROUNDS, (int64_t)version, &out);
        bool is_fresh = versions[n] != 0 && total[slots[n]] - written[n] < FRESH;
        cr_assert(is_found || !is_fresh, "version %llu", (unsigned long long)version);
        n_found += is_found;
        n_missed += !is_found;
        if (!is_found)
            continue;
        cr_assert(is_whole(n, &out, &found_version));
        cr_assert_leq(found_version, versions[n]);
        if (is_fresh)
            cr_assert_eq(found_version, versions[n]);
    }
    cr_expect_gt(n_found, ROUNDS / 8);
    cr_expect_gt(n_missed, ROUNDS / 100);
    buf_fini(&out);
    segment_detach(&segment);
}

/* ---- several processes ---- */

#define RACE_KEYS 16

struct race {
    _Atomic bool is_over;
    _Atomic uint64_t n_kept, n_found, n_wrong;
};

/* Until it is told to stop, or killed. */
static void
write_on(struct segment *segment, struct race *race, uint32_t slot, uint64_t seed)
{
    static char room[4096];

    for (uint64_t version = 1; !atomic_load(&race->is_over); version++) {
        uint64_t n = fixture_random(&seed) % RACE_KEYS;
        size_t len = 8 + fixture_random(&seed) % 3000;

        keep(segment, slot, n, slice_of(room, fill(room, n, version, len)));
        atomic_fetch_add(&race->n_kept, 1);
    }
}

static void
read_on(const struct segment *segment, struct race *race, uint64_t seed)
{
    struct buf out;
    uint64_t version;

    buf_init(&out, 8192);
    while (!atomic_load(&race->is_over)) {
        uint64_t n = fixture_random(&seed) % RACE_KEYS;

        buf_clear(&out);
        if (!find(segment, n, &out))
            continue;
        atomic_fetch_add(&race->n_found, 1);
        if (!is_whole(n, &out, &version))
            atomic_fetch_add(&race->n_wrong, 1);
    }
    buf_fini(&out);
}

Test(recall, readers_see_whole_records_while_writers_go_round)
{
    enum { WRITERS = 2, READERS = 2 };
    struct segment *segment = fixture_segment();
    struct race *race = fixture_shared(sizeof(*race));
    pid_t pids[WRITERS + READERS];

    for (uint32_t i = 0; i < WRITERS + READERS; i++) {
        pids[i] = fixture_fork();
        if (pids[i] != 0)
            continue;
        if (i < WRITERS)
            write_on(segment, race, i, i + 1);
        else
            read_on(segment, race, i + 1);
        _exit(0);
    }
    while (atomic_load(&race->n_kept) < ROUNDS || atomic_load(&race->n_found) < ROUNDS)
        sched_yield();
    atomic_store(&race->is_over, true);
    for (size_t i = 0; i < WRITERS + READERS; i++) {
        int status;

        cr_assert_eq(waitpid(pids[i], &status, 0), pids[i]);
        cr_expect_eq(status, 0);
    }
    cr_expect_eq(atomic_load(&race->n_wrong), 0);
    segment_detach(&segment);
}

Test(recall, a_writer_killed_anywhere_leaves_no_wrong_record_and_a_ring_that_goes_on)
{
    enum { KILLS = 200, SUCCESSOR = 1000 };
    struct segment *segment = fixture_segment();
    struct race *race = fixture_shared(sizeof(*race));
    unsigned n_wrong = 0, n_found = 0;
    struct buf out;
    uint64_t version;

    buf_init(&out, 8192);
    for (uint64_t i = 0; i < KILLS; i++) {
        uint64_t before = atomic_load(&race->n_kept);
        pid_t pid = fixture_fork();

        if (pid == 0) {
            write_on(segment, race, 0, i + 1);
            _exit(0);
        }
        while (atomic_load(&race->n_kept) < before + 3 + i % 32)
            sched_yield();
        kill(pid, SIGKILL);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        for (uint64_t n = 0; n < RACE_KEYS; n++) {
            buf_clear(&out);
            if (!find(segment, n, &out))
                continue;
            n_found++;
            n_wrong += !is_whole(n, &out, &version);
        }
        cr_assert(keep(segment, 0, SUCCESSOR + i, slice_str(kept_text)));
        buf_clear(&out);
        cr_assert(find(segment, SUCCESSOR + i, &out));
        cr_assert(slice_eq_str(buf_slice(&out), kept_text));
    }
    cr_expect_eq(n_wrong, 0);
    cr_expect_gt(n_found, KILLS);
    buf_fini(&out);
    segment_detach(&segment);
}
