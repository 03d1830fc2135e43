/* SPDX-License-Identifier: ISC */
#include "ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "audit.h"
#include "backup.h"
#include "checkpoint.h"
#include "day.h"
#include "dispatch.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/proc.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/tally.h"
#include "undertaker.h"

#define LOCK_WAIT_MS     5000 /* for a predecessor that is being ended */
#define LOCK_STEP_MS     20
#define WALK_BUDGET_US   50000 /* of one turn, when all keys are published anew */
#define FLUSH_TRIES      1000  /* of 16 batches each */
#define FALLBACK_SETTLES 3     /* intervals without a `settle` until we settle unasked */

enum { POLL_CONTROL, POLL_NUDGE, POLL_SIGNAL, POLL_N };

static int take_lock(struct ledger *ledger, struct errmsg *why);
static int open_store(struct ledger *ledger, struct errmsg *why);
static int adopt(struct ledger *ledger, struct errmsg *why);
static void serve(struct ledger *ledger, struct dispatch *dispatch, int signal_fd);
static bool is_alone(const struct ledger *ledger);
static int wait_ms(const struct ledger *ledger, const struct dispatch *dispatch);
static void on_signal(struct ledger *ledger, int signal_fd);
static void on_nudge(struct ledger *ledger);
static void settle_unasked(struct ledger *ledger, const struct dispatch *dispatch);
static void walk_on(struct ledger *ledger);
static void reopen_store(struct ledger *ledger);
static void note_figures(struct ledger *ledger);
static void set_admission(struct ledger *ledger);
static uint32_t n_slots_in_use(const struct ledger *ledger);

int
ledger_main(const struct heritage *heritage)
{
    struct ledger *ledger = mem_zalloc(sizeof(*ledger));
    struct dispatch *dispatch = dispatch_new(heritage->control_fd);
    struct errmsg why;
    int signal_fd = heritage_watch_signals(&why);
    uint32_t outbox = UINT32_MAX;

    if (signal_fd < 0 || ledger_start(ledger, heritage, &why) != 0) {
        log_error("ledger.start", "%s", why.text);
        if (heritage->conf->log_file[0] != '\0') /* whoever starts us may not be reading it */
            fprintf(stderr, "relayosd: %s\n", why.text);
    } else {
        heritage_tell_ready(heritage);
        serve(ledger, dispatch, signal_fd);
        outbox = ledger->is_fenced ? UINT32_MAX : ledger_flush(ledger);
        log_info("ledger.end", "outbox=%u fenced=%d", outbox, ledger->is_fenced);
        ledger_finish(ledger);
    }
    dispatch_free(&dispatch);
    fdio_close(&signal_fd);
    free(ledger);
    return outbox == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
ledger_start(struct ledger *ledger, const struct heritage *heritage, struct errmsg *why)
{
    *ledger = (struct ledger){.heritage = heritage,
                              .segment = heritage->segment,
                              .catalog = heritage->catalog,
                              .lock_fd = -1};
    int rc = heritage_claim(heritage, why);
    if (rc != 0 || (rc = take_lock(ledger, why)) != 0)
        return rc;
    CRASH_POINT("ledger.locked");
    ledger->epoch = segment_ledger_epoch_next(ledger->segment);
    ledger->pepper = hash_hmac_new(heritage->pepper);
    book_init(&ledger->book);
    settle_init(&ledger->settle, flight_n_slots(ledger->segment));
    trail_init(&ledger->trail, heritage->pepper);
    if ((rc = open_store(ledger, why)) == 0 && (rc = adopt(ledger, why)) == 0) {
        ledger->last_checkpoint_us = clock_mono_us();
        set_admission(ledger);
        log_info("ledger.ready", "keys=%u day=%u epoch=%llu", ledger->book.n_published,
                 ledger->book.day, (unsigned long long)ledger->epoch);
        return 0;
    }
    ledger_finish(ledger);
    return rc;
}

/* Open-file-description locks: held by this process for as long as it lives, and not by a fork of
 * an editor that happened to read the file. */
static int
take_lock(struct ledger *ledger, struct errmsg *why)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[CONF_PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s/relayos.lock", ledger->heritage->conf->data_dir);
    ledger->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ledger->lock_fd < 0) {
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    for (int waited_ms = 0; waited_ms <= LOCK_WAIT_MS; waited_ms += LOCK_STEP_MS) {
        if (fcntl(ledger->lock_fd, F_OFD_SETLK, &lock) == 0)
            return 0;
        (void)poll(NULL, 0, LOCK_STEP_MS);
    }
    errmsg_set(why, "%s is held by another ledger; two relayosd on one data_dir?", path);
    fdio_close(&ledger->lock_fd);
    return ERR_BUSY;
}

static int
open_store(struct ledger *ledger, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + 16];

    assert(ledger->store == NULL);
    snprintf(path, sizeof(path), "%s/relayos.db", ledger->heritage->conf->data_dir);
    return store_open(path, &ledger->store, why);
}

