/* SPDX-License-Identifier: ISC */
#include "upgrade.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ready.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "state.h"

#define ASK_TIMEOUT_US  INT64_C(10000000)
#define WAIT_TIMEOUT_US INT64_C(5000000)
#define SAYS_SIZE       2048

static void begin(struct master *master, int64_t now_us);
static int may_begin(const struct master *master, struct errmsg *why);
static void run_new(const void *ctx, int fd);
static void on_asked_end(struct master *master, int status, int64_t now_us);
static void explain(const struct upgrade *upgrade, int status, struct errmsg *why);
static bool is_quiet(const struct master *master);
static int keep(const struct conf *conf);
static void answer(struct master *master);
static void go(struct master *master);
static void refuse(struct master *master, int err, const struct errmsg *why);
static void reset(struct upgrade *upgrade);

void
upgrade_init(struct upgrade *upgrade)
{
    *upgrade = (struct upgrade){.step = UPGRADE_IDLE};
    asked_init(&upgrade->asked, SAYS_SIZE);
}

void
upgrade_fini(struct upgrade *upgrade)
{
    asked_fini(&upgrade->asked);
}

void
upgrade_request(struct master *master, struct child_tag client, const struct frame_value *args)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why;

    if (upgrade->step != UPGRADE_IDLE || upgrade->is_wanted) {
        errmsg_set(&why, "an upgrade is under way already");
        control_server_reply_error(master, client, ERR_BUSY, &why);
        return;
    }
    upgrade->is_wanted = upgrade->has_client = true;
    upgrade->client = client;
    witness_name(master, client, args, upgrade->who);
}

void
upgrade_work(struct master *master, int64_t now_us)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why;
    int status;

    if (upgrade->is_wanted && upgrade->step == UPGRADE_IDLE)
        begin(master, now_us);
    if (upgrade->step == UPGRADE_ASKING && asked_has_ended(&upgrade->asked, now_us, &status))
        on_asked_end(master, status, now_us);
    if (upgrade->step == UPGRADE_WAITING &&
        (master->phase != MASTER_SERVES || master->is_rebuilding)) {
        errmsg_set(&why, "relayosd was told to stop meanwhile, or mends its shared memory");
        refuse(master, ERR_BUSY, &why);
    }
    if (upgrade->step == UPGRADE_WAITING && (is_quiet(master) || now_us > upgrade->deadline_us))
        go(master);
}

int64_t
upgrade_wake_us(const struct master *master)
{
    const struct upgrade *upgrade = &master->upgrade;

    if (upgrade->step == UPGRADE_IDLE)
        return upgrade->is_wanted ? 0 : INT64_MAX;
    return upgrade->step == UPGRADE_ASKING ? upgrade->asked.deadline_us : upgrade->deadline_us;
}

static void
begin(struct master *master, int64_t now_us)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why;

    upgrade->is_wanted = false;
    if (!upgrade->has_client)
        snprintf(upgrade->who, sizeof(upgrade->who), "signal USR2");
    int rc = may_begin(master, &why);
    if (rc == 0)
        rc = asked_start(&upgrade->asked, run_new, master, now_us + ASK_TIMEOUT_US, &why);
    if (rc != 0) {
        refuse(master, rc, &why);
        return;
    }
    upgrade->step = UPGRADE_ASKING;
}

static int
may_begin(const struct master *master, struct errmsg *why)
{
    if (master->phase != MASTER_SERVES || master->is_rebuilding) {
        errmsg_set(why, "relayosd is starting or stopping; try again in a moment");
        return ERR_BUSY;
    }
    if (master->workers_are_off) {
        errmsg_set(why, "the workers were drained by SIGWINCH; SIGHUP starts them again");
        return ERR_BUSY;
    }
    if (master->adoption.n > 0) {
        errmsg_set(why,
                   "%u workers of the last upgrade still have requests; try again when they have "
                   "ended, at the latest after drain_timeout",
                   master->adoption.n);
        return ERR_BUSY;
    }
    if (master->options.mock != NULL) {
        errmsg_set(why,
                   "relayosd runs with its bundled mock provider, which would be lost; restart "
                   "it instead");
        return ERR_CONFLICT;
    }
    return 0;
}

/* In the child, and then in the new binary: the same configuration, read by it. */
static void
run_new(const void *ctx, int fd)
{
    const struct master *master = ctx;
    const char *program = master->options.program, *file = master->options.config_file;
    const char *argv[] = {program, "-t", "--fits", master->segment_name, file == NULL ? NULL : "-c",
                          file,    NULL};
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    (void)execv(program, (char *const *)argv);
    fprintf(stderr, "%s: %s", program, strerror(errno));
    _exit(MASTER_EXIT_START);
}

