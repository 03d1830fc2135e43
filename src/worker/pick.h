/* SPDX-License-Identifier: ISC
 *
 * pick - the route of the next attempt: candidates from the catalog, health from the segment, order
 * from policy/route.
 */
#ifndef RELAYOS_WORKER_PICK_H
#define RELAYOS_WORKER_PICK_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/model/catalog.h"

struct request;

struct pick {
    struct route_record route;
    struct upstream_record upstream;
    uint32_t health_row;   /* PICK_NO_HEALTH if the route has none (yet) */
    struct buf credential; /* its memory stays with the pick; wiped as soon as the head is built */
};
#define PICK_NO_HEALTH UINT32_MAX

/*
 * The best route of the request's model that was not tried yet. ERR_NOT_FOUND: the model is gone,
 * or none of its routes speaks the caller's protocol, or state named in the request lies elsewhere;
 * ERR_NO_HEALTHY_ROUTE: nothing is left to try. *why is the detail.
 */
int pick_route(struct request *request, struct pick *out, struct refusal_reason *why) MUST_CHECK;

#endif
