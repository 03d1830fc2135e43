/* SPDX-License-Identifier: ISC
 *
 * field - lines and header fields of a message head (RFC 9110 5, RFC 9112 2), strictly. Pure.
 */
#ifndef NET_FIELD_H
#define NET_FIELD_H

#include <stdbool.h>

#include "relayos/base/slice.h"
#include "relayos/net/server.h"

enum field_line { FIELD_LINE_OK, FIELD_LINE_INCOMPLETE, FIELD_LINE_BAD };

/* Take the next line off *rest; *out_line is without its CRLF. BAD: it ends in a bare LF. */
enum field_line field_next_line(struct slice *rest, struct slice *out_line);

/* "name: value" -> trimmed value; NULL, or what is wrong with it (a static phrase). */
const char *field_parse(struct slice line, struct http_header *out);

bool field_is_token(struct slice s);
/* Digits only, no sign, no overflow; -1 otherwise. */
int64_t field_parse_length(struct slice s);

#endif
