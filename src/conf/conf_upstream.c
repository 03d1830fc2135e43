/* SPDX-License-Identifier: ISC
 *
 * conf_upstream - see the header.
 */
#include "conf_upstream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_kind.h"
#include "conf_url.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

#define MOCK_CREDENTIAL "mock-credential"

static const char *const protocol_names[] = {
    [PROTOCOL_OPENAI_CHAT] = "openai_chat",
    [PROTOCOL_OPENAI_RESPONSES] = "openai_responses",
    [PROTOCOL_ANTHROPIC_MESSAGES] = "anthropic_messages",
};
#define N_PROTOCOLS (sizeof(protocol_names) / sizeof(protocol_names[0]))

static int read_upstream(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_upstream *upstream);
static void take_defaults(const struct conf *conf, struct conf_upstream *upstream);
static int check_url(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_upstream *upstream);
static int check_ca_file(struct conf_reader *reader, const struct conf_node *node,
                         const struct conf_upstream *upstream);
static int64_t hash_origin(const struct upstream_record *record);
static int read_credential(struct conf_reader *reader, const struct conf_node *node,
                           struct conf_upstream *upstream);
static int read_key_env(struct conf_reader *reader, const struct conf_node *node,
                        struct conf_upstream *upstream);
static int read_key_file(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_upstream *upstream);
static int check_mock(struct conf_reader *reader, const struct conf_node *node,
                      struct conf_upstream *upstream);
static int check_credential(struct conf_reader *reader, const struct conf_node *node,
                            struct slice credential);
static int read_protocol(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, uint32_t *protocols);

