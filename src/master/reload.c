/* SPDX-License-Identifier: ISC */
#include "reload.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "key_sync.h"
#include "ready.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "relayos/shm/tally.h"
#include "snapshot.h"
#include "state.h"

#define CHECK_TIMEOUT_US INT64_C(10000000)
#define FILE_SIZE        (8 * 1024 * 1024)

static bool enqueue(struct master *master, struct child_tag client, bool is_check);
static bool may_begin(const struct master *master);
static void begin(struct master *master, int64_t now_us);
static void check(const void *ctx, int fd);
static void on_checker_end(struct master *master, int status, int64_t now_us);
static int tell_changes(struct master *master, struct errmsg *why);
static int prepare(struct master *master, int64_t now_us, struct errmsg *why);
static void on_synced(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void flip(struct master *master);
static void change_receivers(struct master *master);
static void keep_previous(struct master *master);
static void on_registry(struct master *master, struct child_tag tag,
                        const struct frame_value *reply);
static void answer_changes(struct master *master);
static void tell(struct master *master, size_t n_changes, size_t n_restart);
static void log_changes(struct slice changes);
static void refuse(struct master *master, int err, const struct errmsg *why);
static void note_end(struct master *master, bool is_refused);
static void reset(struct reload *reload, const struct conf *running);

void
reload_init(struct reload *reload)
{
    *reload = (struct reload){.step = RELOAD_IDLE};
    buf_init(&reload->text, FILE_SIZE);
    buf_init(&reload->previous, FILE_SIZE);
    asked_init(&reload->checker, sizeof(struct errmsg));
}

void
reload_fini(struct reload *reload, const struct conf *running)
{
    reset(reload, running);
    buf_fini(&reload->text);
    buf_fini(&reload->previous);
    asked_fini(&reload->checker);
}

void
reload_request(struct master *master, struct child_tag client, const struct frame_value *args)
{
    if (enqueue(master, client, false))
        witness_name(master, client, args, master->reload.next_who);
}

void
reload_check(struct master *master, struct child_tag client)
{
    (void)enqueue(master, client, true);
}

/* false: answered, two wait already. */
static bool
enqueue(struct master *master, struct child_tag client, bool is_check)
{
    struct reload *reload = &master->reload;
    struct errmsg why;

    if (reload->has_next_client || master->phase != MASTER_SERVES) {
        errmsg_set(&why, "%s",
                   reload->has_next_client ? "two reloads wait already"
                                           : "relayosd is starting or stopping");
        control_server_reply_error(master, client, ERR_BUSY, &why);
        return false;
    }
    reload->has_next_client = true;
    reload->next_client = client;
    reload->next_is_check = is_check;
    return true;
}

void
reload_work(struct master *master, int64_t now_us)
{
    struct reload *reload = &master->reload;
    int status;

    if (may_begin(master)) {
        reload->has_client = reload->has_next_client;
        snprintf(reload->who, sizeof(reload->who), "%s",
                 reload->has_client ? reload->next_who : "signal HUP");
        reload->client = reload->next_client;
        reload->is_check = reload->has_next_client && reload->next_is_check;
        reload->is_wanted = reload->is_wanted && reload->is_check; /* that one comes next */
        reload->has_next_client = false;
        begin(master, now_us);
    }
    if (reload->step == RELOAD_CHECKING && asked_has_ended(&reload->checker, now_us, &status))
        on_checker_end(master, status, now_us);
}

int64_t
reload_wake_us(const struct master *master)
{
    if (master->reload.step == RELOAD_CHECKING)
        return master->reload.checker.deadline_us;
    return may_begin(master) ? 0 : INT64_MAX;
}

static bool
may_begin(const struct master *master)
{
    const struct reload *reload = &master->reload;

    return reload->step == RELOAD_IDLE && master->phase == MASTER_SERVES &&
           (reload->is_wanted || reload->has_next_client);
}

static void
begin(struct master *master, int64_t now_us)
{
    struct reload *reload = &master->reload;
    const char *path = master->options.config_file;
    struct errmsg why;
    int rc;

    if (!reload->is_check)
        notify_reloading(&master->notify, "Reading the configuration");
    if (path == NULL) {
        errmsg_set(&why, "there is no file to reload: relayosd runs on its built-in default");
        rc = ERR_CONFIG;
    } else {
        rc = fdio_read_file(path, &reload->text, &why);
        if (rc == 0)
            rc = asked_start(&reload->checker, check, master, now_us + CHECK_TIMEOUT_US, &why);
    }
    if (rc != 0) {
        refuse(master, rc, &why);
        return;
    }
    reload->step = RELOAD_CHECKING;
}

/* In the child: the verdict is the exit status, its reason goes through the pipe (which holds it).
 */
static void
check(const void *ctx, int fd)
{
    const struct master *master = ctx;
    struct conf *conf = NULL;
    struct errmsg why = {.text = ""};

    proc_set_title("config check");
    int rc = conf_parse_after(master->conf, master->options.config_file,
                              buf_slice(&master->reload.text), &conf, &why);
    if (rc == 0)
        rc = certificates_check(conf, &why);
    if (rc == 0)
        rc = conf_check_user(conf, &why);
    if (rc != 0)
        (void)!write(fd, why.text, strlen(why.text));
    _exit(rc == 0 ? 0 : 1);
}

static void
on_checker_end(struct master *master, int status, int64_t now_us)
{
    struct reload *reload = &master->reload;
    const struct buf *says = &reload->checker.says;
    struct errmsg why;
    int rc = ERR_CONFIG;

    if (WIFSIGNALED(status)) {
        errmsg_set(&why, "%s: checking it ended with SIG%s; nothing was changed",
                   master->options.config_file, sigabbrev_np(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) != 0) {
        errmsg_set(&why, "%.*s", (int)says->len, says->ptr);
    } else {
        rc = reload->is_check ? tell_changes(master, &why) : prepare(master, now_us, &why);
    }
    if (rc != 0)
        refuse(master, rc, &why);
}

static int
tell_changes(struct master *master, struct errmsg *why)
{
    struct reload *reload = &master->reload;
    int rc = conf_parse_after(master->conf, master->options.config_file, buf_slice(&reload->text),
                              &reload->conf, why);

    if (rc != 0)
        return rc;
    answer_changes(master);
    reset(reload, master->conf);
    return 0;
}

/* What differs from the running one: to the log, if it is to hold, and to who asked. */
static void
answer_changes(struct master *master)
{
    struct reload *reload = &master->reload;
    struct frame_out *out =
        reload->has_client ? control_server_reply_begin(master, reload->client) : NULL;
    struct buf changes;
    size_t n_restart = 0;

    buf_init(&changes, 1 << 20);
    size_t n_changes =
        conf_diff_since(master->boot, master->conf, reload->conf, &changes, &n_restart);
    if (!reload->is_check) {
        log_changes(buf_slice(&changes));
        log_info("reload.done", "file=%s changes=%zu need_restart=%zu epoch=%llu",
                 master->options.config_file, n_changes, n_restart,
                 (unsigned long long)catalog_epoch(master->catalog));
        tell(master, n_changes, n_restart);
        ready_notify(master, "configuration reloaded");
    }
    if (out != NULL) {
        frame_str(out, "changes", buf_slice(&changes));
        frame_int(out, "n_changes", (int64_t)n_changes);
        frame_int(out, "n_restart", (int64_t)n_restart);
        control_server_reply_end(master, reload->client);
    }
    buf_fini(&changes);
}

/* All that can fail, before anything is seen by anyone. */
static int
prepare(struct master *master, int64_t now_us, struct errmsg *why)
{
    struct reload *reload = &master->reload;
    int rc = conf_parse_after(master->conf, master->options.config_file, buf_slice(&reload->text),
                              &reload->conf, why);

    if (rc == 0)
        rc = certificates_check(reload->conf, why); /* files may have changed since */
    if (rc == 0)
        rc = snapshot_prepare(master->segment, master->catalog, reload->conf, why);
    if (rc == 0)
        rc = key_sync_send(
            master,
            &(struct key_sync){.conf = reload->conf, .who = reload->who, .on_reply = on_synced},
            now_us, why);
    if (rc == 0)
        reload->step = RELOAD_SYNCING;
    return rc;
}

static void
on_synced(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    struct slice error = frame_get_str(reply, "error");
    struct errmsg why;

    (void)tag;
    if (master->reload.step != RELOAD_SYNCING)
        return;
    if (key_sync_on_reply(master, reply)) {
        flip(master);
        return;
    }
    if (reply == NULL)
        errmsg_set(&why, "the ledger ended in the middle of it; try again in a moment");
    else
        errmsg_set(&why, "%s: %.*s", master->reload.conf->keys_file, (int)error.len, error.ptr);
    refuse(master, reply == NULL ? ERR_BUSY : command_code_find(frame_get_str(reply, "code")),
           &why);
}

/* Models, routes, prices, keys: from here on the new ones hold. */
static void
flip(struct master *master)
{
    struct reload *reload = &master->reload;
    struct child_call registry = {.command = COMMAND_REGISTRY, .on_reply = on_registry};

    CRASH_POINT("reload.before_flip");
    catalog_commit(master->catalog);
    CRASH_POINT("reload.flipped");
    certificates_publish(master, reload->conf);
    confine_check_reload(master, reload->conf);
    if (child_link_call(&master->ledger_link, &registry, clock_mono_us()) != 0)
        log_warn("registry.unsent",
                 "reason=\"the ledger is behind; it reads new names at its next start\"");

    answer_changes(master);
    keep_previous(master);
    change_receivers(master);
    if (master->conf != master->boot)
        conf_free_beside(&master->conf, reload->conf);
    else
        conf_forget_keys(master->boot, reload->conf); /* no child looks at them */
    master->conf = reload->conf;
    reload->conf = NULL;
    reload->loaded_us = clock_real_us();
    note_end(master, false);
    schedule_on_reload(master, clock_mono_us());
    reset(reload, master->conf);
}

/* The prober alone tells others: the next one does so as the configuration says now. */
static void
change_receivers(struct master *master)
{
    bool is_same = conf_receivers_are_same(master->boot, master->reload.conf);

    conf_take_receivers(master->boot, master->reload.conf);
    if (is_same || master->prober.pid == 0)
        return;
    master->prober.was_asked = true;
    kill(master->prober.pid, SIGQUIT);
}

static void
keep_previous(struct master *master)
{
    struct reload *reload = &master->reload;

    if (strcmp(master->conf->text_sha256, reload->conf->text_sha256) == 0)
        return;
    buf_clear(&reload->previous);
    buf_append(&reload->previous, master->conf->text, master->conf->text_len);
    reload->has_previous = true;
}

static void
on_registry(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    struct slice error = frame_get_str(reply, "error");

    (void)master;
    (void)tag;
    if (error.len > 0)
        log_error("registry.failed", "reason=\"%.*s\"", (int)error.len, error.ptr);
}

static void
tell(struct master *master, size_t n_changes, size_t n_restart)
{
    struct witness_entry entry = {
        .action = command_info(COMMAND_RELOAD)->name,
        .target = "configuration",
    };

    snprintf(entry.who, sizeof(entry.who), "%s", master->reload.who);
    snprintf(entry.detail, sizeof(entry.detail),
             "{\"sha256\":\"%s\",\"n_changes\":%zu,\"n_restart\":%zu}",
             master->reload.conf->text_sha256, n_changes, n_restart);
    witness_tell(master, &entry);
}

static void
log_changes(struct slice changes)
{
    while (changes.len > 0) {
        const char *end = memchr(changes.ptr, '\n', changes.len);
        size_t len = end == NULL ? changes.len : (size_t)(end - changes.ptr);

        if (len > 0)
            log_info("reload.change", "%.*s", (int)len, changes.ptr);
        changes = slice_sub(changes, end == NULL ? len : len + 1, changes.len);
    }
}

static void
refuse(struct master *master, int err, const struct errmsg *why)
{
    struct reload *reload = &master->reload;

    if (!reload->is_check) {
        if (master->options.config_file != NULL) /* else what runs is all there is */
            note_end(master, true);

        char news[sizeof(why->text) + 32];

        snprintf(news, sizeof(news), "reload refused: %s", why->text);
        log_error("reload.refused", "reason=\"%s\"", why->text);
        ready_notify(master, news);
    }
    if (reload->has_client)
        control_server_reply_error(master, reload->client, err, why);
    reset(reload, master->conf);
}

/* For metrics. */
static void
note_end(struct master *master, bool is_refused)
{
    tally_add(master->segment, is_refused ? TALLY_RELOADS_REFUSED : TALLY_RELOADS, 1);
    tally_set(master->segment, TALLY_LAST_RELOAD_FAILED, is_refused);
    tally_set(master->segment, TALLY_LAST_RELOAD_US, clock_real_us());
}

static void
reset(struct reload *reload, const struct conf *running)
{
    reload->step = RELOAD_IDLE;
    reload->has_client = false;
    asked_clear(&reload->checker);
    buf_clear(&reload->text);
    buf_shrink(&reload->text);
    conf_free_beside(&reload->conf, running);
}
