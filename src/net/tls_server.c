/* SPDX-License-Identifier: ISC */
#include "tls_server.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define TLS_CIPHERS_1_2                                                                            \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"     \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct certificate {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* what is between the leaf and the root */
};

struct tls_server {
    unsigned n_refs;
    SSL_CTX *ctx;
    size_t n_certificates;
    struct certificate certificates[LIMIT_CERTIFICATES];
    struct tls_ticket_key ticket_keys[TLS_N_TICKET_KEYS];
};

static SSL_CTX *context_new(struct tls_server *server);
static int load_certificate(const struct tls_certificate *from, struct certificate *out,
                            struct errmsg *why);
static int load_chain(BIO *pem, struct certificate *out);
static int use_default(struct tls_server *server, const char *name, struct errmsg *why);
static int ask_clients(struct tls_server *server, const struct tls_material *material,
                       struct errmsg *why);
static void name_sessions(struct tls_server *server, const struct tls_material *material);
static size_t choose(const struct tls_server *server, const char *name);
static int on_certificate_wanted(SSL *ssl, void *arg);
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned int in_len, void *arg);
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int is_new);
static int set_ticket_key(const struct tls_ticket_key *key, unsigned char *iv,
                          EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new);
static void explain(struct errmsg *why, const char *name, const char *what);
static int no_passphrase(char *buf, int size, int is_writing, void *arg);

struct tls_server *
tls_server_new(const struct tls_material *material,
               const struct tls_ticket_key keys[TLS_N_TICKET_KEYS], struct errmsg *why)
{
    struct tls_server *server = mem_zalloc(sizeof *server);
    int rc = 0;

    assert(material->n_certificates > 0 && material->n_certificates <= LIMIT_CERTIFICATES);
    server->n_refs = 1;
    memcpy(server->ticket_keys, keys, sizeof server->ticket_keys);
    ERR_clear_error();
    server->ctx = context_new(server);
    if (server->ctx == NULL) {
        explain(why, "TLS", "no context");
        rc = ERR_IO;
    }
    for (uint32_t i = 0; i < material->n_certificates && rc == 0; i++)
        rc = load_certificate(&material->certificates[i],
                              &server->certificates[server->n_certificates++], why);
    if (rc == 0)
        rc = use_default(server, material->certificates[0].name, why);
    if (rc == 0)
        rc = ask_clients(server, material, why);
    if (rc != 0)
        tls_server_unref(&server);
    return server;
}

static SSL_CTX *
context_new(struct tls_server *server)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_app_data(ctx, server);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only: workers share them */
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFE_S);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    SSL_CTX_set_cert_cb(ctx, on_certificate_wanted, server);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
        SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS_1_2) == 1)
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

/* ---- certificates ---- */

static int
load_certificate(const struct tls_certificate *from, struct certificate *out, struct errmsg *why)
{
    BIO *chain = BIO_new_mem_buf(from->chain.ptr, (int)from->chain.len);
    BIO *key = BIO_new_mem_buf(from->key.ptr, (int)from->key.len);
    int rc = ERR_CONFIG;

    out->key = PEM_read_bio_PrivateKey(key, NULL, no_passphrase, NULL);
    if (load_chain(chain, out) != 0)
        explain(why, from->name, "not a certificate in PEM");
    else if (out->key == NULL)
        explain(why, from->name, "its key is not a private key in PEM without a passphrase");
    else if (X509_check_private_key(out->leaf, out->key) != 1)
        explain(why, from->name, "the key is of another certificate");
    else
        rc = 0;
    BIO_free(chain);
    BIO_free(key);
    return rc;
}

static int
load_chain(BIO *pem, struct certificate *out)
{
    X509 *next;

    out->leaf = PEM_read_bio_X509_AUX(pem, NULL, no_passphrase, NULL);
    out->chain = sk_X509_new_null();
    if (out->leaf == NULL || out->chain == NULL)
        return ERR_CONFIG;
    while ((next = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL)) != NULL)
        sk_X509_push(out->chain, next);

    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

    ERR_clear_error();
    return is_end ? 0 : ERR_CONFIG;
}

/* The library's own judgement of each (keys that are too short, digests that are too weak), as it
 * will be asked for one in a handshake. */
static int
use_default(struct tls_server *server, const char *name, struct errmsg *why)
{
    for (size_t i = server->n_certificates; i-- > 0;) {
        const struct certificate *certificate = &server->certificates[i];

        if (SSL_CTX_use_cert_and_key(server->ctx, certificate->leaf, certificate->key,
                                     certificate->chain, 1) == 1)
            continue;
        explain(why, name, "one of the listener's certificates is not accepted");
        return ERR_CONFIG;
    }
    return 0;
}

