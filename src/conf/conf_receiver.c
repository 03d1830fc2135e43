/* SPDX-License-Identifier: ISC
 *
 * conf_receiver - see the header.
 */
#include "conf_receiver.h"

#include <assert.h>
#include <string.h>

#include "conf_upstream.h"
#include "conf_url.h"
#include "relayos/base/url.h"

#define CONNECT_US INT64_C(5000000)
#define ANSWER_US  INT64_C(10000000)

static int check(struct conf_reader *reader, const struct conf_node *map,
                 struct conf_receiver *receiver, const char *url_key);
static int read_secret(struct conf_reader *reader, const struct conf_node *map,
                       struct conf_receiver *receiver);
static bool is_same(const struct conf_receiver *a, const struct conf_receiver *b);
static int check_headers(struct conf_reader *reader, const struct conf_node *map,
                         struct slice headers);

int
conf_receiver_check(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf_node *otlp = conf_yaml_child(root, "otlp");
    struct conf *conf = reader->conf;

    if (check(reader, conf_yaml_child(root, "alerts"), &conf->alerts, "url") != 0 ||
        check(reader, otlp, &conf->otlp, "endpoint") != 0)
        return ERR_CONFIG;
    if (conf->otlp.secret == NULL)
        return 0;
    return check_headers(reader, otlp, secret_expose(conf->otlp.secret));
}

static int
check(struct conf_reader *reader, const struct conf_node *map, struct conf_receiver *receiver,
      const char *url_key)
{
    struct upstream_record *target = &receiver->target;
    struct conf_url url;

    if (receiver->url[0] == '\0') {
        if (receiver->secret_env[0] != '\0' || receiver->secret_file[0] != '\0' ||
            receiver->ca_file[0] != '\0')
            return directive_fail(reader, map, "says nothing without its '%s'", url_key);
        return 0;
    }

    const char *wrong = conf_url_parse(receiver->url, &url);
    const struct conf_node *node = conf_yaml_child(map, url_key);

    assert(wrong == NULL); /* its kind has looked */
    if (!url.is_tls && !url_is_loopback(url.host))
        return directive_fail(reader, node,
                              "http:// would send it to %s in the clear: use https://", url.host);
    if (conf_upstream_check_ca_file(reader, map, receiver->ca_file) != 0)
        return ERR_CONFIG;
    memcpy(target->host, url.host, sizeof(target->host));
    memcpy(target->path, url.path, sizeof(target->path));
    memcpy(target->ca_file, receiver->ca_file, sizeof(target->ca_file));
    target->port = url.port;
    target->is_tls = url.is_tls;
    target->max_connections = 4;
    target->connect_timeout_us = target->tls_timeout_us = CONNECT_US;
    target->first_byte_timeout_us = target->first_token_timeout_us = target->idle_timeout_us =
        target->total_timeout_us = ANSWER_US;
    target->origin_hash = conf_upstream_origin(target);
    return read_secret(reader, map, receiver);
}

static int
read_secret(struct conf_reader *reader, const struct conf_node *map, struct conf_receiver *receiver)
{
    struct errmsg why;

    if (receiver->secret_env[0] != '\0' && receiver->secret_file[0] != '\0')
        return directive_fail(reader, map, "a secret is in a variable or in a file, not in both");
    if (receiver->secret_file[0] != '\0' &&
        secret_read_file(receiver->secret_file, &receiver->secret, &why) != 0)
        return directive_fail(reader, map, "%s", why.text);
    if (receiver->secret_env[0] == '\0')
        return 0;

    const char *value = reader->env(receiver->secret_env);

    if (value == NULL || value[0] == '\0')
        return directive_fail(reader, map,
                              "the environment variable %s is not set: export it before the start, "
                              "or use a file",
                              receiver->secret_env);
    receiver->secret = secret_new(value, strlen(value));
    return 0;
}

bool
conf_receivers_are_same(const struct conf *a, const struct conf *b)
{
    return is_same(&a->alerts, &b->alerts) && is_same(&a->otlp, &b->otlp) &&
           a->alert_kinds == b->alert_kinds && a->otlp_interval_us == b->otlp_interval_us &&
           a->otlp_sample == b->otlp_sample && a->otlp_upstreams == b->otlp_upstreams;
}

static bool
is_same(const struct conf_receiver *a, const struct conf_receiver *b)
{
    struct slice x = a->secret == NULL ? slice_of(NULL, 0) : secret_expose(a->secret);
    struct slice y = b->secret == NULL ? slice_of(NULL, 0) : secret_expose(b->secret);

    return strcmp(a->url, b->url) == 0 && strcmp(a->ca_file, b->ca_file) == 0 && slice_eq(x, y);
}

void
conf_take_receivers(struct conf *conf, struct conf *from)
{
    secret_free(&conf->alerts.secret);
    secret_free(&conf->otlp.secret);
    conf->alerts = from->alerts;
    conf->otlp = from->otlp;
    from->alerts.secret = from->otlp.secret = NULL;
    conf->alert_kinds = from->alert_kinds;
    conf->otlp_interval_us = from->otlp_interval_us;
    conf->otlp_sample = from->otlp_sample;
    conf->otlp_upstreams = from->otlp_upstreams;
}

/* "name=value", with commas or line ends between: each becomes a header, which nothing may split.
 * No value is shown. */
static int
check_headers(struct conf_reader *reader, const struct conf_node *map, struct slice headers)
{
    struct slice name, value;

    while (conf_header_next(&headers, &name, &value)) {
        bool is_good = name.len > 0;

        for (size_t n = 0; n < name.len; n++)
            is_good = is_good && (name.ptr[n] == '-' || name.ptr[n] == '_' ||
                                  (name.ptr[n] >= '0' && name.ptr[n] <= '9') ||
                                  ((name.ptr[n] | 0x20) >= 'a' && (name.ptr[n] | 0x20) <= 'z'));
        for (size_t n = 0; n < value.len; n++)
            is_good = is_good && value.ptr[n] >= 0x20 && value.ptr[n] < 0x7f;
        if (!is_good)
            return directive_fail(reader, map,
                                  "its headers must be name=value, with commas between");
    }
    return 0;
}

bool
conf_header_next(struct slice *rest, struct slice *out_name, struct slice *out_value)
{
    while (rest->len > 0 && (rest->ptr[0] == ',' || rest->ptr[0] == '\n' || rest->ptr[0] == ' '))
        *rest = slice_sub(*rest, 1, rest->len);
    if (rest->len == 0)
        return false;

    size_t len = 0, equals = 0;

    while (len < rest->len && rest->ptr[len] != ',' && rest->ptr[len] != '\n')
        len++;
    while (equals < len && rest->ptr[equals] != '=')
        equals++;
    *out_name = slice_sub(*rest, 0, equals == len ? 0 : equals);
    *out_value = slice_sub(*rest, equals == len ? 0 : equals + 1, len);
    *rest = slice_sub(*rest, len, rest->len);
    return true;
}

void
conf_forget_receivers(struct conf *conf)
{
    conf_receiver_fini(&conf->alerts);
    conf_receiver_fini(&conf->otlp);
}

void
conf_receiver_fini(struct conf_receiver *receiver)
{
    secret_free(&receiver->secret);
}
