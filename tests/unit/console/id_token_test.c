/* SPDX-License-Identifier: ISC
 *
 * Tokens of a provider whose keys are made here: one of each kind is believed, and none that
 * differs from it in one thing.
 */
#include "id_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"

#define NOW    1800000000
#define HEADER "{\"alg\":\"%s\",\"kid\":\"k1\"}"
#define CLAIMS                                                                                     \
    "{\"iss\":\"https://id.example\",\"aud\":\"relayos\",\"sub\":\"u-1\",\"nonce\":\"n-1\","       \
    "\"iat\":1799999990,\"exp\":1800000300}"

static const struct id_token_wants wants = {
    .issuer = "https://id.example", .client_id = "relayos", .nonce = "n-1", .now_s = NOW};

static EVP_PKEY *
make_key(bool is_rsa, unsigned bits)
{
    EVP_PKEY *key = is_rsa ? EVP_RSA_gen(bits) : EVP_EC_gen("P-256");

    cr_assert_not_null(key);
    return key;
}

static void
append_number(struct buf *out, const EVP_PKEY *key, const char *param, const char *name)
{
    BIGNUM *number = NULL;
    uint8_t bytes[1024];
    bool is_point = strlen(name) == 1 && (*name == 'x' || *name == 'y');

    cr_assert_eq(EVP_PKEY_get_bn_param(key, param, &number), 1);
    int len = is_point ? BN_bn2binpad(number, bytes, 32) : BN_bn2bin(number, bytes);
    buf_printf(out, ",\"%s\":\"", name);
    text_base64url(slice_of(bytes, (size_t)len), out);
    buf_append_byte(out, '"');
    BN_free(number);
}

/* The provider's keys: this one, with further members. */
static struct tree *
publish(const EVP_PKEY *key, bool is_rsa, const char *members)
{
    struct buf out;

    buf_init(&out, 4096);
    buf_printf(&out, "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"k1\",\"k\":\"AAAA\"},{\"kty\":\"%s\"%s",
               is_rsa ? "RSA" : "EC", members);
    if (is_rsa) {
        append_number(&out, key, OSSL_PKEY_PARAM_RSA_N, "n");
        append_number(&out, key, OSSL_PKEY_PARAM_RSA_E, "e");
    } else {
        buf_append_str(&out, ",\"crv\":\"P-256\"");
        append_number(&out, key, OSSL_PKEY_PARAM_EC_PUB_X, "x");
        append_number(&out, key, OSSL_PKEY_PARAM_EC_PUB_Y, "y");
    }
    buf_append_str(&out, "}]}");
    struct tree *jwks = tree_parse(buf_slice(&out));
    cr_assert_not_null(jwks);
    buf_fini(&out);
    return jwks;
}

static void
append_signature(struct buf *out, EVP_PKEY *key, bool is_rsa)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t bytes[1024], raw[64];
    size_t len = sizeof bytes;

    cr_assert_eq(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    cr_assert_eq(EVP_DigestSign(ctx, bytes, &len, (const uint8_t *)out->ptr, out->len), 1);
    EVP_MD_CTX_free(ctx);
    buf_append_byte(out, '.');
    if (is_rsa) {
        text_base64url(slice_of(bytes, len), out);
        return;
    }
    const uint8_t *at = bytes;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, 32), 32);
    cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + 32, 32), 32);
    ECDSA_SIG_free(pair);
    text_base64url(slice_of(raw, sizeof raw), out);
}

static struct buf
sign(EVP_PKEY *key, bool is_rsa, const char *header, const char *claims)
{
    struct buf out;

    buf_init(&out, ID_TOKEN_MAX * 2);
    text_base64url(slice_str(header), &out);
    buf_append_byte(&out, '.');
    text_base64url(slice_str(claims), &out);
    append_signature(&out, key, is_rsa);
    return out;
}

/* What becomes of a token with this header and these claims, NULL = the good ones. */
static int
verdict(const char *members, bool is_rsa, const char *header, const char *claims)
{
    EVP_PKEY *key = make_key(is_rsa, 2048);
    struct tree *jwks = publish(key, is_rsa, members);
    struct id_token token = {.subject = ""};
    char usual[64];

    snprintf(usual, sizeof usual, HEADER, is_rsa ? "RS256" : "ES256");
    struct buf text =
        sign(key, is_rsa, header == NULL ? usual : header, claims == NULL ? CLAIMS : claims);
    int rc = id_token_verify(buf_slice(&text), jwks, &wants, &token, NULL);
    cr_assert((rc == 0) == (strcmp(token.subject, "u-1") == 0));
    buf_fini(&text);
    tree_free(&jwks);
    EVP_PKEY_free(key);
    return rc;
}

