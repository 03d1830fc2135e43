/* SPDX-License-Identifier: ISC
 *
 * conf_listen - see the header.
 */
#include "conf_listen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "conf_certificate.h"
#include "conf_kind.h"
#include "conf_url.h"
#include "relayos/base/url.h"

#define SOCKET_PATH_SIZE 100 /* of sun_path, with room for the ".new" that it is bound as */

static int add_one(struct conf_reader *reader, const struct directive *row,
                   const struct conf_node *node, struct conf *conf);
static int check_one(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_listener *listener);
static int check_proxies(struct conf_reader *reader, const struct conf_node *map,
                         const struct conf_listener *listener);
static int read_address(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, struct conf_listener *out);
static bool is_simple(const struct conf_listener *listener);
static bool is_open_and_plain(const struct conf_listener *listener);
static int fail_plain(struct conf_reader *reader, const struct conf_node *node,
                      const struct conf_listener *listener, const char *what);
static int parse_address(struct slice text, struct conf_listener *out);
static int parse_path(struct slice text, struct conf_listener *out);

int
conf_listen_read(struct conf_reader *reader, const struct directive *row,
                 const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    conf->n_listeners = 0; /* the default's, which owns nothing */
    memset(conf->listeners, 0, sizeof(conf->listeners));
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
    struct conf_listener *listener = &conf->listeners[conf->n_listeners];

    directive_defaults(DIRECTIVE_SET_LISTENER, listener);
    conf->n_listeners++; /* what it has read is the conf's from now on */
    if (node->kind != CONF_NODE_MAP) {
        if (read_address(reader, row, node, listener) != 0)
            return ERR_CONFIG;
    } else if (directive_read(reader, DIRECTIVE_SET_LISTENER, node, listener) != 0 ||
               check_one(reader, node, listener) != 0) {
        return ERR_CONFIG;
    }
    for (size_t i = 0; i + 1 < conf->n_listeners; i++) {
        const struct conf_listener *other = &conf->listeners[i];

        if ((listener->port != 0 || listener->host[0] == '/') &&
            strcmp(other->text, listener->text) == 0)
            return directive_fail(reader, node, "'%s' stands in 'listen' twice", listener->text);
    }
    return 0;
}

static int
check_one(struct conf_reader *reader, const struct conf_node *node, struct conf_listener *listener)
{
    bool is_unix = listener->host[0] == '/';
    const struct conf_node *ca = conf_yaml_child(node, "client_ca");
    const struct conf_node *mode = conf_yaml_child(node, "mode");

    if (ca == NULL)
        ca = conf_yaml_child(node, "client_verify");
    if (ca != NULL && listener->n_certificates == 0)
        return directive_fail_key(
            reader, ca, "'%s' is for TLS: give the listener 'certificates', too", ca->key);
    if (mode == NULL)
        mode = conf_yaml_child(node, "owner");
    if (mode != NULL && !is_unix)
        return directive_fail_key(reader, mode, "'%s' is for UNIX sockets: unix:/PATH", mode->key);
    return check_proxies(reader, node, listener) != 0
               ? ERR_CONFIG
               : conf_certificate_read_authorities(reader, node, listener);
}

/* A list that nobody can be in would turn everybody away. */
static int
check_proxies(struct conf_reader *reader, const struct conf_node *map,
              const struct conf_listener *listener)
{
    const struct conf_node *node = conf_yaml_child(map, "proxy_protocol");
    bool is_unix = listener->host[0] == '/';

    if (node == NULL)
        return 0;
    if (is_unix && (listener->proxies.n > 0 || !listener->proxies.has_local))
        return directive_fail(reader, node, "who comes over a UNIX socket is 'local'");
    if (!is_unix && (listener->proxies.n == 0 || listener->proxies.has_local))
        return directive_fail(reader, node,
                              "'proxy_protocol' must name networks: 'local' is for UNIX sockets");
    return 0;
}

int
conf_listen_read_address(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base)
{
    return read_address(reader, row, node, base);
}

void
conf_listen_write_address(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_listener *listener = base;

    (void)row;
    conf_kind_write_text(listener->text, out);
}

int
conf_listen_read_mode(struct conf_reader *reader, const struct directive *row,
                      const struct conf_node *node, void *base)
{
    struct conf_listener *listener = base;
    const char *text = conf_kind_scalar(reader, row, node, "a mode such as 0660");
    uint32_t mode = 0;

    if (text == NULL)
        return ERR_CONFIG;
    for (const char *c = text; *c >= '0' && *c <= '7' && c - text < 4; c++)
        mode = mode * 8 + (uint32_t)(*c - '0');
    if (text[strspn(text, "01234567")] != '\0' || strlen(text) > 4 || mode > 0777)
        return directive_fail(reader, node,
                              "'mode' must be an octal mode such as 0660, not '%.64s'", text);
    listener->mode = mode;
    return 0;
}

void
conf_listen_write_mode(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_listener *listener = base;

    (void)row;
    if (listener->host[0] == '/')
        buf_printf(out, "\"%04o\"", listener->mode);
}

