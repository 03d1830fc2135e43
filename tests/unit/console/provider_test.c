/* SPDX-License-Identifier: ISC
 *
 * What a provider may say of itself, and what it is sent then.
 */
#include "provider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "oidc_message.h"

#define ISSUER "https://id.example/realms/a"
#define NOW    INT64_C(5000000)

static int
take(struct provider *provider, const char *issuer, const char *endpoint, const char *more)
{
    char text[8192];
    struct errmsg why;

    snprintf(text, sizeof text,
             "{\"issuer\":\"%s\",\"authorization_endpoint\":\"https://id.example/auth?x=1\","
             "\"jwks_uri\":\"https://keys.example/k\",\"token_endpoint\":\"%s\"%s}",
             issuer, endpoint, more);
    return provider_take(provider, ISSUER, slice_str(text), NOW, &why);
}

Test(provider, is_taken_if_it_calls_itself_as_it_is_called)
{
    static const char *const others[] = {
        "https://id.example/realms/a/", "https://id.example/realms/b", "http://id.example/realms/a",
        "https://ID.example/realms/a", ""};
    struct provider provider = {.read_us = 0};

    for (size_t n = 0; n < sizeof others / sizeof others[0]; n++)
        cr_expect_eq(take(&provider, others[n], "https://id.example/t", ""), ERR_DENIED, "%s",
                     others[n]);
    cr_expect_not(provider_is_known(&provider, NOW));
    cr_expect_eq(take(&provider, ISSUER, "https://id.example/t", ""), 0);
    cr_expect(provider_is_known(&provider, NOW));
    cr_expect(provider_is_known(&provider, NOW + PROVIDER_LIFE_US - 1));
    cr_expect_not(provider_is_known(&provider, NOW + PROVIDER_LIFE_US));
    cr_expect_str_eq(provider.jwks_uri, "https://keys.example/k");
    cr_expect_not(provider.wants_post || provider.tells_issuer);
}

Test(provider, secrets_go_where_nobody_else_reads_them)
{
    static const struct {
        const char *url;
        bool is_good;
    } table[] = {
        {"https://t.example/token", true},
        {"https://10.0.0.1:8443/t", true},
        {"https://keycloak:8443/t", true},
        {"http://127.0.0.1:1/t", true},
        {"http://localhost:1/t", true},
        {"http://[::1]:1/t", true},
        {"http://t.example/token", false},
        {"http://10.0.0.1/t", false},
        {"http://127.0.0.1.evil.example", false},
        {"http://localhost.evil.example/", false},
        {"ftp://t.example/", false},
        {"", false},
        {"https://u:p@t.example/", false},
        {"https://t.example/#x", false},
        {"https://t example/", false},
        {"http://[::2]/t", false},
        {"http://128.0.0.1/t", false},
        {"//t.example/", false},
    };
    char longest[PROVIDER_URL_SIZE + 64];

    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        struct provider provider = {.read_us = 0};

        cr_expect_eq(take(&provider, ISSUER, table[n].url, "") == 0, table[n].is_good, "%s",
                     table[n].url);
        cr_expect_eq(provider_is_known(&provider, NOW), table[n].is_good);
    }
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "https://t.example/", 18);
    longest[PROVIDER_URL_SIZE] = '\0';
    struct provider provider = {.read_us = 0};
    cr_expect_eq(take(&provider, ISSUER, longest, ""), ERR_DENIED);
}

Test(provider, what_is_no_answer_leaves_what_was_known)
{
    static const char *const texts[] = {"",      "[]",           "null", "{", "{\"issuer\":1}",
                                        "\"x\"", "{\"keys\":{}}"};
    struct provider provider = {.read_us = 0};
    struct errmsg why;

    cr_assert_eq(take(&provider, ISSUER, "https://id.example/t", ""), 0);
    cr_assert_eq(provider_take_keys(&provider, SLICE_LIT("{\"keys\":[]}"), NOW, &why), 0);
    for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++) {
        cr_expect_eq(provider_take(&provider, ISSUER, slice_str(texts[n]), NOW, &why), ERR_DENIED);
        cr_expect_eq(provider_take_keys(&provider, slice_str(texts[n]), NOW, &why), ERR_DENIED);
    }
    cr_expect(provider_is_known(&provider, NOW) && provider_has_keys(&provider, NOW));
    cr_expect_not(provider_has_keys(&provider, NOW + PROVIDER_LIFE_US));
    cr_expect_str_eq(provider.token_endpoint, "https://id.example/t");
    provider_fini(&provider);
}

