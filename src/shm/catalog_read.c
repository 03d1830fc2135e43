/* SPDX-License-Identifier: ISC
 *
 * catalog_read - what anyone copies out of a snapshot; catalog.c says how that comes out whole.
 */
#include <stddef.h>
#include <string.h>

#include "catalog_copy.h"
#include "relayos/base/hash.h"
#include "relayos/base/secret.h"
#include "relayos/shm/catalog.h"

#define CATALOG_TRIES 1000 /* each failed one is two commits of the master meanwhile */

static int read_model(const struct catalog *catalog, const struct slice *name, uint32_t n,
                      struct model_record *out, uint64_t *out_epoch);
static int find_route(const struct catalog *catalog, uint64_t epoch,
                      const struct model_record *model, uint32_t n,
                      const struct route_record **out_route,
                      const struct upstream_record **out_upstream);
static int find_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                           uint32_t n, uint32_t *out_at);
static void copy_model(struct model_record *out, const struct model_record *row);
static void copy_route(struct route_record *out, const struct route_record *row);
static bool stands(const struct catalog *catalog, uint64_t epoch);
static bool is_whole(const struct catalog_copy *copy, uint64_t epoch);

/* Index entry of this name in a copy, or the empty one where it would be. */
uint32_t
catalog_copy_entry(const struct catalog_copy *copy, struct slice name)
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

/* ---- the active snapshot ---- */

uint64_t
catalog_epoch(const struct catalog *catalog)
{
    uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);
    uint64_t stands =
        atomic_load_explicit(&catalog_copy_of(catalog, epoch)->epoch, memory_order_acquire);

    /* A new master's catalog counts on from the old one's, but holds nothing until its first
     * commit. (Else it is not `epoch` only while two commits pass right here.) */
    return stands == 0 ? 0 : epoch;
}

int
catalog_find_model(const struct catalog *catalog, struct slice name, struct model_record *out,
                   uint64_t *out_epoch)
{
    return read_model(catalog, &name, 0, out, out_epoch);
}

int
catalog_model_at(const struct catalog *catalog, uint32_t n, struct model_record *out,
                 uint64_t *out_epoch)
{
    return read_model(catalog, NULL, n, out, out_epoch);
}

/* The one of that name; the n-th if name is NULL. */
static int
read_model(const struct catalog *catalog, const struct slice *name, uint32_t n,
           struct model_record *out, uint64_t *out_epoch)
{
    for (int i = 0; i < CATALOG_TRIES; i++) {
        uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);
        const struct catalog_copy *copy = catalog_copy_of(catalog, epoch);