int
conf_listen_read_one(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base)
{
    struct conf_listener *out = conf_kind_member(row, base);

    *out = (struct conf_listener){.text = "off"}; /* the default's, which owned nothing */
    if (node->kind == CONF_NODE_SCALAR && strcmp(node->text, "off") == 0)
        return 0;
    directive_defaults(DIRECTIVE_SET_LISTENER, out);
    if (node->kind != CONF_NODE_MAP)
        return read_address(reader, row, node, out);
    if (directive_read(reader, DIRECTIVE_SET_LISTENER, node, out) != 0)
        return ERR_CONFIG;
    return check_one(reader, node, out);
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
    struct {
        char text[CONF_PATH_SIZE], host[LIMIT_HOST];
        uint16_t port;
    } listener = {.port = 0};
    unsigned char address[sizeof(struct in6_addr)];
    size_t host_len = text.len;

    if (slice_starts_with(text, SLICE_LIT("unix:")))
        return parse_path(text, out);
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
    memcpy(out->text, listener.text, sizeof(out->text));
    memcpy(out->host, listener.host, sizeof(out->host));
    out->port = listener.port;
    return 0;
}

static int
parse_path(struct slice text, struct conf_listener *out)
{
    struct slice path = slice_sub(text, sizeof("unix:") - 1, text.len);

    if (path.len < 2 || path.ptr[0] != '/' || path.len >= SOCKET_PATH_SIZE)
        return -1;
    snprintf(out->text, sizeof(out->text), "%.*s", (int)text.len, text.ptr);
    snprintf(out->host, sizeof(out->host), "%.*s", (int)path.len, path.ptr);
    out->port = 0;
    return 0;
}

void
conf_listen_write(const struct directive *row, const void *base, struct buf *out)
{
    (void)row;
    if (conf_listen_is_simple(base))
        conf_listen_write_addresses(base, out);
}

bool
conf_listen_is_simple(const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (!is_simple(&conf->listeners[i]))
            return false;
    }
    return true;
}

static bool
is_simple(const struct conf_listener *listener)
{
    return listener->n_certificates == 0 && listener->host[0] != '/' && listener->proxies.n == 0;
}

void
conf_listen_write_addresses(const struct conf *conf, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < conf->n_listeners; i++) {
        buf_append_str(out, i > 0 ? ", " : "");
        conf_kind_write_text(conf->listeners[i].text, out);
    }
    buf_append_byte(out, ']');
}

const struct conf_listener *
conf_listen_find(const struct conf *conf, const char *text)
{
    for (size_t i = 0; i < conf->n_listeners; i++) {
        if (strcmp(conf->listeners[i].text, text) == 0)
            return &conf->listeners[i];
    }
    return NULL;
}

void
conf_listen_fini(struct conf_listener *listener)
{
    conf_certificate_fini(listener);
}

void
conf_listen_write_one(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_listener *listener = conf_kind_const_member(row, base);

    if (is_simple(listener)) {
        conf_kind_write_text(listener->text, out);
        return;
    }
    buf_append_byte(out, '{');
    directive_format_set(DIRECTIVE_SET_LISTENER, listener, out);
    buf_append_byte(out, '}');
}

void
conf_listen_write_console(const struct conf *conf, struct buf *out)
{
    conf_kind_write_text(conf->console.text, out);
}

int
conf_listen_check(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf *conf = reader->conf;
    const struct conf_node *node = conf_yaml_child(root, "listen");

    for (size_t i = 0; i < conf->n_listeners && !conf->allow_plain_listen; i++) {
        const struct conf_listener *listener = &conf->listeners[i];

        if (is_open_and_plain(listener))
            return fail_plain(reader, node, listener, "API keys");
    }
    if (is_open_and_plain(&conf->console) && !conf->allow_plain_listen)
        return fail_plain(reader, conf_yaml_child(root, "console"), &conf->console, "passwords");
    return 0;
}

int
conf_listen_check_console(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf *conf = reader->conf;
    const struct conf_node *node = conf_yaml_child(root, "console");

    if (conf->console.host[0] == '/' && conf->console_url[0] == '\0')
        return directive_fail(reader, node,
                              "a console on a UNIX socket is for a proxy before it: say its "
                              "address in 'public_url'");
    if (is_open_and_plain(&conf->console) && strncmp(conf->console_url, "https://", 8) != 0)
        return directive_fail(reader, node,
                              "a console on %s is for a TLS proxy before it: say its https:// "
                              "address in 'public_url'",
                              conf->console.text);
    if ((conf->console.port != 0 || conf->console.host[0] == '/') &&
        conf_listen_find(conf, conf->console.text) != NULL)
        return directive_fail(reader, node != NULL ? node : conf_yaml_child(root, "listen"),
                              "the console cannot be on %s, where 'listen' has callers connect: "
                              "give one of them another address, or say "
                              "'console: {listen: off}'",
                              conf->console.text);
    return 0;
}

static bool
is_open_and_plain(const struct conf_listener *listener)
{
    return listener->n_certificates == 0 && listener->host[0] != '\0' && listener->host[0] != '/' &&
           !url_is_loopback(listener->host);
}

static int
fail_plain(struct conf_reader *reader, const struct conf_node *node,
           const struct conf_listener *listener, const char *what)
{
    return directive_fail(
        reader, node,
        "listening on %s would take %s without TLS: give it 'certificates', listen "
        "on 127.0.0.1 behind a TLS proxy, or say 'allow_plain_listen: true'",
        listener->text, what);
}
