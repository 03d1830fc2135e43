/* SPDX-License-Identifier: ISC
 *
 * field - lines and header fields of a message head (RFC 9110 5, RFC 9112 2), strictly. Pure.
 */
#ifndef NET_FIELD_H
#define NET_FIELD_H

#include <stdbool.h>

#include "relayos/base/slice.h"
#include "relayos/net/server.h"

enum field_state {
    FIELD_OK,
    FIELD_END, /* the empty line; it is taken */
    FIELD_INCOMPLETE,
    FIELD_BAD,
};

/* Take the next line off *rest, whatever is in it. BAD: it ends in a bare LF. */
enum field_state field_next_line(struct slice *rest, struct slice *out);

/*
 * Take "name: value" lines off *rest up to the empty line, *out_n of them into out: END. Otherwise
 * what is the matter with the one behind them; OK: there are more than max. BAD: *reason says why,
 * a static phrase. Names are made lower case in place: the bytes are writable.
 */
enum field_state field_read(struct slice *rest, struct http_header *out, size_t max, size_t *out_n,
                            const char **reason);

bool field_is_token(struct slice s);
/* Digits only, no sign, no overflow; -1 otherwise. */
int64_t field_parse_length(struct slice s);

#endif