        if (atomic_load_explicit(&copy->epoch, memory_order_acquire) != epoch || epoch == 0)
            continue;
        if (name != NULL)
            n = copy->index[catalog_copy_entry(copy, *name)] - 1u; /* 0: nothing is that far */

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

int
catalog_upstream_at(const struct catalog *catalog, uint32_t n, struct upstream_record *out,
                    uint64_t *out_epoch)
{
    for (int i = 0; i < CATALOG_TRIES; i++) {
        uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);

        if (epoch == 0 || !stands(catalog, epoch))
            continue;

        bool is_there =
            n < catalog->n_upstreams_max && n < catalog_copy_of(catalog, epoch)->n_upstreams;

        if (is_there)
            *out = catalog->upstreams[epoch & 1][n];
        if (!catalog_is_whole(catalog, epoch))
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

    return epoch == 0 ? 0 : catalog_copy_of(catalog, epoch)->n_models;
}

void
catalog_get_settings(const struct catalog *catalog, struct routing_settings *out)
{
    for (int i = 0; i < CATALOG_TRIES; i++) {
        uint64_t epoch = atomic_load_explicit(catalog->active, memory_order_acquire);

        if (epoch == 0 || !stands(catalog, epoch))
            continue;
        *out = catalog_copy_of(catalog, epoch)->settings;
        if (catalog_is_whole(catalog, epoch))
            return;
    }
    *out = (struct routing_settings){0};
}

/* ---- a snapshot that was found ---- */

const struct route_option *
catalog_options(const struct catalog *catalog, uint64_t epoch, const struct model_record *model)
{
    assert(epoch != 0);
    assert(model->first_route <= catalog->n_routes_max &&
           model->n_routes <= catalog->n_routes_max - model->first_route);
    return stands(catalog, epoch) ? &catalog->options[epoch & 1][model->first_route] : NULL;
}

const struct credential_record *
catalog_credentials(const struct catalog *catalog, uint64_t epoch)
{
    assert(epoch != 0);
    return stands(catalog, epoch) ? catalog->credentials[epoch & 1] : NULL;
}

bool
catalog_is_whole(const struct catalog *catalog, uint64_t epoch)
{
    return is_whole(catalog_copy_of(catalog, epoch), epoch);
}

int
catalog_get_route(const struct catalog *catalog, uint64_t epoch, const struct model_record *model,
                  uint32_t n, struct route_record *out_route, struct upstream_record *out_upstream)
{
    const struct route_record *route;
    const struct upstream_record *upstream;

    if (n >= model->n_routes)
        return ERR_MISSING;
    if (find_route(catalog, epoch, model, n, &route, &upstream) != 0)
        return ERR_CONFLICT;
    copy_route(out_route, route);
    *out_upstream = *upstream;
    return catalog_is_whole(catalog, epoch) ? 0 : ERR_CONFLICT;
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
    if (!stands(catalog, epoch))
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
catalog_get_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                       uint32_t n, struct credential_record *out)
{
    uint32_t at;

    if (find_credential(catalog, epoch, upstream_id, n, &at) != 0)
        return ERR_CONFLICT;
    *out = catalog->credentials[epoch & 1][at];
    return catalog_is_whole(catalog, epoch) ? 0 : ERR_CONFLICT;
}

int
catalog_append_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id,
                          uint32_t n, struct buf *out)
{
    size_t len_before = out->len;
    uint32_t at;

    if (find_credential(catalog, epoch, upstream_id, n, &at) != 0)
        return ERR_CONFLICT;

    const struct catalog_secret *secret = &catalog->secrets[epoch & 1][at];
    uint32_t len = *(const volatile uint32_t *)&secret->len;

    if (len <= LIMIT_CREDENTIAL)
        buf_append(out, secret->bytes, len);
    if (catalog_is_whole(catalog, epoch))
        return 0;
    if (out->len > len_before)
        secret_wipe(out->ptr + len_before, out->len - len_before);
    out->len = len_before;
    return ERR_CONFLICT;
}

/* Where it stands, as find_route(). */
static int
find_credential(const struct catalog *catalog, uint64_t epoch, uint32_t upstream_id, uint32_t n,
                uint32_t *out_at)
{
    assert(epoch != 0 && upstream_id < catalog->n_upstreams_max && n < LIMIT_CREDENTIALS);
    if (!stands(catalog, epoch))
        return ERR_CONFLICT;

    const struct upstream_record *upstream = &catalog->upstreams[epoch & 1][upstream_id];
    uint32_t first = *(const volatile uint32_t *)&upstream->first_credential;

    if (first >= catalog->n_credentials_max)
        return ERR_CONFLICT;
    *out_at = first + n;
    return 0;
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

/* Is it there to be looked at? */
static bool
stands(const struct catalog *catalog, uint64_t epoch)
{
    return atomic_load_explicit(&catalog_copy_of(catalog, epoch)->epoch, memory_order_acquire) ==
           epoch;
}

/* True if nothing of the copy has changed since its epoch was looked at and found right. */
static bool
is_whole(const struct catalog_copy *copy, uint64_t epoch)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&copy->epoch, memory_order_relaxed) == epoch;
}
