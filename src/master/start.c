/* SPDX-License-Identifier: ISC */
#include "start.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/period.h"
#include "relayos/base/proc.h"
#include "relayos/model/capture.h"
#include "relayos/net/handover.h"
#include "relayos/net/listener.h"
#include "snapshot.h"
#include "state.h"
#include "takeover.h"

#define PEPPER_SIZE   32
#define GREETING_SIZE 32768

/* Listening sockets of the master before us; -1 = one that was taken. */
struct inherited {
    int fds[LIMIT_HANDED];
    size_t n;
};

static void init(struct master *master);
static void give_log(const char *path, const struct passwd *user);
static int make_places(struct master *master, struct errmsg *why);
static int make_captures(const struct conf *conf, struct errmsg *why);
static int give_to_user(const struct master *master, struct errmsg *why);
static int give_captures(const struct conf *conf, const struct passwd *user, struct errmsg *why);
static int read_pepper(struct master *master, struct errmsg *why);
static int open_signals(struct master *master, struct errmsg *why);
static int open_wakes(struct master *master, struct errmsg *why);
static int open_listeners(struct master *master, struct errmsg *why);
static int open_listener(struct master *master, size_t n, bool has_inherited, struct errmsg *why);
static size_t take_handed(const struct succession *from, int out_fds[LIMIT_HANDED]);
static int open_one(const struct conf_listener *listener, int *out_fd, uint16_t *out_port,
                    struct errmsg *why);
static bool take_inherited(const struct conf_listener *listener, struct inherited *from,
                           int *out_fd, uint16_t *out_port);
static void open_console(struct master *master, struct inherited *from);
static int fill_catalog(struct master *master, struct errmsg *why);
static int open_control(struct master *master, struct errmsg *why);

int
start_prepare(struct master *master, struct errmsg *why)
{
    static int (*const steps[])(struct master * master, struct errmsg * why) = {
        confine_prepare,     make_places, /* data_dir must be there for the lock */
        takeover_lock,                    /* before anything that two masters would fight over */
        read_pepper,         open_signals,   takeover_open_segment, open_wakes,
        certificates_open,   open_listeners, fill_catalog,          open_control,
        takeover_end_ledger, /* last: a start that is refused leaves a
                                dead master's gateway whole */
    };

    init(master);
    int rc = start_open_logs(master, why);
    for (size_t n = 0; n < sizeof(steps) / sizeof(steps[0]) && rc == 0; n++)
        rc = steps[n](master, why);
    return rc;
}

static void
init(struct master *master)
{
    int64_t n_workers = master->boot->workers;

    period_zone_set(master->boot->quota_zone); /* children have it from us */
    if (n_workers == 0)
        n_workers = proc_n_cpus();
    master->n_workers = n_workers > LIMIT_WORKERS ? LIMIT_WORKERS : (uint32_t)n_workers;
    child_link_init(&master->ledger_link, COMMAND_LEDGER);
    child_link_init(&master->prober_link, COMMAND_PROBER);
    for (uint32_t n = 0; n < LIMIT_WORKERS; n++)
        master->workers[n] = (struct child){.role = PROC_WORKER, .ready_fd = -1};
    master->ledger =
        (struct child){.role = PROC_LEDGER, .ready_fd = -1, .link = &master->ledger_link};
    master->prober =
        (struct child){.role = PROC_PROBER, .ready_fd = -1, .link = &master->prober_link};
    master->console = (struct child){.role = PROC_CONSOLE, .ready_fd = -1};
    console_link_init(&master->console_link);
    for (size_t n = 0; n < LIMIT_LISTENERS; n++)
        master->listener_fds[n] = -1;
    master->console_fd = -1;
    master->lock_fd = master->signal_fd = master->nudge_fd = master->handover_fd = -1;
    for (size_t n = 0; n < LIMIT_WORKERS; n++)
        master->wake_fds[n] = -1;
    master->control.fd = -1;
    master->kept_fd = memfd_create("relayos.prober", MFD_CLOEXEC); /* or -1: each begins anew */
    master->deadline_us = INT64_MAX;
    master->started_us = clock_real_us();
    reload_init(&master->reload);
    upgrade_init(&master->upgrade);
    notify_init(&master->notify);
    buf_init(&master->greeting, GREETING_SIZE);
    (void)proc_raise_nofile();
    proc_no_dumps();
}

int
start_open_logs(const struct master *master, struct errmsg *why)
{
    const struct conf *conf = master->boot;
    int level = log_level_parse(conf->log_level);
    int rc = 0;

    log_set_level(level < 0 ? LOG_INFO : (enum log_level)level);
    if (conf->log_file[0] != '\0' && (rc = log_open(conf->log_file)) != 0)
        errmsg_set(why, "%s: %s", conf->log_file, strerror(-rc));
    if (rc == 0 && conf->access_file[0] != '\0' && (rc = log_make(conf->access_file)) != 0)
        errmsg_set(why, "%s: %s", conf->access_file, strerror(-rc));
    const struct passwd *user =
        conf->user[0] != '\0' && geteuid() == 0 ? getpwnam(conf->user) : NULL;
    if (user != NULL) {
        give_log(conf->log_file, user); /* children open them, too */
        give_log(conf->access_file, user);
    }
    return rc == 0 ? 0 : ERR_IO;
}

