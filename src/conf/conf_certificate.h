/* SPDX-License-Identifier: ISC
 *
 * conf_certificate - the certificates of a listener and the authorities of its clients: read whole,
 * as only the master may. What is in them is not looked at here (net/tls_material.h).
 */
#ifndef CONF_CONF_CERTIFICATE_H
#define CONF_CONF_CERTIFICATE_H

#include "directive.h"

/* For conf_kind_certificates; base is the struct conf_listener. */
int conf_certificate_read_list(struct conf_reader *reader, const struct directive *row,
                               const struct conf_node *node, void *base);
void conf_certificate_write_list(const struct directive *row, const void *base, struct buf *out);

/* client_ca's file, where it is set. */
int conf_certificate_read_authorities(struct conf_reader *reader, const struct conf_node *map,
                                      struct conf_listener *listener) MUST_CHECK;
void conf_certificate_fini(struct conf_listener *listener);

/* Are the bytes of both the same, where the names of their files are? */
bool conf_certificate_is_same(const struct conf_listener *a, const struct conf_listener *b);

#endif
