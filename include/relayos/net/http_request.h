/* SPDX-License-Identifier: ISC
 *
 * http_request - a request as handlers of the server (server.h) see it.
 */
#ifndef RELAYOS_NET_HTTP_REQUEST_H
#define RELAYOS_NET_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"

struct http_header {
    struct slice name; /* lower case */
    struct slice value;
};

#define SERVER_MEMO_SIZE 128
/* A request as it came, framing proven. */
struct http_request {
    struct slice method;
    struct slice target; /* as sent: path and query */
    struct slice path;   /* up to '?', not normalised, not decoded */
    struct slice query;  /* after '?', or "" */
    struct slice body;
    const struct http_header *headers;
    size_t n_headers;
    char client_address[48]; /* numeric, without port */
    int64_t accepted_us;     /* clock_mono_us when its last byte was read */
    void *memo; /* SERVER_MEMO_SIZE bytes that the handler keeps from one request of the connection
                   to the next: zero at first, wiped when it closes; or NULL */
    bool is_tls;
    bool is_by_proxy;      /* one that is trusted: what it says of the client holds */
    bool is_body_withheld; /* a body that was not read; the connection ends with the answer */
};

#endif
