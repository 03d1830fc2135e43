/* SPDX-License-Identifier: ISC
 *
 * route - the route.* commands: what the running configuration and the health table say of routes,
 * and what the operator says to them.
 *
 * A route is named by its id (8 hex digits) or as MODEL/UPSTREAM[/UPSTREAM_MODEL]. Both models may
 * have slashes in their names, so names are compared whole, never taken apart.
 */
#ifndef MASTER_ROUTE_H
#define MASTER_ROUTE_H

#include "child_link.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"
#include "relayos/conf/conf.h"
#include "relayos/shm/health.h"

/* Each answers the client, now. */
void route_list(struct master *master, struct child_tag client, struct slice model);
void route_show(struct master *master, struct child_tag client, struct slice name);
/* HEALTH_ENABLED also forgets what was held against the route and its upstream's credentials. */
void route_change(struct master *master, struct child_tag client, const struct frame_value *args,
                  enum health_admin admin);

/* The segment is exchanged: what the operator said goes with it. from may be damaged anywhere. */
void route_carry(const struct conf *conf, const struct segment *from, struct segment *to);

/* ---- route_name.c; pure ---- */

#define ROUTE_NAME_SIZE (2 * LIMIT_MODEL_NAME + LIMIT_NAME + 2)

struct route_place {
    const struct conf_model *model;
    const struct conf_upstream *upstream;
    const struct route_record *route;
    char name[ROUTE_NAME_SIZE]; /* the shortest that means it alone */
};
/* All routes of a model, or of all (model empty), in the order of the configuration; free it.
 * ERR_MISSING: there is no such model. */
int route_places(const struct conf *conf, struct slice model, struct route_place **out,
                 size_t *out_n, struct errmsg *why) MUST_CHECK;
/* ERR_MISSING with the nearest name; ERR_CONFLICT with those that it could mean. */
int route_find(const struct route_place *places, size_t n_places, struct slice name, size_t *out,
               struct errmsg *why) MUST_CHECK;

#endif
