/* SPDX-License-Identifier: ISC
 *
 * import_write - a plan as people read it: the relayos.yaml, the list of the keys. No secret is in
 * either.
 */
#ifndef CTL_IMPORT_WRITE_H
#define CTL_IMPORT_WRITE_H

#include "import_plan.h"
#include "relayos/base/buf.h"

#define IMPORT_WRITE_NAME_SIZE (LIMIT_NAME + 16)

/* key_dir: where files of credentials are, or are to be made; NULL: they are to be in variables. */
void import_write_yaml(const struct import_plan *plan, const char *key_dir, struct buf *out);
/* The file of an upstream's credential n. */
void import_write_file_name(const struct import_upstream *upstream, size_t n,
                            char out[IMPORT_WRITE_NAME_SIZE]);
/* A table with a line for each key, and what is not as it was below it. */
void import_write_keys(const struct import_plan *plan, struct buf *out);

#endif
