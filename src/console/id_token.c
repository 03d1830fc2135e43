/* SPDX-License-Identifier: ISC */
#include "id_token.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "relayos/base/err.h"
#include "relayos/base/hash.h"
#include "relayos/base/secret.h"
#include "relayos/base/text.h"

#define MAX_SIGNATURE 1024 /* RSA of 8192 bits */
#define MIN_RSA_BITS  2048
#define ES256_SIZE    32 /* a coordinate; half of a signature */

struct parts {
    struct slice signed_text; /* header.payload */
    struct tree *header, *claims;
    uint8_t signature[MAX_SIGNATURE];
    size_t signature_len;
};

static bool split(struct slice token, struct parts *out);
static bool next_part(struct slice *rest, struct slice *out);
static struct tree *read_json(struct slice part);
static int check_signature(const struct parts *parts, const struct tree *jwks, struct errmsg *why);
static const struct tree *find_key(const struct tree *jwks, const char *kid, const char *kty);
static EVP_PKEY *make_key(const struct tree *jwk, bool is_rsa);
static EVP_PKEY *make_rsa(const struct tree *jwk);
static EVP_PKEY *make_ec(const struct tree *jwk);
static size_t read_bytes(const struct tree *jwk, const char *name, uint8_t *out, size_t size);
static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build);
static bool has_signed(EVP_PKEY *key, const struct parts *parts, bool is_rsa);
static size_t to_der(const uint8_t raw[2 * ES256_SIZE], unsigned char *out);
static int check_claims(const struct tree *claims, const struct id_token_wants *wants,
                        struct id_token *out, struct errmsg *why);
static bool is_for(const struct tree *claims, const char *client_id);
static bool is_with(const struct tree *claims, const char *access_token);
static void copy_name(const struct tree *claims, const char *claim, struct id_token *out);
static double number_of(const struct tree *object, const char *name);
static int deny(struct errmsg *why, const char *text);

int
id_token_verify(struct slice token, const struct tree *jwks, const struct id_token_wants *wants,
                struct id_token *out, struct errmsg *why)
{
    struct parts parts = {.header = NULL};
    int rc = split(token, &parts) ? check_signature(&parts, jwks, why)
                                  : deny(why, "that is no signed token");

    if (rc == 0)
        rc = check_claims(parts.claims, wants, out, why);
    tree_free(&parts.header);
    tree_free(&parts.claims);
    return rc;
}

/* ---- its three parts ---- */

static bool
split(struct slice token, struct parts *out)
{
    struct slice rest = token, header, claims, signature;
    long len;

    if (token.len > ID_TOKEN_MAX || !next_part(&rest, &header) || !next_part(&rest, &claims))
        return false;
    signature = rest;
    len = text_base64url_parse(signature, out->signature, sizeof(out->signature));
    if (len <= 0)
        return false;
    out->signature_len = (size_t)len;
    out->signed_text = slice_sub(token, 0, token.len - signature.len - 1);
    out->header = read_json(header);
    out->claims = read_json(claims);
    return tree_is(out->header, TREE_OBJECT) && tree_is(out->claims, TREE_OBJECT);
}

static bool
next_part(struct slice *rest, struct slice *out)
{
    const char *dot = rest->len == 0 ? NULL : memchr(rest->ptr, '.', rest->len);

    if (dot == NULL)
        return false;
    size_t len = (size_t)(dot - rest->ptr);
    *out = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len + 1, rest->len);
    return true;
}

static struct tree *
read_json(struct slice part)
{
    char text[ID_TOKEN_MAX];
    long len = text_base64url_parse(part, (uint8_t *)text, sizeof(text));

    return len <= 0 ? NULL : tree_parse(slice_of(text, (size_t)len));
}

/* ---- who has signed it ---- */

