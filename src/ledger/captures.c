/* SPDX-License-Identifier: ISC */
#include "captures.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/codec/json_scan.h"
#include "relayos/model/capture.h"

#define SLICE_FILES 500
#define MOST_FILES  (1 << 20)
#define BLOCK       4096 /* that the smallest file takes */
#define MOST_BYTES  ((size_t)32 << 20)
#define PATH_SIZE   (CONF_PATH_SIZE + 64)

struct listing {
    DIR *folder;
    struct captures_file *files;
    size_t n, capacity;
};

static int list(struct ledger *ledger, struct listing *listing);
static bool list_slice(struct listing *listing);
static void note_file(struct listing *listing, const char *name);
static int drop(struct ledger *ledger, const struct listing *listing, size_t n);
static int let_settle(struct ledger *ledger);
static int64_t time_of(struct uuid id);
static int by_id(const void *a, const void *b);
static int read_whole(const struct ledger *ledger, struct uuid id, struct buf *text,
                      struct json_object *out, struct errmsg *why);
static int write_members(const struct json_object *record, struct frame_out *out);
static int write_member(const struct json_member *member, const char *name, struct frame_out *out);
static int write_body(const struct json_object *record, const char *name, struct frame_out *out);
static void path_of(const struct ledger *ledger, const char *name, char out[PATH_SIZE]);

/* ---- retention ---- */

int
captures_retain(struct ledger *ledger)
{
    const struct conf *conf = ledger->heritage->conf;
    struct listing listing = {0};
    char path[PATH_SIZE];

    path_of(ledger, "", path);
    if ((listing.folder = opendir(path)) == NULL)
        return 0; /* nothing was ever to be captured, or a start will make it anew */
    int rc = list(ledger, &listing);
    if (rc == 0 && listing.n > 0) {
        int64_t before_us = clock_real_us() - conf->capture_keep_us;
        size_t n = captures_to_drop(listing.files, listing.n, before_us, conf->capture_total);

        if (n > 0 && time_of(listing.files[n - 1].id) >= before_us)
            log_warn("capture.full", "dropped=%zu left=%zu remedy=\"capture.total\"", n,
                     listing.n - n);
        rc = drop(ledger, &listing, n);
    }
    (void)closedir(listing.folder);
    free(listing.files);
    return rc;
}

size_t
captures_to_drop(const struct captures_file *files, size_t n, int64_t before_us, int64_t total)
{
    int64_t bytes = 0;
    size_t n_kept = 0;

    while (n_kept < n) {
        const struct captures_file *file = &files[n - 1 - n_kept];

        if (time_of(file->id) < before_us || file->bytes > total - bytes)
            break;
        bytes += file->bytes;
        n_kept++;
    }
    return n - n_kept;
}

static int
list(struct ledger *ledger, struct listing *listing)
{
    int rc = 0;

    while (rc == 0 && list_slice(listing))
        rc = let_settle(ledger);
    if (listing->n > 0)
        qsort(listing->files, listing->n, sizeof(listing->files[0]), by_id);
    return rc;
}

/* False: that was the last. */
static bool
list_slice(struct listing *listing)
{
    for (int n = 0; n < SLICE_FILES; n++) {
        const struct dirent *entry = listing->n < MOST_FILES ? readdir(listing->folder) : NULL;

        if (entry == NULL)
            return false;
        note_file(listing, entry->d_name);
    }
    return true;
}

/* What has no name of a request is nothing of ours. */
static void
note_file(struct listing *listing, const char *name)
{
    struct captures_file file;
    char same[TEXT_UUID_SIZE + 1] = "";
    struct stat st;

    if (text_uuid_parse(slice_str(name), &file.id) != 0 || file.id.bytes[6] >> 4 != 7)
        return;
    text_uuid_format(file.id, same);
    if (strcmp(same, name) != 0 ||
        fstatat(dirfd(listing->folder), name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode))
        return;
    file.bytes = st.st_size < BLOCK ? BLOCK : st.st_size;
    if (listing->n == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 256 : 2 * listing->capacity;
        listing->files = mem_array(listing->files, listing->capacity, sizeof(listing->files[0]));
    }
    listing->files[listing->n++] = file;
}

static int
drop(struct ledger *ledger, const struct listing *listing, size_t n)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        char name[TEXT_UUID_SIZE + 1] = "";

        text_uuid_format(listing->files[i].id, name);
        if (unlinkat(dirfd(listing->folder), name, 0) != 0 && errno != ENOENT)
            log_warn("capture.failed", "file=%s reason=\"%s\"", name, strerror(errno));
        if (i % SLICE_FILES == SLICE_FILES - 1)
            rc = let_settle(ledger);
    }
    return rc;
}

