/* SPDX-License-Identifier: ISC
 *
 * tls_client - OpenSSL's client on a blocking socket: one connection, one request at a time.
 */
#ifndef SUPPORT_TLS_CLIENT_H
#define SUPPORT_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "certificate.h"

struct tls_client;

struct tls_client_wish {
    const char *name;                      /* asked for, and verified where there is an authority */
    const char *authority;                 /* PEM; NULL: whoever answers is fine */
    const struct certificate *certificate; /* of the client, or NULL */
    const char *alpn;                      /* as on the wire: "\x02h2" */
    const char *first;          /* bytes before the handshake (a PROXY header), or NULL */
    struct tls_client *resumes; /* its session */
    bool is_1_2;                /* speaks TLS 1.2 and no other, with AES-128-GCM */
    size_t piece; /* bytes sent at a time, each after the last was read; 0 = all at once */
};

/* NULL: refused, the reason in why (of 128 bytes, or NULL). */
struct tls_client *tls_client_open(int port, const struct tls_client_wish *wish, char *why);
void tls_client_close(struct tls_client **client);
/* The whole answer, NUL-terminated; its status, 0 = none came. body NULL: GET. */
int tls_client_call(struct tls_client *client, const char *path, const char *key, const char *body,
                    char *answer, size_t size);
/* The same of a request as it stands. */
int tls_client_send(struct tls_client *client, const char *text, char *answer, size_t size);
/* Sends it and reads nothing. */
bool tls_client_put(struct tls_client *client, const char *text);
/* Asks for another handshake again and again, so many bytes of it, and reads nothing (is_1_2; it
 * can do nothing else afterwards). False: the other end did not take them all. */
bool tls_client_renegotiate(struct tls_client *client, size_t n_bytes);
bool tls_client_is_resumed(const struct tls_client *client);
/* Common name of the server's certificate. */
void tls_client_peer(const struct tls_client *client, char *out, size_t size);

#endif