/* From the store and the living segment (or a fresh one: the same, with less to find). */
static int
adopt(struct ledger *ledger, struct errmsg *why)
{
    struct undertaker_tally buried = {0};
    struct settle_tally settled = {0};
    int rc = day_restore(ledger);

    if (rc != 0) {
        errmsg_set(why, "day: %s", store_error(ledger->store));
        return rc;
    }
    if ((rc = audit_start(ledger, why)) != 0)
        return rc;
    ledger->book.n_names = catalog_n_names(ledger->catalog);
    book_walk_begin(&ledger->book);
    if ((rc = book_walk(ledger, INT64_MAX)) != 0) {
        errmsg_set(why, "keys: %s", store_error(ledger->store));
        return rc;
    }
    CRASH_POINT("ledger.keys_published");
    book_disown_strays(ledger);
    undertaker_bury_orphans(ledger, 0, flight_n_slots(ledger->segment), &buried);
    CRASH_POINT("ledger.adopting");
    if ((rc = intent_adopt(ledger, why)) != 0)
        return rc;
    ledger->reconcile_is_due = quota_reconcile_all(ledger->segment) != 0;
    if ((rc = settle_run(ledger, &settled)) != 0)
        errmsg_set(why, "settlement: %s",
                   ledger->store == NULL ? "no store" : store_error(ledger->store));
    return rc;
}

void
ledger_finish(struct ledger *ledger)
{
    backup_drop(ledger);
    store_close(&ledger->store);
    book_fini(&ledger->book);
    settle_fini(&ledger->settle);
    trail_fini(&ledger->trail);
    hash_hmac_free(&ledger->pepper);
    fdio_close(&ledger->lock_fd);
}

static void
serve(struct ledger *ledger, struct dispatch *dispatch, int signal_fd)
{
    while (!ledger->is_stopping && ledger_is_current(ledger)) {
        struct pollfd fds[POLL_N] = {
            [POLL_CONTROL] = {dispatch_fd(dispatch), dispatch_events(dispatch), 0},
            [POLL_NUDGE] = {ledger->heritage->nudge_fd, POLLIN, 0},
            [POLL_SIGNAL] = {signal_fd, POLLIN, 0},
        };

        if (poll(fds, POLL_N, wait_ms(ledger, dispatch)) < 0 && errno != EINTR)
            log_error("ledger.poll", "%s", strerror(errno));
        if (!ledger_is_current(ledger))
            break;
        if ((fds[POLL_SIGNAL].revents & POLLIN) != 0)
            on_signal(ledger, signal_fd);
        if ((fds[POLL_NUDGE].revents & POLLIN) != 0)
            on_nudge(ledger);
        if (fds[POLL_CONTROL].revents != 0)
            dispatch_on_events(ledger, dispatch, fds[POLL_CONTROL].revents);
        settle_unasked(ledger, dispatch);
        ledger_tick(ledger, clock_mono_us());
        if (dispatch_fd(dispatch) < 0 && is_alone(ledger))
            break;
    }
    dispatch_flush(dispatch);
}

/* The master is gone and so are the workers: nobody will make work, or end us. What dead workers
 * left stands in the segment for the next master. */
static bool
is_alone(const struct ledger *ledger)
{
    uint32_t n_workers = segment_capacity(ledger->segment)->n_workers;

    for (uint32_t slot = 0; slot < n_workers; slot++) {
        struct proc_view worker;

        proc_slot_view(ledger->segment, slot, &worker);
        if (worker.state != PROC_VACANT && worker.pid > 0 &&
            proc_start_time(worker.pid) == worker.start_time)
            return false;
    }
    return true;
}

