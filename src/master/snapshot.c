/* SPDX-License-Identifier: ISC */
#include "snapshot.h"

#include "relayos/shm/health.h"

static int put_upstream(struct catalog *catalog, const struct conf_upstream *upstream,
                        struct errmsg *why);
static int put_model(struct segment *segment, struct catalog *catalog,
                     const struct conf_model *model, struct errmsg *why);

int
snapshot_prepare(struct segment *segment, struct catalog *catalog, const struct conf *conf,
                 struct errmsg *why)
{
    int rc = 0;

    catalog_begin(catalog);
    for (size_t n = 0; n < conf->n_upstreams && rc == 0; n++)
        rc = put_upstream(catalog, &conf->upstreams[n], why);
    for (size_t n = 0; n < conf->n_models && rc == 0; n++)
        rc = put_model(segment, catalog, &conf->models[n], why);
    return rc;
}

static int
put_upstream(struct catalog *catalog, const struct conf_upstream *upstream, struct errmsg *why)
{
    struct slice credential = {0};

    if (upstream->credential != NULL)
        credential = secret_expose(upstream->credential);
    int rc = catalog_put_upstream(catalog, &upstream->record, credential);
    if (rc != 0)
        errmsg_set(why,
                   "upstream %s: there is no room for it; raise capacity.upstreams and restart",
                   upstream->record.name);
    return rc;
}

static int
put_model(struct segment *segment, struct catalog *catalog, const struct conf_model *model,
          struct errmsg *why)
{
    struct model_record record = model->record;

    if (catalog_intern(catalog, slice_str(record.name), &record.id) != 0) {
        errmsg_set(why, "model %s: this is name number %d since the last restart, and no more fit",
                   record.name, LIMIT_MODELS + 1);
        return ERR_FULL;
    }
    int rc = 0;
    for (uint32_t n = 0; n < record.n_routes && rc == 0; n++) {
        uint32_t row;
        rc = health_intern(segment, model->routes[n].id, &row);
    }
    if (rc == 0)
        rc = catalog_put_model(catalog, &record, model->routes, record.n_routes);
    if (rc != 0)
        errmsg_set(why,
                   "model %s: there is no room for its routes; raise capacity.routes and restart",
                   record.name);
    return rc;
}
