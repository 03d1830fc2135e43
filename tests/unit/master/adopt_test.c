/* SPDX-License-Identifier: ISC
 *
 * Who of those that the segment names is alive.
 */
#include <criterion/criterion.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/shm/layout.h"
#include "adopt.h"
#include "relayos/base/proc.h"

static const struct segment_capacity capacity = {
    .n_workers = 4,
    .flights_per_worker = 8,
    .keys = 8,
    .routes = 8,
    .upstreams = 8,
    .quota_cells = 8,
    .refusals_per_worker = 8,
};

static struct segment *
make_segment(void)
{
    struct segment *segment = NULL;
    struct errmsg why = {""};
    char name[64];

    snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    return segment;
}

/* A child that claims the slot and lives until it is killed. */
static pid_t
claimant(struct segment *segment, uint32_t slot)
{
    uint32_t generation = proc_slot_offer(segment, slot, PROC_WORKER);
    int ends[2];
    char byte;

    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        byte = (char)(proc_slot_claim(segment, slot, generation) == 0);
        (void)!write(ends[1], &byte, 1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    cr_assert_eq(byte, 1);
    close(ends[0]);
    close(ends[1]);
    return pid;
}

static void
end(pid_t pid)
{
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

Test(adopt, a_living_claimant_is_found_and_its_end_is_seen)
{
    struct segment *segment = make_segment();
    pid_t pid = claimant(segment, 1);
    struct pollfd pidfd = {.fd = adopt_pidfd(segment, 1), .events = POLLIN};

    cr_assert_geq(pidfd.fd, 0);
    cr_expect_eq(poll(&pidfd, 1, 0), 0);
    end(pid);
    cr_expect_eq(poll(&pidfd, 1, 1000), 1);
    close(pidfd.fd);
    cr_expect_lt(adopt_pidfd(segment, 1), 0);
}

Test(adopt, a_zombie_is_dead)
{
    struct segment *segment = make_segment();
    pid_t pid = claimant(segment, 1);
    siginfo_t info;

    kill(pid, SIGKILL);
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_expect_lt(adopt_pidfd(segment, 1), 0);
    end(pid);
}

Test(adopt, a_process_that_got_the_pid_of_a_dead_one_is_a_stranger)
{
    struct segment *segment = make_segment();
    pid_t pid = claimant(segment, 1);

    cr_assert_eq(segment->proc_slots[1].start_time, proc_start_time(pid));
    segment->proc_slots[1].start_time--; /* of who had that pid before */
    cr_expect_lt(adopt_pidfd(segment, 1), 0);
    end(pid);
}

Test(adopt, an_empty_slot_has_nobody_and_neither_has_a_fenced_one)
{
    struct segment *segment = make_segment();
    uint32_t generation = proc_slot_offer(segment, 2, PROC_WORKER);

    cr_expect_lt(adopt_pidfd(segment, 0), 0);
    cr_expect(proc_slot_fence(segment, 2));
    cr_expect_eq(proc_slot_claim(segment, 2, generation), ERR_CONFLICT);
    cr_expect_lt(adopt_pidfd(segment, 2), 0);
}

Test(adopt, a_fence_takes_no_claim_away)
{
    struct segment *segment = make_segment();
    pid_t pid = claimant(segment, 1);
    struct proc_view view;

    cr_expect_not(proc_slot_fence(segment, 1));
    proc_slot_view(segment, 1, &view);
    cr_expect_eq(view.pid, pid);
    cr_expect(proc_slot_is_living(segment, 1, view.generation));
    end(pid);
}