static int
wait_ms(const struct ledger *ledger, const struct dispatch *dispatch)
{
    int64_t interval_us = ledger->heritage->conf->settle_interval_us;

    if (ledger->book.is_walking && ledger->store != NULL)
        return 0;
    if (dispatch_fd(dispatch) < 0 && interval_us < LEDGER_TICK_US)
        return (int)(interval_us / 1000) + 1;
    return LEDGER_TICK_US / 1000;
}

static void
on_signal(struct ledger *ledger, int signal_fd)
{
    for (int signo; (signo = heritage_next_signal(signal_fd)) != 0;) {
        if (signo == SIGTERM)
            ledger->is_stopping = true;
        else if (signo == SIGUSR1)
            heritage_reopen_log(ledger->heritage);
    }
}

static void
on_nudge(struct ledger *ledger)
{
    uint64_t n;

    if (read(ledger->heritage->nudge_fd, &n, sizeof(n)) == (ssize_t)sizeof(n))
        settle_try(ledger);
}

/* A master that is dead, stopped or busy must not hold up accounting. */
static void
settle_unasked(struct ledger *ledger, const struct dispatch *dispatch)
{
    int64_t patience_us = ledger->heritage->conf->settle_interval_us;

    if (dispatch_fd(dispatch) >= 0)
        patience_us *= FALLBACK_SETTLES;
    if (clock_mono_us() - ledger->last_settle_us >= patience_us)
        settle_try(ledger);
}

void
ledger_tick(struct ledger *ledger, int64_t now_us)
{
    if (!ledger_is_current(ledger))
        return;
    if (ledger->store != NULL && ledger->book.is_walking)
        walk_on(ledger);
    if (now_us - ledger->last_tick_us < LEDGER_TICK_US)
        return;
    ledger->last_tick_us = now_us;
    proc_slot_beat(ledger->segment, ledger->heritage->slot, now_us);
    if (ledger->store == NULL)
        reopen_store(ledger);
    if (ledger->store != NULL && day_check(ledger) != 0)
        log_error("ledger.day_failed", "the day could not be moved on; trying again");
    if (ledger->reconcile_is_due)
        ledger->reconcile_is_due = quota_reconcile_all(ledger->segment) != 0;
    if (ledger->store != NULL)
        checkpoint_unasked(ledger, now_us);
    book_sweep(ledger);
    book_walk_again_if_short(&ledger->book, now_us);
    backup_tick(ledger, now_us);
    note_figures(ledger);
    set_admission(ledger);
}

static void
walk_on(struct ledger *ledger)
{
    struct errmsg why;

    if (book_walk(ledger, WALK_BUDGET_US) == 0)
        return;
    errmsg_set(&why, "keys: %s", store_error(ledger->store));
    ledger_distrust(ledger, &why);
}

static void
reopen_store(struct ledger *ledger)
{
    struct errmsg why;

    int rc = open_store(ledger, &why);
    if (rc == 0 && (rc = store_check(ledger->store, &why)) != 0)
        store_close(&ledger->store);
    if (rc != 0) {
        log_error("ledger.store", "%s; no request is admitted until it can be opened", why.text);
        return;
    }
    /* It opens; does it also take a commit? Only then is it sound again. */
    if (ledger_begin(ledger, &why) != 0 ||
        ledger_end(ledger, store_put_meta(ledger->store, "reopened_us", clock_real_us()), &why) !=
            0) {
        log_error("ledger.store", "%s", why.text);
        return;
    }
    log_warn("ledger.store_reopened", "checked and sound; settling what has waited");
    ledger->settle.scan_is_due = true;
    /* Of a commit that failed and yet was found in the log, no cell has been told. */
    book_walk_begin(&ledger->book);
}

/* For metrics and alerts: what only we look at. */
static void
note_figures(struct ledger *ledger)
{
    struct statvfs disk;

    if (ledger->store != NULL)
        tally_set(ledger->segment, TALLY_WAL_BYTES, store_wal_bytes(ledger->store));
    if (statvfs(ledger->heritage->conf->data_dir, &disk) != 0)
        return;
    tally_set(ledger->segment, TALLY_DISK_FREE_BYTES, (int64_t)(disk.f_bavail * disk.f_frsize));
    tally_set(ledger->segment, TALLY_DISK_BYTES, (int64_t)(disk.f_blocks * disk.f_frsize));
}

