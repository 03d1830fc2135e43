/* SPDX-License-Identifier: ISC
 *
 * import_apply - what an import leaves behind: files of credentials, keys, and the file that tells
 * which new key takes the place of which old one. Nothing is ever overwritten.
 */
#ifndef CTL_IMPORT_APPLY_H
#define CTL_IMPORT_APPLY_H

#include "client.h"
#include "import_plan.h"
#include "relayos/base/slice.h"

/* A new file with these contents; CTL_CONFLICT if it is there. */
int import_apply_file(const char *path, struct slice contents, unsigned mode);
/* Each credential that stands in the source into a file of its own, 0600, of whoever the directory
 * belongs to. */
int import_apply_credentials(const struct import_plan *plan, const char *key_dir);
/* The keys through the daemon; each is in the mapping, on disk, before the next is made. One whose
 * name is taken is left as it is. */
int import_apply_keys(struct client *client, const struct import_plan *plan, const char *mapping);

#endif
