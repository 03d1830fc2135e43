/* SPDX-License-Identifier: ISC
 *
 * tls_session - one client's TLS, without its socket: ciphertext in, plaintext out, and back.
 *
 * Use: tls_session_give() what came, then tls_session_handshake() until it is done, then
 * tls_session_read() until there is nothing more; what is to be sent, tls_session_take() has.
 */
#ifndef NET_TLS_SESSION_H
#define NET_TLS_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "relayos/base/slice.h"
#include "tls_server.h"

struct tls_session;

enum tls_session_state { TLS_SESSION_WAITS, TLS_SESSION_DONE, TLS_SESSION_FAILED };

struct tls_session *tls_session_new(struct tls_server *server);
void tls_session_free(struct tls_session **session);

/* Bytes of the peer; they must stay until all has been read. */
void tls_session_give(struct tls_session *session, struct slice bytes);
enum tls_session_state tls_session_handshake(struct tls_session *session);
/* Plaintext; 0: the peer has to send more; -1: it has closed, or does not speak TLS. */
ssize_t tls_session_read(struct tls_session *session, char *out, size_t size);
/* False: it failed for good. */
bool tls_session_write(struct tls_session *session, struct slice bytes) MUST_CHECK;
void tls_session_say_goodbye(struct tls_session *session);

/* Ciphertext to be sent, maybe none; good until the next take or drop. */
struct slice tls_session_take(struct tls_session *session);
bool tls_session_has_output(const struct tls_session *session);
/* What was taken is with the kernel: keep no memory for it. */
void tls_session_drop(struct tls_session *session);
/* Why it failed, for a log. */
const char *tls_session_reason(const struct tls_session *session);

#endif
