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
/* In a child that talks to no upstream: its way to the credentials ends, and only its own. */
void catalog_forget_secrets(struct catalog *catalog);

/* Registry id of a model name, added if new; ERR_FULL after LIMIT_MODELS names, ERR_TOO_LARGE for
 * one that does not fit. Master only. */
int catalog_intern(struct catalog *catalog, struct slice name, uint32_t *out_id) MUST_CHECK;
/* Registry id of a name, or ERR_MISSING. Any process. */
int catalog_model_id(const struct catalog *catalog, struct slice name, uint32_t *out_id) MUST_CHECK;
/* How many names there are; none is ever taken away. Any process. */
uint32_t catalog_n_names(const struct catalog *catalog);
/* Name by registry id ("" if there is none); stays good for the life of the segment. */
const char *catalog_model_name(const struct catalog *catalog, uint32_t id);

/*
 * A new snapshot: begin, then upstreams, then each model with its routes, then commit (or begin
 * again: nothing is seen before commit). ERR_FULL when a capacity is passed, ERR_EXISTS for a
 * model's name said twice, ERR_TOO_LARGE for a credential past LIMIT_CREDENTIAL. model->id must
 * come from catalog_intern(); an upstream's id, first_route and n_routes are filled in here.
 */
void catalog_begin(struct catalog *catalog);
void catalog_put_settings(struct catalog *catalog, const struct routing_settings *settings);
/* One credential at least: an upstream that wants none has one of no bytes. At most
 * LIMIT_CREDENTIALS. bytes[i] is that of credentials[i]. */
int catalog_put_upstream(struct catalog *catalog, const struct upstream_record *upstream,
                         const struct credential_record *credentials, const struct slice *bytes,
                         uint32_t n_credentials) MUST_CHECK;
/* Routes are put in the order of their tiers, and keep theirs within one. */
int catalog_put_model(struct catalog *catalog, const struct model_record *model,
                      const struct route_record *routes, uint32_t n_routes) MUST_CHECK;
void catalog_commit(struct catalog *catalog);

/* Number of the active snapshot; 0 = none yet. */
uint64_t catalog_epoch(const struct catalog *catalog);

/* A row copied out of the active snapshot. ERR_MISSING if there is no such row; *out is void then.
 */
int catalog_find_model(const struct catalog *catalog, struct slice name, struct model_record *out,
                       uint64_t *out_epoch) MUST_CHECK;
/* How routes fail, heal and are chosen. Zeroes where there is no snapshot. */
void catalog_get_settings(const struct catalog *catalog, struct routing_settings *out);
/*
 * The options of a model found in snapshot `epoch`, read where they stand: believe what was read
 * only after catalog_is_whole(). NULL: the snapshot is gone (two reloads since): find it again.
 */
const struct route_option *catalog_options(const struct catalog *catalog, uint64_t epoch,
                                           const struct model_record *model);
/* All credentials of that snapshot, for route_option.first_credential; to be believed as above. */
const struct credential_record *catalog_credentials(const struct catalog *catalog, uint64_t epoch);
bool catalog_is_whole(const struct catalog *catalog, uint64_t epoch);
/* Route n of that model with its upstream. ERR_CONFLICT if that snapshot is gone. */
int catalog_get_route(const struct catalog *catalog, uint64_t epoch,
                      const struct model_record *model, uint32_t n, struct route_record *out_route,
                      struct upstream_record *out_upstream) MUST_CHECK;
/* The n-th credential of an upstream: its record; its bytes, appended to out. ERR_CONFLICT. */
int catalog_get_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                           uint32_t n, struct credential_record *out) MUST_CHECK;
int catalog_append_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                              uint32_t n, struct buf *out) MUST_CHECK;
/* Walk: the n-th upstream of the active snapshot; ERR_MISSING past the end. */
int catalog_upstream_at(const struct catalog *catalog, uint32_t n, struct upstream_record *out,
                        uint64_t *out_epoch) MUST_CHECK;
/* Walk: the n-th model of the active snapshot in config order; ERR_MISSING past the end. */
int catalog_model_at(const struct catalog *catalog, uint32_t n, struct model_record *out,
                     uint64_t *out_epoch) MUST_CHECK;
uint32_t catalog_n_models(const struct catalog *catalog);

#endif