static void
on_asked_end(struct master *master, int status, int64_t now_us)
{
    struct upgrade *upgrade = &master->upgrade;
    const struct buf *says = &upgrade->asked.says;
    char text[SAYS_SIZE];
    struct errmsg why;
    int migrates = 0;

    snprintf(text, sizeof(text), "%.*s", (int)says->len, says->ptr);
    const char *line = strstr(text, "relayosd ");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && line != NULL &&
        sscanf(line, SUCCESSION_FITS_FORMAT, upgrade->version, &migrates) == 2) {
        upgrade->migrates = migrates != 0;
        upgrade->step = UPGRADE_WAITING;
        upgrade->deadline_us = now_us + WAIT_TIMEOUT_US;
        return;
    }
    explain(upgrade, status, &why);
    refuse(master, ERR_CONFLICT, &why);
}

static void
explain(const struct upgrade *upgrade, int status, struct errmsg *why)
{
    struct slice says = slice_trim(buf_slice(&upgrade->asked.says));

    if (WIFSIGNALED(status))
        errmsg_set(why, "the new relayosd ended with SIG%s when it was asked whether it fits",
                   sigabbrev_np(WTERMSIG(status)));
    else if (says.len > 0)
        errmsg_set(why, "%.*s", (int)says.len, says.ptr);
    else
        errmsg_set(why, "the new relayosd does not say that it fits");
}

/* What was asked of the ledger, and what it is to write of ours, would be lost on the way. */
static bool
is_quiet(const struct master *master)
{
    return master->ledger_link.n_pending == 0 && master->witness.n == 0 &&
           master->reload.step == RELOAD_IDLE;
}

static void
go(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct succession hand = {
        .migrates = upgrade->migrates,
        .lock_fd = master->lock_fd,
        .conf_fd = keep(master->conf),
        .old_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
    };
    struct errmsg why;

    snprintf(hand.version, sizeof(hand.version), "%s", RELAYOS_VERSION);
    snprintf(hand.who, sizeof(hand.who), "%s", upgrade->who);
    for (size_t n = 0; n < master->boot->n_listeners; n++)
        hand.listener_fds[hand.n_listeners++] = master->listener_fds[n];
    if (master->console_fd >= 0)
        hand.listener_fds[hand.n_listeners++] = master->console_fd;
    log_info("upgrade.begins", "from=%s to=%s who=\"%s\"", RELAYOS_VERSION, upgrade->version,
             upgrade->who);
    notify_reloading(&master->notify, "A new version takes over");
    answer(master);
    CRASH_POINT("upgrade.execs");
    int rc = succession_exec(&hand, master->options.program, -1, master->options.argv);
    fdio_close(&hand.conf_fd);
    fdio_close(&hand.old_fd);
    errmsg_set(&why, "%s: %s", master->options.program, strerror(-rc));
    upgrade->has_client = false; /* it was told that it begins, and will see that it did not */
    refuse(master, ERR_IO, &why);
}

static int
keep(const struct conf *conf)
{
    int fd = memfd_create("relayos.yaml", MFD_CLOEXEC);

    if (fd >= 0 && fdio_write_all(fd, conf->text, conf->text_len) != 0)
        fdio_close(&fd);
    return fd;
}

static void
answer(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct frame_out *out =
        upgrade->has_client ? control_server_reply_begin(master, upgrade->client) : NULL;

    if (out == NULL)
        return;
    frame_cstr(out, "from", RELAYOS_VERSION);
    frame_cstr(out, "to", upgrade->version);
    frame_int(out, "started_us", master->started_us);
    control_server_reply_end(master, upgrade->client);
    control_server_flush(master, upgrade->client);
}

static void
refuse(struct master *master, int err, const struct errmsg *why)
{
    struct upgrade *upgrade = &master->upgrade;
    char news[sizeof(why->text) + 32];

    log_error("upgrade.refused", "reason=\"%s\" program=%s", why->text, master->options.program);
    snprintf(news, sizeof(news), "upgrade refused: %s", why->text);
    if (master->phase == MASTER_SERVES)
        ready_notify(master, news);
    if (upgrade->has_client)
        control_server_reply_error(master, upgrade->client, err, why);
    reset(upgrade);
}

static void
reset(struct upgrade *upgrade)
{
    upgrade->step = UPGRADE_IDLE;
    upgrade->has_client = false;
    asked_clear(&upgrade->asked);
}

void
upgrade_on_served(struct master *master)
{
    struct succession *from = &master->options.succession;
    struct witness_entry entry = {
        .action = command_info(COMMAND_UPGRADE)->name,
        .target = "relayosd",
    };

    if (!from->is_there)
        return;
    succession_drop(from);
    if (from->is_way_back)
        log_warn("upgrade.taken_back", "tried=%s serves=%s reason=\"%s\"", from->version,
                 RELAYOS_VERSION, from->reason);
    else
        log_info("upgrade.done", "from=%s to=%s", from->version, RELAYOS_VERSION);
    snprintf(entry.who, sizeof(entry.who), "%s", from->who);
    snprintf(entry.detail, sizeof(entry.detail), "{\"%s\":\"%s\",\"%s\":\"%s\"}",
             from->is_way_back ? "tried" : "from", from->version,
             from->is_way_back ? "serves" : "to", RELAYOS_VERSION);
    witness_tell(master, &entry);
}
