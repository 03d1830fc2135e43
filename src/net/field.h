/* SPDX-License-Identifier: ISC
 *
 * field - lines and header fields of a message head (RFC 9110 5, RFC 9112 2), strictly. Pure.
 */
#ifndef NET_FIELD_H
#define NET_FIELD_H

#include <stdbool.h>

#include "relayos/base/slice.h"
#include "relayos/net/server.h"

enum field_state { FIELD_LINE_OK, FIELD_LINE_INCOMPLETE, FIELD_LINE_BAD };

struct field_line {
    struct slice text; /* without its CRLF */
    bool has_control;  /* a control character other than tab */
};

/* Take the next line off *rest. BAD: it ends in a bare LF. */
enum field_state field_next_line(struct slice *rest, struct field_line *out);

/* "name: value" -> trimmed value; NULL, or what is wrong with it (a static phrase). */
const char *field_parse(const struct field_line *line, struct http_header *out);

/* Make a token lower case in place. */
void field_lower_token(char *token, size_t len);

bool field_is_token(struct slice s);
/* Digits only, no sign, no overflow; -1 otherwise. */
int64_t field_parse_length(struct slice s);

#endif