static int
check_signature(const struct parts *parts, const struct tree *jwks, struct errmsg *why)
{
    const char *alg = tree_text(parts->header, "alg");
    bool is_rsa = strcmp(alg, "RS256") == 0;

    if (!is_rsa && strcmp(alg, "ES256") != 0)
        return deny(why, "the token is signed neither by RS256 nor by ES256");
    if (tree_find(parts->header, "crit") != NULL)
        return deny(why, "the token asks for what is not understood");
    const struct tree *jwk = find_key(jwks, tree_text(parts->header, "kid"), is_rsa ? "RSA" : "EC");
    if (jwk == NULL) {
        errmsg_set(why, "the token's key is not among the provider's");
        return ERR_MISSING;
    }
    EVP_PKEY *key = make_key(jwk, is_rsa);
    bool is_right = key != NULL && has_signed(key, parts, is_rsa);
    EVP_PKEY_free(key);
    return is_right ? 0 : deny(why, "the token's signature is not the provider's");
}

/* A token without a kid is signed by the only key of its kind. */
static const struct tree *
find_key(const struct tree *jwks, const char *kid, const char *kty)
{
    const struct tree *keys = tree_find(jwks, "keys"), *one, *found = NULL;
    const char *alg = strcmp(kty, "RSA") == 0 ? "RS256" : "ES256";

    tree_each(one, keys)
    {
        const char *its = tree_text(one, "alg"), *use = tree_text(one, "use");

        if (strcmp(tree_text(one, "kty"), kty) != 0 || (*its != '\0' && strcmp(its, alg) != 0) ||
            (*use != '\0' && strcmp(use, "sig") != 0))
            continue;
        if (*kid != '\0' && strcmp(tree_text(one, "kid"), kid) == 0)
            return one;
        if (*kid == '\0' && found != NULL)
            return NULL;
        if (*kid == '\0')
            found = one;
    }
    return found;
}

static EVP_PKEY *
make_key(const struct tree *jwk, bool is_rsa)
{
    return is_rsa ? make_rsa(jwk) : make_ec(jwk);
}

