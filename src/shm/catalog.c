/* SPDX-License-Identifier: ISC
 *
 * catalog - two copies of the whole and an epoch that says which is active.
 *
 * Snapshot e stands in copies[e & 1]. Both copies lie in one anonymous shared mapping, credentials
 * with them, not in the named segment: a new master that takes over living workers makes a mapping
 * of its own, and the old workers keep the snapshot they drain with, unwritten for good. Only the
 * registry of names and the number of the last commit are the segment's.
 *
 *   writer                                  reader
 *   begin:  copy.epoch = 0, fence           e = active; copy = copies[e & 1]
 *   put:    rows                            copy.epoch == e ? (acquire)
 *   commit: copy.epoch = e + 1 (release)    copy rows out, fence
 *           active = e + 1     (release)    copy.epoch == e still ? else again
 */
#include "relayos/shm/catalog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "catalog_copy.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define PAGE 65536 /* the largest that a kernel has (arm64) */

static char *place(char *base, size_t *at, size_t size);
static size_t plan(struct catalog *catalog, char *base);
static int registry_find(const struct shm_registry *registry, struct slice name, uint32_t *out_id,
                         uint32_t *out_entry);
static int idle(const struct catalog *catalog);
static void put_route(struct catalog *catalog, int i, const struct route_record *route);
static uint32_t next_by_tier(const struct route_record *routes, uint32_t n_routes,
                             uint64_t done[LIMIT_MODEL_ROUTES / 64]);

