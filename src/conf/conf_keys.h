/* SPDX-License-Identifier: ISC
 *
 * conf_keys - declared keys.
 */
#ifndef CONF_CONF_KEYS_H
#define CONF_CONF_KEYS_H

#include "directive.h"

/* A key while it is read; what the record keeps in another form stands beside it. */
struct conf_key_draft {
    struct key_record record;
    int64_t quota_nusd, quota_tokens; /* of the map `quota`; -1 = no such limit */
    uint8_t period;                   /* enum limit_period */
    bool is_strict, is_disabled;
    struct conf_networks allow_from;
};

/* One more in conf->keys. */
void conf_keys_add(struct conf *conf, struct conf_key *key);
/* Those of conf, as far as other (or NULL) does not share them. */
void conf_keys_forget(struct conf *conf, const struct conf *other);
/* Do two have one name, or one digest? (True may be wrong, once in a great while.) */
bool conf_keys_has_twins(const struct conf *conf);

/* For conf_kind_keys (base: struct conf, to whose keys these are added), _tool, _scope (a draft).
 */
int conf_keys_read_all(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base);
int conf_keys_read_tool(struct conf_reader *reader, const struct directive *row,
                        const struct conf_node *node, void *base);
void conf_keys_write_tool(const struct directive *row, const void *base, struct buf *out);
int conf_keys_read_scope(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base);
void conf_keys_write_scope(const struct directive *row, const void *base, struct buf *out);

/* The draft that makes this record, for conf_diff(). */
struct conf_key_draft conf_keys_draft(const struct key_record *key);

#endif
