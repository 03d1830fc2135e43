/* SPDX-License-Identifier: ISC
 *
 * route_name - MODEL/UPSTREAM/UPSTREAM_MODEL for the ids of routes that a request was about: those
 * of its model, of that model's fallbacks and of the models that its attempts were made for.
 */
#ifndef REPORT_ROUTE_NAME_H
#define REPORT_ROUTE_NAME_H

#include "relayos/model/catalog.h"
#include "relayos/shm/catalog.h"
#include "relayos/store/store_trace.h"

#define ROUTE_NAME_SIZE (2 * LIMIT_MODEL_NAME + LIMIT_NAME + 3)

struct route_names {
    const struct catalog *catalog;
    uint32_t n;
    uint64_t epochs[1 + LIMIT_ATTEMPTS + LIMIT_FALLBACKS]; /* each model's, as it was found */
    struct model_record models[1 + LIMIT_ATTEMPTS + LIMIT_FALLBACKS];
};

void route_name_prepare(const struct catalog *catalog, const struct store_trace *trace,
                        struct route_names *out);
/* Eight hex digits for a route that is in the configuration no more. */
void route_name_find(const struct route_names *names, uint32_t route_id, char out[ROUTE_NAME_SIZE]);

#endif