/* Closed when the outbox is four fifths full or there is no store; open again below the half. */
static void
set_admission(struct ledger *ledger)
{
    bool was_open = segment_admission_is_open(ledger->segment);
    uint32_t n = ledger_outbox(ledger), of = n_slots_in_use(ledger);
    bool is_open = ledger->store != NULL && (was_open ? n * 5 <= of * 4 : n * 2 <= of);

    if (is_open == was_open)
        return;
    segment_set_admission(ledger->segment, is_open);
    if (is_open)
        log_info("ledger.admission_opened", "outbox=%u of=%u", n, of);
    else
        log_error("ledger.admission_closed", "outbox=%u of=%u store=%s", n, of,
                  ledger->store == NULL ? "closed" : "open");
}

/* Those of workers there are: half of all slots are kept for successors. */
static uint32_t
n_slots_in_use(const struct ledger *ledger)
{
    const struct segment_capacity *capacity = segment_capacity(ledger->segment);
    uint32_t n_workers = 0;

    for (uint32_t slot = 0; slot < capacity->n_workers; slot++) {
        struct proc_view worker;

        proc_slot_view(ledger->segment, slot, &worker);
        n_workers += worker.state != PROC_VACANT;
    }
    return (n_workers == 0 ? 1 : n_workers) * capacity->flights_per_worker;
}

bool
ledger_is_current(struct ledger *ledger)
{
    if (!ledger->is_fenced && segment_ledger_epoch(ledger->segment) != ledger->epoch) {
        ledger->is_fenced = true;
        log_error("ledger.fenced", "another ledger has taken over; ending");
    }
    return !ledger->is_fenced;
}

int
ledger_begin(struct ledger *ledger, struct errmsg *why)
{
    if (ledger->store == NULL) {
        errmsg_set(why, "the database cannot be used at present; see the log");
        return ERR_STORE;
    }
    int rc = store_begin(ledger->store);
    if (rc == 0)
        return 0;
    errmsg_set(why, "%s", store_error(ledger->store));
    if (rc == ERR_STORE)
        ledger_distrust(ledger, why);
    return rc;
}

int
ledger_end(struct ledger *ledger, int rc, struct errmsg *why)
{
    if (rc == 0 && !ledger_is_current(ledger)) {
        errmsg_set(why, "another ledger has taken over");
        store_rollback(ledger->store);
        return ERR_CONFLICT;
    }
    if (rc == 0)
        rc = trail_write(ledger);
    bool is_store_error = rc == ERR_STORE || rc == ERR_FULL || rc == ERR_BUSY;
    if (rc == 0) {
        CRASH_POINT("ledger.before_commit");
        rc = store_commit(ledger->store);
        is_store_error = rc != 0;
    } else {
        store_rollback(ledger->store);
    }
    trail_settle(ledger, rc == 0);
    if (is_store_error)
        errmsg_set(why, "%s", store_error(ledger->store));
    if (rc == ERR_STORE)
        ledger_distrust(ledger, why);
    return rc;
}

/* After a failed fsync nobody knows what a later one means: open anew, look at every page. */
void
ledger_distrust(struct ledger *ledger, const struct errmsg *why)
{
    backup_drop(ledger);
    store_close(&ledger->store);
    segment_set_admission(ledger->segment, false);
    log_error("ledger.store", "%s; admission is closed until the database is checked", why->text);
}

struct report
ledger_report(const struct ledger *ledger)
{
    struct report report = {.store = ledger->store,
                            .segment = ledger->segment,
                            .catalog = ledger->catalog,
                            .environment = ledger->heritage->conf->environment,
                            .viewer = {.sees_routes = true}};

    memcpy(report.now, ledger->book.now, sizeof(report.now));
    return report;
}

uint32_t
ledger_outbox(const struct ledger *ledger)
{
    uint32_t n_slots = flight_n_slots(ledger->segment), n = 0;

    for (uint32_t idx = 0; idx < n_slots; idx++)
        n += flight_peek(ledger->segment, idx) == FLIGHT_DONE;
    return n;
}

uint32_t
ledger_flush(struct ledger *ledger)
{
    struct settle_tally tally = {.n_settled = -1}, before;

    ledger->settle.scan_is_due = true;
    for (int n = 0; n < FLUSH_TRIES; n++) {
        before = tally;
        if (settle_run(ledger, &tally) != 0)
            break;
        if (n > 0 && before.n_settled == tally.n_settled && before.n_refusals == tally.n_refusals)
            break;
    }
    return ledger_outbox(ledger);
}
