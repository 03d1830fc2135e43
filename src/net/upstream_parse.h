/* SPDX-License-Identifier: ISC
 *
 * upstream_parse - the head of a provider's answer, strictly (RFC 9112). Pure.
 */
#ifndef NET_UPSTREAM_PARSE_H
#define NET_UPSTREAM_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"
#include "relayos/net/server.h"

#define UPSTREAM_PARSE_HEADERS_MAX 128

enum upstream_verdict { UPSTREAM_HEAD_OK, UPSTREAM_HEAD_INCOMPLETE, UPSTREAM_HEAD_BAD };

enum upstream_framing {
    UPSTREAM_FRAMING_LENGTH, /* of content_length bytes, 0 for answers without a body */
    UPSTREAM_FRAMING_CHUNKED,
    UPSTREAM_FRAMING_CLOSE, /* until the end of the connection */
};

struct upstream_head {
    int status;
    enum upstream_framing framing;
    int64_t content_length;
    bool is_keep_alive;
    size_t head_size;
    size_t n_headers;
    struct http_header headers[UPSTREAM_PARSE_HEADERS_MAX]; /* names made lower case in place */
};

/* is_head_request: the answer has no body whatever it says. */
enum upstream_verdict upstream_parse_head(char *bytes, size_t len, bool is_head_request,
                                          struct upstream_head *out);

#endif
