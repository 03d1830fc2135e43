/* SPDX-License-Identifier: ISC
 *
 * url - a URL that somebody else wrote, read strictly: what two readers may take for two hosts is
 * refused, not mended. Only http and https; no user name, no zone of an address; a host is a name
 * of at least two labels, four plain decimal numbers, or IPv6 in brackets.
 *
 * Process: pure.
 */
#ifndef RELAYOS_BASE_URL_H
#define RELAYOS_BASE_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/base/slice.h"

#define URL_MAX 4096 /* bytes of one; signed ones are long */

struct url {
    bool is_tls;
    bool is_literal;  /* the host is an address */
    bool is_v6;       /* with is_literal */
    bool is_complete; /* it is one, or a name of at least two labels without a dot at its end */
    uint16_t port;
    char host[LIMIT_HOST]; /* lower case, without brackets */
    struct slice target;   /* of the text: path and query, from "/" or "?" on; may be empty */
};

/* NULL, or what is wrong with it ("names no host"). target points into text. */
const char *url_parse(struct slice text, struct url *out);
/* The same of one that an operator vouches for: its host may be "localhost", "intranet", "a.b.". */
const char *url_parse_vouched(struct slice text, struct url *out);
/* 127.0.0.0/8, ::1, localhost. */
bool url_is_loopback(const char *host);

#endif
