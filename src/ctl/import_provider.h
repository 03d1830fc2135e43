/* SPDX-License-Identifier: ISC
 *
 * import_provider - the table of providers (import_providers.def), and addresses as others write
 * them.
 */
#ifndef CTL_IMPORT_PROVIDER_H
#define CTL_IMPORT_PROVIDER_H

#include <stdbool.h>

#include "import_plan.h"

struct import_provider {
    const char *name;
    int new_api, one_api;
    const char *base, *path, *protocols, *flavor, *env;
};

/* NULL if there is none. */
const struct import_provider *import_provider_named(struct slice name);
const struct import_provider *import_provider_of_channel(int type, bool is_one_api);
/* The URL for relayos.yaml of what the source has as base; NULL, with a note, if there is none.
 * where is what the note is about. Whoever knows a path of its own keeps it. */
const char *import_provider_url(struct import_plan *plan, const struct import_provider *provider,
                                const char *base, const char *where);
/* Azure's version in a URL that wants one, else NULL. */
const char *import_provider_version(const struct import_provider *provider, const char *url,
                                    const char *version);
/* Whether it is http:// to another host than this. */
bool import_provider_is_plain(const char *url);

#endif