int
conf_upstream_read_all(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    (void)row;
    if (node->kind != CONF_NODE_MAP || node->n_children == 0)
        return directive_fail(reader, node, "'upstreams' must have at least one NAME: {...}");
    if (node->n_children > conf->capacity_upstreams)
        return directive_fail_key(reader, node, "%u upstreams are more than capacity.upstreams",
                                  node->n_children);
    conf->upstreams = mem_zalloc(node->n_children * sizeof(*conf->upstreams));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        struct conf_upstream *upstream = &conf->upstreams[conf->n_upstreams];

        upstream->record.id = (uint32_t)conf->n_upstreams++;
        if (read_upstream(reader, item, upstream) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_upstream(struct conf_reader *reader, const struct conf_node *node,
              struct conf_upstream *upstream)
{
    size_t len = strlen(node->key);

    if (len == 0 || len >= LIMIT_NAME || !conf_kind_is_name(node->key))
        return directive_fail_key(reader, node,
                                  "an upstream's name has 1 to %d letters, digits, '.', '_', '-'",
                                  LIMIT_NAME - 1);
    memcpy(upstream->record.name, node->key, len + 1);
    directive_defaults(DIRECTIVE_SET_UPSTREAM, upstream);
    take_defaults(reader->conf, upstream);
    if (directive_read(reader, DIRECTIVE_SET_UPSTREAM, node, upstream) != 0 ||
        check_url(reader, node, upstream) != 0 || check_ca_file(reader, node, upstream) != 0 ||
        read_credential(reader, node, upstream) != 0)
        return ERR_CONFIG;
    upstream->record.origin_hash = hash_origin(&upstream->record);
    return 0;
}

static void
take_defaults(const struct conf *conf, struct conf_upstream *upstream)
{
    struct upstream_record *record = &upstream->record;

    record->connect_timeout_us = conf->connect_timeout_us;
    record->tls_timeout_us = conf->tls_timeout_us;
    record->first_byte_timeout_us = conf->first_byte_timeout_us;
    record->idle_timeout_us = conf->idle_timeout_us;
    record->total_timeout_us = conf->total_timeout_us;
    record->max_connections = (uint32_t)conf->upstream_max_connections;
    record->max_idle_connections = (uint32_t)conf->upstream_max_idle;
}

static int
check_url(struct conf_reader *reader, const struct conf_node *node, struct conf_upstream *upstream)
{
    struct upstream_record *record = &upstream->record;
    struct conf_url url;
    const char *wrong = conf_url_parse(upstream->url, &url);
    const struct conf_node *url_node = conf_yaml_child(node, "url");

    if (wrong != NULL)
        return directive_fail(reader, url_node, "'url' %s", wrong);
    if (!url.is_tls && !upstream->allow_plain && !conf_url_is_loopback(url.host))
        return directive_fail(reader, url_node,
                              "http:// would send the provider's key to %s in the clear: use "
                              "https://, or say 'allow_plain: true'",
                              url.host);
    memcpy(record->host, url.host, sizeof(record->host));
    memcpy(record->path, url.path, sizeof(record->path));
    record->port = url.port;
    record->is_tls = url.is_tls;
    return 0;
}

/* Better refused now than at each handshake. */
static int
check_ca_file(struct conf_reader *reader, const struct conf_node *node,
              const struct conf_upstream *upstream)
{
    const char *path = upstream->record.ca_file;

    if (path[0] == '\0' || access(path, R_OK) == 0)
        return 0;
    return directive_fail(reader, conf_yaml_child(node, "ca_file"), "%s: %s", path,
                          strerror(errno));
}

/* Connections and TLS contexts are shared by all upstreams for which this is the same. */
static int64_t
hash_origin(const struct upstream_record *record)
{
    char origin[LIMIT_HOST + LIMIT_PATH + 32];
    int len = snprintf(origin, sizeof(origin), "%s|%s|%u|%s", record->is_tls ? "https" : "http",
                       record->host, record->port, record->ca_file);

    return (int64_t)hash_table64(slice_of(origin, (size_t)len));
}

static int
read_credential(struct conf_reader *reader, const struct conf_node *node,
                struct conf_upstream *upstream)
{
    bool is_mock = strcmp(upstream->auth, "mock") == 0;
    int n_sources = (upstream->key_env[0] != '\0') + (upstream->key_file[0] != '\0') +
                    (strcmp(upstream->auth, "key") != 0);

    if (n_sources == 0)
        return directive_fail_key(reader, node,
                                  "upstream '%s' has no key: name its key_env or key_file, or say "
                                  "'auth: none'",
                                  upstream->record.name);
    if (n_sources > 1)
        return directive_fail_key(reader, node,
                                  "upstream '%s' has more than one of key_env, key_file and auth: "
                                  "which is it?",
                                  upstream->record.name);
    if (upstream->key_env[0] != '\0')
        return read_key_env(reader, node, upstream);
    if (upstream->key_file[0] != '\0')
        return read_key_file(reader, node, upstream);
    return is_mock ? check_mock(reader, node, upstream) : 0;
}

static int
read_key_env(struct conf_reader *reader, const struct conf_node *node,
             struct conf_upstream *upstream)
{
    const struct conf_node *env_node = conf_yaml_child(node, "key_env");
    const char *value = reader->env(upstream->key_env);

    if (value == NULL || value[0] == '\0')
        return directive_fail(reader, env_node,
                              "the environment variable %s is not set: export it before the start, "
                              "or use key_file",
                              upstream->key_env);
    if (check_credential(reader, env_node, slice_str(value)) != 0)
        return ERR_CONFIG;
    upstream->credential = secret_new(value, strlen(value));
    return 0;
}

static int
read_key_file(struct conf_reader *reader, const struct conf_node *node,
              struct conf_upstream *upstream)
{
    const struct conf_node *file_node = conf_yaml_child(node, "key_file");
    struct errmsg why;

    if (secret_read_file(upstream->key_file, &upstream->credential, &why) != 0)
        return directive_fail(reader, file_node, "key_file: %s", why.text);
    return check_credential(reader, file_node, secret_expose(upstream->credential));
}

/* A mock takes any key and is not a provider: never one that real prompts could leave to. */
static int
check_mock(struct conf_reader *reader, const struct conf_node *node, struct conf_upstream *upstream)
{
    if (!conf_url_is_loopback(upstream->record.host))
        return directive_fail(reader, conf_yaml_child(node, "auth"),
                              "'auth: mock' is for the bundled mock providers on this machine");
    upstream->record.is_mock = 1;
    upstream->credential = secret_new(MOCK_CREDENTIAL, strlen(MOCK_CREDENTIAL));
    return 0;
}

/* It goes into a header: anything but visible ASCII would split it. The value is not shown. */
static int
check_credential(struct conf_reader *reader, const struct conf_node *node, struct slice credential)
{
    if (credential.len >= LIMIT_CREDENTIAL)
        return directive_fail(reader, node, "the key is longer than %d characters",
                              LIMIT_CREDENTIAL - 1);
    for (size_t i = 0; i < credential.len; i++) {
        if (credential.ptr[i] <= 0x20 || credential.ptr[i] >= 0x7f)
            return directive_fail(reader, node,
                                  "the key holds spaces or characters that are not ASCII: look at "
                                  "how it was copied");
    }
    return 0;
}

int
conf_upstream_read_protocols(struct conf_reader *reader, const struct directive *row,
                             const struct conf_node *node, void *base)
{
    uint32_t *member = conf_kind_member(row, base);
    uint32_t protocols = 0;

    if (node->kind != CONF_NODE_LIST) {
        if (read_protocol(reader, row, node, &protocols) != 0)
            return ERR_CONFIG;
    } else {
        for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
            if (read_protocol(reader, row, item, &protocols) != 0)
                return ERR_CONFIG;
        }
    }
    if (protocols == 0)
        return directive_fail(reader, node, "'protocols' must name at least one: %s", row->unit);
    *member = protocols;
    return 0;
}

static int
read_protocol(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
              uint32_t *protocols)
{
    const char *text = conf_kind_scalar(reader, row, node, "a protocol, or a list of them");

    if (text == NULL)
        return ERR_CONFIG;
    for (size_t i = 0; i < N_PROTOCOLS; i++) {
        if (strcmp(protocol_names[i], text) != 0)
            continue;
        *protocols |= PROTOCOL_BIT(i);
        return 0;
    }

    const char *nearest = text_nearest(slice_str(text), protocol_names, N_PROTOCOLS);

    if (nearest != NULL)
        return directive_fail(reader, node, "unknown protocol '%.64s' - did you mean '%s'?", text,
                              nearest);
    return directive_fail(reader, node, "unknown protocol '%.64s': there are %s", text, row->unit);
}

void
conf_upstream_write_protocols(const struct directive *row, const void *base, struct buf *out)
{
    const uint32_t *protocols = conf_kind_const_member(row, base);
    const char *comma = "";

    buf_append_byte(out, '[');
    for (size_t i = 0; i < N_PROTOCOLS; i++) {
        if ((*protocols & PROTOCOL_BIT(i)) == 0)
            continue;
        buf_append_str(out, comma);
        buf_append_str(out, protocol_names[i]);
        comma = ", ";
    }
    buf_append_byte(out, ']');
}

long
conf_upstream_find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_upstreams; i++) {
        if (strcmp(conf->upstreams[i].record.name, name) == 0)
            return (long)i;
    }
    return -1;
}

void
conf_upstream_fini(struct conf_upstream *upstream)
{
    secret_free(&upstream->credential);
}
