/* SPDX-License-Identifier: ISC
 *
 * conf_upstream - the section `upstreams`.
 */
#ifndef CONF_CONF_UPSTREAM_H
#define CONF_CONF_UPSTREAM_H

#include "directive.h"

/* For conf_kind_upstreams; base is the struct conf. */
int conf_upstream_read_all(struct conf_reader *reader, const struct directive *row,
                           const struct conf_node *node, void *base);
/* For conf_kind_protocols. */
int conf_upstream_read_protocols(struct conf_reader *reader, const struct directive *row,
                                 const struct conf_node *node, void *base);
void conf_upstream_write_protocols(const struct directive *row, const void *base, struct buf *out);

/* Index in conf->upstreams, or -1. */
long conf_upstream_find(const struct conf *conf, const char *name);
void conf_upstream_fini(struct conf_upstream *upstream);

#endif
