/* SPDX-License-Identifier: ISC */
#include "conf_oidc.h"

#include <string.h>

#include "conf_credential.h"
#include "conf_upstream.h"
#include "conf_url.h"
#include "relayos/base/url.h"

static int check_client(struct conf_reader *reader, const struct conf_node *node);
static int check_urls(struct conf_reader *reader, const struct conf_node *console,
                      const struct conf_node *node);
static bool is_plain(const char *url);
static bool has_word(const char *words, const char *word);
static int read_secret(struct conf_reader *reader, const struct conf_node *node);

int
conf_oidc_finish(struct conf_reader *reader, const struct conf_node *root)
{
    const struct conf_node *console = conf_yaml_child(root, "console");
    const struct conf_node *node = console == NULL ? NULL : conf_yaml_child(console, "oidc");
    const struct conf_oidc *oidc = &reader->conf->oidc;

    if (node == NULL)
        return 0;
    if (oidc->issuer[0] == '\0' && oidc->client_id[0] == '\0')
        return 0; /* as conf_show() writes it */
    if (oidc->issuer[0] == '\0')
        return directive_fail_key(reader, node, "'console.oidc' names no issuer");
    if (check_client(reader, node) != 0 || check_urls(reader, console, node) != 0 ||
        conf_upstream_check_ca_file(reader, node, oidc->ca_file) != 0)
        return ERR_CONFIG;
    return read_secret(reader, node);
}

static int
check_client(struct conf_reader *reader, const struct conf_node *node)
{
    const struct conf_oidc *oidc = &reader->conf->oidc;

    if (oidc->client_id[0] == '\0')
        return directive_fail_key(reader, node, "'console.oidc' names no client_id");
    if (oidc->secret_env[0] != '\0' && oidc->secret_file[0] != '\0')
        return directive_fail_key(
            reader, node, "'console.oidc' has a secret_env and a secret_file: which is it?");
    if (!has_word(oidc->scopes, "openid"))
        return directive_fail(reader, conf_yaml_child(node, "scopes"),
                              "'console.oidc.scopes' must have the word openid among them");
    return 0;
}

/* Who reads the connection to the provider, or the way back, is whoever they say they are. */
static int
check_urls(struct conf_reader *reader, const struct conf_node *console,
           const struct conf_node *node)
{
    const struct conf *conf = reader->conf;

    if (is_plain(conf->oidc.issuer))
        return directive_fail(reader, conf_yaml_child(node, "issuer"),
                              "'console.oidc.issuer' must begin with https://");
    if (conf->console_url[0] == '\0' && !url_is_loopback(conf->console.host))
        return directive_fail_key(reader, node,
                                  "'console.oidc' needs console.public_url, which the provider "
                                  "sends people back to");
    if (conf->console_url[0] != '\0' && is_plain(conf->console_url))
        return directive_fail(reader, conf_yaml_child(console, "public_url"),
                              "with 'console.oidc' console.public_url must begin with https://");
    return 0;
}

/* Without TLS, and not on this machine. */
static bool
is_plain(const char *text)
{
    struct conf_url url;

    return conf_url_parse(text, &url) != NULL || (!url.is_tls && !url_is_loopback(url.host));
}

static bool
has_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static int
read_secret(struct conf_reader *reader, const struct conf_node *node)
{
    struct conf_oidc *oidc = &reader->conf->oidc;
    struct conf_credential credential = {.secret = NULL};

    memcpy(credential.env, oidc->secret_env, sizeof(credential.env));
    memcpy(credential.file, oidc->secret_file, sizeof(credential.file));
    int err = conf_credential_load(reader, conf_yaml_child(node, "secret_env"),
                                   conf_yaml_child(node, "secret_file"), &credential);
    oidc->secret = credential.secret;
    return err;
}
