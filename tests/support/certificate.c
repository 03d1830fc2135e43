/* SPDX-License-Identifier: ISC
 *
 * certificate - see certificate.h.
 */
#include "certificate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#define DAY_S 86400L

static void add_names(X509 *x509, X509 *issuer, const struct certificate_wish *wish);
static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value);
static void sign(X509 *x509, EVP_PKEY *own_key, const struct certificate *issuer);
static X509 *read_pem(const char *pem);
static char *text_of(BIO *bio);

struct certificate
certificate_new(const struct certificate_wish *wish)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new(), *issuer = wish->issuer == NULL ? NULL : read_pem(wish->issuer->pem);
    BIO *pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    long serial = 0;

    RAND_bytes((unsigned char *)&serial, 4);
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial + 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -400 * DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(x509), wish->days * DAY_S + 3600);
    X509_set_pubkey(x509, key);
    add_names(x509, issuer == NULL ? x509 : issuer, wish);
    sign(x509, key, wish->issuer);
    PEM_write_bio_X509(pem, x509);
    PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL);

    struct certificate made = {.pem = text_of(pem), .key = text_of(key_pem)};

    X509_free(x509);
    X509_free(issuer);
    EVP_PKEY_free(key);
    return made;
}

static void
add_names(X509 *x509, X509 *issuer, const struct certificate_wish *wish)
{
    X509_NAME *subject = X509_get_subject_name(x509);
    char value[512] = "", *copy = strdup(wish->names), *rest = NULL;

    for (char *name = strtok_r(copy, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        size_t len = strlen(value);

        snprintf(value + len, sizeof value - len, "%sDNS:%s", len == 0 ? "" : ",", name);
    }
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)copy, -1, -1, 0);
    X509_set_issuer_name(x509, issuer == x509 ? subject : X509_get_subject_name(issuer));
    add_extension(x509, issuer, NID_subject_alt_name, value);
    if (wish->is_authority)
        add_extension(x509, issuer, NID_basic_constraints, "critical,CA:TRUE");
    free(copy);
}

static void
add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    cr_assert(extension != NULL, "%s", value);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

static void
sign(X509 *x509, EVP_PKEY *own_key, const struct certificate *issuer)
{
    EVP_PKEY *key = own_key;

    if (issuer != NULL) {
        BIO *bio = BIO_new_mem_buf(issuer->key, -1);

        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        BIO_free(bio);
    }
    cr_assert(X509_sign(x509, key, EVP_sha256()) > 0);
    if (key != own_key)
        EVP_PKEY_free(key);
}

static X509 *
read_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    cr_assert(x509 != NULL);
    BIO_free(bio);
    return x509;
}

static char *
text_of(BIO *bio)
{
    char *bytes;
    long len = BIO_get_mem_data(bio, &bytes);
    char *text = strndup(bytes, (size_t)len);

    BIO_free(bio);
    return text;
}

void
certificate_free(struct certificate *certificate)
{
    free(certificate->pem);
    free(certificate->key);
    *certificate = (struct certificate){0};
}

void
certificate_write(const struct certificate *certificate, const char *dir, const char *name)
{
    for (int is_key = 0; is_key < 2; is_key++) {
        char path[256], next[sizeof path + 8];
        const char *text = is_key ? certificate->key : certificate->pem;

        snprintf(path, sizeof path, "%s/%s.%s", dir, name, is_key ? "key" : "pem");
        snprintf(next, sizeof next, "%s.next", path);
        FILE *file = fopen(next, "w");
        cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "%s", next);
        cr_assert(chmod(next, 0600) == 0 && rename(next, path) == 0, "%s", path);
    }
}
