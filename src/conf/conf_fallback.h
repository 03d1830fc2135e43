/* SPDX-License-Identifier: ISC
 *
 * conf_fallback - the models that may stand in for one that fails.
 */
#ifndef CONF_CONF_FALLBACK_H
#define CONF_CONF_FALLBACK_H

#include "directive.h"

/* For conf_kind_fallbacks; base is a struct conf_model. */
int conf_fallback_read(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base);
void conf_fallback_write(const struct directive *row, const void *base, struct buf *out);

/* When all models are read: those that the model at node names must be there. What they speak does
 * not matter: requests are translated. */
int conf_fallback_check(struct conf_reader *reader, const struct conf_node *node) MUST_CHECK;

#endif
