/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "relayos/base/mem.h"
#include "state.h"

#define SECOND INT64_C(1000000)

Test(schedule, a_new_job_is_due_at_once)
{
    struct schedule_job job = {.next_us = 0};

    cr_assert(schedule_job_is_due(&job, 1));
}

Test(schedule, a_job_under_way_is_not_sent_again)
{
    struct schedule_job job = {.next_us = 0};

    schedule_job_sent(&job, 10 * SECOND);
    cr_assert_not(schedule_job_is_due(&job, 1000 * SECOND));
}

Test(schedule, the_next_one_is_due_an_interval_after_the_trigger)
{
    struct schedule_job job = {.next_us = 0};

    schedule_job_sent(&job, 10 * SECOND);
    schedule_job_done(&job, 2 * SECOND, 11 * SECOND);
    cr_assert_not(schedule_job_is_due(&job, 12 * SECOND - 1));
    cr_assert(schedule_job_is_due(&job, 12 * SECOND));
    cr_assert_eq(schedule_job_wake_us(&job), 12 * SECOND);
}

Test(schedule, one_that_took_longer_than_its_interval_is_not_caught_up)
{
    struct schedule_job job = {.next_us = 0};

    schedule_job_sent(&job, 10 * SECOND);
    schedule_job_done(&job, SECOND, 60 * SECOND);
    cr_assert_eq(job.next_us, 60 * SECOND);
    schedule_job_sent(&job, 60 * SECOND);
    schedule_job_done(&job, SECOND, 60 * SECOND);
    cr_assert_not(schedule_job_is_due(&job, 60 * SECOND));
}

Test(schedule, an_overdue_answer_is_told_once_for_each_trigger)
{
    struct schedule_job job = {.next_us = 0};
    int64_t now_us = 10 * SECOND;

    for (int round = 0; round < 3; round++) {
        schedule_job_sent(&job, now_us);
        cr_assert_not(schedule_job_is_overdue(&job, now_us + SCHEDULE_OVERDUE_US));
        cr_assert(schedule_job_is_overdue(&job, schedule_job_wake_us(&job)));
        cr_assert_not(schedule_job_is_overdue(&job, now_us + 100 * SECOND));
        cr_assert_eq(schedule_job_wake_us(&job), INT64_MAX);
        now_us += 200 * SECOND;
        schedule_job_done(&job, SECOND, now_us);
    }
}

/* ---- probes ---- */

static struct master *
master_that_probes(int64_t interval_us)
{
    struct master *master = mem_zalloc(sizeof(*master));

    master->conf = mem_zalloc(sizeof(*master->conf));
    master->conf->probe_interval_us = interval_us;
    master->phase = MASTER_SERVES;
    return master;
}

static void
forget(struct master *master)
{
    free(master->conf);
    free(master);
}

Test(schedule, a_shorter_probe_interval_holds_at_once_and_a_longer_one_from_the_next_round)
{
    struct master *master = master_that_probes(10 * SECOND);
    struct schedule_job *probe = &master->schedule.probe;

    probe->next_us = 130 * SECOND; /* by the interval of before */
    schedule_on_reload(master, 100 * SECOND);
    cr_assert_eq(probe->next_us, 110 * SECOND);
    master->conf->probe_interval_us = 1000 * SECOND;
    schedule_on_reload(master, 101 * SECOND);
    cr_assert_eq(probe->next_us, 110 * SECOND);
    forget(master);
}

Test(schedule, without_a_prober_that_is_ready_nothing_is_waited_for)
{
    struct master *master = master_that_probes(SECOND);

    cr_assert_eq(schedule_wake_us(master), INT64_MAX);
    master->prober.is_ready = true;
    cr_assert_eq(schedule_wake_us(master), 0);
    master->phase = MASTER_WORKERS_DRAIN;
    cr_assert_eq(schedule_wake_us(master), INT64_MAX);
    forget(master);
}
