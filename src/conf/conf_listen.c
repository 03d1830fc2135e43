/* SPDX-License-Identifier: ISC
 *
 * conf_listen - see the header.
 */
#include "conf_listen.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_url.h"

static int add_one(struct conf_reader *reader, const struct directive *row,
                   const struct conf_node *node, struct conf *conf);
static int read_address(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, struct conf_listener *out);
static int fail_plain(struct conf_reader *reader, const struct conf_node *node,
                      const struct conf_listener *listener, const char *what);
static int parse_address(struct slice text, struct conf_listener *out);

int
conf_listen_read(struct conf_reader *reader, const struct directive *row,
                 const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    conf->n_listeners = 0; /* the default's */
    if (node->kind != CONF_NODE_LIST)
        return add_one(reader, row, node, conf);
    if (node->n_children == 0 || node->n_children > LIMIT_LISTENERS)
        return directive_fail(reader, node, "'listen' must have 1 to %d addresses",
                              LIMIT_LISTENERS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (add_one(reader, row, item, conf) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
add_one(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
        struct conf *conf)
{
    struct conf_listener listener;

    if (read_address(reader, row, node, &listener) != 0)
        return ERR_CONFIG;
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (listener.port != 0 && strcmp(conf->listeners[i].text, listener.text) == 0)
            return directive_fail(reader, node, "'%s' stands in 'listen' twice", listener.text);
    }
    conf->listeners[conf->n_listeners++] = listener;
    return 0;
}

int
conf_listen_read_one(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base)
{
    struct conf_listener *out = conf_kind_member(row, base);

    if (node->kind == CONF_NODE_SCALAR && strcmp(node->text, "off") == 0) {
        *out = (struct conf_listener){.text = "off"};
        return 0;
    }
    return read_address(reader, row, node, out);
}

static int
read_address(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
             struct conf_listener *out)
{
    const char *text = conf_kind_scalar(reader, row, node, "an address such as 127.0.0.1:8080");

    if (text == NULL)
        return ERR_CONFIG;
    if (parse_address(slice_str(text), out) == 0)
        return 0;
    return directive_fail(reader, node,
                          "'%s' must be ADDRESS:PORT (127.0.0.1:8080, [::1]:8080), not '%.64s'",
                          directive_name(row), text);
}

static int
parse_address(struct slice text, struct conf_listener *out)
{
    struct conf_listener listener = {0};
    unsigned char address[sizeof(struct in6_addr)];
    size_t host_len = text.len;

    while (host_len > 0 && text.ptr[host_len - 1] != ':')
        host_len--;
    if (host_len < 2 || text.len >= LIMIT_HOST ||
        conf_url_parse_port(slice_sub(text, host_len, text.len), &listener.port) != 0)
        return -1;

    struct slice host = slice_sub(text, 0, host_len - 1);
    bool is_v6 = host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';

    if (is_v6)
        host = slice_sub(host, 1, host.len - 1);
    memcpy(listener.host, host.ptr, host.len);
    memcpy(listener.text, text.ptr, text.len);
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, listener.host, address) != 1 &&
        (is_v6 || strcmp(listener.host, "localhost") != 0))
        return -1;
    *out = listener;
    return 0;
}

void
conf_listen_write(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf *conf = base;

    (void)row;
    buf_append_byte(out, '[');
    for (size_t i = 0; i < conf->n_listeners; i++) {
        buf_append_str(out, i > 0 ? ", " : "");
        conf_kind_write_text(conf->listeners[i].text, out);
    }
    buf_append_byte(out, ']');
}

void
conf_listen_write_one(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_listener *listener = conf_kind_const_member(row, base);

    conf_kind_write_text(listener->text, out);
}

int
conf_listen_check(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf *conf = reader->conf;
    const struct conf_node *node = conf_yaml_child(root, "listen");

    for (size_t i = 0; i < conf->n_listeners && !conf->allow_plain_listen; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        if (!conf_url_is_loopback(listener->host))
            return fail_plain(reader, node, listener, "API keys");
    }
    if (conf->console.host[0] != '\0' && !conf->allow_plain_listen &&
        !conf_url_is_loopback(conf->console.host))
        return fail_plain(reader, conf_yaml_child(root, "console"), &conf->console, "passwords");
    return 0;
}

static int
fail_plain(struct conf_reader *reader, const struct conf_node *node,
           const struct conf_listener *listener, const char *what)
{
    return directive_fail(reader, node,
                          "listening on %s would take %s without TLS: listen on 127.0.0.1 behind a "
                          "TLS proxy, or say 'allow_plain_listen: true'",
                          listener->text, what);
}
