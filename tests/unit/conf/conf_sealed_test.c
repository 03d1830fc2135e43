/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "relayos/conf/conf.h"
#include "relayos/conf/conf_sealed.h"

#define MASTER "0123456789abcdef0123456789abcdef"
#define KEY    "sk-provider-0123456789"

static const char *
env_with_master(const char *name)
{
    return strcmp(name, CONF_SEALED_MASTER_ENV) == 0 ? MASTER : NULL;
}

static const char *
env_with_another(const char *name)
{
    return strcmp(name, CONF_SEALED_MASTER_ENV) == 0 ? "another-master-key-of-32-bytes-it-is"
                                                     : NULL;
}

/* The text for the key `name` of the upstream `up` at that url. */
static void
seal(const char *name, char out[SEALED_TEXT_SIZE])
{
    const struct conf_sealed_place place = {"up", "https://API.example.com/v1", name};
    struct secret *master = secret_new(MASTER, strlen(MASTER));
    struct buf text;

    buf_init(&text, SEALED_TEXT_SIZE);
    cr_assert_eq(conf_sealed_make(&place, master, slice_str(KEY), &text, NULL), 0);
    snprintf(out, SEALED_TEXT_SIZE, "%.*s", (int)text.len, text.ptr);
    buf_fini(&text);
    secret_free(&master);
}

/* A configuration with that upstream: what conf_parse() says, and the secret of its first key. */
static int
parsed(const char *upstream, conf_getenv *env, struct errmsg *why)
{
    struct conf *conf = NULL;
    char text[8192];

    snprintf(text, sizeof(text),
             "upstreams:\n  %s\nmodels:\n  m: {price: free, routes: [{upstream: up, model: m}]}\n",
             upstream);
    int rc = conf_parse("test.yaml", slice_str(text), env, &conf, why);
    if (rc == 0 && env != conf_any_env)
        cr_expect(slice_eq_str(secret_expose(conf->upstreams[0].credentials[0].secret), KEY));
    conf_free(&conf);
    return rc;
}

static int
parsed_at(const char *url, const char *way, const char *sealed, conf_getenv *env,
          struct errmsg *why)
{
    char upstream[4096];

    snprintf(upstream, sizeof(upstream), "up: {url: \"%s\", protocols: openai_chat, %s%s}", url,
             way, sealed);
    return parsed(upstream, env, why);
}

Test(conf_sealed, a_key_opens_for_the_origin_that_it_was_sealed_for_and_no_other)
{
    static const struct {
        const char *url;
        int expected;
    } cases[] = {
        {"https://api.example.com/v1", 0},
        {"https://api.example.com:443/v2", 0}, /* another path of the same server */
        {"https://api.example.com:8443/v1", ERR_CONFIG},
        {"https://api.example.org/v1", ERR_CONFIG},
        {"http://127.0.0.1:443/v1", ERR_CONFIG},
    };
    char sealed[SEALED_TEXT_SIZE];
    struct errmsg why;

    seal("", sealed);
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
        cr_expect_eq(parsed_at(cases[n].url, "key_sealed: ", sealed, env_with_master, &why),
                     cases[n].expected, "%s", cases[n].url);
    cr_expect_not_null(strstr(why.text, "seal it anew"), "%s", why.text);
    cr_expect_null(strstr(why.text, KEY));
}

Test(conf_sealed, a_key_of_a_list_is_bound_to_its_name)
{
    char sealed[SEALED_TEXT_SIZE], list[2048];
    struct errmsg why;

    seal("main", sealed);
    snprintf(list, sizeof(list), "keys: [{name: main, sealed: %s}]", sealed);
    cr_expect_eq(parsed_at("https://api.example.com/v1", list, "", env_with_master, &why), 0, "%s",
                 why.text);
    snprintf(list, sizeof(list), "keys: [{name: spare, sealed: %s}]", sealed);
    cr_expect_eq(parsed_at("https://api.example.com/v1", list, "", env_with_master, &why),
                 ERR_CONFIG);
    cr_expect_eq(
        parsed_at("https://api.example.com/v1", "key_sealed: ", sealed, env_with_master, &why),
        ERR_CONFIG);
}

Test(conf_sealed, without_the_master_key_or_with_another_it_says_so)
{
    char sealed[SEALED_TEXT_SIZE];
    struct errmsg why;

    seal("", sealed);
    cr_expect_eq(
        parsed_at("https://api.example.com/v1", "key_sealed: ", sealed, env_with_another, &why),
        ERR_CONFIG);
    cr_expect_not_null(strstr(why.text, "master key"), "%s", why.text);
    cr_expect_eq(
        parsed_at("https://api.example.com/v1", "key_sealed: ", sealed, conf_any_env, &why), 0,
        "who only wants the places opens nothing: %s", why.text);
}
