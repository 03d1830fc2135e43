/* SPDX-License-Identifier: ISC
 *
 * catalog - models, routes, upstreams and upstream credentials, in two copies and an epoch.
 *
 * The master fills the idle copy and flips; a reader copies rows out and then checks that its copy
 * was not being rewritten meanwhile (only after two flips), else reads again. So a stopped worker
 * never delays a reload, and a master killed in the middle leaves the active copy whole.
 * Both copies, credentials with them, lie in an anonymous shared mapping (MADV_DONTDUMP) of their
 * own: no name in /dev/shm, they reach children by fork alone, and the workers of an earlier master
 * keep the snapshot that they drain with.
 *
 * Model names are interned in a registry that only grows: an id never comes to mean another model.
 *
 * Process: begin/put/commit and intern in the master; the rest anywhere.
 */
#ifndef RELAYOS_SHM_CATALOG_H
#define RELAYOS_SHM_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/model/catalog.h"
#include "relayos/shm/segment.h"

struct catalog; /* process-local handle */

/* Before the first fork, in the master. The handle is inherited. */
struct catalog *catalog_new(struct segment *segment);
void catalog_free(struct catalog **catalog);

/* Registry id of a model name, added if new; ERR_FULL after LIMIT_MODELS names, ERR_TOO_LARGE for
 * one that does not fit. Master only. */
int catalog_intern(struct catalog *catalog, struct slice name, uint32_t *out_id) MUST_CHECK;
/* Registry id of a name, or ERR_MISSING. Any process. */
int catalog_model_id(const struct catalog *catalog, struct slice name, uint32_t *out_id) MUST_CHECK;
/* Name by registry id ("" if there is none); stays good for the life of the segment. */
const char *catalog_model_name(const struct catalog *catalog, uint32_t id);

/*
 * A new snapshot: begin, then upstreams, then each model with its routes, then commit (or begin
 * again: nothing is seen before commit). ERR_FULL when a capacity is passed, ERR_EXISTS for a
 * model's name said twice, ERR_TOO_LARGE for a credential past LIMIT_CREDENTIAL. model->id must
 * come from catalog_intern(); an upstream's id, first_route and n_routes are filled in here.
 */
void catalog_begin(struct catalog *catalog);
int catalog_put_upstream(struct catalog *catalog, const struct upstream_record *upstream,
                         struct slice credential) MUST_CHECK;
int catalog_put_model(struct catalog *catalog, const struct model_record *model,
                      const struct route_record *routes, uint32_t n_routes) MUST_CHECK;
void catalog_commit(struct catalog *catalog);

/* Number of the active snapshot; 0 = none yet. */
uint64_t catalog_epoch(const struct catalog *catalog);

/* A row copied out of the active snapshot. ERR_MISSING if there is no such row; *out is void then.
 */
int catalog_find_model(const struct catalog *catalog, struct slice name, struct model_record *out,
                       uint64_t *out_epoch) MUST_CHECK;
/*
 * Route n of a model found in snapshot `epoch`: what a choice is made by, or all of it with its
 * upstream. ERR_CONFLICT if that snapshot is gone (two reloads since): find the model again.
 */
struct route_option {
    uint32_t id, tier, weight;
    uint32_t protocols; /* of its upstream: PROTOCOL_BIT()s */
};
int catalog_get_option(const struct catalog *catalog, uint64_t epoch,
                       const struct model_record *model, uint32_t n,
                       struct route_option *out) MUST_CHECK;
int catalog_get_route(const struct catalog *catalog, uint64_t epoch,
                      const struct model_record *model, uint32_t n, struct route_record *out_route,
                      struct upstream_record *out_upstream) MUST_CHECK;
/* Append the credential of an upstream of snapshot `epoch` to out. ERR_CONFLICT as above. */
int catalog_append_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                              struct buf *out) MUST_CHECK;
/* Walk: the n-th model of the active snapshot in config order; ERR_MISSING past the end. */
int catalog_model_at(const struct catalog *catalog, uint32_t n, struct model_record *out,
                     uint64_t *out_epoch) MUST_CHECK;
uint32_t catalog_n_models(const struct catalog *catalog);

#endif
