/* SPDX-License-Identifier: ISC */
#include "takeover.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/hash.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "state.h"

#define LEDGER_END_US INT64_C(5000000) /* for an orphaned ledger to settle and end by itself */

/* A process of the dead master. */
struct orphan {
    uint32_t slot;
    int pidfd;
};

static void name_segment(struct master *master);
static int make_segment(struct master *master, struct errmsg *why);
static struct segment_capacity wanted_capacity(const struct master *master);
static uint32_t power_of_two_from(int64_t n);
static int inherit_segment(struct master *master, struct errmsg *why);
static bool is_alive(pid_t pid, uint64_t start_time);
static void end_orphans(struct master *master, bool is_ledger);
static size_t find_orphans(const struct segment *segment, bool is_ledger, struct orphan *out);
static void wait_for(struct orphan *orphans, size_t n, int64_t timeout_us);
static void fence_unclaimed(struct segment *segment);
static void bury_workers(struct segment *segment);

int
takeover_lock(struct master *master, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + 32];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    snprintf(path, sizeof(path), "%s/relayosd.lock", master->boot->data_dir);
    master->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (master->lock_fd < 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    /* A POSIX lock, of all kinds, because children do not inherit it: it is ours alone. */
    if (fcntl(master->lock_fd, F_SETLK, &lock) == 0)
        return 0;
    if (errno == EACCES || errno == EAGAIN) {
        (void)fcntl(master->lock_fd, F_GETLK, &lock);
        errmsg_set(why, "relayosd is running already on %s, as process %d", master->boot->data_dir,
                   (int)lock.l_pid);
        return ERR_EXISTS;
    }
    errmsg_set(why, "%s: %s", path, strerror(errno));
    return ERR_IO;
}

int
takeover_open_segment(struct master *master, struct errmsg *why)
{
    name_segment(master);
    int rc = segment_attach(master->segment_name, &master->segment, why);
    if (rc == ERR_MISSING)
        return make_segment(master, why);
    if (rc == 0)
        return inherit_segment(master, why);
    size_t len = strlen(why->text);
    snprintf(why->text + len, sizeof(why->text) - len,
             ". If no relayosd of another version runs, remove it; requests in it that were not "
             "settled will not be charged");
    return rc;
}

/* The same name at every start: by it a new master finds what a dead one left. */
static void
name_segment(struct master *master)
{
    const struct conf *conf = master->boot;
    char *data_dir = realpath(conf->data_dir, NULL);
    struct slice place = slice_str(data_dir == NULL ? conf->data_dir : data_dir);

    if (conf->instance[0] != '\0')
        snprintf(master->segment_name, sizeof(master->segment_name), "relayos.%s", conf->instance);
    else
        snprintf(master->segment_name, sizeof(master->segment_name), "relayos.%016llx",
                 (unsigned long long)hash_table64(place));
    free(data_dir);
}

/*
 * Under another name first: a master killed in the middle of this leaves no segment of the right
 * name that cannot be attached, or that has no master.
 */
static int
make_segment(struct master *master, struct errmsg *why)
{
    struct segment_capacity capacity = wanted_capacity(master);
    char fresh[sizeof(master->segment_name) + 8];
    char from[sizeof(fresh) + 16], to[sizeof(fresh) + 16];

    snprintf(fresh, sizeof(fresh), "%s.new", master->segment_name);
    (void)segment_unlink(fresh);
    int rc = segment_create(fresh, &capacity, &master->segment, why);
    if (rc != 0)
        return rc;
    segment_set_master(master->segment, getpid(), proc_start_time(getpid()));
    snprintf(from, sizeof(from), "/dev/shm/%s", fresh);
    snprintf(to, sizeof(to), "/dev/shm/%s", master->segment_name);
    if (rename(from, to) == 0) {
        master->segment_is_empty = true;
        return 0;
    }
    errmsg_set(why, "%s: %s", to, strerror(errno));
    (void)segment_unlink(fresh);
    return ERR_IO;
}

static struct segment_capacity
wanted_capacity(const struct master *master)
{
    const struct conf *conf = master->boot;
    uint32_t n_slots = 2 * master->n_workers; /* so that a dead worker's successor never waits */

    if (n_slots > LIMIT_WORKERS)
        n_slots = LIMIT_WORKERS;
    return (struct segment_capacity){
        .n_workers = n_slots,
        .flights_per_worker = power_of_two_from(conf->capacity_flights / master->n_workers),
        .keys = (uint32_t)conf->capacity_keys,
        .routes = (uint32_t)conf->capacity_routes,
        .upstreams = (uint32_t)conf->capacity_upstreams,
        .quota_cells = (uint32_t)conf->capacity_quota_cells,
        .refusals_per_worker = power_of_two_from(conf->capacity_refusals / master->n_workers),
    };
}

static uint32_t
power_of_two_from(int64_t n)
{
    uint32_t power = 16;

    while (power < n)
        power *= 2;
    return power;
}

