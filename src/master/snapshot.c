/* SPDX-License-Identifier: ISC */
#include "snapshot.h"

#include <assert.h>
#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/codec/capability.h"
#include "relayos/shm/health.h"

static int put_upstream(struct segment *segment, struct catalog *catalog,
                        const struct conf_upstream *upstream, struct errmsg *why);
static int intern_models(struct catalog *catalog, const struct conf *conf, struct errmsg *why);
static int put_model(struct segment *segment, struct catalog *catalog, const struct conf *conf,
                     const struct conf_model *model, struct errmsg *why);
static uint32_t id_of(const struct catalog *catalog, const char *name);

int
snapshot_prepare(struct segment *segment, struct catalog *catalog, const struct conf *conf,
                 struct errmsg *why)
{
    int rc = 0;

    catalog_begin(catalog);
    catalog_put_settings(catalog, &conf->routing);
    for (size_t n = 0; n < conf->n_upstreams && rc == 0; n++)
        rc = put_upstream(segment, catalog, &conf->upstreams[n], why);
    if (rc == 0)
        rc = intern_models(catalog, conf, why);
    for (size_t n = 0; n < conf->n_models && rc == 0; n++)
        rc = put_model(segment, catalog, conf, &conf->models[n], why);
    return rc;
}

static int
put_upstream(struct segment *segment, struct catalog *catalog, const struct conf_upstream *upstream,
             struct errmsg *why)
{
    struct credential_record records[LIMIT_CREDENTIALS];
    struct slice bytes[LIMIT_CREDENTIALS] = {0};
    int rc = 0;

    for (uint32_t n = 0; n < upstream->n_credentials && rc == 0; n++) {
        const struct conf_credential *credential = &upstream->credentials[n];

        records[n] = credential->record;
        if (credential->secret != NULL)
            bytes[n] = secret_expose(credential->secret);
        rc = health_intern(segment, records[n].id, &records[n].health_row);
    }
    if (rc == 0)
        rc = catalog_put_upstream(catalog, &upstream->record, records, bytes,
                                  upstream->n_credentials);
    if (rc != 0)
        errmsg_set(why,
                   "upstream %s: there is no room for it; raise capacity.upstreams and restart",
                   upstream->record.name);
    return rc;
}

/* All of them first: a model may fall back on one that stands further down. */
static int
intern_models(struct catalog *catalog, const struct conf *conf, struct errmsg *why)
{
    for (size_t n = 0; n < conf->n_models; n++) {
        const char *name = conf->models[n].record.name;
        uint32_t id;

        if (catalog_intern(catalog, slice_str(name), &id) == 0)
            continue;
        errmsg_set(why, "model %s: this is name number %d since the last restart, and no more fit",
                   name, LIMIT_MODELS + 1);
        return ERR_FULL;
    }
    return 0;
}

static int
put_model(struct segment *segment, struct catalog *catalog, const struct conf *conf,
          const struct conf_model *model, struct errmsg *why)
{
    struct model_record record = model->record;
    struct route_record *routes = mem_array(NULL, record.n_routes, sizeof(*routes));
    int rc = 0;

    record.id = id_of(catalog, record.name);
    for (uint8_t n = 0; n < record.n_fallbacks; n++)
        record.fallbacks[n] = id_of(catalog, model->fallbacks[n]);
    for (uint32_t n = 0; n < record.n_routes && rc == 0; n++) {
        routes[n] = model->routes[n];
        routes[n].capability = capability_find(conf->capabilities, conf->n_capabilities,
                                               slice_str(routes[n].upstream_model));
        rc = health_intern(segment, routes[n].id, &routes[n].health_row);
    }
    if (rc == 0)
        rc = catalog_put_model(catalog, &record, routes, record.n_routes);
    free(routes);
    if (rc != 0)
        errmsg_set(why,
                   "model %s: there is no room for its routes; raise capacity.routes and restart",
                   record.name);
    return rc;
}

/* Of an interned model. */
static uint32_t
id_of(const struct catalog *catalog, const char *name)
{
    uint32_t id = 0;
    int rc = catalog_model_id(catalog, slice_str(name), &id);

    assert(rc == 0);
    return id;
}