/* The good claims with one member written otherwise. */
static int
verdict_with(const char *before, const char *after)
{
    const char *at = strstr(CLAIMS, before);
    char claims[1024];

    cr_assert_not_null(at);
    snprintf(claims, sizeof claims, "%.*s%s%s", (int)(at - CLAIMS), CLAIMS, after,
             at + strlen(before));
    return verdict(",\"kid\":\"k1\"", false, NULL, claims);
}

Test(id_token, a_signed_one_is_believed_whichever_way_it_is_signed)
{
    cr_expect_eq(verdict(",\"kid\":\"k1\",\"use\":\"sig\",\"alg\":\"RS256\"", true, NULL, NULL), 0);
    cr_expect_eq(verdict(",\"kid\":\"k1\"", false, NULL, NULL), 0);
    cr_expect_eq(verdict("", false, "{\"alg\":\"ES256\"}", NULL), 0, "the only key");
}

Test(id_token, the_token_does_not_choose_how_it_is_looked_at)
{
    static const char *const headers[] = {"{\"alg\":\"none\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
                                          "{\"alg\":\"RS384\",\"kid\":\"k1\"}",
                                          "{\"kid\":\"k1\"}",
                                          "[]",
                                          "{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"b64\"]}"};

    for (size_t n = 0; n < sizeof headers / sizeof headers[0]; n++)
        cr_expect_eq(verdict(",\"kid\":\"k1\"", true, headers[n], NULL), ERR_DENIED, "%s",
                     headers[n]);
    cr_expect_eq(verdict(",\"kid\":\"k1\"", true, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", NULL),
                 ERR_MISSING, "the key is of the other kind");
}

Test(id_token, a_key_that_is_not_there_is_told_apart)
{
    cr_expect_eq(verdict(",\"kid\":\"k2\"", true, NULL, NULL), ERR_MISSING);
    cr_expect_eq(verdict(",\"kid\":\"k1\",\"use\":\"enc\"", true, NULL, NULL), ERR_MISSING);
    cr_expect_eq(verdict(",\"kid\":\"k1\",\"alg\":\"PS256\"", true, NULL, NULL), ERR_MISSING);
}

Test(id_token, one_claim_that_is_wrong_is_enough)
{
    static const char *const changes[][2] = {
        {"https://id.example", "https://id.example/"},
        {"\"aud\":\"relayos\"", "\"aud\":\"other\""},
        {"\"aud\":\"relayos\"", "\"aud\":[]"},
        {"\"aud\":\"relayos\"", "\"aud\":[\"relayos\",\"other\"]"},
        {"\"aud\":\"relayos\"", "\"aud\":{\"a\":\"relayos\"}"},
        {"\"aud\":\"relayos\"", "\"aud\":\"relayos\",\"azp\":\"other\""},
        {"\"sub\":\"u-1\"", "\"sub\":\"\""},
        {"\"sub\":\"u-1\"", "\"sub\":1"},
        {"\"sub\":\"u-1\"", "\"sub\":\"u-1\\u0000x\""},
        {"n-1", "n-2"},
        {"n-1", ""},
        {"\"exp\":1800000300", "\"exp\":1799999940"},
        {"\"exp\":1800000300", "\"exp\":\"1800000300\""},
        {"\"iat\":1799999990", "\"iat\":1800000061"},
        {"\"iat\":1799999990,", ""}};

    for (size_t n = 0; n < sizeof changes / sizeof changes[0]; n++)
        cr_expect_eq(verdict_with(changes[n][0], changes[n][1]), ERR_DENIED, "%s", changes[n][1]);
    cr_expect_eq(
        verdict_with("\"aud\":\"relayos\"", "\"aud\":[\"other\",\"relayos\"],\"azp\":\"relayos\""),
        0);
    cr_expect_eq(verdict_with("\"exp\":1800000300", "\"exp\":1799999941"), 0, "clocks differ");
}

/* No byte of it may be another; and a weak key signs nothing. */
Test(id_token, what_was_altered_is_not_what_was_signed)
{
    EVP_PKEY *key = make_key(false, 0), *weak = make_key(true, 1024);
    struct tree *jwks = publish(key, false, ",\"kid\":\"k1\"");
    struct buf text = sign(key, false, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", CLAIMS);
    struct id_token token;

    cr_expect_eq(id_token_verify(buf_slice(&text), jwks, &wants, &token, NULL), 0);
    for (size_t n = 0; n < text.len; n++) {
        char was = text.ptr[n];

        text.ptr[n] = was == 'A' ? 'B' : 'A';
        cr_expect_neq(id_token_verify(buf_slice(&text), jwks, &wants, &token, NULL), 0, "%zu", n);
        text.ptr[n] = was;
        cr_expect_neq(id_token_verify(slice_of(text.ptr, n), jwks, &wants, &token, NULL), 0);
    }
    cr_expect_neq(id_token_verify(slice_of("", 0), jwks, &wants, &token, NULL), 0);
    cr_expect_eq(id_token_verify(buf_slice(&text), NULL, &wants, &token, NULL), ERR_MISSING);
    tree_free(&jwks);
    buf_fini(&text);

    jwks = publish(weak, true, ",\"kid\":\"k1\"");
    text = sign(weak, true, "{\"alg\":\"RS256\",\"kid\":\"k1\"}", CLAIMS);
    cr_expect_eq(id_token_verify(buf_slice(&text), jwks, &wants, &token, NULL), ERR_DENIED);
    tree_free(&jwks);
    buf_fini(&text);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(key);
}

/* What a good token with these further claims says, at a sign-in with the access token "jHkW". */
static int
read_claims(const char *more, const char *access_token, const char *claim, struct id_token *out)
{
    EVP_PKEY *key = make_key(false, 0);
    struct tree *jwks = publish(key, false, ",\"kid\":\"k1\"");
    struct id_token_wants with = wants;
    char claims[1024];

    with.access_token = access_token;
    with.claim = claim;
    snprintf(claims, sizeof claims, "%.*s%s}", (int)(sizeof(CLAIMS) - 2), CLAIMS, more);
    struct buf text = sign(key, false, "{\"alg\":\"ES256\",\"kid\":\"k1\"}", claims);
    *out = (struct id_token){.subject = ""};
    int rc = id_token_verify(buf_slice(&text), jwks, &with, out, NULL);
    buf_fini(&text);
    tree_free(&jwks);
    EVP_PKEY_free(key);
    return rc;
}

Test(id_token, is_of_the_access_token_that_it_came_with)
{
    struct id_token token;
    uint8_t digest[32];
    struct buf more;

    buf_init(&more, 256);
    hash_sha256(SLICE_LIT("jHkW"), digest);
    buf_append_str(&more, ",\"at_hash\":\"");
    text_base64url(slice_of(digest, 16), &more);
    buf_append(&more, "\"", 2);
    cr_expect_eq(read_claims(more.ptr, "jHkW", NULL, &token), 0);
    cr_expect_eq(read_claims(more.ptr, "jHkX", NULL, &token), ERR_DENIED);
    cr_expect_eq(read_claims(more.ptr, NULL, NULL, &token), ERR_DENIED);
    cr_expect_eq(read_claims("", "jHkW", NULL, &token), 0, "it may be left out");
    static const char *const others[] = {"\"\"", "1", "null", "\"AAAA\""};
    for (size_t n = 0; n < sizeof others / sizeof others[0]; n++) {
        buf_clear(&more);
        buf_printf(&more, ",\"at_hash\":%s", others[n]);
        buf_append_byte(&more, '\0');
        cr_expect_eq(read_claims(more.ptr, "jHkW", NULL, &token), ERR_DENIED, "%s", more.ptr);
    }
    buf_fini(&more);
}

Test(id_token, an_address_names_somebody_if_it_was_looked_at)
{
#define EMAIL ",\"email\":\"a@b.example\""
    static const struct {
        const char *more, *claim, *name;
    } table[] = {
        {EMAIL ",\"email_verified\":true", "email", "a@b.example"},
        {EMAIL ",\"email_verified\":\"true\"", "email", "a@b.example"},
        {EMAIL ",\"email_verified\":false", "email", ""},
        {EMAIL ",\"email_verified\":\"false\"", "email", ""},
        {EMAIL ",\"email_verified\":1", "email", ""},
        {EMAIL, "email", ""},
        {",\"email_verified\":true", "email", ""},
        {",\"email\":7,\"email_verified\":true", "email", ""},
        {",\"preferred_username\":\"bob\"", "preferred_username", "bob"},
        {",\"preferred_username\":[\"bob\"]", "preferred_username", ""},
        {EMAIL ",\"email_verified\":true", "preferred_username", ""},
        {",\"email\":\"0123456789012345678901234567890123456789012345678901234@b.example\","
         "\"email_verified\":true",
         "email", ""},
        {"", "sub", "u-1"},
    };
    struct id_token token;

    for (size_t n = 0; n < sizeof table / sizeof table[0]; n++) {
        cr_expect_eq(read_claims(table[n].more, NULL, table[n].claim, &token), 0);
        cr_expect_str_eq(token.name, table[n].name, "%s", table[n].more);
    }
}
