/* SPDX-License-Identifier: ISC */
#include "config.h"

#include <stdio.h>

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
        (void)client_fail(0,
                          "%s\nrelayosctl: until the file is mended, name the control socket "
                          "with -s",
                          why.text);
    return conf;
}

int
config_socket_path(const char *config_file, char *out, size_t size)
{
    struct conf *conf = config_read_places(config_file);

    if (conf == NULL)
        return CTL_USAGE;
    snprintf(out, size, "%s/control.sock", conf->run_dir);
    conf_free(&conf);
    return CTL_OK;
}
