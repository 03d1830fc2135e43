/* SPDX-License-Identifier: ISC
 *
 * conf_price - what a price says beyond the buckets' rows: tiers by prompt length, factors of
 * service tiers, changes in time; and the rules that leave no bucket unpriced.
 */
#ifndef CONF_CONF_PRICE_H
#define CONF_CONF_PRICE_H

#include "directive.h"

/* No bucket has a price yet. */
void conf_price_clear(struct price *price);
/*
 * Give each bucket that has none the price of what it is a part of, in all tiers, and the whole its
 * version. name and node: of the price, for errors.
 */
int conf_price_finish(struct conf_reader *reader, const struct conf_node *node, const char *name,
                      struct price *price) MUST_CHECK;
/* A list of changes that begins with the first price: it is moved there. */
void conf_price_take_first(struct price *price, struct price_change *changes);

/* Kinds of their own: members are price.factor_permille, the price, and the changes. */
int conf_price_read_factors(struct conf_reader *reader, const struct directive *row,
                            const struct conf_node *node, void *base);
int conf_price_read_tiers(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base);
int conf_price_read_changes(struct conf_reader *reader, const struct directive *row,
                            const struct conf_node *node, void *base);
void conf_price_write_factors(const struct directive *row, const void *base, struct buf *out);
void conf_price_write_tiers(const struct directive *row, const void *base, struct buf *out);
void conf_price_write_changes(const struct directive *row, const void *base, struct buf *out);

#endif
