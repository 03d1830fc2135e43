/* SPDX-License-Identifier: ISC
 *
 * conf - see the header. Here: the order of things; what a directive may be is its kind's matter.
 */
#include "relayos/conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_keys.h"
#include "conf_keys_file.h"
#include "conf_listen.h"
#include "conf_model.h"
#include "conf_oidc.h"
#include "conf_receiver.h"
#include "conf_upstream.h"
#include "directive.h"
#include "relayos/base/fdio.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

static const char *process_env(const char *name);
static int parse(struct conf_reader *reader, struct slice text, struct conf **out);
static int read_conf(struct conf_reader *reader, struct slice text);
static int check_limits(struct conf_reader *reader, const struct conf_node *root);
static int check_fetch(struct conf_reader *reader, const struct conf_node *fetch);
static void derive_places(struct conf *conf);
static void forget_keys(struct conf_listener *listener);

int
conf_load(const char *path, conf_getenv *env, struct conf **out, struct errmsg *why)
{
    struct buf text;

    buf_init(&text, CONF_FILE_SIZE);

    int err =
        fdio_check_not_for_all(path, why) == 0 ? fdio_read_file(path, &text, why) : ERR_CONFIG;

    if (err == 0)
        err = conf_parse(path, buf_slice(&text), env, out, why);
    else if (err == ERR_TOO_LARGE)
        err = ERR_CONFIG;
    buf_fini(&text);
    return err;
}

int
conf_parse(const char *name, struct slice text, conf_getenv *env, struct conf **out,
           struct errmsg *why)
{
    struct conf_reader reader = {.file = name, .env = env == NULL ? process_env : env, .why = why};

    return parse(&reader, text, out);
}

int
conf_parse_after(const struct conf *before, const char *name, struct slice text, struct conf **out,
                 struct errmsg *why)
{
    struct conf_reader reader = {.file = name, .env = process_env, .why = why, .before = before};

    return parse(&reader, text, out);
}

static int
parse(struct conf_reader *reader, struct slice text, struct conf **out)
{
    struct conf *conf = mem_zalloc(sizeof(*conf));

    snprintf(conf->file, sizeof(conf->file), "%s", reader->file);
    if (reader->file[0] == '\0')
        reader->file = "default";
    reader->conf = conf;

    int err = read_conf(reader, text);
    secret_free(&reader->master_key);

    if (err == 0 && conf->keys_file[0] != '\0')
        err = conf_keys_file_load(reader);
    if (err == 0)
        *out = conf;
    else
        conf_free_beside(&conf, reader->before);
    return err;
}

const char *
conf_any_env(const char *name)
{
    (void)name;
    return "unknown";
}

static const char *
process_env(const char *name)
{
    return getenv(name);
}

static int
read_conf(struct conf_reader *reader, struct slice text)
{
    struct conf *conf = reader->conf;
    uint8_t digest[HASH_DIGEST_SIZE];
    struct conf_yaml yaml;
    int err = conf_yaml_parse(reader->file, text, &yaml, reader->why);

    if (err != 0)
        return err;
    hash_sha256(text, digest);
    text_hex(digest, sizeof(digest), conf->text_sha256);
    conf->text = mem_zalloc(text.len + 1);
    if (text.len > 0)
        memcpy(conf->text, text.ptr, text.len);
    conf->text_len = text.len;
    conf->alert_kinds = UINT32_MAX; /* unless some are named */
    directive_defaults(DIRECTIVE_SET_CONF, conf);
    if (yaml.root == NULL) {
        errmsg_set(reader->why, "%s:1:1: is empty: it needs 'upstreams' and 'models'",
                   reader->file);
        err = ERR_CONFIG;
    } else {
        err = directive_read(reader, DIRECTIVE_SET_CONF, yaml.root, conf);
    }
    if (err == 0)
        err = conf_listen_check(reader, yaml.root);
    if (err == 0)
        err = conf_oidc_finish(reader, yaml.root);
    if (err == 0)
        err = conf_listen_check_console(reader, yaml.root);
    if (err == 0)
        err = check_limits(reader, yaml.root);
    if (err == 0)
        err = check_fetch(reader, conf_yaml_child(yaml.root, "fetch"));
    if (err == 0)
        err = conf_receiver_check(reader, yaml.root);
    if (err == 0)
        derive_places(conf);
    conf_yaml_free(&yaml);
    return err;
}