/* Made by us, as root, a moment ago. Where the user may write its directory it could be anything by
 * now: another's file stays another's. */
static void
give_log(const char *path, const struct passwd *user)
{
    int fd = path[0] == '\0' ? -1 : open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0 &&
        fchown(fd, user->pw_uid, user->pw_gid) != 0)
        log_warn("log.owner", "file=%s reason=\"%s\"", path, strerror(errno));
    fdio_close(&fd);
}

static int
make_places(struct master *master, struct errmsg *why)
{
    int rc = fdio_make_dirs(master->boot->run_dir, 0755, why);

    if (rc == 0)
        rc = fdio_make_dirs(master->boot->data_dir, 0700, why);
    if (rc == 0)
        rc = fdio_check_not_for_all(master->boot->data_dir, why);
    if (rc == 0)
        rc = make_captures(master->boot, why);
    return rc == 0 ? give_to_user(master, why) : rc;
}

/* Before there is a sandbox, which lets workers into it and into nothing else of data_dir. */
static int
make_captures(const struct conf *conf, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + sizeof("/" CAPTURE_DIRECTORY)];

    snprintf(path, sizeof(path), "%s/" CAPTURE_DIRECTORY, conf->data_dir);
    return conf->capture_keep_us == 0 ? 0 : fdio_make_dirs(path, 0700, why);
}

/* The ledger writes its database as the user that children become, workers what they capture. */
static int
give_to_user(const struct master *master, struct errmsg *why)
{
    const struct conf *conf = master->boot;

    if (conf->user[0] == '\0' || geteuid() != 0)
        return 0;
    const struct passwd *user = getpwnam(conf->user);
    if (user == NULL) {
        errmsg_set(why, "user: there is no user %s", conf->user);
        return ERR_CONFIG;
    }
    if (chown(conf->data_dir, user->pw_uid, user->pw_gid) == 0)
        return conf->capture_keep_us == 0 ? 0 : give_captures(conf, user, why);
    errmsg_set(why, "%s: %s", conf->data_dir, strerror(errno));
    return ERR_IO;
}

/* It lies where that user may write: no link is followed. */
static int
give_captures(const struct conf *conf, const struct passwd *user, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + sizeof("/" CAPTURE_DIRECTORY)];

    snprintf(path, sizeof(path), "%s/" CAPTURE_DIRECTORY, conf->data_dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool is_given = fd >= 0 && fchown(fd, user->pw_uid, user->pw_gid) == 0;
    if (!is_given)
        errmsg_set(why, "%s: %s", path, strerror(errno));
    fdio_close(&fd);
    return is_given ? 0 : ERR_IO;
}

static int
read_pepper(struct master *master, struct errmsg *why)
{
    char path[CONF_PATH_SIZE + 16], books[CONF_PATH_SIZE + 16];

    snprintf(path, sizeof(path), "%s/pepper", master->boot->data_dir);
    snprintf(books, sizeof(books), "%s/relayos.db", master->boot->data_dir);
    /* It is there before the books are; another one would let nobody in, and say so to nobody. */
    if (access(path, F_OK) != 0 && errno == ENOENT && access(books, F_OK) == 0) {
        errmsg_set(why,
                   "%s is not there, and no key in %s is valid without it: put it back from where "
                   "it is kept, or see Backup and restore in relayosd(8)",
                   path, books);
        return ERR_CONFIG; /* no later try would find it */
    }
    return secret_ensure_file(path, PEPPER_SIZE, &master->pepper, why);
}

