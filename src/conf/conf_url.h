/* SPDX-License-Identifier: ISC
 *
 * conf_url - URLs and hosts as configs write them.
 */
#ifndef CONF_CONF_URL_H
#define CONF_CONF_URL_H

#include "directive.h"

struct conf_url {
    bool is_tls;
    char host[LIMIT_HOST]; /* lower case, without brackets */
    uint16_t port;
    char path[LIMIT_PATH]; /* "/v1"; "" for none; no slash at its end */
};

/* http:// or https://, host, port, path, nothing else; NULL, or what is wrong ("has a query"). */
const char *conf_url_parse(const char *text, struct conf_url *out);
/* Port 0 to 65535 in decimal; 0 or -1. */
int conf_url_parse_port(struct slice digits, uint16_t *out);

/* For conf_kind_url. */
int conf_url_read(struct conf_reader *reader, const struct directive *row,
                  const struct conf_node *node, void *base);

#endif
