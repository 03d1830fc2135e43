/* SPDX-License-Identifier: ISC
 *
 * guard - strict HTTP/1.1 framing (RFC 9112) in place of the library's lax parsers.
 *
 * The library's phr_parse_request and phr_decode_chunked are interposed: symbols of the executable
 * win over the shared library's. That can silently fall away (hidden visibility, another build), so
 * each worker sends itself smuggled requests at its start and refuses to run if one gets through.
 *
 * Refused, 400 and close: CL with TE, two CL, CL not all digits, TE other than exactly "chunked",
 * TE on HTTP/1.0, obs-fold, bare LF or CR, NUL and controls, missing or second Host, bad method
 * token, other versions than 1.0 and 1.1, targets that do not begin with '/', chunk sizes that are
 * not plain hex, white space around them, chunk extensions. More than LIMIT_HEADERS fields or
 * LIMIT_HEAD_BYTES: 431. TRACE and CONNECT: 405. Expect other than 100-continue: 417. Upgrades
 * (h2c, websocket) are not offered: such a request is answered in HTTP/1.1.
 *
 * Process: pure functions, called by the interposed parsers in workers.
 */
#ifndef RELAYOS_NET_GUARD_H
#define RELAYOS_NET_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/net/server.h"

enum guard_verdict {
    GUARD_OK,
    GUARD_INCOMPLETE,  /* more bytes are needed */
    GUARD_BAD,         /* 400 */
    GUARD_TOO_LARGE,   /* 431 */
    GUARD_METHOD,      /* 405: TRACE, CONNECT */
    GUARD_EXPECTATION, /* 417 */
};

struct guard_head {
    struct slice method, target;
    int minor_version;
    size_t head_size; /* bytes up to and with the empty line */
    bool is_chunked;
    bool expects_continue;
    int64_t content_length; /* -1: none */
    const char *reason;     /* static, for all but GUARD_OK and GUARD_INCOMPLETE */
    size_t n_headers;
    struct http_header headers[LIMIT_HEADERS]; /* names made lower case in place */
};

/* Parse and judge a request head at the start of bytes, which are writable. Pure. */
enum guard_verdict guard_parse_head(struct slice bytes, struct guard_head *out);

/* Strict chunked decoding, in place, incremental (RFC 9112 7.1). */
struct guard_chunks {
    size_t left; /* of the chunk at hand */
    int state;
    size_t line; /* bytes of the size or trailer line at hand */
};
/* bytes[0 .. *len) raw -> body bytes moved to the front, *len = their number. Returns -2: more is
 * needed; -1: malformed; >= 0: the end was seen, that many bytes behind it are not ours. */
long guard_chunks_decode(struct guard_chunks *chunks, char *bytes, size_t *len);

#endif