/* Blocked for good: they are read from a descriptor, in the loop, when it suits us. */
static int
open_signals(struct master *master, struct errmsg *why)
{
    static const int wanted[] = {SIGTERM, SIGINT,  SIGQUIT,  SIGHUP,
                                 SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    for (size_t n = 0; n < sizeof(wanted) / sizeof(wanted[0]); n++)
        sigaddset(&set, wanted[n]);
    (void)sigaction(SIGPIPE, &ignored, NULL);
    (void)sigaction(SIGXFSZ, &ignored, NULL); /* a file that may not grow is an error like others */
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    master->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    master->nudge_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (master->signal_fd >= 0 && master->nudge_fd >= 0)
        return 0;
    errmsg_set(why, "signalfd, eventfd: %s", strerror(errno));
    return ERR_IO;
}

static int
open_wakes(struct master *master, struct errmsg *why)
{
    for (uint32_t n = 0; n < segment_capacity(master->segment)->n_workers; n++) {
        master->wake_fds[n] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (master->wake_fds[n] >= 0)
            continue;
        errmsg_set(why, "eventfd: %s", strerror(errno));
        return ERR_IO;
    }
    return 0;
}

static int
open_listeners(struct master *master, struct errmsg *why)
{
    struct inherited inherited = {.n = 0};
    int rc = 0;

    if (master->n_workers > segment_capacity(master->segment)->n_workers)
        master->n_workers = segment_capacity(master->segment)->n_workers;
    if (master->options.succession.is_there)
        inherited.n = take_handed(&master->options.succession, inherited.fds);
    else if (master->adoption.n > 0)
        inherited.n = handover_ask(master->boot->run_dir, inherited.fds, LIMIT_HANDED);
    for (size_t n = 0; n < master->boot->n_listeners && rc == 0; n++) {
        if (!take_inherited(&master->boot->listeners[n], &inherited, &master->listener_fds[n],
                            &master->listener_ports[n]))
            rc = open_listener(master, n, inherited.n > 0, why);
    }
    if (rc == 0)
        open_console(master, &inherited);
    for (size_t n = 0; n < inherited.n; n++)
        fdio_close(&inherited.fds[n]); /* an address that is not in the configuration any more */
    return rc == 0 ? handover_open(master->boot->run_dir, &master->handover_fd, why) : rc;
}

/* Copies: theirs are for the way back. */
static size_t
take_handed(const struct succession *from, int out_fds[LIMIT_HANDED])
{
    for (size_t n = 0; n < from->n_listeners; n++)
        out_fds[n] = fcntl(from->listener_fds[n], F_DUPFD_CLOEXEC, 0);
    return from->n_listeners;
}

/* The same socket, not another one on the same address: nothing that waits in it is lost. */
static bool
take_inherited(const struct conf_listener *listener, struct inherited *from, int *out_fd,
               uint16_t *out_port)
{
    for (size_t i = 0; i < from->n; i++) {
        if (from->fds[i] < 0 ||
            !listener_is_at(from->fds[i], listener->host, listener->port, out_port))
            continue;
        *out_fd = from->fds[i];
        from->fds[i] = -1;
        return true;
    }
    return false;
}

/* Adopted workers that handed nothing over (stopped, perhaps) and may sit on the address must go.
 */
static int
open_listener(struct master *master, size_t n, bool has_inherited, struct errmsg *why)
{
    const struct conf_listener *listener = &master->boot->listeners[n];
    int *fd = &master->listener_fds[n];
    uint16_t *port = &master->listener_ports[n];
    int rc = open_one(listener, fd, port, why);

    if (rc != ERR_EXISTS || has_inherited || master->adoption.n == 0)
        return rc;
    log_warn("takeover.listener", "reason=\"%s\" action=\"workers of the dead master are ended\"",
             why->text);
    adopt_end_all(master, master->boot->stop_timeout_us);
    return open_one(listener, fd, port, why);
}

static int
open_one(const struct conf_listener *listener, int *out_fd, uint16_t *out_port, struct errmsg *why)
{
    if (listener->host[0] == '/')
        return listener_open_unix(listener->host, listener->mode, listener->owner, out_fd, why);
    return listener_open(listener->host, listener->port, out_fd, out_port, why);
}

/* Callers are served without a console, too: one whose address is taken is tried again and again
 * (spawn.c). */
static void
open_console(struct master *master, struct inherited *from)
{
    const struct conf_listener *listener = &master->boot->console;
    struct errmsg why;

    if (listener->host[0] == '\0' ||
        take_inherited(listener, from, &master->console_fd, &master->console_port))
        return;
    if (start_open_console(master, &why) != 0)
        log_warn("console.no_listener", "reason=\"%s\"", why.text);
}

int
start_open_console(struct master *master, struct errmsg *why)
{
    return open_one(&master->boot->console, &master->console_fd, &master->console_port, why);
}

static int
fill_catalog(struct master *master, struct errmsg *why)
{
    master->catalog = catalog_new(master->segment);
    int rc = snapshot_prepare(master->segment, master->catalog, master->boot, why);
    if (rc == 0)
        catalog_commit(master->catalog);
    return rc;
}

static int
open_control(struct master *master, struct errmsg *why)
{
    return control_server_open(&master->control, master->boot->run_dir, why);
}

void
start_undo(struct master *master)
{
    control_server_close(&master->control);
    for (size_t n = 0; n < LIMIT_LISTENERS; n++)
        fdio_close(&master->listener_fds[n]);
    for (size_t n = 0; n < LIMIT_WORKERS; n++)
        fdio_close(&master->wake_fds[n]);
    fdio_close(&master->console_fd);
    fdio_close(&master->handover_fd);
    adopt_drop(&master->adoption);
    child_link_fini(&master->ledger_link);
    child_link_fini(&master->prober_link);
    console_link_fini(&master->console_link);
    reload_fini(&master->reload, master->conf);
    confine_fini(&master->confine);
    certificates_close(master);
    upgrade_fini(&master->upgrade);
    succession_drop(&master->options.succession);
    notify_fini(&master->notify);
    buf_fini(&master->greeting);
    catalog_free(&master->catalog);
    segment_detach(&master->segment);
    secret_free(&master->pepper);
    fdio_close(&master->signal_fd);
    fdio_close(&master->nudge_fd);
    fdio_close(&master->kept_fd);
    fdio_close(&master->lock_fd);
    if (master->conf != master->boot)
        conf_free(&master->conf);
    conf_free(&master->boot);
}
