/* SPDX-License-Identifier: ISC */
#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/codec/json_out.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_reader.h"

#define PATH_SIZE 512
#define SYNC_EACH 64 /* parts: so that the last sync of all has little left to do */

/* FILE, FILE.unverified (the ledger's finished copy), FILE.unverified.partial (while it grows). */
struct names {
    char file[PATH_SIZE], copy[PATH_SIZE], partial[PATH_SIZE];
};

static int make_names(const char *file, struct names *out);
static bool join(const char *a, const char *b, const char *c, char out[PATH_SIZE]);
static int copy_all(struct client *client, const struct names *names);
static int begin(struct client *client, const struct names *names);
static int copy_parts(struct client *client, const struct names *names);
static int end(struct client *client, bool keep);
static void sync_file(const char *path);
static int verify(const struct names *names, struct store_audit *audit);
static int give_name(const struct names *names);
static void say_done(const struct client *client, const struct names *names,
                     const struct store_audit *audit);

int
backup_run(struct client *client, const struct args *args)
{
    struct store_audit audit;
    struct names names;
    int rc = make_names(args->operands[0], &names);

    if (rc == CTL_OK)
        rc = copy_all(client, &names);
    if (rc != CTL_OK)
        return rc;
    rc = verify(&names, &audit);
    if (rc == CTL_OK)
        rc = give_name(&names);
    if (rc != CTL_OK)
        (void)unlink(names.copy);
    else
        say_done(client, &names, &audit);
    return rc;
}

/* The ledger works in a directory of its own: it gets the whole path. */
static int
make_names(const char *file, struct names *out)
{
    const char *slash = strrchr(file, '/'), *last = slash == NULL ? file : slash + 1;
    char *directory = strndup(slash == NULL ? "." : file, slash == NULL ? 1 : slash - file + 1);
    char *whole = realpath(directory, NULL);
    int rc = CTL_OK;

    if (whole == NULL)
        rc = client_fail(CTL_REFUSED, "%s: %s", directory, strerror(errno));
    else if (!join(whole, strcmp(whole, "/") == 0 ? "" : "/", last, out->file) ||
             !join(out->file, ".unverified", "", out->copy) ||
             !join(out->copy, ".partial", "", out->partial))
        rc = client_fail(CTL_USAGE, "%s: the path is too long", file);
    else if (access(out->file, F_OK) == 0)
        rc = client_fail(CTL_CONFLICT, "%s: there is such a file already", out->file);
    free(whole);
    free(directory);
    return rc;
}

static bool
join(const char *a, const char *b, const char *c, char out[PATH_SIZE])
{
    int len = snprintf(out, PATH_SIZE, "%s%s%s", a, b, c);

    return len > 0 && len < PATH_SIZE;
}

static int
copy_all(struct client *client, const struct names *names)
{
    int rc = begin(client, names);

    if (rc != CTL_OK)
        return rc;
    rc = copy_parts(client, names);
    if (rc == CTL_OK)
        return end(client, true);
    if (rc != CTL_UNREACHABLE)
        (void)end(client, false);
    return rc;
}

static int
begin(struct client *client, const struct names *names)
{
    const struct frame_value *result = NULL;

    frame_cstr(client_begin(client, COMMAND_BACKUP_BEGIN), "file", names->copy);
    return client_call(client, &result);
}

/* One part after the other; between two the ledger settles. We sync what it writes, so that it has
 * not to wait for the disk. */
static int
copy_parts(struct client *client, const struct names *names)
{
    const struct frame_value *result = NULL;
    bool is_copied = false;
    int rc = CTL_OK;

    for (int n = 1; rc == CTL_OK && !is_copied; n++) {
        (void)client_begin(client, COMMAND_BACKUP_NEXT);
        rc = client_call(client, &result);
        is_copied = rc == CTL_OK && frame_get_bool(result, "is_copied", false);
        if (n % SYNC_EACH == 0 || is_copied)
            sync_file(names->partial);
    }
    return rc;
}

static int
end(struct client *client, bool keep)
{
    const struct frame_value *result = NULL;

    frame_bool(client_begin(client, COMMAND_BACKUP_END), "keep", keep);
    return client_call(client, &result);
}

static void
sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)fdatasync(fd);
    fdio_close(&fd);
}

/* Every page, and the books in it. */
static int
verify(const struct names *names, struct store_audit *audit)
{
    struct store *store = NULL;
    struct errmsg why;
    int rc = store_reader_open(names->copy, STORE_READER_STILL, &store, &why);

    if (rc == 0)
        rc = store_check(store, &why);
    if (rc == 0)
        rc = store_audit_run(store, 0, audit, &why);
    if (rc == 0 && audit->n_differences > 0) {
        errmsg_set(&why, "the copy's books do not agree: run relayosctl ledger verify --full");
        rc = ERR_STORE;
    }
    store_close(&store);
    return rc == 0 ? CTL_OK : client_fail(CTL_REFUSED, "%s", why.text);
}

/* link() and not rename(): whatever has been put there meanwhile stays. */
static int
give_name(const struct names *names)
{
    char directory[PATH_SIZE];

    if (link(names->copy, names->file) != 0)
        return client_fail(CTL_REFUSED, "%s: %s", names->file, strerror(errno));
    (void)unlink(names->copy);
    snprintf(directory, sizeof(directory), "%s", names->file);
    *(strrchr(directory, '/') + 1) = '\0';
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_durable = fd >= 0 && fsync(fd) == 0;
    fdio_close(&fd);
    return is_durable ? CTL_OK : client_fail(CTL_REFUSED, "%s: %s", directory, strerror(errno));
}

static void
say_done(const struct client *client, const struct names *names, const struct store_audit *audit)
{
    struct json_out json;
    struct buf text;

    if (!client->is_json) {
        printf("%s: %lld ledger rows, checked and durable.\n"
               "The pepper (data_dir/pepper) is not in it: without it no key of it is valid.\n",
               names->file, (long long)audit->n_rows);
        return;
    }
    buf_init(&text, 64 * 1024);
    json_out_init(&json, &text);
    json_out_object(&json, NULL);
    json_out_str(&json, "file", names->file);
    json_out_int(&json, "rows", audit->n_rows);
    json_out_int(&json, "charge_nusd", audit->charge_nusd);
    json_out_end_object(&json);
    printf("%.*s\n", (int)text.len, text.ptr);
    buf_fini(&text);
}
