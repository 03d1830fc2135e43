/* SPDX-License-Identifier: ISC */
#include "relayos/base/proc.h"
#include "segment_suite.h"

SEGMENT_SUITE(proc_slot);

Test(proc_slot, roles_have_slots_of_their_own)
{
    cr_assert_eq(proc_slot_count(segment), 8);
    cr_assert_eq(proc_slot_of(segment, PROC_WORKER), 0);
    cr_assert_eq(proc_slot_of(segment, PROC_MASTER), 4);
    cr_assert_eq(proc_slot_of(segment, PROC_CONSOLE), 7);
    cr_assert_str_eq(proc_role_name(PROC_LEDGER), "ledger");
    cr_assert_str_eq(proc_counter_name(PROC_COUNTER_CONNECTIONS_OPEN), "connections_open");
}

Test(proc_slot, a_claim_says_who_and_since_when)
{
    struct proc_view view;
    uint32_t generation = proc_slot_offer(segment, 2, PROC_WORKER);

    proc_slot_view(segment, 2, &view);
    cr_assert_eq(view.pid, 0);
    cr_assert_eq(proc_slot_claim(segment, 2, generation), 0);
    proc_slot_count_add(segment, 2, PROC_COUNTER_REQUESTS, 3);
    proc_slot_count_add(segment, 2, PROC_COUNTER_CONNECTIONS_OPEN, 5);
    proc_slot_count_add(segment, 2, PROC_COUNTER_CONNECTIONS_OPEN, -1);
    proc_slot_beat(segment, 2, 77);
    proc_slot_view(segment, 2, &view);
    cr_assert_eq(view.role, PROC_WORKER);
    cr_assert_eq(view.state, PROC_CLAIMED);
    cr_assert_eq(view.pid, getpid());
    cr_assert_eq(view.start_time, proc_start_time(getpid()));
    cr_assert_eq(view.heartbeat_us, 77);
    cr_assert_eq(view.counters[PROC_COUNTER_REQUESTS], 3);
    cr_assert_eq(view.counters[PROC_COUNTER_CONNECTIONS_OPEN], 4);

    /* Totals outlive the process, what it had open does not. */
    cr_assert_eq(proc_slot_claim(segment, 2, proc_slot_offer(segment, 2, PROC_WORKER)), 0);
    proc_slot_view(segment, 2, &view);
    cr_assert_eq(view.counters[PROC_COUNTER_REQUESTS], 3);
    cr_assert_eq(view.counters[PROC_COUNTER_CONNECTIONS_OPEN], 0);
}

/* The spawn fence: a master killed between fork and recording the pid, and its successor. */
Test(proc_slot, of_two_children_offered_the_same_slot_only_the_last_offered_gets_in)
{
    uint32_t old_generation = proc_slot_offer(segment, 0, PROC_WORKER);
    uint32_t generation = proc_slot_offer(segment, 0, PROC_WORKER);

    cr_assert_eq(proc_slot_claim(segment, 0, old_generation), ERR_CONFLICT);
    cr_assert_eq(proc_slot_claim(segment, 0, generation), 0);
    cr_assert_eq(proc_slot_claim(segment, 0, generation), ERR_CONFLICT); /* once only */
}

/* What a dead master offered, its successor takes back; a first start is no second one. */
Test(proc_slot, a_fence_takes_an_offer_back_and_counts_no_start_where_there_was_none)
{
    cr_assert(proc_slot_fence(segment, 0));
    uint32_t generation = proc_slot_offer(segment, 0, PROC_WORKER);

    cr_assert_eq(generation, 1);
    cr_assert(proc_slot_fence(segment, 0));
    cr_assert_eq(proc_slot_claim(segment, 0, generation), ERR_CONFLICT);
    generation = proc_slot_offer(segment, 0, PROC_WORKER);
    cr_assert_eq(proc_slot_claim(segment, 0, generation), 0);
    cr_assert_not(proc_slot_fence(segment, 0), "it is somebody's");
}

Test(proc_slot, children_racing_with_a_new_offer_never_both_own_the_slot)
{
    enum { N_ROUNDS = 300, N_CHILDREN = 4 };

    for (int round = 0; round < N_ROUNDS; round++) {
        uint32_t generation = proc_slot_offer(segment, 0, PROC_WORKER);
        int status, n_in = 0;
        struct proc_view view;

        for (int i = 0; i < N_CHILDREN; i++)
            if (fork() == 0)
                _exit(proc_slot_claim(segment, 0, generation) == 0 ? 1 : 0);
        uint32_t next = round % 2 == 0 ? proc_slot_offer(segment, 0, PROC_WORKER) : generation;

        while (wait(&status) > 0)
            n_in += WEXITSTATUS(status);
        proc_slot_view(segment, 0, &view);
        cr_assert_leq(n_in, 1);
        cr_assert_eq(view.generation, next);
        /* A claim that came before the new offer is fenced off by its generation. */
        cr_assert(next == generation || !proc_slot_is_living(segment, 0, generation));
        cr_assert(next != generation || n_in == 1);
    }
}

Test(proc_slot, only_the_present_owner_is_living_until_it_is_found_dead)
{
    uint32_t generation = proc_slot_offer(segment, 1, PROC_WORKER);

    cr_assert_not(proc_slot_is_living(segment, 1, generation));
    cr_assert_eq(proc_slot_claim(segment, 1, generation), 0);
    cr_assert(proc_slot_is_living(segment, 1, generation));
    proc_slot_set_state(segment, 1, PROC_READY);
    proc_slot_set_state(segment, 1, PROC_VACANT); /* not over a living one */
    cr_assert(proc_slot_is_living(segment, 1, generation));
    proc_slot_set_state(segment, 1, PROC_DEAD);
    cr_assert_not(proc_slot_is_living(segment, 1, generation));
    proc_slot_set_state(segment, 1, PROC_VACANT);
    cr_assert_not(proc_slot_is_living(segment, 1, generation));
}
