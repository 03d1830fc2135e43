/* SPDX-License-Identifier: ISC */
#include "relayos/shm/affinity.h"
#include "segment_suite.h"

#define SECOND INT64_C(1000000)
#define TTL    (600 * SECOND)

SEGMENT_SUITE(affinity);

static uint64_t
key_of(uint64_t n)
{
    n = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);
    n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return n ^ n >> 31;
}

static struct affinity_pin
pin_of(uint64_t n)
{
    return (struct affinity_pin){.health_row = (uint32_t)(n * 7919 % 140000),
                                 .credential = (uint32_t)n % LIMIT_CREDENTIALS};
}

static bool
is_there(uint64_t n, int64_t now_us)
{
    const struct affinity_pin expected = pin_of(n);
    struct affinity_pin pin;

    if (!affinity_find(segment, key_of(n), TTL, now_us, &pin))
        return false;
    cr_assert_eq(pin.health_row, expected.health_row, "of another conversation");
    cr_assert_eq(pin.credential, expected.credential);
    return true;
}

static void
note(uint64_t n, int64_t now_us)
{
    const struct affinity_pin pin = pin_of(n);

    affinity_note(segment, key_of(n), &pin, now_us);
}

Test(affinity, a_conversation_is_found_where_it_went_last_and_others_are_not_it)
{
    enum { N = 10000 };
    int64_t n_found = 0;

    for (uint64_t n = 0; n < N; n++)
        cr_assert_not(is_there(n, SECOND));
    for (uint64_t n = 0; n < N; n++) {
        note(n, SECOND);
        cr_assert(is_there(n, SECOND));
    }
    for (uint64_t n = 0; n < N; n++)
        n_found += is_there(n, 2 * SECOND); /* and is its own */
    cr_assert_gt(n_found, N * 99 / 100);
    for (uint64_t n = N; n < 2 * N; n++)
        cr_assert_not(is_there(n, SECOND));

    const struct affinity_pin elsewhere = {.health_row = 3, .credential = 1};
    struct affinity_pin pin;

    affinity_note(segment, key_of(5), &elsewhere, 3 * SECOND);
    cr_assert(affinity_find(segment, key_of(5), TTL, 3 * SECOND, &pin));
    cr_assert_eq(pin.health_row, 3);
    cr_assert_eq(pin.credential, 1);
}

Test(affinity, it_lasts_for_its_ttl_after_the_last_note)
{
    for (uint64_t n = 0; n < 5; n++)
        note(n, SECOND * (int64_t)n * 100);
    for (uint64_t n = 0; n < 5; n++) {
        int64_t noted_us = SECOND * (int64_t)n * 100;

        cr_assert(is_there(n, noted_us + TTL - SECOND));
        cr_assert_not(is_there(n, noted_us + TTL));
    }
    note(1, 500 * SECOND);
    cr_assert(is_there(1, 500 * SECOND + TTL - SECOND));
    cr_assert(is_there(1, 499 * SECOND)); /* as a process sees it whose clock reading is older */
    struct affinity_pin pin;

    cr_assert_not(affinity_find(segment, key_of(1), 0, 500 * SECOND, &pin)); /* ttl 0 = off */
}

Test(affinity, the_one_that_was_seen_longest_ago_gives_way)
{
    enum { N_BUSY = 1000, N_ROUNDS = 200, N_NEW = 2000 };
    uint64_t fresh = 1000000;
    int n_lost = 0;

    for (int64_t round = 0; round < N_ROUNDS; round++) {
        for (uint64_t n = 0; n < N_BUSY; n++) {
            n_lost += round > 0 && !is_there(n, round * 10 * SECOND);
            note(n, round * 10 * SECOND);
        }
        for (int n = 0; n < N_NEW; n++)
            note(fresh++, round * 10 * SECOND + SECOND);
    }
    /* 400,000 that came once went through the table's 32,768 places. */
    cr_assert_lt(n_lost, N_BUSY * N_ROUNDS / 100, "%d", n_lost);
}

Test(affinity, processes_that_note_at_once_leave_nothing_that_nobody_said)
{
    enum { N_PROCESSES = 4, N_NOTES = 200000, N_KEYS = 500 };
    _Atomic int *n_wrong = fixture_shared(sizeof(*n_wrong));
    int status, n_failed = 0;

    for (int process = 0; process < N_PROCESSES; process++) {
        if (fixture_fork() != 0)
            continue;
        uint64_t random = 88172645463325252u + (uint64_t)process;

        for (int n = 0; n < N_NOTES; n++) {
            uint64_t which = fixture_random(&random) % N_KEYS;
            struct affinity_pin pin;

            if (affinity_find(segment, key_of(which), TTL, SECOND, &pin) &&
                (pin.health_row != pin_of(which).health_row ||
                 pin.credential != pin_of(which).credential))
                (*n_wrong)++;
            const struct affinity_pin own = pin_of(which);

            affinity_note(segment, key_of(which), &own, (1 + n % 3) * SECOND);
        }
        _exit(0);
    }
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(*n_wrong, 0);
}
