/* SPDX-License-Identifier: ISC
 *
 * conf_model - the section `models`: names, prices, routes.
 */
#ifndef CONF_CONF_MODEL_H
#define CONF_CONF_MODEL_H

#include "directive.h"

/* For conf_kind_models (base: struct conf), _routes (struct conf_model), _upstream (a route). */
int conf_model_read_all(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, void *base);
int conf_model_read_routes(struct conf_reader *reader, const struct directive *row,
                           const struct conf_node *node, void *base);
int conf_model_read_upstream(struct conf_reader *reader, const struct directive *row,
                             const struct conf_node *node, void *base);

/* The model that node names; NULL with the error set, and what may have been meant. */
const struct conf_model *conf_model_named(const struct conf_reader *reader,
                                          const struct conf_node *node, const char *name);
/* The model of that name, or NULL. */
const struct conf_model *conf_model_find(const struct conf *conf, const char *name);
void conf_model_fini(struct conf_model *model);

#endif
