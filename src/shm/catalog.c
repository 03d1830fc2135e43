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

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "layout.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define CATALOG_INDEX (2 * LIMIT_MODELS)
#define CATALOG_TRIES 1000 /* each failed one is two commits of the master meanwhile */

struct credential {
    uint32_t len;
    char bytes[LIMIT_CREDENTIAL];
};

struct copy {
    _Atomic uint64_t epoch; /* 0: being written, or never */
    uint32_t n_models, n_routes, n_upstreams;
    uint16_t index[CATALOG_INDEX]; /* n + 1 of a model by hash of its name, 0 = empty */
    struct model_record models[LIMIT_MODELS];
};

struct catalog {
    struct segment *segment;
    uint32_t n_routes_max, n_upstreams_max;
    size_t size;
    struct copy *copies[2];
    struct route_record *routes[2];
    struct upstream_record *upstreams[2];
    struct credential *credentials[2];
    _Atomic uint64_t *active; /* start of the mapping */
};

static char *place(char *base, size_t *at, size_t size);
static size_t plan(struct catalog *catalog, char *base);
static int registry_find(const struct shm_registry *registry, struct slice name, uint32_t *out_id,
                         uint32_t *out_entry);
static int idle(const struct catalog *catalog);
static uint32_t model_entry(const struct copy *copy, struct slice name);
static int find_route(const struct catalog *catalog, uint64_t epoch,
                      const struct model_record *model, uint32_t n,
                      const struct route_record **out_route,
                      const struct upstream_record **out_upstream);
static void copy_model(struct model_record *out, const struct model_record *row);
static void copy_route(struct route_record *out, const struct route_record *row);
static struct copy *copy_of(const struct catalog *catalog, uint64_t epoch);
static bool is_whole(const struct copy *copy, uint64_t epoch);

