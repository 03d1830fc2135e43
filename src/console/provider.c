/* SPDX-License-Identifier: ISC */
#include "provider.h"

#include <stdio.h>
#include <string.h>

#include "errand.h"

static int take(struct provider *provider, const char *issuer, const struct tree *json,
                struct errmsg *why);
static int take_url(const struct tree *json, const char *name, char out[PROVIDER_URL_SIZE],
                    struct errmsg *why);
static bool has_word(const struct tree *json, const char *name, const char *word);

void
provider_fini(struct provider *provider)
{
    tree_free(&provider->keys);
    provider->keys = NULL;
}

void
provider_write_url(const char *issuer, struct buf *out)
{
    size_t len = strlen(issuer);

    while (len > 0 && issuer[len - 1] == '/')
        len--;
    buf_append(out, issuer, len);
    buf_append_str(out, "/.well-known/openid-configuration");
}

bool
provider_is_known(const struct provider *provider, int64_t now_us)
{
    return provider->read_us != 0 && now_us - provider->read_us < PROVIDER_LIFE_US;
}

bool
provider_has_keys(const struct provider *provider, int64_t now_us)
{
    return provider->keys != NULL && now_us - provider->keys_us < PROVIDER_LIFE_US;
}

bool
provider_may_ask_again(struct provider *provider, int64_t now_us)
{
    if (provider->again_us != 0 && now_us - provider->again_us < PROVIDER_AGAIN_US)
        return false;
    provider->again_us = now_us;
    return true;
}

bool
provider_is_resting(const struct provider *provider, int64_t now_us)
{
    return provider->failed_us != 0 && now_us - provider->failed_us < PROVIDER_REST_US;
}

int
provider_take(struct provider *provider, const char *issuer, struct slice text, int64_t now_us,
              struct errmsg *why)
{
    struct provider read = *provider;
    struct tree *json = tree_parse(text);
    int rc = take(&read, issuer, json, why);

    tree_free(&json);
    if (rc != 0)
        return rc;
    read.read_us = now_us;
    if (strcmp(read.jwks_uri, provider->jwks_uri) != 0)
        read.keys_us = now_us - PROVIDER_LIFE_US; /* they are of another place */
    *provider = read;
    return 0;
}

/* One that calls itself otherwise is another (Discovery 4.3). */
static int
take(struct provider *provider, const char *issuer, const struct tree *json, struct errmsg *why)
{
    static const char methods[] = "token_endpoint_auth_methods_supported";
    const struct tree *its = tree_find(json, "issuer");

    if (!tree_is(its, TREE_STRING) || strcmp(its->text, issuer) != 0) {
        errmsg_set(why, "the provider calls itself \"%.200s\", not as console.oidc.issuer does",
                   tree_is(its, TREE_STRING) ? its->text : "");
        return ERR_DENIED;
    }
    int rc = take_url(json, "authorization_endpoint", provider->authorization_endpoint, why);
    if (rc == 0)
        rc = take_url(json, "token_endpoint", provider->token_endpoint, why);
    if (rc == 0)
        rc = take_url(json, "jwks_uri", provider->jwks_uri, why);
    provider->wants_post = has_word(json, methods, "client_secret_post") &&
                           !has_word(json, methods, "client_secret_basic");
    provider->tells_issuer =
        tree_is(tree_find(json, "authorization_response_iss_parameter_supported"), TREE_TRUE);
    return rc;
}

static int
take_url(const struct tree *json, const char *name, char out[PROVIDER_URL_SIZE], struct errmsg *why)
{
    const struct tree *url = tree_find(json, name);
    const char *text = tree_is(url, TREE_STRING) ? url->text : "";
    const char *wrong = errand_check_url(text);

    if (wrong == NULL && strchr(text, '#') != NULL)
        wrong = "has a fragment (#)";
    if (wrong == NULL && strlen(text) >= PROVIDER_URL_SIZE)
        wrong = "is too long";
    if (wrong != NULL) {
        errmsg_set(why, "the provider's %s %s", name, wrong);
        return ERR_DENIED;
    }
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static bool
has_word(const struct tree *json, const char *name, const char *word)
{
    const struct tree *list = tree_find(json, name), *one;

    tree_each(one, list)
    {
        if (tree_is(one, TREE_STRING) && strcmp(one->text, word) == 0)
            return true;
    }
    return false;
}

int
provider_take_keys(struct provider *provider, struct slice text, int64_t now_us, struct errmsg *why)
{
    struct tree *json = tree_parse(text);

    if (!tree_is(tree_find(json, "keys"), TREE_ARRAY)) {
        tree_free(&json);
        errmsg_set(why, "the provider's keys cannot be read");
        return ERR_DENIED;
    }
    tree_free(&provider->keys);
    provider->keys = json;
    provider->keys_us = now_us;
    return 0;
}
