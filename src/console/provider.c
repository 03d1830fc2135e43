/* SPDX-License-Identifier: ISC */
#include "provider.h"

#include <stdio.h>
#include <string.h>

#include "errand.h"

static int take(struct provider *provider, const char *issuer, const cJSON *json,
                struct errmsg *why);
static int take_url(const cJSON *json, const char *name, char out[PROVIDER_URL_SIZE],
                    struct errmsg *why);
static bool has_word(const cJSON *json, const char *name, const char *word);

void
provider_fini(struct provider *provider)
{
    cJSON_Delete(provider->keys);
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
    cJSON *json = cJSON_ParseWithLength(text.ptr, text.len);
    int rc = take(&read, issuer, json, why);

    cJSON_Delete(json);
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
take(struct provider *provider, const char *issuer, const cJSON *json, struct errmsg *why)
{
    static const char methods[] = "token_endpoint_auth_methods_supported";
    const cJSON *its = cJSON_GetObjectItemCaseSensitive(json, "issuer");

    if (!cJSON_IsString(its) || strcmp(its->valuestring, issuer) != 0) {
        errmsg_set(why, "the provider calls itself \"%.200s\", not as console.oidc.issuer does",
                   cJSON_IsString(its) ? its->valuestring : "");
        return ERR_DENIED;
    }
    int rc = take_url(json, "authorization_endpoint", provider->authorization_endpoint, why);
    if (rc == 0)
        rc = take_url(json, "token_endpoint", provider->token_endpoint, why);
    if (rc == 0)
        rc = take_url(json, "jwks_uri", provider->jwks_uri, why);
    provider->wants_post = has_word(json, methods, "client_secret_post") &&
                           !has_word(json, methods, "client_secret_basic");
    provider->tells_issuer = cJSON_IsTrue(
        cJSON_GetObjectItemCaseSensitive(json, "authorization_response_iss_parameter_supported"));
    return rc;
}

static int
take_url(const cJSON *json, const char *name, char out[PROVIDER_URL_SIZE], struct errmsg *why)
{
    const cJSON *url = cJSON_GetObjectItemCaseSensitive(json, name);
    const char *text = cJSON_IsString(url) ? url->valuestring : "";
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
has_word(const cJSON *json, const char *name, const char *word)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, name), *one;

    cJSON_ArrayForEach(one, list)
    {
        if (cJSON_IsString(one) && strcmp(one->valuestring, word) == 0)
            return true;
    }
    return false;
}

int
provider_take_keys(struct provider *provider, struct slice text, int64_t now_us, struct errmsg *why)
{
    cJSON *json = cJSON_ParseWithLength(text.ptr, text.len);

    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "keys"))) {
        cJSON_Delete(json);
        errmsg_set(why, "the provider's keys cannot be read");
        return ERR_DENIED;
    }
    cJSON_Delete(provider->keys);
    provider->keys = json;
    provider->keys_us = now_us;
    return 0;
}
