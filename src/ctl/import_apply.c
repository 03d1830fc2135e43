/* SPDX-License-Identifier: ISC */
#include "import_apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import_write.h"
#include "print.h"
#include "relayos/base/buf.h"
#include "relayos/base/fdio.h"
#include "relayos/base/secret.h"

#define PATH_SIZE 4096

struct counts {
    size_t made, taken, refused;
};

static int open_new(const char *path, unsigned mode, int *out);
static int write_file(int fd, const char *path, struct slice contents);
static int make_key(struct client *client, const struct import_key *key, struct buf *line);
static void write_key(const struct import_key *key, struct frame_out *out);
static void write_quotas(const struct import_key *key, struct frame_out *out);
static int disable(struct client *client, int64_t id);

/* ---- files ---- */

int
import_apply_file(const char *path, struct slice contents, unsigned mode)
{
    int fd, rc = open_new(path, mode, &fd);

    return rc == CTL_OK ? write_file(fd, path, contents) : rc;
}

static int
open_new(const char *path, unsigned mode, int *out)
{
    *out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (*out >= 0)
        return CTL_OK;
    if (errno == EEXIST)
        return client_fail(CTL_CONFLICT, "%s is there already, and is never overwritten", path);
    return client_fail(CTL_REFUSED, "%s: %s", path, strerror(errno));
}

/* Closes fd. */
static int
write_file(int fd, const char *path, struct slice contents)
{
    int rc = fdio_write_all(fd, contents.ptr, contents.len);

    if (rc == 0 && fsync(fd) != 0)
        rc = -errno;
    (void)close(fd);
    return rc == 0 ? CTL_OK : client_fail(CTL_REFUSED, "%s: %s", path, strerror(-rc));
}

int
import_apply_credentials(const struct import_plan *plan, const char *key_dir)
{
    struct stat dir;

    if (stat(key_dir, &dir) != 0)
        return client_fail(CTL_REFUSED, "%s: %s", key_dir, strerror(errno));
    for (size_t i = 0; i < plan->n_upstreams; i++) {
        const struct import_upstream *upstream = &plan->upstreams[i];

        for (size_t n = 0; n < upstream->n_credentials; n++) {
            char name[IMPORT_WRITE_NAME_SIZE], path[PATH_SIZE];
            int fd;

            if (upstream->credentials[n].secret == NULL)
                continue;
            import_write_file_name(upstream, n, name);
            snprintf(path, sizeof(path), "%s/%s", key_dir, name);
            int rc = open_new(path, 0600, &fd);
            if (rc == CTL_OK && geteuid() == 0 && fchown(fd, dir.st_uid, dir.st_gid) != 0)
                (void)client_fail(0, "%s: %s", path, strerror(errno));
            if (rc == CTL_OK)
                rc = write_file(fd, path, slice_str(upstream->credentials[n].secret));
            if (rc != CTL_OK)
                return rc;
        }
    }
    return CTL_OK;
}

/* ---- keys ---- */

int
import_apply_keys(struct client *client, const struct import_plan *plan, const char *mapping)
{
    struct counts counts = {0};
    struct buf line;
    int fd, rc = open_new(mapping, 0600, &fd);

    if (rc != CTL_OK)
        return rc;
    buf_init(&line, 65536);
    buf_append_str(&line, "name,old_last4,id,key\n");
    for (size_t n = 0; n <= plan->n_keys && rc != CTL_UNREACHABLE; n++) {
        if (line.len > 0 && (fdio_write_all(fd, line.ptr, line.len) != 0 || fdatasync(fd) != 0)) {
            rc = client_fail(CTL_UNREACHABLE,
                             "%s: %s; the last key that was made is lost: revoke "
                             "it",
                             mapping, strerror(errno));
            break;
        }
        secret_wipe(line.ptr, line.len);
        buf_clear(&line);
        if (n == plan->n_keys)
            break;
        rc = make_key(client, &plan->keys[n], &line);
        counts.made += rc == CTL_OK;
        counts.taken += rc == CTL_CONFLICT;
        counts.refused += rc != CTL_OK && rc != CTL_CONFLICT;
    }
    (void)close(fd);
    buf_fini(&line);
    printf(
        "%zu keys made, %zu names were taken already, %zu refused. The new keys are in %s, which "
        "only you may read: hand them out, then remove it.\n",
        counts.made, counts.taken, counts.refused, mapping);
    if (rc == CTL_UNREACHABLE)
        return rc;
    return counts.refused > 0 ? CTL_REFUSED : CTL_OK;
}

static int
make_key(struct client *client, const struct import_key *key, struct buf *line)
{
    const struct frame_value *result = NULL;

    write_key(key, client_begin(client, COMMAND_KEY_CREATE));
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    int64_t id = frame_get_int(frame_get(result, "key"), "id", 0);
    print_csv(slice_str(key->name), line);
    buf_append_byte(line, ',');
    print_csv(slice_str(key->last4), line);
    buf_printf(line, ",%lld,", (long long)id);
    buf_append_slice(line, frame_get_str(result, "secret"));
    buf_append_byte(line, '\n');
    return key->is_disabled ? disable(client, id) : CTL_OK;
}

static void
write_key(const struct import_key *key, struct frame_out *out)
{
    frame_cstr(out, "name", key->name);
    if (key->owner[0] != '\0')
        frame_cstr(out, "owner", key->owner);
    frame_array(out, "models");
    for (size_t n = 0; n < key->n_models && !key->has_all_models; n++)
        frame_cstr(out, NULL, key->models[n]);
    frame_end(out);
    write_quotas(key, out);
    frame_array(out, "allow_from");
    for (size_t n = 0; n < key->n_networks; n++)
        frame_cstr(out, NULL, key->networks[n]);
    frame_end(out);
    frame_int(out, "requests_per_minute", key->requests_per_minute);
    frame_int(out, "tokens_per_minute", key->tokens_per_minute);
    frame_int(out, "max_concurrent", key->max_concurrent);
    if (key->expires_us > 0)
        frame_int(out, "expires_us", key->expires_us);
}

static void
write_quotas(const struct import_key *key, struct frame_out *out)
{
    frame_array(out, "quotas");
    for (size_t n = 0; n < key->n_quotas; n++) {
        frame_map(out, NULL);
        frame_cstr(out, "unit", "usd");
        frame_int(out, "amount", key->quotas[n].amount_nusd);
        frame_cstr(out, "period", key->quotas[n].period);
        if (key->quotas[n].model != NULL)
            frame_cstr(out, "model", key->quotas[n].model);
        frame_end(out);
    }
    frame_end(out);
}

static int
disable(struct client *client, int64_t id)
{
    const struct frame_value *result = NULL;
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)id);
    frame_cstr(client_begin(client, COMMAND_KEY_DISABLE), "key", text);
    return client_call(client, &result);
}
