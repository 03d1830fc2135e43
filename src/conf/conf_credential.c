/* SPDX-License-Identifier: ISC
 *
 * conf_credential - see the header.
 */
#include "conf_credential.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "conf_kind.h"
#include "relayos/base/hash.h"
#include "relayos/base/url.h"
#include "relayos/conf/conf_sealed.h"
#include "relayos/model/flight.h"

#define MOCK_CREDENTIAL "mock-credential"

static_assert(sizeof(((struct credential_record *)0)->name) ==
                  sizeof(((struct flight_attempt *)0)->credential),
              "two that a trace calls the same would be taken for one");

static int read_one(struct conf_reader *reader, const struct conf_node *node,
                    struct conf_upstream *upstream);
static int check_unique(struct conf_reader *reader, const struct conf_node *node,
                        const struct conf_upstream *upstream);
static int read_env(struct conf_reader *reader, const struct conf_node *node,
                    struct conf_credential *credential);
static int read_file(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_credential *credential);
static int read_sealed(struct conf_reader *reader, const struct conf_node *node,
                       const struct conf_upstream *upstream, struct conf_credential *credential);
static int read_master_key(struct conf_reader *reader, const struct conf_node *node);
static int check_bytes(struct conf_reader *reader, const struct conf_node *node,
                       struct slice bytes);
static int read_single(struct conf_reader *reader, const struct conf_node *node,
                       struct conf_upstream *upstream);
static int take_mock(struct conf_reader *reader, const struct conf_node *node,
                     struct conf_upstream *upstream);
static uint32_t hash_id(const struct conf_upstream *upstream,
                        const struct conf_credential *credential);

int
conf_credential_read_list(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base)
{
    struct conf_upstream *upstream = base;

    (void)row;
    if (node->kind != CONF_NODE_LIST || node->n_children == 0)
        return directive_fail(reader, node,
                              "'keys' must be a list such as [{name: main, env: VARIABLE}]");
    if (node->n_children > LIMIT_CREDENTIALS)
        return directive_fail_key(reader, node, "%u keys are more than %d", node->n_children,
                                  LIMIT_CREDENTIALS);
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_one(reader, item, upstream) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_one(struct conf_reader *reader, const struct conf_node *node, struct conf_upstream *upstream)
{
    struct conf_credential *credential = &upstream->credentials[upstream->n_credentials++];

    directive_defaults(DIRECTIVE_SET_CREDENTIAL, credential);
    if (directive_read(reader, DIRECTIVE_SET_CREDENTIAL, node, credential) != 0)
        return ERR_CONFIG;
    if ((credential->env[0] != '\0') + (credential->file[0] != '\0') +
            (credential->sealed[0] != '\0') !=
        1)
        return directive_fail(reader, node,
                              "a key is in a variable, in a file or sealed: name its env, its file "
                              "or its sealed");
    if (check_unique(reader, node, upstream) != 0)
        return ERR_CONFIG;
    if (credential->sealed[0] != '\0')
        return 0; /* opened when the whole upstream is read: it is bound to the url */
    return conf_credential_load(reader, conf_yaml_child(node, "env"), conf_yaml_child(node, "file"),
                                credential);
}

int
conf_credential_load(struct conf_reader *reader, const struct conf_node *env,
                     const struct conf_node *file, struct conf_credential *credential)
{
    if (credential->env[0] != '\0')
        return read_env(reader, env, credential);
    return credential->file[0] != '\0' ? read_file(reader, file, credential) : 0;
}

/* The last against those before it. */
static int
check_unique(struct conf_reader *reader, const struct conf_node *node,
             const struct conf_upstream *upstream)
{
    const struct conf_credential *last = &upstream->credentials[upstream->n_credentials - 1];

    for (const struct conf_credential *other = upstream->credentials; other < last; other++) {
        if (strcmp(other->record.name, last->record.name) == 0)
            return directive_fail(reader, conf_yaml_child(node, "name"),
                                  "two keys of this upstream are called '%s': names are unique",
                                  last->record.name);
        if (strcmp(other->env, last->env) == 0 && strcmp(other->file, last->file) == 0 &&
            strcmp(other->sealed, last->sealed) == 0)
            return directive_fail(reader, node,
                                  "'%s' is the key '%s' once more: leave one of them out",
                                  last->record.name, other->record.name);
    }
    return 0;
}

static int
read_env(struct conf_reader *reader, const struct conf_node *node,
         struct conf_credential *credential)
{
    const char *value = reader->env(credential->env);

    if (value == NULL || value[0] == '\0')
        return directive_fail(reader, node,
                              "the environment variable %s is not set: export it before the start, "
                              "or use a file",
                              credential->env);
    if (check_bytes(reader, node, slice_str(value)) != 0)
        return ERR_CONFIG;
    credential->secret = secret_new(value, strlen(value));
    return 0;
}

static int
read_file(struct conf_reader *reader, const struct conf_node *node,
          struct conf_credential *credential)
{
    struct errmsg why;

    if (secret_read_file(credential->file, &credential->secret, &why) != 0)
        return directive_fail(reader, node, "%s: %s", node->key, why.text);
    return check_bytes(reader, node, secret_expose(credential->secret));
}

static int
read_sealed(struct conf_reader *reader, const struct conf_node *node,
            const struct conf_upstream *upstream, struct conf_credential *credential)
{
    const struct conf_sealed_place place = {upstream->record.name, upstream->url,
                                            credential->record.name};
    struct errmsg why;

    if (reader->env == conf_any_env) {
        credential->secret = secret_new("unknown", 7);
        return 0;
    }
    if (reader->master_key == NULL && read_master_key(reader, node) != 0)
        return ERR_CONFIG;
    if (conf_sealed_open(&place, reader->master_key, credential->sealed, &credential->secret,
                         &why) != 0)
        return directive_fail(reader, node, "the key %s", why.text);
    return check_bytes(reader, node, secret_expose(credential->secret));
}

static int
read_master_key(struct conf_reader *reader, const struct conf_node *node)
{
    const char *file = reader->conf->master_key_file;
    const char *value = reader->env(CONF_SEALED_MASTER_ENV);
    struct errmsg why;

    if (file[0] != '\0' && secret_read_file(file, &reader->master_key, &why) != 0)
        return directive_fail(reader, node, "master_key_file: %s", why.text);
    if (file[0] == '\0' && value != NULL && strlen(value) <= SECRET_MAX_SIZE)
        reader->master_key = secret_new(value, strlen(value));
    if (reader->master_key == NULL)
        return directive_fail(reader, node,
                              "a sealed key needs the master key: set master_key_file or the "
                              "variable " CONF_SEALED_MASTER_ENV);
    return 0;
}

/* It goes into a header: anything but visible ASCII would split it. The value is not shown. */
static int
check_bytes(struct conf_reader *reader, const struct conf_node *node, struct slice bytes)
{
    if (bytes.len >= LIMIT_CREDENTIAL)
        return directive_fail(reader, node, "the key is longer than %d characters",
                              LIMIT_CREDENTIAL - 1);
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] <= 0x20 || bytes.ptr[i] >= 0x7f)
            return directive_fail(reader, node,
                                  "the key holds spaces or characters that are not ASCII: look at "
                                  "how it was copied");
    }
    return 0;
}

