/* SPDX-License-Identifier: ISC
 *
 * conf_listen - the directives `listen`: one address, or a list of them; and `console.listen`: one,
 * or none.
 */
#ifndef CONF_CONF_LISTEN_H
#define CONF_CONF_LISTEN_H

#include "directive.h"

/* For conf_kind_addresses; base is the struct conf. */
int conf_listen_read(struct conf_reader *reader, const struct directive *row,
                     const struct conf_node *node, void *base);
void conf_listen_write(const struct directive *row, const void *base, struct buf *out);

/* For conf_kind_address; "off" is a listener without a host. */
int conf_listen_read_one(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base);
void conf_listen_write_one(const struct directive *row, const void *base, struct buf *out);

/* Beyond loopback only where the operator has said so: keys would cross the network in the clear.
 */
int conf_listen_check(struct conf_reader *reader, const struct conf_node *root) MUST_CHECK;

#endif