struct catalog *
catalog_new(struct segment *segment)
{
    struct catalog *catalog = mem_zalloc(sizeof(*catalog));

    catalog->segment = segment;
    catalog->n_routes_max = segment->capacity.routes;
    catalog->n_upstreams_max = segment->capacity.upstreams;
    catalog->n_credentials_max = segment->n_credentials;
    catalog->size = plan(catalog, NULL);

    char *base = mmap(NULL, catalog->size, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    assert(base != MAP_FAILED); /* out of memory aborts, as in mem.c */
    (void)madvise(base, catalog->size, MADV_DONTDUMP);
    plan(catalog, base);
    atomic_store_explicit(
        catalog->active,
        atomic_load_explicit(&segment->header->catalog_epoch, memory_order_acquire),
        memory_order_release);
    return catalog;
}

void
catalog_free(struct catalog **catalog)
{
    if (*catalog == NULL)
        return;
    (void)munmap((*catalog)->active, (*catalog)->size);
    free(*catalog);
    *catalog = NULL;
}

/* They are shared: not wiped, but out of reach. */
void
catalog_forget_secrets(struct catalog *catalog)
{
    char *start = (char *)catalog->secrets[0], *end = (char *)catalog->active + catalog->size;
    void *zeros = mmap(start, (size_t)(end - start), PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    assert(zeros == start);
}

/* Point the tables into a mapping at base; returns the size of all. The secrets come last, on pages
 * of their own. */
static size_t
plan(struct catalog *catalog, char *base)
{
    /* Who follows an option that is being rewritten may count a few past the end. */
    size_t n_credentials = catalog->n_credentials_max + LIMIT_CREDENTIALS;
    size_t at = 0;

#define PLACE(field, n) catalog->field = (void *)place(base, &at, (n) * sizeof(*catalog->field))
    PLACE(active, 1);
    for (int i = 0; i < 2; i++) {
        PLACE(copies[i], 1);
        PLACE(options[i], catalog->n_routes_max);
        PLACE(routes[i], catalog->n_routes_max);
        PLACE(upstreams[i], catalog->n_upstreams_max);
        PLACE(credentials[i], n_credentials);
    }
    at = (at + PAGE - 1) & ~(size_t)(PAGE - 1);
    for (int i = 0; i < 2; i++)
        PLACE(secrets[i], n_credentials);
#undef PLACE
    return at;
}

static char *
place(char *base, size_t *at, size_t size)
{
    size_t offset = *at;

    *at = (offset + size + SHM_LINE - 1) & ~(size_t)(SHM_LINE - 1);
    return base == NULL ? NULL : base + offset;
}

/* ---- the registry ---- */

int
catalog_intern(struct catalog *catalog, struct slice name, uint32_t *out_id)
{
    struct shm_registry *registry = catalog->segment->registry;
    uint32_t entry;

    assert(name.len > 0);
    if (registry_find(registry, name, out_id, &entry) == 0)
        return 0;

    uint32_t id = atomic_load_explicit(&registry->n_names, memory_order_relaxed);

    if (name.len >= LIMIT_MODEL_NAME)
        return ERR_TOO_LARGE;
    if (id == LIMIT_MODELS)
        return ERR_FULL;
    /* The count first: killed before the entry, a master leaves a name unfound, not one
     * overwritten. */
    memcpy(registry->names[id], name.ptr, name.len);
    atomic_store_explicit(&registry->n_names, id + 1, memory_order_release);
    atomic_store_explicit(&registry->index[entry], id + 1, memory_order_release);
    *out_id = id;
    return 0;
}

int
catalog_model_id(const struct catalog *catalog, struct slice name, uint32_t *out_id)
{
    uint32_t entry;

    return registry_find(catalog->segment->registry, name, out_id, &entry);
}

/* The id, or ERR_MISSING and the empty entry where it belongs (half of them are always empty). */
static int
registry_find(const struct shm_registry *registry, struct slice name, uint32_t *out_id,
              uint32_t *out_entry)
{
    uint32_t entry = (uint32_t)hash_table64(name) & (SHM_REGISTRY_INDEX - 1);
    uint32_t id_1;

    while ((id_1 = atomic_load_explicit(&registry->index[entry], memory_order_acquire)) != 0) {
        assert(id_1 <= LIMIT_MODELS);
        if (slice_eq_str(name, registry->names[id_1 - 1])) {
            *out_id = id_1 - 1;
            return 0;
        }
        entry = (entry + 1) & (SHM_REGISTRY_INDEX - 1);
    }
    *out_entry = entry;
    return ERR_MISSING;
}

uint32_t
catalog_n_names(const struct catalog *catalog)
{
    return atomic_load_explicit(&catalog->segment->registry->n_names, memory_order_acquire);
}

const char *
catalog_model_name(const struct catalog *catalog, uint32_t id)
{
    return id < catalog_n_names(catalog) ? catalog->segment->registry->names[id] : "";
}

/* ---- a new snapshot: the master ---- */

void
catalog_begin(struct catalog *catalog)
{
    int i = idle(catalog);
    struct catalog_copy *copy = catalog->copies[i];

    atomic_store_explicit(&copy->epoch, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* no row is seen changed before this is */
    secret_wipe(catalog->secrets[i], copy->n_credentials * sizeof(struct catalog_secret));
    copy->n_models = 0;
    copy->n_routes = 0;
    copy->n_upstreams = 0;
    copy->n_credentials = 0;
    memset(&copy->settings, 0, sizeof(copy->settings));
    memset(copy->index, 0, sizeof(copy->index));
}

void
catalog_put_settings(struct catalog *catalog, const struct routing_settings *settings)
{
    catalog->copies[idle(catalog)]->settings = *settings;
}

int
catalog_put_upstream(struct catalog *catalog, const struct upstream_record *upstream,
                     const struct credential_record *credentials, const struct slice *bytes,
                     uint32_t n_credentials)
{
    int i = idle(catalog);
    struct catalog_copy *copy = catalog->copies[i];
    uint32_t id = copy->n_upstreams;

    assert(n_credentials >= 1 && n_credentials <= LIMIT_CREDENTIALS);
    if (id == catalog->n_upstreams_max ||
        n_credentials > catalog->n_credentials_max - copy->n_credentials)
        return ERR_FULL;
    for (uint32_t n = 0; n < n_credentials; n++)
        if (bytes[n].len > LIMIT_CREDENTIAL)
            return ERR_TOO_LARGE;

    struct upstream_record *row = &catalog->upstreams[i][id];

    *row = *upstream;
    row->id = id;
    row->first_credential = copy->n_credentials;
    row->n_credentials = n_credentials;
    for (uint32_t n = 0; n < n_credentials; n++) {
        struct catalog_secret *secret = &catalog->secrets[i][copy->n_credentials];

        catalog->credentials[i][copy->n_credentials++] = credentials[n];
        secret->len = (uint32_t)bytes[n].len;
        if (secret->len > 0)
            memcpy(secret->bytes, bytes[n].ptr, secret->len);
    }
    copy->n_upstreams++;
    return 0;
}

int
catalog_put_model(struct catalog *catalog, const struct model_record *model,
                  const struct route_record *routes, uint32_t n_routes)
{
    int i = idle(catalog);
    struct catalog_copy *copy = catalog->copies[i];
    uint32_t entry = catalog_copy_entry(copy, slice_str(model->name));
    uint64_t done[LIMIT_MODEL_ROUTES / 64] = {0};

    assert(strcmp(catalog_model_name(catalog, model->id), model->name) == 0);
    assert(n_routes <= LIMIT_MODEL_ROUTES);
    if (copy->index[entry] != 0)
        return ERR_EXISTS;
    if (copy->n_models == LIMIT_MODELS || n_routes > catalog->n_routes_max - copy->n_routes)
        return ERR_FULL;

    struct model_record *row = &copy->models[copy->n_models++];

    *row = *model;
    row->first_route = copy->n_routes;
    row->n_routes = n_routes;
    for (uint32_t n = 0; n < n_routes; n++)
        put_route(catalog, i, &routes[next_by_tier(routes, n_routes, done)]);
    copy->index[entry] = (uint16_t)copy->n_models;
    return 0;
}

/* The first of the lowest tier that is not done yet; done now. */
static uint32_t
next_by_tier(const struct route_record *routes, uint32_t n_routes,
             uint64_t done[LIMIT_MODEL_ROUTES / 64])
{
    uint32_t best = n_routes;

    for (uint32_t n = 0; n < n_routes; n++) {
        if ((done[n / 64] >> n % 64 & 1) == 0 &&
            (best == n_routes || routes[n].tier < routes[best].tier))
            best = n;
    }
    assert(best < n_routes);
    done[best / 64] |= UINT64_C(1) << best % 64;
    return best;
}

static void
put_route(struct catalog *catalog, int i, const struct route_record *route)
{
    uint32_t at = catalog->copies[i]->n_routes++;

    assert(route->upstream_id < catalog->copies[i]->n_upstreams);

    const struct upstream_record *upstream = &catalog->upstreams[i][route->upstream_id];

    catalog->routes[i][at] = *route;
    catalog->options[i][at] = (struct route_option){
        .id = route->id,
        .health_row = route->health_row,
        .upstream_id = route->upstream_id,
        .first_credential = upstream->first_credential,
        .protocols = upstream->protocols,
        .family = upstream->family,
        .tier = (uint16_t)route->tier,
        .weight = (uint16_t)route->weight,
        .n_credentials = (uint16_t)upstream->n_credentials,
        .is_disabled = route->is_disabled != 0,
        .max_concurrent = route->max_concurrent,
        .credential_row = catalog->credentials[i][upstream->first_credential].health_row,
        .input_nusd = route->cost.nusd[USAGE_INPUT],
        .output_nusd = route->cost.nusd[USAGE_OUTPUT],
        .cache_read_nusd = route->cost.nusd[USAGE_CACHE_READ],
    };
}

void
catalog_commit(struct catalog *catalog)
{
    uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_relaxed) + 1;

    atomic_store_explicit(&catalog_copy_of(catalog, epoch)->epoch, epoch, memory_order_release);
    atomic_store_explicit(&catalog->segment->header->catalog_epoch, epoch, memory_order_release);
    atomic_store_explicit(catalog->active, epoch, memory_order_release);
}

static int
idle(const struct catalog *catalog)
{
    return (int)((atomic_load_explicit(catalog->active, memory_order_relaxed) + 1) & 1);
}
