/* SPDX-License-Identifier: ISC */
#include "relayos/shm/refusal.h"
#include "segment_suite.h"

#include <sched.h>

SEGMENT_SUITE(refusal);

Test(refusal, a_full_ring_drops_the_newest_and_counts_it)
{
    uint32_t size = fixture_capacity.refusals_per_worker;
    struct refusal_record record = {0};

    for (uint32_t n = 0; n < size + 5; n++) {
        record.key_id = n;
        refusal_push(segment, 2, &record);
    }
    cr_assert_eq(refusal_n_lost(segment, 2), 5);
    for (uint32_t n = 0; n < size; n++) {
        cr_assert(refusal_take(segment, 2, &record));
        cr_assert_eq(record.key_id, n);
    }
    cr_assert_not(refusal_take(segment, 2, &record));
    cr_assert_eq(refusal_n_lost(segment, 1), 0);
}

Test(refusal, what_is_taken_and_what_is_lost_add_up_while_both_sides_run)
{
    enum { N = 200000 };
    struct refusal_record record;
    uint64_t n_taken = 0, last = 0;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct refusal_record mine = {0};

        for (uint64_t n = 1; n <= N; n++) {
            mine.key_id = n;
            mine.elapsed_us = (int64_t)n;
            refusal_push(segment, 0, &mine);
        }
        _exit(0);
    }
    for (bool is_over = false; !is_over;) {
        is_over = waitpid(pid, &status, WNOHANG) == pid;
        while (refusal_take(segment, 0, &record)) {
            cr_assert_gt(record.key_id, last);
            cr_assert_eq(record.elapsed_us, (int64_t)record.key_id);
            last = record.key_id;
            n_taken++;
        }
        (void)sched_yield();
    }
    cr_assert_eq(n_taken + refusal_n_lost(segment, 0), N);
}