int
conf_credential_finish(struct conf_reader *reader, const struct conf_node *node,
                       struct conf_upstream *upstream)
{
    bool has_key = strcmp(upstream->auth, "key") == 0 || strcmp(upstream->auth, "bearer") == 0;
    int n_ways = (upstream->key_env[0] != '\0') + (upstream->key_file[0] != '\0') +
                 (upstream->key_sealed[0] != '\0') + (upstream->n_credentials > 0) + !has_key;

    if (n_ways == 0)
        return directive_fail_key(
            reader, node,
            "upstream '%s' has no key: name its key_env, key_file, key_sealed or keys, "
            "or say 'auth: none'",
            upstream->record.name);
    if (n_ways > 1)
        return directive_fail_key(
            reader, node,
            "upstream '%s' has more than one of key_env, key_file, key_sealed, "
            "keys and auth: which is it?",
            upstream->record.name);
    if (upstream->n_credentials == 0 && read_single(reader, node, upstream) != 0)
        return ERR_CONFIG;
    for (uint32_t i = 0; i < upstream->n_credentials; i++) {
        struct conf_credential *credential = &upstream->credentials[i];

        credential->record.id = hash_id(upstream, credential);
        if (credential->sealed[0] != '\0' && read_sealed(reader, node, upstream, credential) != 0)
            return ERR_CONFIG;
        assert(!has_key || credential->secret != NULL);
    }
    return 0;
}

/* The only one, which has no name; nor bytes, where the upstream wants none. */
static int
read_single(struct conf_reader *reader, const struct conf_node *node,
            struct conf_upstream *upstream)
{
    struct conf_credential *credential = &upstream->credentials[0];

    upstream->n_credentials = 1;
    memcpy(credential->env, upstream->key_env, sizeof(credential->env));
    memcpy(credential->file, upstream->key_file, sizeof(credential->file));
    memcpy(credential->sealed, upstream->key_sealed, sizeof(credential->sealed));
    if (strcmp(upstream->auth, "mock") == 0)
        return take_mock(reader, node, upstream);
    return conf_credential_load(reader, conf_yaml_child(node, "key_env"),
                                conf_yaml_child(node, "key_file"), credential);
}

/* A mock takes any key and is not a provider: never one that real prompts could leave to. */
static int
take_mock(struct conf_reader *reader, const struct conf_node *node, struct conf_upstream *upstream)
{
    if (!url_is_loopback(upstream->record.host))
        return directive_fail(reader, conf_yaml_child(node, "auth"),
                              "'auth: mock' is for the bundled mock providers on this machine");
    upstream->record.is_mock = 1;
    upstream->credentials[0].secret = secret_new(MOCK_CREDENTIAL, strlen(MOCK_CREDENTIAL));
    return 0;
}

static uint32_t
hash_id(const struct conf_upstream *upstream, const struct conf_credential *credential)
{
    char text[2 * LIMIT_NAME + 1];
    int len = snprintf(text, sizeof(text), "%s|%s", upstream->record.name, credential->record.name);
    uint32_t id = (uint32_t)hash_table64(slice_of(text, (size_t)len));

    return id == 0 ? 1 : id;
}

void
conf_credential_write_list(const struct directive *row, const void *base, struct buf *out)
{
    const struct conf_upstream *upstream = base;

    (void)row;
    if (upstream->credentials[0].record.name[0] == '\0')
        return; /* the only one: key_env, key_file or auth has said it */
    for (uint32_t i = 0; i < upstream->n_credentials; i++) {
        const struct conf_credential *credential = &upstream->credentials[i];
        bool is_env = credential->env[0] != '\0', is_file = credential->file[0] != '\0';

        buf_printf(out, "%s{name: ", i == 0 ? "[" : ", ");
        conf_kind_write_text(credential->record.name, out);
        buf_append_str(out, is_env ? ", env: " : is_file ? ", file: " : ", sealed: ");
        conf_kind_write_text(is_env    ? credential->env
                             : is_file ? credential->file
                                       : credential->sealed,
                             out);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

void
conf_credential_fini(struct conf_credential *credential)
{
    secret_free(&credential->secret);
}
