/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>

#include "relayos/base/fdio.h"
#include "run_dir.h"

#define USUAL_RUN_DIR "/run/relayos"

static enum run_dir scan_file(const char *config_file, char out[CONF_PATH_SIZE]);
static int fail_unmended(const struct errmsg *why);

int
config_run_check(struct client *client, const struct args *args)
{
    struct conf *conf = NULL;
    struct errmsg why;

    (void)client;
    if (conf_load(args->operands[0], NULL, &conf, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    printf("%s: ok, %zu upstreams, %zu models, %zu declared keys\n", args->operands[0],
           conf->n_upstreams, conf->n_models, conf->n_keys);
    conf_free(&conf);
    return CTL_OK;
}

int
config_write_show(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)args;
    (void)out;
    (void)why;
    return 0;
}

void
config_print_show(const struct frame_value *result, const struct args *args, struct buf *out)
{
    (void)args;
    buf_append_slice(out, frame_get_str(result, "yaml"));
}

/* The daemon's secrets are not in our environment, and we have no use for them. */
struct conf *
config_read_places(const char *path)
{
    struct conf *conf = NULL;
    struct errmsg why;

    if (conf_load(path, conf_any_env, &conf, &why) != 0)
        (void)fail_unmended(&why);
    return conf;
}

/* A file with an error in it is when relayosd must be reached, to hear of it or to undo it. */
int
config_socket_path(const char *config_file, char *out, size_t size)
{
    char run_dir[CONF_PATH_SIZE] = USUAL_RUN_DIR;
    struct conf *conf = NULL;
    struct errmsg why;
    bool is_broken = conf_load(config_file, conf_any_env, &conf, &why) != 0;

    if (!is_broken)
        snprintf(run_dir, sizeof(run_dir), "%s", conf->run_dir);
    else if (scan_file(config_file, run_dir) == RUN_DIR_UNSURE)
        return fail_unmended(&why);
    snprintf(out, size, "%s/control.sock", run_dir);
    conf_free(&conf);
    if (is_broken)
        (void)client_fail(0, "warning: %s; the socket is %s all the same", why.text, out);
    return CTL_OK;
}

/* Of one that cannot be read nothing is known. */
static enum run_dir
scan_file(const char *config_file, char out[CONF_PATH_SIZE])
{
    enum run_dir found = RUN_DIR_UNSURE;
    struct buf text;

    buf_init(&text, CONF_FILE_SIZE);
    if (fdio_read_file(config_file, &text, NULL) == 0)
        found = run_dir_scan(buf_slice(&text), out);
    buf_fini(&text);
    return found;
}

static int
fail_unmended(const struct errmsg *why)
{
    return client_fail(CTL_USAGE,
                       "%s\nrelayosctl: until the file is mended, name the control socket with -s",
                       why->text);
}
