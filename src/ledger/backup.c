/* SPDX-License-Identifier: ISC */
#include "backup.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/store/store_backup.h"

#define SLICE_PAGES 64
#define SLICE_US    5000              /* of one turn, then settlements are due */
#define IDLE_US     INT64_C(60000000) /* until the asker is taken for gone */
#define PATH_SIZE   512

static void tell_places(const struct conf *conf, const char *path, struct errmsg *why);
static bool is_beneath(const char *path, const char *directory);
static int check_under_way(struct ledger *ledger, struct errmsg *why);
static void write_progress(struct ledger *ledger, bool is_done, struct frame_out *out);

int
backup_begin(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
             struct errmsg *why)
{
    struct slice file = frame_get_str(args, "file");
    char path[PATH_SIZE];

    if (file.len == 0 || file.len >= sizeof(path) || file.ptr[0] != '/' ||
        memchr(file.ptr, '\0', file.len) != NULL) {
        errmsg_set(why, "file is an absolute path of at most %d bytes", PATH_SIZE - 1);
        return ERR_SYNTAX;
    }
    if (ledger->store == NULL)
        return ERR_STORE;
    backup_tick(ledger, clock_mono_us());
    if (ledger->backup != NULL) {
        errmsg_set(why, "another backup is under way");
        return ERR_BUSY;
    }
    snprintf(path, sizeof(path), "%.*s", (int)file.len, file.ptr);
    int rc = store_backup_new(ledger->store, path, &ledger->backup, why);
    if (rc != 0) {
        tell_places(ledger->heritage->conf, path, why);
        return rc;
    }
    trail_target(ledger, "backup");
    log_info("backup.begun", "file=%s", path);
    write_progress(ledger, false, out);
    return 0;
}

/* What else it may have been. */
static void
tell_places(const struct conf *conf, const char *path, struct errmsg *why)
{
    if (strcmp(conf->sandbox, "off") != 0 && strcmp(conf->sandbox, "log") != 0 &&
        !is_beneath(path, conf->data_dir) && !is_beneath(path, conf->backup_dir))
        errmsg_set(why,
                   "%s; the sandbox lets backups be written below data_dir and backup_dir (%s)",
                   why->text, conf->backup_dir);
}

static bool
is_beneath(const char *path, const char *directory)
{
    size_t len = strlen(directory);

    return strncmp(path, directory, len) == 0 && path[len] == '/';
}

int
backup_next(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    int64_t start_us = clock_mono_us();
    int rc = check_under_way(ledger, why);

    (void)args;
    if (rc != 0)
        return rc;
    while (rc == 0 && !ledger->backup_is_copied && clock_mono_us() - start_us < SLICE_US)
        rc = store_backup_step(ledger->backup, SLICE_PAGES, &ledger->backup_is_copied, why);
    if (rc != 0 && rc != ERR_BUSY) {
        backup_drop(ledger);
        return rc;
    }
    write_progress(ledger, ledger->backup_is_copied, out);
    return 0;
}

int
backup_end(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
           struct errmsg *why)
{
    int rc = check_under_way(ledger, why);

    (void)out;
    if (rc != 0)
        return rc;
    trail_target(ledger, "backup");
    if (frame_get_bool(args, "keep", true)) {
        if (!ledger->backup_is_copied) {
            errmsg_set(why, "the backup is not complete yet");
            return ERR_BUSY;
        }
        rc = store_backup_finish(ledger->backup, why);
    }
    backup_drop(ledger);
    return rc;
}

static int
check_under_way(struct ledger *ledger, struct errmsg *why)
{
    ledger->backup_asked_us = clock_mono_us();
    if (ledger->backup != NULL)
        return 0;
    errmsg_set(why, "no backup is under way: it was given up, or the database had to be reopened");
    return ERR_MISSING;
}

static void
write_progress(struct ledger *ledger, bool is_done, struct frame_out *out)
{
    struct store_backup_progress progress = store_backup_progress(ledger->backup);

    ledger->backup_asked_us = clock_mono_us();
    frame_int(out, "pages", progress.n_pages);
    frame_int(out, "left", progress.n_left);
    frame_bool(out, "is_copied", is_done);
}

void
backup_tick(struct ledger *ledger, int64_t now_us)
{
    if (ledger->backup == NULL || now_us - ledger->backup_asked_us < IDLE_US)
        return;
    log_warn("backup.given_up", "nobody has asked for its next part for a minute");
    backup_drop(ledger);
}

void
backup_drop(struct ledger *ledger)
{
    store_backup_free(&ledger->backup);
    ledger->backup_is_copied = false;
}