static EVP_PKEY *
make_rsa(const struct tree *jwk)
{
    uint8_t n[MAX_SIGNATURE], e[8];
    size_t n_len = read_bytes(jwk, "n", n, sizeof(n)), e_len = read_bytes(jwk, "e", e, sizeof(e));
    BIGNUM *modulus = BN_bin2bn(n, (int)n_len, NULL), *exponent = BN_bin2bn(e, (int)e_len, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;

    if (modulus != NULL && exponent != NULL && build != NULL &&
        BN_num_bits(modulus) >= MIN_RSA_BITS &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        key = from_params("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

static EVP_PKEY *
make_ec(const struct tree *jwk)
{
    uint8_t point[1 + 2 * ES256_SIZE] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *build;
    EVP_PKEY *key = NULL;

    if (strcmp(tree_text(jwk, "crv"), "P-256") != 0 ||
        read_bytes(jwk, "x", point + 1, ES256_SIZE) != ES256_SIZE ||
        read_bytes(jwk, "y", point + 1 + ES256_SIZE, ES256_SIZE) != ES256_SIZE)
        return NULL;
    build = OSSL_PARAM_BLD_new();
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
        key = from_params("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

static size_t
read_bytes(const struct tree *jwk, const char *name, uint8_t *out, size_t size)
{
    long len = text_base64url_parse(slice_str(tree_text(jwk, name)), out, size);

    return len < 0 ? 0 : (size_t)len;
}

static EVP_PKEY *
from_params(const char *type, OSSL_PARAM_BLD *build)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static bool
has_signed(EVP_PKEY *key, const struct parts *parts, bool is_rsa)
{
    unsigned char der[2 * ES256_SIZE + 16];
    const unsigned char *signature = parts->signature;
    size_t len = parts->signature_len;

    if (!is_rsa) {
        if (len != 2 * ES256_SIZE || (len = to_der(parts->signature, der)) == 0)
            return false;
        signature = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_right =
        ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(ctx, signature, len, (const unsigned char *)parts->signed_text.ptr,
                         parts->signed_text.len) == 1;
    EVP_MD_CTX_free(ctx);
    return is_right;
}

/* JOSE writes r and s side by side, OpenSSL reads DER; 0: there is no memory. */
static size_t
to_der(const uint8_t raw[2 * ES256_SIZE], unsigned char *out)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw, ES256_SIZE, NULL);
    BIGNUM *s = BN_bin2bn(raw + ES256_SIZE, ES256_SIZE, NULL);
    int len = 0;

    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* they are the pair's now */
        len = i2d_ECDSA_SIG(pair, &out);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len < 0 ? 0 : (size_t)len;
}

/* ---- what it says ---- */

static int
check_claims(const struct tree *claims, const struct id_token_wants *wants, struct id_token *out,
             struct errmsg *why)
{
    const char *nonce = tree_text(claims, "nonce"), *subject = tree_text(claims, "sub");
    size_t nonce_len = strlen(wants->nonce);

    if (strcmp(tree_text(claims, "iss"), wants->issuer) != 0)
        return deny(why, "the token is of another provider");
    if (!is_for(claims, wants->client_id))
        return deny(why, "the token is for another client");
    if (number_of(claims, "exp") <= (double)(wants->now_s - ID_TOKEN_LEEWAY_S))
        return deny(why, "the token has expired");
    if (tree_find(claims, "iat") == NULL ||
        number_of(claims, "iat") > (double)(wants->now_s + ID_TOKEN_LEEWAY_S))
        return deny(why, "the token is of the future: is one of the clocks wrong?");
    if (nonce_len == 0 || strlen(nonce) != nonce_len ||
        !secret_equal(nonce, wants->nonce, nonce_len))
        return deny(why, "the token is of another sign-in");
    if (!is_with(claims, wants->access_token))
        return deny(why, "the token is of another access token");
    if (*subject == '\0' || strlen(subject) >= sizeof(out->subject))
        return deny(why, "the token does not say who it is");
    snprintf(out->subject, sizeof(out->subject), "%s", subject);
    copy_name(claims, wants->claim == NULL ? "" : wants->claim, out);
    return 0;
}

/* Of several it is for, it must say that we are the one it was made for. */
static bool
is_for(const struct tree *claims, const char *client_id)
{
    const struct tree *audience = tree_find(claims, "aud"), *one;
    const char *party = tree_text(claims, "azp");
    bool is_among = false;

    if (*party != '\0' && strcmp(party, client_id) != 0)
        return false;
    if (tree_is(audience, TREE_STRING))
        return strcmp(audience->text, client_id) == 0;
    tree_each(one, audience)
    {
        is_among = is_among || (tree_is(one, TREE_STRING) && strcmp(one->text, client_id) == 0);
    }
    return is_among && tree_is(audience, TREE_ARRAY) &&
           (audience->child->next == NULL || *party != '\0');
}

/* at_hash is the left half of the hash (3.1.3.6); it may be left out. */
static bool
is_with(const struct tree *claims, const char *access_token)
{
    struct slice told = slice_str(tree_text(claims, "at_hash"));
    uint8_t digest[HASH_DIGEST_SIZE], half[HASH_DIGEST_SIZE / 2];

    if (tree_find(claims, "at_hash") == NULL)
        return true;
    if (access_token == NULL)
        return false;
    hash_sha256(slice_str(access_token), digest);
    return text_base64url_parse(told, half, sizeof(half)) == sizeof(half) &&
           memcmp(half, digest, sizeof(half)) == 0;
}

/* An address that nobody has looked at is anybody's. */
static void
copy_name(const struct tree *claims, const char *claim, struct id_token *out)
{
    const char *name = tree_text(claims, claim);
    const struct tree *verified = tree_find(claims, "email_verified");
    bool is_verified = tree_is(verified, TREE_TRUE) ||
                       (tree_is(verified, TREE_STRING) && strcmp(verified->text, "true") == 0);
    bool counts = strlen(name) < sizeof(out->name) && (strcmp(claim, "email") != 0 || is_verified);

    snprintf(out->name, sizeof(out->name), "%s", counts ? name : "");
}

/* They may have fractions. */
static double
number_of(const struct tree *object, const char *name)
{
    const struct tree *member = tree_find(object, name);

    return tree_is(member, TREE_NUMBER) ? strtod(member->text, NULL) : 0;
}

static int
deny(struct errmsg *why, const char *text)
{
    errmsg_set(why, "%s", text);
    return ERR_DENIED;
}
