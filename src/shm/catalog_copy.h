/* SPDX-License-Identifier: ISC
 *
 * catalog_copy - the mapping that holds both copies, for the side that writes and the side that
 * reads.
 */
#ifndef SHM_CATALOG_COPY_H
#define SHM_CATALOG_COPY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"
#include "relayos/model/catalog.h"

#define CATALOG_INDEX (2 * LIMIT_MODELS)

struct catalog_secret {
    uint32_t len;
    char bytes[LIMIT_CREDENTIAL];
};

struct catalog_copy {
    _Atomic uint64_t epoch; /* 0: being written, or never */
    uint32_t n_models, n_routes, n_upstreams, n_credentials;
    struct routing_settings settings;
    uint16_t index[CATALOG_INDEX]; /* n + 1 of a model by hash of its name, 0 = empty */
    struct model_record models[LIMIT_MODELS];
};

/* The n-th option is the n-th route's, the n-th secret the n-th credential's. */
struct catalog {
    struct segment *segment;
    uint32_t n_routes_max, n_upstreams_max, n_credentials_max;
    size_t size;
    struct catalog_copy *copies[2];
    struct route_option *options[2];
    struct route_record *routes[2];
    struct upstream_record *upstreams[2];
    struct credential_record *credentials[2];
    struct catalog_secret *secrets[2];
    _Atomic uint64_t *active; /* start of the mapping */
};

static inline struct catalog_copy *
catalog_copy_of(const struct catalog *catalog, uint64_t epoch)
{
    return catalog->copies[epoch & 1];
}

/* Index entry of this name in a copy, or the empty one where it would be. */
uint32_t catalog_copy_entry(const struct catalog_copy *copy, struct slice name);

#endif
