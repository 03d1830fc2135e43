/* SPDX-License-Identifier: ISC
 *
 * tls - client contexts: one per origin, so that OpenSSL itself verifies the name of the peer. (The
 * library checks it too, but skips that on TLS 1.3.)
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* The system's certificates, read once; NULL if there are none to be read. */
X509_STORE *tls_store_system(void);

/*
 * TLS 1.2 or later, peer verified, certificate for host (a name or an IP literal). ca_file "" takes
 * system (referenced, not taken). NULL if a file can't be read.
 */
SSL_CTX *tls_client_new(const char *host, const char *ca_file, X509_STORE *system);

#endif