/* Index of the certificate for that name (NULL: none was said): the first that fits, else 0. */
static size_t
choose(const struct tls_server *server, const char *name)
{
    for (size_t i = 0; i < server->n_certificates && name != NULL; i++) {
        if (X509_check_host(server->certificates[i].leaf, name, 0,
                            X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1)
            return i;
    }
    return 0;
}

static int
on_certificate_wanted(SSL *ssl, void *arg)
{
    const struct tls_server *server = arg;
    size_t i = choose(server, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    const struct certificate *certificate = &server->certificates[i];

    SSL_certs_clear(ssl); /* the context's may hold others, of other key types */
    return SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1);
}

/* ---- clients' ---- */

static int
ask_clients(struct tls_server *server, const struct tls_material *material, struct errmsg *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(server->ctx);
    int n = 0;

    name_sessions(server, material);
    if (material->client_verify == TLS_CLIENT_NONE)
        return 0;

    BIO *pem = BIO_new_mem_buf(material->client_ca.ptr, (int)material->client_ca.len);
    X509 *authority;

    while ((authority = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL)) != NULL) {
        if (X509_STORE_add_cert(store, authority) == 1 &&
            SSL_CTX_add_client_CA(server->ctx, authority) == 1)
            n++;
        X509_free(authority);
    }
    BIO_free(pem);

    bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

    if (n == 0 || !is_end) {
        explain(why, "client_ca", "not certificates in PEM");
        return ERR_CONFIG;
    }
    ERR_clear_error();
    SSL_CTX_set_verify(
        server->ctx,
        SSL_VERIFY_PEER |
            (material->client_verify == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    return 0;
}

/* A ticket is good only where the same clients are let in: not at another listener, nor after the
 * authorities have changed. */
static void
name_sessions(struct tls_server *server, const struct tls_material *material)
{
    uint8_t digest[HASH_DIGEST_SIZE];

    hash_sha256(material->client_ca, digest);
    digest[0] ^= (uint8_t)material->client_verify;
    SSL_CTX_set_session_id_context(server->ctx, digest, sizeof digest);
}

/* ---- what the library asks ---- */

/* Who offers protocols, and HTTP/1.1 is not among them, is told so. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
        unsigned int in_len, void *arg)
{
    static const char ours[] = "http/1.1";

    (void)ssl, (void)arg;
    for (unsigned int at = 0; at < in_len && in[at] < in_len - at; at += 1u + in[at]) {
        if (in[at] != sizeof ours - 1 || memcmp(in + at + 1, ours, sizeof ours - 1) != 0)
            continue;
        *out = in + at + 1;
        *out_len = in[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* 1: go on; 2: go on, and make it a new one; 0: unknown, a whole handshake. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
          EVP_MAC_CTX *mac, int is_new)
{
    const struct tls_server *server = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const struct tls_ticket_key *keys = server->ticket_keys;

    if (is_new) {
        memcpy(name, keys[0].name, sizeof keys[0].name);
        return set_ticket_key(&keys[0], iv, cipher, mac, is_new);
    }
    for (size_t i = 0; i < TLS_N_TICKET_KEYS; i++) {
        static const struct tls_ticket_key none;

        if (memcmp(name, keys[i].name, sizeof keys[i].name) != 0 ||
            memcmp(&keys[i], &none, sizeof none) == 0)
            continue;
        int status = set_ticket_key(&keys[i], iv, cipher, mac, is_new);
        return status == 1 && i > 0 ? 2 : status;
    }
    return 0;
}

static int
set_ticket_key(const struct tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
               EVP_MAC_CTX *mac, int is_new)
{
    static char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    if (EVP_MAC_CTX_set_params(mac, params) != 1)
        return -1;
    if (is_new && RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1)
        return -1;
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, is_new) == 1 ? 1 : -1;
}

/* ---- lives ---- */

struct tls_server *
tls_server_ref(struct tls_server *server)
{
    server->n_refs++;
    return server;
}

void
tls_server_unref(struct tls_server **server)
{
    struct tls_server *s = *server;

    *server = NULL;
    if (s == NULL || --s->n_refs > 0)
        return;
    SSL_CTX_free(s->ctx);
    for (size_t i = 0; i < s->n_certificates; i++) {
        X509_free(s->certificates[i].leaf);
        EVP_PKEY_free(s->certificates[i].key);
        sk_X509_pop_free(s->certificates[i].chain, X509_free);
    }
    secret_wipe(s->ticket_keys, sizeof s->ticket_keys);
    free(s);
}

SSL *
tls_server_accept(struct tls_server *server)
{
    SSL *ssl = SSL_new(server->ctx);

    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

static void
explain(struct errmsg *why, const char *name, const char *what)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

    errmsg_set(why, "%s: %s%s%s%s", name, what, reason == NULL ? "" : " (",
               reason == NULL ? "" : reason, reason == NULL ? "" : ")");
    ERR_clear_error();
}

/* Nobody is there to type one. */
static int
no_passphrase(char *buf, int size, int is_writing, void *arg)
{
    (void)buf, (void)size, (void)is_writing, (void)arg;
    return -1;
}
