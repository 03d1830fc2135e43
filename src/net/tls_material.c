/* SPDX-License-Identifier: ISC */
#include "relayos/net/tls_material.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "tls_server.h"

static void add_names(X509 *leaf, char *out, size_t size);
static size_t add(char *out, size_t len, size_t size, const void *text, size_t text_len);

int
tls_material_check(const struct tls_material *material, struct errmsg *why)
{
    static const struct tls_ticket_key keys[TLS_N_TICKET_KEYS];

    if (material->n_certificates == 0)
        return 0;
    struct tls_server *server = tls_server_new(material, keys, why);
    if (server == NULL)
        return ERR_CONFIG;
    tls_server_unref(&server);
    return 0;
}

int
tls_material_info(const struct tls_certificate *certificate, struct tls_certificate_info *out)
{
    BIO *pem = BIO_new_mem_buf(certificate->chain.ptr, (int)certificate->chain.len);
    X509 *leaf = PEM_read_bio_X509_AUX(pem, NULL, NULL, NULL);
    struct tm end;
    int rc = ERR_CONFIG;

    if (leaf != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1) {
        out->not_after_us = (int64_t)timegm(&end) * 1000000;
        add_names(leaf, out->names, sizeof out->names);
        rc = 0;
    }
    X509_free(leaf);
    BIO_free(pem);
    return rc;
}

static void
add_names(X509 *leaf, char *out, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    size_t len = 0;

    out[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            len = add(out, len, size, ASN1_STRING_get0_data(name->d.dNSName),
                      (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
}

/* It goes into logs and terminals: what is no host name is left out. */
static size_t
add(char *out, size_t len, size_t size, const void *text, size_t text_len)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-_*";
    const char *bytes = text;

    if (len + text_len + 3 > size)
        return len;
    for (size_t i = 0; i < text_len; i++) {
        if (bytes[i] == '\0' || strchr(allowed, bytes[i]) == NULL)
            return len;
    }
    if (len > 0) {
        memcpy(out + len, ", ", 2);
        len += 2;
    }
    memcpy(out + len, bytes, text_len);
    out[len + text_len] = '\0';
    return len + text_len;
}
