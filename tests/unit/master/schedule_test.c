/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "schedule.h"

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