Test(provider, is_asked_for_an_unknown_key_once_a_minute)
{
    struct provider provider = {.read_us = 0};

    cr_expect(provider_may_ask_again(&provider, NOW));
    cr_expect_not(provider_may_ask_again(&provider, NOW + PROVIDER_AGAIN_US - 1));
    cr_expect(provider_may_ask_again(&provider, NOW + PROVIDER_AGAIN_US));
    cr_expect_not(provider_may_ask_again(&provider, NOW + PROVIDER_AGAIN_US));
}

Test(provider, its_document_is_below_its_name)
{
    struct buf url;

    buf_init(&url, 1024);
    provider_write_url("https://id.example/", &url);
    cr_expect(slice_eq_str(buf_slice(&url), "https://id.example/.well-known/openid-configuration"));
    buf_clear(&url);
    provider_write_url(ISSUER, &url);
    cr_expect(slice_eq_str(buf_slice(&url), ISSUER "/.well-known/openid-configuration"));
    buf_fini(&url);
}

/* ---- what it is sent ---- */

struct sent {
    struct conf_oidc conf;
    struct provider provider;
    struct passage passage;
    struct buf url, form, authorization;
};

static void
compose(struct sent *sent, const char *secret, const char *methods)
{
    const struct oidc_message message = {&sent->conf, &sent->provider, "https://c.example/back"};
    char more[256];

    *sent = (struct sent){
        .conf = {.client_id = "a:b c", .scopes = "openid email"},
        .passage = {
            .state = "STATE", .nonce = "NONCE", .verifier = "VERIFIER", .challenge = "CHALLENGE"}};
    if (secret != NULL)
        sent->conf.secret = secret_new(secret, strlen(secret));
    snprintf(more, sizeof more, ",\"token_endpoint_auth_methods_supported\":%s", methods);
    cr_assert_eq(take(&sent->provider, ISSUER, "https://id.example/t", more), 0);
    buf_init(&sent->url, 4096);
    buf_init(&sent->form, 4096);
    buf_init(&sent->authorization, 4096);
    oidc_message_authorize(&message, &sent->passage, &sent->url);
    oidc_message_token(&message, &sent->passage, SLICE_LIT("c/+&="), &sent->form,
                       &sent->authorization);
    buf_append_byte(&sent->url, '\0');
    buf_append_byte(&sent->form, '\0');
    buf_append_byte(&sent->authorization, '\0');
}

static void
drop(struct sent *sent)
{
    secret_free(&sent->conf.secret);
    buf_fini(&sent->url);
    buf_fini(&sent->form);
    buf_fini(&sent->authorization);
}

#define FORM                                                                                       \
    "grant_type=authorization_code&code=c%2F%2B%26%3D&redirect_uri=https%3A%2F%2Fc.example%2Fback" \
    "&code_verifier=VERIFIER"

Test(oidc_message, a_browser_goes_with_all_that_comes_back)
{
    struct sent sent;

    compose(&sent, NULL, "[]");
    cr_expect_str_eq(sent.url.ptr,
                     "https://id.example/auth?x=1&response_type=code&code_challenge_method=S256"
                     "&client_id=a%3Ab%20c&redirect_uri=https%3A%2F%2Fc.example%2Fback"
                     "&scope=openid%20email&state=STATE&nonce=NONCE&code_challenge=CHALLENGE");
    drop(&sent);
}

Test(oidc_message, a_secret_goes_as_the_provider_takes_it)
{
    static const char *const basics[] = {"[]", "null", "[\"client_secret_basic\"]",
                                         "[\"client_secret_post\",\"client_secret_basic\"]"};
    struct sent sent;

    for (size_t n = 0; n < sizeof basics / sizeof basics[0]; n++) {
        compose(&sent, "p:q", basics[n]);
        cr_expect_str_eq(sent.form.ptr, FORM);
        /* a%3Ab%20c:p%3Aq */
        cr_expect_str_eq(sent.authorization.ptr, "Basic YSUzQWIlMjBjOnAlM0Fx");
        drop(&sent);
    }
    compose(&sent, "p:q", "[\"client_secret_post\",\"private_key_jwt\"]");
    cr_expect_str_eq(sent.form.ptr, FORM "&client_id=a%3Ab%20c&client_secret=p%3Aq");
    cr_expect_str_eq(sent.authorization.ptr, "");
    drop(&sent);
    compose(&sent, NULL, "[\"none\"]");
    cr_expect_str_eq(sent.form.ptr, FORM "&client_id=a%3Ab%20c");
    cr_expect_str_eq(sent.authorization.ptr, "");
    drop(&sent);
}