static int
check_limits(struct conf_reader *reader, const struct conf_node *root)
{
    struct conf *conf = reader->conf;

    if (conf->max_body_memory < conf->max_body_bytes)
        return directive_fail(reader, conf_yaml_child(root, "limits"),
                              "'body_memory' is less than 'body': a body of that size could never "
                              "be read");
    if (conf->routing.open_max_us < conf->routing.open_us)
        return directive_fail(reader, conf_yaml_child(root, "health"),
                              "'open_time_max' is less than 'open_time': make it as long at least");
    return conf_upstream_check_deadlines(reader, conf_yaml_child(root, "upstream_defaults"),
                                         &conf->first_token_timeout_us, conf->total_timeout_us);
}

static int
check_fetch(struct conf_reader *reader, const struct conf_node *fetch)
{
    const struct conf *conf = reader->conf;

    if (conf->fetch_memory / 2 < conf->fetch_total_bytes)
        return directive_fail(reader, fetch,
                              "'memory' is less than twice 'total_size': one key holds half of it "
                              "at most");
    if (conf->fetch_total_bytes < conf->fetch_file_bytes)
        return directive_fail(reader, fetch,
                              "'total_size' is less than 'file_size': a file of that size could "
                              "never be had");
    return conf_upstream_check_ca_file(reader, fetch, conf->fetch_ca_file);
}

static void
derive_places(struct conf *conf)
{
    const struct conf_listener *first = &conf->listeners[0];

    if (conf->pid_file[0] == '\0')
        snprintf(conf->pid_file, sizeof(conf->pid_file), "%.*s/relayosd.pid",
                 (int)sizeof(conf->pid_file) - 16, conf->run_dir);
    if (conf->public_url[0] == '\0') {
        bool is_any = strcmp(first->host, "0.0.0.0") == 0 || strcmp(first->host, "::") == 0;
        const char *scheme = first->n_certificates > 0 ? "https" : "http";

        if (is_any)
            snprintf(conf->public_url, sizeof(conf->public_url), "%s://127.0.0.1:%u", scheme,
                     first->port);
        else
            snprintf(conf->public_url, sizeof(conf->public_url), "%s://%.*s", scheme,
                     (int)sizeof(conf->public_url) - 9,
                     first->host[0] == '/' ? "localhost" : first->text);
    }
}

void
conf_console_url(const struct conf_listener *listener, uint16_t port, char *out, size_t size)
{
    const char *host = listener->host, *scheme = listener->n_certificates > 0 ? "https" : "http";
    bool is_v6 = strchr(host, ':') != NULL && strcmp(host, "::") != 0;

    if (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "127.0.0.1";
    snprintf(out, size, is_v6 ? "%s://[%s]:%u" : "%s://%s:%u", scheme, host, port);
}

void
conf_free(struct conf **conf)
{
    conf_free_beside(conf, NULL);
}

void
conf_free_beside(struct conf **conf, const struct conf *other)
{
    struct conf *old = *conf;

    if (old == NULL)
        return;
    conf_forget_keys(old, other);
    for (size_t i = 0; i < old->n_upstreams; i++)
        conf_upstream_fini(&old->upstreams[i]);
    for (size_t i = 0; i < old->n_models; i++)
        conf_model_fini(&old->models[i]);
    for (size_t i = 0; i < old->n_listeners; i++)
        conf_listen_fini(&old->listeners[i]);
    conf_listen_fini(&old->console);
    conf_receiver_fini(&old->alerts);
    conf_receiver_fini(&old->otlp);
    free(old->text);
    secret_free(&old->oidc.secret);
    free(old->upstreams);
    free(old->models);
    free(old->capabilities);
    free(old);
    *conf = NULL;
}

void
conf_forget_keys(struct conf *conf, const struct conf *other)
{
    conf_keys_forget(conf, other);
}

void
conf_forget_credentials(struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners; i++)
        forget_keys(&conf->listeners[i]);
    forget_keys(&conf->console);
    for (size_t i = 0; i < conf->n_upstreams; i++) {
        struct conf_upstream *upstream = &conf->upstreams[i];

        for (uint32_t n = 0; n < upstream->n_credentials; n++) {
            char *value = getenv(upstream->credentials[n].env);

            if (value != NULL)
                secret_wipe(value, strlen(value));
            secret_free(&upstream->credentials[n].secret);
        }
    }
}

static void
forget_keys(struct conf_listener *listener)
{
    for (uint32_t n = 0; n < listener->n_certificates; n++)
        secret_free(&listener->certificates[n].secret);
}
