/* SPDX-License-Identifier: ISC
 *
 * tls_server - the server side's context of one listener: TLS 1.3, and 1.2 with forward secrecy and
 * AEAD; a certificate chosen by the name that the client asks for; tickets that every worker
 * opens; client certificates where they are wanted. HTTP/1.1 is all that ALPN can be told.
 *
 * Ownership: counted; sessions hold it, so that a reload leaves them with what they began with.
 */
#ifndef NET_TLS_SERVER_H
#define NET_TLS_SERVER_H

#include <openssl/ssl.h>

#include "relayos/base/errmsg.h"
#include "relayos/net/tls_vault.h"

struct tls_server;

/* NULL with *why: which file, and what is wrong with it. */
struct tls_server *tls_server_new(const struct tls_material *material,
                                  const struct tls_ticket_key keys[TLS_N_TICKET_KEYS],
                                  struct errmsg *why);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server **server);
SSL *tls_server_accept(struct tls_server *server);

#endif
