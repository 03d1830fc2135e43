/* SPDX-License-Identifier: ISC
 *
 * conf_networks - directives that name ranges of addresses: one, or a list of them.
 */
#ifndef CONF_CONF_NETWORKS_H
#define CONF_CONF_NETWORKS_H

#include "directive.h"

/* For conf_kind_networks; the member is a struct conf_networks. */
int conf_networks_read(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base);
void conf_networks_write(const struct directive *row, const void *base, struct buf *out);

#endif
