/* SPDX-License-Identifier: ISC
 *
 * schedule - the periodic jobs: the master triggers each by a message to the ledger or the prober
 * and watches that the answer comes. The work is done there, so that a stalled disk or a slow name
 * server never stops supervision.
 */
#ifndef MASTER_SCHEDULE_H
#define MASTER_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define SCHEDULE_QUIET_US   INT64_C(1000000) /* pause after a settlement that found nothing */
#define SCHEDULE_OVERDUE_US INT64_C(5000000) /* an answer this late is an operator's matter */

struct master;

/* One job. Pure: the functions on it get the time. */
struct schedule_job {
    int64_t next_us;  /* when to trigger next; 0 = at once */
    int64_t sent_us;  /* when the one under way was triggered; 0 = none is */
    bool is_reported; /* overdue was logged for the one under way */
};

bool schedule_job_is_due(const struct schedule_job *job, int64_t now_us);
void schedule_job_sent(struct schedule_job *job, int64_t now_us);
/* It was answered, or never will be: the next one is due interval_us after its trigger. */
void schedule_job_done(struct schedule_job *job, int64_t interval_us, int64_t now_us);
/* True once for each trigger whose answer is overdue. */
bool schedule_job_is_overdue(struct schedule_job *job, int64_t now_us);
/* When to look at it again. */
int64_t schedule_job_wake_us(const struct schedule_job *job);

struct schedule {
    struct schedule_job settle, checkpoint; /* the ledger's */
    struct schedule_job probe;              /* the prober's */
};

/* Another configuration is in force. */
void schedule_on_reload(struct master *master, int64_t now_us);
/* The work list's entry. */
void schedule_work(struct master *master, int64_t now_us);
int64_t schedule_wake_us(const struct master *master);

#endif
