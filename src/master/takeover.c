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

#include "rebuild.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/hash.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "relayos/shm/audit.h"
#include "relayos/shm/salvage.h"
#include "state.h"

#define LEDGER_END_MS 5000 /* for an orphaned ledger to settle and end by itself */

static void name_segment(struct master *master);
static int make_segment(struct master *master, struct errmsg *why);
static struct segment_capacity wanted_capacity(const struct master *master);
static uint32_t recall_per_slot(int64_t bytes, uint32_t n_slots);
static uint32_t power_of_two_from(int64_t n);
static int inherit_segment(struct master *master, struct errmsg *why);
static int replace_damaged(struct master *master, struct errmsg *why);
static bool is_alive(pid_t pid, uint64_t start_time);
static void end_ledger(struct master *master, int patience_ms);
static bool ends_within(int pidfd, int timeout_ms);

int
takeover_lock(struct master *master, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + 32];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    snprintf(path, sizeof(path), "%s/relayosd.lock", master->boot->data_dir);
    if (master->options.succession.is_there) /* held all the while */
        master->lock_fd = master->options.succession.lock_fd;
    else
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
    if (rc == ERR_STALE)
        log_warn("takeover.stale",
                 "reason=\"%s\" action=\"a new one takes its place; requests not "
                 "settled when the machine went down are not charged\"",
                 why->text);
    if (rc == ERR_MISSING || rc == ERR_STALE)
        return make_segment(master, why);
    if (rc == 0)
        return inherit_segment(master, why);
    size_t len = strlen(why->text);
    snprintf(
        why->text + len, sizeof(why->text) - len,
        ". What is in it is settled by the relayosd that made it: start that one, and stop it. "
        "If there is none, remove it; requests in it that were not settled will not be "
        "charged");
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

static int
make_segment(struct master *master, struct errmsg *why)
{
    struct segment_capacity capacity = wanted_capacity(master);
    int rc = takeover_make_segment(master, &capacity, NULL, 0, why);

    master->segment_is_empty = rc == 0;
    return rc;
}

/*
 * Under another name first: a master killed in the middle of this leaves no segment of the right
 * name that cannot be attached, or that has no master.
 */
int
takeover_make_segment(struct master *master, const struct segment_capacity *capacity,
                      const struct salvaged *flights, size_t n_flights, struct errmsg *why)
{
    char fresh[sizeof(master->segment_name) + 8];
    char from[sizeof(fresh) + 16], to[sizeof(fresh) + 16];
    struct segment *segment = NULL;

    snprintf(fresh, sizeof(fresh), "%s.new", master->segment_name);
    (void)segment_unlink(fresh);
    int rc = segment_create(fresh, capacity, &segment, why);
    if (rc != 0)
        return rc;
    segment_set_master(segment, getpid(), proc_start_time(getpid()));
    salvage_put(segment, flights, n_flights);
    CRASH_POINT("takeover.unnamed");
    snprintf(from, sizeof(from), "/dev/shm/%s", fresh);
    snprintf(to, sizeof(to), "/dev/shm/%s", master->segment_name);
    if (rename(from, to) == 0) {
        master->segment = segment;
        return 0;
    }
    errmsg_set(why, "%s: %s", to, strerror(errno));
    (void)segment_unlink(fresh);
    segment_detach(&segment);
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
        .idempotency = (uint32_t)(conf->capacity_idempotency + 15) / 16 * 16,
        .recall = recall_per_slot(conf->capacity_recall, n_slots),
    };
}

/* All slots together take what was asked for; a little is more than none. */
static uint32_t
recall_per_slot(int64_t bytes, uint32_t n_slots)
{
    int64_t n = bytes / n_slots / SEGMENT_RECALL_STEP * SEGMENT_RECALL_STEP;

    if (n > SEGMENT_RECALL_MAX)
        n = SEGMENT_RECALL_MAX;
    return bytes > 0 && n == 0 ? SEGMENT_RECALL_STEP : (uint32_t)n;
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
    if (old != getpid())
        log_warn("takeover.segment", "name=%s dead_master=%d", master->segment_name, (int)old);
    segment_set_master(master->segment, getpid(), proc_start_time(getpid()));
    CRASH_POINT("takeover.crowned");
    adopt_workers(master);
    CRASH_POINT("takeover.adopted");

    if (memcmp(segment_capacity(master->segment), &wanted, sizeof(wanted)) != 0)
        log_warn("takeover.capacity", "reason=\"the segment keeps its capacities until a clean "
                                      "stop: it may hold requests to be settled\"");
    return audit_segment(master->segment, why) == 0 ? 0 : replace_damaged(master, why);
}

/* Found damaged: as in rebuild.h, before anybody of ours runs. */
static int
replace_damaged(struct master *master, struct errmsg *why)
{
    log_error("segment.damaged", "reason=\"%s\"", why->text);
    end_ledger(master, 0);
    adopt_end_all(master, 0);
    return rebuild_exchange(master, why);
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

int
takeover_end_ledger(struct master *master, struct errmsg *why)
{
    (void)why;
    end_ledger(master, LEDGER_END_MS);
    CRASH_POINT("takeover.ledger_ended");
    adopt_make_room(master, clock_mono_us());
    return 0;
}

/* Nothing survives SIGKILL, and no second accountant may. */
static void
end_ledger(struct master *master, int patience_ms)
{
    uint32_t slot = proc_slot_of(master->segment, PROC_LEDGER);
    int pidfd = proc_slot_fence(master->segment, slot) ? -1 : adopt_pidfd(master->segment, slot);

    if (pidfd < 0)
        return;
    log_info("takeover.ledger", "patience_ms=%d", patience_ms);
    (void)proc_pidfd_signal(pidfd, patience_ms > 0 ? SIGTERM : SIGKILL);
    if (!ends_within(pidfd, patience_ms)) {
        log_warn("takeover.ledger_killed", "waited_ms=%d", patience_ms);
        (void)proc_pidfd_signal(pidfd, SIGKILL);
        (void)ends_within(pidfd, -1);
    }
    close(pidfd);
}

static bool
ends_within(int pidfd, int timeout_ms)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};
    int n;

    do
        n = poll(&end, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}