static int
let_settle(struct ledger *ledger)
{
    struct settle_tally tally = {0};

    return settle_run(ledger, &tally);
}

/* When its request came: its first 48 bits, in milliseconds. */
static int64_t
time_of(struct uuid id)
{
    int64_t ms = 0;

    for (int n = 0; n < 6; n++)
        ms = ms << 8 | id.bytes[n];
    return ms * 1000;
}

static int
by_id(const void *a, const void *b)
{
    const struct captures_file *left = a, *right = b;

    return memcmp(left->id.bytes, right->id.bytes, sizeof(left->id.bytes));
}

/* ---- to be read ---- */

int
captures_show(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
              struct errmsg *why)
{
    struct slice text = frame_get_str(args, "request_id");
    char name[TEXT_UUID_SIZE + 1] = "";
    struct json_object record;
    struct buf bytes;
    struct uuid id;

    if (text_uuid_parse(text, &id) != 0) {
        errmsg_set(why, "\"%.*s\" is no request id", (int)(text.len < 64 ? text.len : 64),
                   text.len == 0 ? "" : text.ptr);
        return ERR_SYNTAX;
    }
    text_uuid_format(id, name);
    buf_init(&bytes, MOST_BYTES);
    int rc = read_whole(ledger, id, &bytes, &record, why);
    if (rc == 0) {
        trail_target(ledger, "request %s", name);
        rc = write_members(&record, out);
    }
    buf_fini(&bytes);
    return rc;
}

static int
read_whole(const struct ledger *ledger, struct uuid id, struct buf *text, struct json_object *out,
           struct errmsg *why)
{
    int64_t before_us = clock_real_us() - ledger->heritage->conf->capture_keep_us;
    char path[PATH_SIZE], name[TEXT_UUID_SIZE + 1] = "";
    struct json_error error;

    text_uuid_format(id, name);
    path_of(ledger, name, path);
    if (time_of(id) < before_us || access(path, F_OK) != 0) {
        errmsg_set(why,
                   "nothing of it is captured, or not any more; its key must have been captured "
                   "when it came, and captures are kept for capture.keep");
        return ERR_MISSING;
    }
    int rc = fdio_read_file(path, text, why);
    if (rc != 0)
        return rc;
    if (text->len == 0 || text->ptr[text->len - 1] != '\n' ||
        json_scan_object(buf_slice(text), out, &error) != 0) {
        errmsg_set(why, "its capture was never whole: whoever wrote it died, or found no room");
        return ERR_MISSING;
    }
    return 0;
}

static int
write_members(const struct json_object *record, struct frame_out *out)
{
    static const char *const names[] = {"request_id", "key_id",   "model",      "endpoint",
                                        "status",     "category", "accepted_us"};
    int rc = 0;

    for (size_t n = 0; rc == 0 && n < sizeof(names) / sizeof(names[0]); n++)
        rc = write_member(json_find(record, names[n]), names[n], out);
    if (rc == 0)
        rc = write_body(record, "request", out);
    return rc == 0 ? write_body(record, "answer", out) : rc;
}

static int
write_member(const struct json_member *member, const char *name, struct frame_out *out)
{
    struct buf text;
    int64_t number;
    int rc = 0;

    if (member == NULL || member->type == JSON_NULL) {
        frame_nil(out, name);
    } else if (member->type == JSON_NUMBER) {
        if ((rc = json_int(member->value, &number)) == 0)
            frame_int(out, name, number);
    } else if (member->type == JSON_STRING) {
        buf_init(&text, MOST_BYTES);
        if ((rc = json_string_decode(member->value, &text)) == 0)
            frame_str(out, name, buf_slice(&text));
        buf_fini(&text);
    } else {
        frame_bool(out, name, member->type == JSON_TRUE);
    }
    return rc;
}

static int
write_body(const struct json_object *record, const char *name, struct frame_out *out)
{
    static const char *const names[] = {"body", "bytes", "is_cut"};
    const struct json_member *member = json_find(record, name);
    struct json_object body = {.n_members = 0};
    struct json_error error;
    int rc = member == NULL ? ERR_SYNTAX : json_scan_object(member->value, &body, &error);

    frame_map(out, name);
    for (size_t n = 0; rc == 0 && n < sizeof(names) / sizeof(names[0]); n++)
        rc = write_member(json_find(&body, names[n]), names[n], out);
    frame_end(out);
    return rc;
}

static void
path_of(const struct ledger *ledger, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/" CAPTURE_DIRECTORY "%s%s", ledger->heritage->conf->data_dir,
             name[0] == '\0' ? "" : "/", name);
}
