/* SPDX-License-Identifier: ISC
 *
 * conf_capability - the list `capabilities`: what the operator says that models take.
 */
#ifndef CONF_CONF_CAPABILITY_H
#define CONF_CONF_CAPABILITY_H

#include "directive.h"

/* For conf_kind_capabilities; base is the struct conf. */
int conf_capability_read_list(struct conf_reader *reader, const struct directive *row,
                              const struct conf_node *node, void *base);
void conf_capability_write_list(const struct directive *row, const void *base, struct buf *out);

#endif
