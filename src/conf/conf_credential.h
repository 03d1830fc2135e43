/* SPDX-License-Identifier: ISC
 *
 * conf_credential - what upstreams are asked with: one key in key_env, key_file or
 * key_sealed, or a list `keys`.
 */
#ifndef CONF_CONF_CREDENTIAL_H
#define CONF_CONF_CREDENTIAL_H

#include "directive.h"

/* For conf_kind_credentials; base is a struct conf_upstream. */
int conf_credential_read_list(struct conf_reader *reader, const struct directive *row,
                              const struct conf_node *node, void *base);
void conf_credential_write_list(const struct directive *row, const void *base, struct buf *out);

/* Its bytes, from the variable or the file that it names (the nodes are for messages); neither:
 * none. */
int conf_credential_load(struct conf_reader *reader, const struct conf_node *env,
                         const struct conf_node *file,
                         struct conf_credential *credential) MUST_CHECK;

/* When all else of the upstream at node is read: exactly one way to its credentials, and an id for
 * each of them. */
int conf_credential_finish(struct conf_reader *reader, const struct conf_node *node,
                           struct conf_upstream *upstream) MUST_CHECK;
void conf_credential_fini(struct conf_credential *credential);

#endif
