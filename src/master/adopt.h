/* SPDX-License-Identifier: ISC
 *
 * adopt - workers of a dead master: not our children, so watched by pidfd; never reconfigured, only
 * drained, once workers of our own serve on the same sockets.
 */
#ifndef MASTER_ADOPT_H
#define MASTER_ADOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "relayos/base/limits.h"

struct master;
struct segment;

struct adopted {
    pid_t pid; /* 0 = none in this slot */
    int pidfd; /* readable when it has ended */
    bool is_ending;
    int64_t started_us;  /* real time: its generation's age */
    int64_t deadline_us; /* is_ending: killed then */
};

struct adoption {
    uint32_t n;
    struct adopted workers[LIMIT_WORKERS]; /* by process slot */
};

/* Every living worker that the segment knows becomes ours; the slots of the others are PROC_DEAD.
 */
void adopt_workers(struct master *master);
/* Where fewer slots are free than we need workers, the oldest generation is ended in good order. */
void adopt_make_room(struct master *master, int64_t now_us);
/* Our own serve: the adopted ones take nothing new and finish what they have. */
void adopt_drain(struct master *master, int64_t now_us);
/* TERM or QUIT: within that time; any other signal is just passed on. */
void adopt_signal(struct master *master, int signo, int64_t timeout_us, int64_t now_us);
/* Before the loop, where they are in the way: TERM, wait, KILL. */
void adopt_end_all(struct master *master, int64_t timeout_us);

/* Its pidfd became readable. */
void adopt_on_end(struct master *master, uint32_t slot);
/* The work list's entry: those that should have ended. */
void adopt_work(struct master *master, int64_t now_us);
int64_t adopt_wake_us(const struct master *master);
/* In a child: close the descriptors. */
void adopt_drop(struct adoption *adoption);

/* The pidfd of a slot's claimant if it lives, else -1: a process that has its pid by now is not it.
 */
int adopt_pidfd(const struct segment *segment, uint32_t slot);

#endif
