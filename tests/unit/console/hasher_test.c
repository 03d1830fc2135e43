/* SPDX-License-Identifier: ISC
 *
 * Passwords beside the loop: each job comes back once, in its turn, and no more wait than may.
 */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "hasher.h"

static struct {
    int n_done;
    bool is_same[HASHER_QUEUE];
    char made[PASSWORD_HASH_SIZE];
} seen;

static void
on_done(struct hasher_job *job)
{
    seen.is_same[seen.n_done++] = job->is_same;
    if (job->hashes && job->is_same)
        memcpy(seen.made, job->made, sizeof(seen.made));
}

static void
send(struct hasher *hasher, struct hasher_job *job)
{
    cr_assert_not_null(job);
    job->on_done = on_done;
    hasher_send(hasher, job);
}

Test(hasher, what_was_hashed_is_known_again_and_nothing_else_is)
{
    static const char *const tried[] = {"correct horse", "correct horse ", "", "Correct horse"};
    struct loop *loop = loop_new();
    struct hasher *hasher;
    struct hasher_job *job;

    cr_assert_eq(hasher_new(loop, &hasher), 0);
    job = hasher_job_new(hasher, true);
    hasher_job_hash(job, SLICE_LIT("correct horse"));
    send(hasher, job);
    while (seen.n_done < 1)
        loop_run_once(loop);
    for (size_t n = 0; n < 4; n++) {
        job = hasher_job_new(hasher, true);
        hasher_job_check(job, seen.made, slice_str(tried[n]));
        send(hasher, job);
    }
    job = hasher_job_new(hasher, true); /* nobody's, the right one too */
    hasher_job_check(job, "", SLICE_LIT("correct horse"));
    send(hasher, job);
    while (seen.n_done < 6)
        loop_run_once(loop);
    for (int n = 1; n < 6; n++)
        cr_assert_eq(seen.is_same[n], n == 1, "%d", n);
    hasher_free(&hasher);
    loop_free(&loop);
}

Test(hasher, a_wrong_old_password_makes_no_new_one)
{
    struct loop *loop = loop_new();
    struct hasher *hasher;

    cr_assert_eq(hasher_new(loop, &hasher), 0);
    struct hasher_job *job = hasher_job_new(hasher, true);
    hasher_job_check(job, "", SLICE_LIT("guess"));
    hasher_job_hash(job, SLICE_LIT("another password"));
    send(hasher, job);
    while (seen.n_done < 1)
        loop_run_once(loop);
    cr_assert_not(seen.is_same[0]);
    cr_assert_str_eq(seen.made, "");
    hasher_free(&hasher);
    loop_free(&loop);
}

/* Jobs that nobody has sent count, too: whoever begins one sends it. */
Test(hasher, a_full_queue_takes_no_more_and_its_end_waits_for_one_at_most)
{
    struct loop *loop = loop_new();
    struct hasher *hasher;

    cr_assert_eq(hasher_new(loop, &hasher), 0);
    for (int n = 0; n < HASHER_QUEUE; n++) {
        bool is_stranger = n < HASHER_QUEUE - HASHER_KEPT;
        struct hasher_job *job = hasher_job_new(hasher, !is_stranger);

        cr_assert_not_null(job);
        if (!is_stranger)
            cr_assert_null(hasher_job_new(hasher, false), "the last places are for the known");
        hasher_job_check(job, "", SLICE_LIT("guess"));
        send(hasher, job);
    }
    cr_assert_null(hasher_job_new(hasher, true));
    while (seen.n_done < 1)
        loop_run_once(loop);
    cr_assert_not_null(hasher_job_new(hasher, true), "one has been done");
    hasher_free(&hasher);
    loop_free(&loop);
}
