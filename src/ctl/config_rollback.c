/* SPDX-License-Identifier: ISC */
#include "config_rollback.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/conf/conf.h"
#include "reload.h"

/* Whether what the file holds is what runs decides which one is meant. */
struct texts {
    char file[CONF_PATH_SIZE];
    struct buf now, wanted;
    bool was_loaded;
};

static int ask(struct client *client, struct texts *texts);
static int choose(const struct frame_value *result, struct texts *texts);
static int put_back(const struct texts *texts);
static int reload(struct client *client, const struct args *args, const struct texts *texts);

int
config_rollback_run(struct client *client, const struct args *args)
{
    struct texts texts = {.was_loaded = false};

    buf_init(&texts.now, CONF_FILE_SIZE);
    buf_init(&texts.wanted, CONF_FILE_SIZE);
    int rc = ask(client, &texts);
    if (rc == CTL_OK)
        rc = put_back(&texts);
    if (rc == CTL_OK)
        rc = reload(client, args, &texts);
    buf_fini(&texts.now);
    buf_fini(&texts.wanted);
    return rc;
}

static int
ask(struct client *client, struct texts *texts)
{
    const struct frame_value *result = NULL;

    (void)client_begin(client, COMMAND_CONFIG_TEXT);
    int rc = client_call(client, &result);
    return rc == CTL_OK ? choose(result, texts) : rc;
}

static int
choose(const struct frame_value *result, struct texts *texts)
{
    struct slice file = frame_get_str(result, "file"), running = frame_get_str(result, "running");
    struct slice previous = frame_get_str(result, "previous");
    struct errmsg why;

    if (file.len == 0)
        return client_fail(CTL_CONFLICT, "relayosd runs on its built-in default: there is no file");
    snprintf(texts->file, sizeof(texts->file), "%.*s", (int)file.len, file.ptr);
    if (fdio_read_file(texts->file, &texts->now, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    texts->was_loaded = slice_eq(buf_slice(&texts->now), running);
    if (texts->was_loaded && previous.len == 0)
        return client_fail(CTL_MISSING,
                           "%s is what holds, and nothing else has since the last "
                           "start or upgrade",
                           texts->file);
    buf_append_slice(&texts->wanted, texts->was_loaded ? previous : running);
    return CTL_OK;
}

/* With the rights that it had; what it held goes beside it. */
static int
put_back(const struct texts *texts)
{
    char aside[CONF_PATH_SIZE + 16];
    struct errmsg why;
    struct stat st;

    snprintf(aside, sizeof(aside), "%s.undone", texts->file);
    if (stat(texts->file, &st) != 0)
        return client_fail(CTL_REFUSED, "%s: %s", texts->file, strerror(errno));
    mode_t mode = st.st_mode & 07777;
    if (fdio_replace_file(aside, buf_slice(&texts->now), mode, &why) != 0 ||
        fdio_replace_file(texts->file, buf_slice(&texts->wanted), mode, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    if (chown(texts->file, st.st_uid, st.st_gid) != 0 || chown(aside, st.st_uid, st.st_gid) != 0)
        return client_fail(CTL_REFUSED, "%s: %s; nothing was loaded", texts->file, strerror(errno));
    return CTL_OK;
}

static int
reload(struct client *client, const struct args *args, const struct texts *texts)
{
    const struct frame_value *result = NULL;
    struct buf out;

    (void)client_begin(client, COMMAND_RELOAD);
    int rc = client_call(client, &result);
    if (rc != CTL_OK || client->is_json)
        return rc;
    buf_init(&out, CONF_FILE_SIZE);
    buf_printf(&out, "%s is %s again; what it held is in %s.undone.\n", texts->file,
               texts->was_loaded ? "what it was before the last change" : "what holds",
               texts->file);
    reload_print(result, args, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
    return CTL_OK;
}
