/* SPDX-License-Identifier: ISC */
#include "tls.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

static bool set_peer_name(SSL_CTX *ctx, const char *host);
static bool set_authorities(SSL_CTX *ctx, const char *ca_file, X509_STORE *system);

X509_STORE *
tls_store_system(void)
{
    X509_STORE *store = X509_STORE_new();

    if (store == NULL || X509_STORE_set_default_paths(store) == 1)
        return store;
    X509_STORE_free(store);
    return NULL;
}

SSL_CTX *
tls_client_new(const char *host, const char *ca_file, X509_STORE *system)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 && set_peer_name(ctx, host) &&
        set_authorities(ctx, ca_file, system))
        return ctx;
    SSL_CTX_free(ctx);
    return NULL;
}

static bool
set_peer_name(SSL_CTX *ctx, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool
set_authorities(SSL_CTX *ctx, const char *ca_file, X509_STORE *system)
{
    if (ca_file[0] != '\0')
        return SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1;
    if (system == NULL)
        return false;
    SSL_CTX_set1_cert_store(ctx, system);
    return true;
}
