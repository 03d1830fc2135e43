/* SPDX-License-Identifier: ISC
 *
 * refusal - the answer to bytes that never became a request. The handler writes the JSON.
 */
#ifndef NET_REFUSAL_H
#define NET_REFUSAL_H

#include <h2o.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/net/guard.h"

struct conn;

struct refusal {
    int status; /* 0: none */
    enum err_category category;
    const char *detail; /* static, or the server's */
};

struct refusal refusal_of_verdict(enum guard_verdict verdict, const char *reason);
/* Of what the library itself refuses: bodies (400, 413). */
struct refusal refusal_of_status(const struct conn *conn, int status);

/* Answer the made-up request that stands for the refused bytes; the connection closes after it. */
void refusal_respond(struct conn *conn, h2o_req_t *req);
/* Once the answer to req is sent, the client may finish its request: it would not read it else. */
void refusal_linger(struct conn *conn, h2o_req_t *req);
/* Write it straight to the socket, where there is no request (deadlines). */
void refusal_write(struct conn *conn, const struct refusal *refusal);

#endif
