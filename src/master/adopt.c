/* SPDX-License-Identifier: ISC */
#include "adopt.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "relayos/shm/proc_slot.h"
#include "state.h"

#define KILL_GRACE_US                                                                              \
    INT64_C(5000000) /* past its time: a worker ends by itself a little before                     \
                      */

static void end(struct adopted *worker, int signo, int64_t timeout_us, int64_t now_us);
static struct adopted *oldest(struct adoption *adoption, uint32_t *out_slot);
static void wait_for_all(struct master *master, int64_t timeout_us);

int
adopt_pidfd(const struct segment *segment, uint32_t slot)
{
    struct pollfd pidfd = {.events = POLLIN};
    struct proc_view view;

    proc_slot_view(segment, slot, &view);
    if (view.pid == 0 || view.pid == getpid() || (pidfd.fd = proc_pidfd_open(view.pid)) < 0)
        return -1;
    /* After the pidfd is held: it names this process for good. A claimant may have died or been
     * stopped between its claim and its start time (0): its pid, fresh, is all there is. A zombie
     * is dead, though it has a start time still. */
    bool is_same = view.start_time == 0 || proc_start_time(view.pid) == view.start_time;
    if (!is_same || poll(&pidfd, 1, 0) > 0)
        fdio_close(&pidfd.fd);
    return pidfd.fd;
}

void
adopt_workers(struct master *master)
{
    struct adoption *adoption = &master->adoption;

    for (uint32_t slot = 0; slot < segment_capacity(master->segment)->n_workers; slot++) {
        int pidfd =
            proc_slot_fence(master->segment, slot) ? -1 : adopt_pidfd(master->segment, slot);
        struct proc_view view;

        if (pidfd < 0) { /* a visit of the undertaker to an empty slot is cheap */
            proc_slot_set_state(master->segment, slot, PROC_DEAD);
            CRASH_POINT("adopt.found_dead");
            continue;
        }
        proc_slot_view(master->segment, slot, &view);
        adoption->workers[slot] =
            (struct adopted){.pid = view.pid, .pidfd = pidfd, .started_us = view.started_us};
        adoption->n++;
        CRASH_POINT("adopt.one_adopted");
    }
    if (adoption->n > 0)
        log_info("takeover.workers", "n=%u action=\"they serve until ours do, then drain\"",
                 adoption->n);
}

void
adopt_make_room(struct master *master, int64_t now_us)
{
    uint32_t n_slots = segment_capacity(master->segment)->n_workers, slot = 0;
    uint32_t n_free = n_slots - master->adoption.n;
    struct adopted *worker;

    for (; n_free < master->n_workers; n_free++) {
        worker = oldest(&master->adoption, &slot);
        if (worker == NULL)
            return;
        log_warn("takeover.no_slot", "slot=%u child=%d action=\"its requests are ended\"", slot,
                 (int)worker->pid);
        end(worker, SIGTERM, master->conf->stop_timeout_us, now_us);
    }
}

static struct adopted *
oldest(struct adoption *adoption, uint32_t *out_slot)
{
    struct adopted *found = NULL;

    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        struct adopted *worker = &adoption->workers[slot];

        if (worker->pid == 0 || worker->is_ending ||
            (found != NULL && worker->started_us >= found->started_us))
            continue;
        found = worker;
        *out_slot = slot;
    }
    return found;
}

void
adopt_drain(struct master *master, int64_t now_us)
{
    if (master->adoption.n == 0)
        return;
    log_info("takeover.drain", "workers=%u", master->adoption.n);
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        struct adopted *worker = &master->adoption.workers[slot];

        if (worker->pid != 0 && !worker->is_ending)
            end(worker, SIGQUIT, master->conf->drain_timeout_us, now_us);
    }
}

void
adopt_signal(struct master *master, int signo, int64_t timeout_us, int64_t now_us)
{
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        struct adopted *worker = &master->adoption.workers[slot];

        if (worker->pid == 0)
            continue;
        if (signo == SIGTERM || signo == SIGQUIT)
            end(worker, signo, timeout_us, now_us);
        else
            (void)proc_pidfd_signal(worker->pidfd, signo);
    }
}

/* The later signal decides, but never for more time than it had. */
static void
end(struct adopted *worker, int signo, int64_t timeout_us, int64_t now_us)
{
    int64_t deadline_us = now_us + timeout_us + KILL_GRACE_US;

    if (worker->is_ending && deadline_us >= worker->deadline_us)
        return;
    worker->is_ending = true;
    worker->deadline_us = deadline_us;
    (void)proc_pidfd_signal(worker->pidfd, signo);
}

void
adopt_end_all(struct master *master, int64_t timeout_us)
{
    if (timeout_us > 0) {
        adopt_signal(master, SIGTERM, timeout_us, clock_mono_us());
        wait_for_all(master, timeout_us);
    }
    adopt_signal(master, SIGKILL, 0, 0);
    wait_for_all(master, INT64_MAX / 2); /* nothing survives SIGKILL, and nobody may */
}

static void
wait_for_all(struct master *master, int64_t timeout_us)
{
    int64_t deadline_us = clock_mono_us() + timeout_us, left_us;

    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        struct adopted *worker = &master->adoption.workers[slot];
        struct pollfd pidfd = {.fd = worker->pidfd, .events = POLLIN};

        while (worker->pid != 0 && (left_us = deadline_us - clock_mono_us()) > 0) {
            if (poll(&pidfd, 1, left_us > 1000000 ? 1000 : (int)(left_us / 1000) + 1) > 0)
                adopt_on_end(master, slot);
        }
    }
}

void
adopt_on_end(struct master *master, uint32_t slot)
{
    struct adopted *worker = &master->adoption.workers[slot];

    assert(worker->pid != 0);
    log_info("adopted.ended", "slot=%u child=%d", slot, (int)worker->pid);
    (void)waitpid(worker->pid, NULL, WNOHANG); /* ours, if the master before us was this process */
    proc_slot_set_state(master->segment, slot, PROC_DEAD);
    fdio_close(&worker->pidfd);
    *worker = (struct adopted){.pid = 0};
    master->adoption.n--;
}

void
adopt_work(struct master *master, int64_t now_us)
{
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        struct adopted *worker = &master->adoption.workers[slot];

        if (worker->pid == 0 || !worker->is_ending || worker->deadline_us > now_us)
            continue;
        log_warn("adopted.killed", "slot=%u child=%d reason=\"it did not end in time\"", slot,
                 (int)worker->pid);
        (void)proc_pidfd_signal(worker->pidfd, SIGKILL);
        worker->deadline_us = INT64_MAX;
    }
}

int64_t
adopt_wake_us(const struct master *master)
{
    int64_t wake_us = INT64_MAX;

    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        const struct adopted *worker = &master->adoption.workers[slot];

        if (worker->pid != 0 && worker->is_ending && worker->deadline_us < wake_us)
            wake_us = worker->deadline_us;
    }
    return wake_us;
}

void
adopt_drop(struct adoption *adoption)
{
    for (uint32_t slot = 0; slot < LIMIT_WORKERS; slot++) {
        if (adoption->workers[slot].pid != 0)
            fdio_close(&adoption->workers[slot].pidfd);
        adoption->workers[slot].pid = 0;
    }
    adoption->n = 0;
}