static int
inherit_segment(struct master *master, struct errmsg *why)
{
    struct segment_capacity wanted = wanted_capacity(master);
    uint64_t start_time;
    pid_t old = segment_master(master->segment, &start_time);

    if (old != getpid() && is_alive(old, start_time)) {
        errmsg_set(why, "the segment %s is in use by relayosd, process %d", master->segment_name,
                   (int)old);
        segment_detach(&master->segment);
        return ERR_EXISTS;
    }
    log_warn("takeover.segment", "name=%s dead_master=%d", master->segment_name, (int)old);
    segment_set_master(master->segment, getpid(), proc_start_time(getpid()));
    fence_unclaimed(master->segment);
    end_orphans(master, false);
    end_orphans(master, true);
    bury_workers(master->segment);

    if (memcmp(segment_capacity(master->segment), &wanted, sizeof(wanted)) != 0)
        log_warn("takeover.capacity", "reason=\"the segment keeps its capacities until a clean "
                                      "stop: it may hold requests to be settled\"");
    return 0;
}

/* A zombie is dead, though it has a start time still: whoever started it has yet to collect it. */
static bool
is_alive(pid_t pid, uint64_t start_time)
{
    struct pollfd exit = {.events = POLLIN};

    if (pid == 0 || (exit.fd = proc_pidfd_open(pid)) < 0)
        return false;
    bool is_same = proc_start_time(pid) == start_time;
    bool has_ended = poll(&exit, 1, 0) > 0;
    close(exit.fd);
    return is_same && !has_ended;
}

static void
end_orphans(struct master *master, bool is_ledger)
{
    struct orphan orphans[LIMIT_WORKERS + PROC_N_ROLES];
    size_t n = find_orphans(master->segment, is_ledger, orphans);

    if (n == 0)
        return;
    log_info("takeover.orphans", "role=%s n=%zu", is_ledger ? "ledger" : "worker", n);
    for (size_t i = 0; i < n; i++)
        (void)proc_pidfd_signal(orphans[i].pidfd, SIGTERM);
    wait_for(orphans, n, is_ledger ? LEDGER_END_US : master->boot->stop_timeout_us);
    for (size_t i = 0; i < n; i++)
        (void)proc_pidfd_signal(orphans[i].pidfd, SIGKILL);
    wait_for(orphans, n, INT64_MAX / 2); /* nothing survives SIGKILL, and nobody may */
    for (size_t i = 0; i < n; i++)
        close(orphans[i].pidfd);
}

/* Living processes with a claim on a slot; the start time tells a pid that was given out again. */
static size_t
find_orphans(const struct segment *segment, bool is_ledger, struct orphan *out)
{
    size_t n = 0;

    for (uint32_t slot = 0; slot < proc_slot_count(segment); slot++) {
        struct proc_view view;

        proc_slot_view(segment, slot, &view);
        if (view.pid == 0 || view.pid == getpid() || (view.role == PROC_LEDGER) != is_ledger)
            continue;
        int pidfd = proc_pidfd_open(view.pid);
        if (pidfd < 0)
            continue;
        /* After the pidfd is held: it names this process for good. A claimant may have died or been
         * stopped between its claim and its start time (0): its pid, fresh, is all there is. */
        if (view.start_time == 0 || proc_start_time(view.pid) == view.start_time)
            out[n++] = (struct orphan){.slot = slot, .pidfd = pidfd};
        else
            close(pidfd);
    }
    return n;
}

static void
wait_for(struct orphan *orphans, size_t n, int64_t timeout_us)
{
    int64_t deadline_us = clock_mono_us() + timeout_us;

    for (size_t i = 0; i < n; i++) {
        struct pollfd pidfd = {.fd = orphans[i].pidfd, .events = POLLIN};
        int64_t left_us;

        while ((left_us = deadline_us - clock_mono_us()) > 0) {
            int64_t left_ms = left_us / 1000 + 1;
            if (poll(&pidfd, 1, left_ms > 1000 ? 1000 : (int)left_ms) > 0)
                break;
        }
    }
}

/* A child that the dead master forked and that has not claimed its slot yet must find it gone. */
static void
fence_unclaimed(struct segment *segment)
{
    uint32_t n_workers = segment_capacity(segment)->n_workers;

    for (uint32_t slot = 0; slot < proc_slot_count(segment); slot++) {
        bool is_worker = slot < n_workers;
        struct proc_view view;

        proc_slot_view(segment, slot, &view);
        if (view.pid == 0)
            (void)proc_slot_offer(segment, slot,
                                  is_worker ? PROC_WORKER : (enum proc_role)(slot - n_workers));
    }
}

/* From here on the undertaker's, whatever they say of themselves: a visit to an empty slot is
 * cheap. */
static void
bury_workers(struct segment *segment)
{
    for (uint32_t slot = 0; slot < segment_capacity(segment)->n_workers; slot++)
        proc_slot_set_state(segment, slot, PROC_DEAD);
}