struct catalog *
catalog_new(struct segment *segment)
{
    struct catalog *catalog = mem_zalloc(sizeof(*catalog));

    catalog->segment = segment;
    catalog->n_routes_max = segment->capacity.routes;
    catalog->n_upstreams_max = segment->capacity.upstreams;
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

/* Point the tables into a mapping at base; returns the size of all. */
static size_t
plan(struct catalog *catalog, char *base)
{
    size_t at = 0;

    catalog->active = (void *)place(base, &at, sizeof(*catalog->active));
    for (int i = 0; i < 2; i++) {
        catalog->copies[i] = (void *)place(base, &at, sizeof(struct copy));
        catalog->routes[i] =
            (void *)place(base, &at, catalog->n_routes_max * sizeof(struct route_record));
        catalog->upstreams[i] =
            (void *)place(base, &at, catalog->n_upstreams_max * sizeof(struct upstream_record));
        catalog->credentials[i] =
            (void *)place(base, &at, catalog->n_upstreams_max * sizeof(struct credential));
    }
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

const char *
catalog_model_name(const struct catalog *catalog, uint32_t id)
{
    const struct shm_registry *registry = catalog->segment->registry;

    return id < atomic_load_explicit(&registry->n_names, memory_order_acquire) ? registry->names[id]
                                                                               : "";
}

/* ---- a new snapshot: the master ---- */

void
catalog_begin(struct catalog *catalog)
{
    int i = idle(catalog);
    struct copy *copy = catalog->copies[i];

    atomic_store_explicit(&copy->epoch, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* no row is seen changed before this is */
    secret_wipe(catalog->credentials[i], copy->n_upstreams * sizeof(struct credential));
    copy->n_models = 0;
    copy->n_routes = 0;
    copy->n_upstreams = 0;
    memset(copy->index, 0, sizeof(copy->index));
}

int
catalog_put_upstream(struct catalog *catalog, const struct upstream_record *upstream,
                     struct slice credential)
{
    int i = idle(catalog);
    struct copy *copy = catalog->copies[i];
    uint32_t id = copy->n_upstreams;

    if (id == catalog->n_upstreams_max)
        return ERR_FULL;
    if (credential.len > LIMIT_CREDENTIAL)
        return ERR_TOO_LARGE;
    catalog->upstreams[i][id] = *upstream;
    catalog->upstreams[i][id].id = id;
    catalog->credentials[i][id].len = (uint32_t)credential.len;
    if (credential.len > 0)
        memcpy(catalog->credentials[i][id].bytes, credential.ptr, credential.len);
    copy->n_upstreams++;
    return 0;
}

int
catalog_put_model(struct catalog *catalog, const struct model_record *model,
                  const struct route_record *routes, uint32_t n_routes)
{
    int i = idle(catalog);
    struct copy *copy = catalog->copies[i];
    struct slice name = slice_str(model->name);
    uint32_t entry = model_entry(copy, name);

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
    for (uint32_t n = 0; n < n_routes; n++) {
        assert(routes[n].upstream_id < copy->n_upstreams);
        catalog->routes[i][copy->n_routes++] = routes[n];
    }
    copy->index[entry] = (uint16_t)copy->n_models;
    return 0;
}

void
catalog_commit(struct catalog *catalog)
{
    uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_relaxed) + 1;

    atomic_store_explicit(&copy_of(catalog, epoch)->epoch, epoch, memory_order_release);
    atomic_store_explicit(&catalog->segment->header->catalog_epoch, epoch, memory_order_release);
    atomic_store_explicit(catalog->active, epoch, memory_order_release);
}

static int
idle(const struct catalog *catalog)
{
    return (int)((atomic_load_explicit(catalog->active, memory_order_relaxed) + 1) & 1);
}

/* Index entry of this name in a copy, or the empty one where it would be. */
static uint32_t
model_entry(const struct copy *copy, struct slice name)
{
    uint32_t entry = (uint32_t)hash_table64(name) & (CATALOG_INDEX - 1);

    /* Bounded for readers: what they look at may be half rewritten, which they find out after. */
    for (int n = 0; n < CATALOG_INDEX; n++) {
        uint16_t n_1 = copy->index[entry];

        if (n_1 == 0)
            break;
        if (n_1 <= LIMIT_MODELS) {
            const char *row_name = copy->models[n_1 - 1].name;

            if (name.len < LIMIT_MODEL_NAME && row_name[name.len] == '\0' &&
                memcmp(row_name, name.ptr, name.len) == 0)
                break;
        }
        entry = (entry + 1) & (CATALOG_INDEX - 1);
    }
    return entry;
}

/* ---- the active snapshot: anyone ---- */

uint64_t
catalog_epoch(const struct catalog *catalog)
{
    uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);
    uint64_t stands = atomic_load_explicit(&copy_of(catalog, epoch)->epoch, memory_order_acquire);

    /* A new master's catalog counts on from the old one's, but holds nothing until its first
     * commit. (Else it is not `epoch` only while two commits pass right here.) */
    return stands == 0 ? 0 : epoch;
}

int
catalog_find_model(const struct catalog *catalog, struct slice name, struct model_record *out,
                   uint64_t *out_epoch)
{
    for (int n = 0; n < CATALOG_TRIES; n++) {
        uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);
        const struct copy *copy = copy_of(catalog, epoch);

        if (atomic_load_explicit(&copy->epoch, memory_order_acquire) != epoch || epoch == 0)
            continue;

        uint16_t n_1 = copy->index[model_entry(copy, name)];
        bool is_there = n_1 > 0 && n_1 <= LIMIT_MODELS;

        if (is_there)
            copy_model(out, &copy->models[n_1 - 1]);
        if (!is_whole(copy, epoch))
            continue;
        if (!is_there)
            return ERR_MISSING;
        *out_epoch = epoch;
        return 0;
    }
    return ERR_MISSING;
}

int
catalog_model_at(const struct catalog *catalog, uint32_t n, struct model_record *out,
                 uint64_t *out_epoch)
{
    for (int i = 0; i < CATALOG_TRIES; i++) {
        uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);
        const struct copy *copy = copy_of(catalog, epoch);

        if (atomic_load_explicit(&copy->epoch, memory_order_acquire) != epoch || epoch == 0)
            continue;

        bool is_there = n < LIMIT_MODELS && n < copy->n_models;

        if (is_there)
            copy_model(out, &copy->models[n]);
        if (!is_whole(copy, epoch))
            continue;
        if (!is_there)
            return ERR_MISSING;
        *out_epoch = epoch;
        return 0;
    }
    return ERR_MISSING;
}

uint32_t
catalog_n_models(const struct catalog *catalog)
{
    uint64_t epoch = catalog_epoch(catalog);

    return epoch == 0 ? 0 : copy_of(catalog, epoch)->n_models;
}

