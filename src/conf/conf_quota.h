/* SPDX-License-Identifier: ISC
 *
 * conf_quota - the quotas of a declared key: one map `quota`, or a list of `quotas`.
 */
#ifndef CONF_CONF_QUOTA_H
#define CONF_CONF_QUOTA_H

#include "directive.h"

/* One of the list, while it is read; exactly one of usd and tokens is said. */
struct conf_quota_draft {
    int64_t nusd, tokens; /* -1 = not said */
    char model[LIMIT_MODEL_NAME];
    uint8_t period; /* enum limit_period */
    bool is_shadow;
};

/* For conf_kind_quotas (base: a key's draft), _period, _quota_model (base: a quota's draft). */
int conf_quota_read_list(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base);
void conf_quota_write_list(const struct directive *row, const void *base, struct buf *out);
int conf_quota_read_period(struct conf_reader *reader, const struct directive *row,
                           const struct conf_node *node, void *base);
void conf_quota_write_period(const struct directive *row, const void *base, struct buf *out);
int conf_quota_read_model(struct conf_reader *reader, const struct directive *row,
                          const struct conf_node *node, void *base);

/* Add one more to a key; refused at node if there are too many or two of the same kind. */
int conf_quota_add(struct conf_reader *reader, const struct conf_node *node, struct key_record *key,
                   const struct key_limit *limit) MUST_CHECK;
/* Can the map `quota` say it all? */
bool conf_quota_is_simple(const struct key_record *key);

#endif
