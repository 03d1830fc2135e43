/* SPDX-License-Identifier: ISC
 *
 * conf_upstream - see the header.
 */
#include "conf_upstream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf_credential.h"
#include "conf_flavor.h"
#include "conf_kind.h"
#include "conf_url.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/url.h"

#define PROBE_UNSET UINT8_MAX

static int read_upstream(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_upstream *upstream);
static void take_defaults(const struct conf *conf, struct conf_upstream *upstream);
static int check_url(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_upstream *upstream);
static void take_family(struct upstream_record *record, const char *family);
static void take_probe(struct upstream_record *record);

int
conf_upstream_read_all(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base)
{
    struct conf *conf = base;
    int64_t n_credentials = 0;

    (void)row;
    if (node->kind != CONF_NODE_MAP || node->n_children == 0)
        return directive_fail(reader, node, "'upstreams' must have at least one NAME: {...}");
    if (node->n_children > conf->capacity_upstreams)
        return directive_fail_key(
            reader, node, "%u upstreams are more than capacity.upstreams (%" PRId64 "): raise it",
            node->n_children, conf->capacity_upstreams);
    conf->upstreams = mem_zalloc(node->n_children * sizeof(*conf->upstreams));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        struct conf_upstream *upstream = &conf->upstreams[conf->n_upstreams];

        upstream->record.id = (uint32_t)conf->n_upstreams++;
        if (read_upstream(reader, item, upstream) != 0)
            return ERR_CONFIG;
        n_credentials += upstream->n_credentials;
    }
    if (n_credentials > LIMIT_ALL_CREDENTIALS(conf->capacity_upstreams))
        return directive_fail_key(reader, node,
                                  "%" PRId64 " keys of upstreams are more than %" PRId64
                                  ": raise capacity.upstreams",
                                  n_credentials, LIMIT_ALL_CREDENTIALS(conf->capacity_upstreams));
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
        check_url(reader, node, upstream) != 0 ||
        conf_upstream_check_ca_file(reader, node, upstream->record.ca_file) != 0 ||
        conf_flavor_finish(reader, node, upstream) != 0 ||
        conf_credential_finish(reader, node, upstream) != 0 ||
        conf_upstream_check_deadlines(reader, node, &upstream->record.first_token_timeout_us,
                                      upstream->record.total_timeout_us) != 0)
        return ERR_CONFIG;
    upstream->record.origin_hash = conf_upstream_origin(&upstream->record);
    take_family(&upstream->record, upstream->family);
    take_probe(&upstream->record);
    return 0;
}

static void
take_defaults(const struct conf *conf, struct conf_upstream *upstream)
{
    struct upstream_record *record = &upstream->record;

    record->connect_timeout_us = conf->connect_timeout_us;
    record->tls_timeout_us = conf->tls_timeout_us;
    record->first_byte_timeout_us = conf->first_byte_timeout_us;
    record->first_token_timeout_us = conf->first_token_timeout_us;
    record->idle_timeout_us = conf->idle_timeout_us;
    record->total_timeout_us = conf->total_timeout_us;
    record->max_connections = (uint32_t)conf->upstream_max_connections;
    record->max_idle_connections = (uint32_t)conf->upstream_max_idle;
    record->probe = PROBE_UNSET;
    record->flavor = CONF_FLAVOR_UNSET;
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
    if (!url.is_tls && !upstream->allow_plain && !url_is_loopback(url.host))
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

int
conf_upstream_check_ca_file(struct conf_reader *reader, const struct conf_node *map,
                            const char *path)
{
    if (path[0] == '\0' || access(path, R_OK) == 0)
        return 0;
    return directive_fail(reader, conf_yaml_child(map, "ca_file"), "%s: %s", path, strerror(errno));
}

int64_t
conf_upstream_origin(const struct upstream_record *record)
{
    char origin[LIMIT_HOST + LIMIT_PATH + 32];
    int len = snprintf(origin, sizeof(origin), "%s|%s|%u|%s", record->is_tls ? "https" : "http",
                       record->host, record->port, record->ca_file);

    return (int64_t)hash_table64(slice_of(origin, (size_t)len));
}

int
conf_upstream_check_deadlines(struct conf_reader *reader, const struct conf_node *map,
                              int64_t *first_token_us, int64_t total_us)
{
    const struct conf_node *node = map == NULL ? NULL : conf_yaml_child(map, "first_token_timeout");

    if (*first_token_us <= total_us)
        return 0;
    if (node != NULL)
        return directive_fail(reader, node,
                              "'first_token_timeout' is longer than 'total_timeout', and could "
                              "never pass: make it shorter, or leave it out");
    *first_token_us = total_us;
    return 0;
}

static void
take_family(struct upstream_record *record, const char *family)
{
    const char *name = family[0] == '\0' ? record->name : family;

    record->family = (uint32_t)hash_table64(slice_str(name));
}

/* Mocks are on this machine and cannot be away: probes of them would only be noise. */
static void
take_probe(struct upstream_record *record)
{
    if (record->probe == PROBE_UNSET)
        record->probe = record->is_mock ? PROBE_NONE : PROBE_MODELS;
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
    for (uint32_t i = 0; i < upstream->n_credentials; i++)
        conf_credential_fini(&upstream->credentials[i]);
}