int
catalog_get_option(const struct catalog *catalog, uint64_t epoch, const struct model_record *model,
                   uint32_t n, struct route_option *out)
{
    const struct copy *copy = copy_of(catalog, epoch);
    const struct route_record *route;
    const struct upstream_record *upstream;

    if (find_route(catalog, epoch, model, n, &route, &upstream) != 0)
        return ERR_CONFLICT;
    *out = (struct route_option){.id = route->id,
                                 .tier = route->tier,
                                 .weight = route->weight,
                                 .protocols = upstream->protocols};
    return is_whole(copy, epoch) ? 0 : ERR_CONFLICT;
}

int
catalog_get_route(const struct catalog *catalog, uint64_t epoch, const struct model_record *model,
                  uint32_t n, struct route_record *out_route, struct upstream_record *out_upstream)
{
    const struct copy *copy = copy_of(catalog, epoch);
    const struct route_record *route;
    const struct upstream_record *upstream;

    if (n >= model->n_routes)
        return ERR_MISSING;
    if (find_route(catalog, epoch, model, n, &route, &upstream) != 0)
        return ERR_CONFLICT;
    copy_route(out_route, route);
    *out_upstream = *upstream;
    return is_whole(copy, epoch) ? 0 : ERR_CONFLICT;
}

/* Where they stand; what is read there is to be believed only after is_whole(). */
static int
find_route(const struct catalog *catalog, uint64_t epoch, const struct model_record *model,
           uint32_t n, const struct route_record **out_route,
           const struct upstream_record **out_upstream)
{
    int i = (int)(epoch & 1);

    assert(epoch != 0 && n < model->n_routes);
    assert(model->first_route < catalog->n_routes_max &&
           n < catalog->n_routes_max - model->first_route);
    if (atomic_load_explicit(&copy_of(catalog, epoch)->epoch, memory_order_acquire) != epoch)
        return ERR_CONFLICT;

    const struct route_record *route = &catalog->routes[i][model->first_route + n];
    /* Once, as it stands now: what is tested must be what is used. */
    uint32_t upstream_id = *(const volatile uint32_t *)&route->upstream_id;

    if (upstream_id >= catalog->n_upstreams_max) /* torn: the copy is being rewritten */
        return ERR_CONFLICT;
    *out_route = route;
    *out_upstream = &catalog->upstreams[i][upstream_id];
    return 0;
}

int
catalog_append_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                          struct buf *out)
{
    const struct copy *copy = copy_of(catalog, epoch);
    size_t len_before = out->len;

    assert(epoch != 0 && upstream_id < catalog->n_upstreams_max);
    if (atomic_load_explicit(&copy->epoch, memory_order_acquire) != epoch)
        return ERR_CONFLICT;

    const struct credential *credential = &catalog->credentials[epoch & 1][upstream_id];
    uint32_t len = credential->len;

    if (len <= LIMIT_CREDENTIAL)
        buf_append(out, credential->bytes, len);
    if (is_whole(copy, epoch))
        return 0;
    if (out->len > len_before)
        secret_wipe(out->ptr + len_before, out->len - len_before);
    out->len = len_before;
    return ERR_CONFLICT;
}

/* Most prices have no tiers and no changes to come: what would hold them is left as it is. */
static void
copy_model(struct model_record *out, const struct model_record *row)
{
    const size_t common = offsetof(struct model_record, price.tiers);

    memcpy(out, row, common);
    if (out->price.n_tiers != 0 || out->price_until_us != 0)
        memcpy((char *)out + common, (const char *)row + common, sizeof(*out) - common);
}

static void
copy_route(struct route_record *out, const struct route_record *row)
{
    const size_t common = offsetof(struct route_record, cost.tiers);

    memcpy(out, row, common);
    if (out->cost.n_tiers != 0 || out->cost_until_us != 0)
        memcpy((char *)out + common, (const char *)row + common, sizeof(*out) - common);
}

static struct copy *
copy_of(const struct catalog *catalog, uint64_t epoch)
{
    return catalog->copies[epoch & 1];
}

/* True if nothing of the copy has changed since its epoch was looked at and found right. */
static bool
is_whole(const struct copy *copy, uint64_t epoch)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&copy->epoch, memory_order_relaxed) == epoch;
}
