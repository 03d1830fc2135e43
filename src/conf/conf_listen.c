/* SPDX-License-Identifier: ISC
 *
 * conf_listen - see the header.
 */
#include "conf_listen.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_url.h"

static int read_one(struct conf_reader *reader, const struct directive *row,
                    const struct conf_node *node, struct conf *conf);
static int parse_address(struct slice text, struct conf_listener *out);

int
conf_listen_read(struct conf_reader *reader, const struct directive *row,
                 const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    conf->n_listeners = 0; /* the default's */
    if (node->kind != CONF_NODE_LIST)
        return read_one(reader, row, node, conf);
    if (node->n_children == 0 || node->n_children > LIMIT_LISTENERS)
        return directive_fail(reader, node, "'listen' must have 1 to %d addresses",
                              LIMIT_LISTENERS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_one(reader, row, item, conf) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_one(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
         struct conf *conf)
{
    const char *text = conf_kind_scalar(reader, row, node, "an address such as 127.0.0.1:8080");
    struct conf_listener listener;

    if (text == NULL)
        return ERR_CONFIG;
    if (parse_address(slice_str(text), &listener) != 0)
        return directive_fail(reader, node,
                              "'listen' must be ADDRESS:PORT (127.0.0.1:8080, [::1]:8080), not "
                              "'%.64s'",
                              text);
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (listener.port != 0 && strcmp(conf->listeners[i].text, listener.text) == 0)
            return directive_fail(reader, node, "'%s' stands in 'listen' twice", text);
    }
    conf->listeners[conf->n_listeners++] = listener;
    return 0;
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

int
conf_listen_check(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf *conf = reader->conf;
    const struct conf_node *node = conf_yaml_child(root, "listen");

    for (size_t i = 0; i < conf->n_listeners && !conf->allow_plain_listen; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        if (!conf_url_is_loopback(listener->host))
            return directive_fail(reader, node,
                                  "listening on %s would take API keys without TLS: listen on "
                                  "127.0.0.1 behind a TLS proxy, or say 'allow_plain_listen: true'",
                                  listener->text);
    }
    return 0;
}
