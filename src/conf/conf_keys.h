/* SPDX-License-Identifier: ISC
 *
 * conf_keys - declared keys: the file that `keys_file` names.
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

/* Read conf->keys_file into conf->keys. reader->file is not changed. */
int conf_keys_load(struct conf_reader *reader) MUST_CHECK;
void conf_keys_fini(struct key_record *key);

/* For conf_kind_keys (base: struct conf), _tool, _scope (a draft). */
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
