/* SPDX-License-Identifier: ISC
 *
 * response - the bytes around the body of a response: its head, the frame of a chunk. Pure.
 *
 * The library would print both with sprintf and copy each header three times on the way. What is on
 * the wire is the same, but for us to say.
 */
#ifndef NET_RESPONSE_H
#define NET_RESPONSE_H

#include <stdbool.h>

#include "relayos/net/server.h"

#define RESPONSE_DATE_LEN       29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define RESPONSE_CHUNK_SIZE_MAX 18 /* sixteen digits and CRLF */

enum response_framing {
    RESPONSE_LENGTH,
    RESPONSE_CHUNKED,
    RESPONSE_BARE, /* no body, or one that ends with the connection */
};

struct response {
    int status;
    const struct http_header *headers;
    size_t n_headers;
    const char *date;
    bool is_persistent;
    enum response_framing framing;
    size_t content_length;
};

/* No head is longer. */
size_t response_head_max(const struct response *response);
/* Returns its length. */
size_t response_head_write(const struct response *response, char *out);

/* The line before a chunk of len bytes; returns its length. */
size_t response_chunk_size(size_t len, char out[RESPONSE_CHUNK_SIZE_MAX]);

#endif
