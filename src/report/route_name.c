/* SPDX-License-Identifier: ISC */
#include "route_name.h"

#include <stdio.h>
#include <string.h>

static void add_model(struct route_names *names, const char *name);
static bool find_in(const struct route_names *names, uint32_t n, uint32_t route_id,
                    char out[ROUTE_NAME_SIZE]);
static uint32_t find_option(const struct route_names *names, uint32_t n, uint32_t route_id);

void
route_name_prepare(const struct catalog *catalog, const struct store_trace *trace,
                   struct route_names *out)
{
    out->catalog = catalog;
    out->n = 0;
    add_model(out, trace->flight.model);
    if (out->n == 1) {
        for (uint32_t i = 0; i < out->models[0].n_fallbacks && i < LIMIT_FALLBACKS; i++)
            add_model(out, catalog_model_name(catalog, out->models[0].fallbacks[i]));
    }
    for (uint32_t i = 0; i < LIMIT_ATTEMPTS; i++)
        add_model(out, trace->attempt_models[i]);
}

static void
add_model(struct route_names *names, const char *name)
{
    for (uint32_t i = 0; i < names->n; i++) {
        if (strcmp(names->models[i].name, name) == 0)
            return;
    }
    if (name[0] != '\0' &&
        catalog_find_model(names->catalog, slice_str(name), &names->models[names->n],
                           &names->epochs[names->n]) == 0)
        names->n++;
}

void
route_name_find(const struct route_names *names, uint32_t route_id, char out[ROUTE_NAME_SIZE])
{
    for (uint32_t n = 0; n < names->n; n++) {
        if (find_in(names, n, route_id, out))
            return;
    }
    snprintf(out, ROUTE_NAME_SIZE, "%08x", route_id);
}

static bool
find_in(const struct route_names *names, uint32_t n, uint32_t route_id, char out[ROUTE_NAME_SIZE])
{
    const struct model_record *model = &names->models[n];
    struct upstream_record upstream;
    struct route_record route;
    uint32_t i = find_option(names, n, route_id);

    if (i == model->n_routes ||
        catalog_get_route(names->catalog, names->epochs[n], model, i, &route, &upstream) != 0)
        return false;
    snprintf(out, ROUTE_NAME_SIZE, "%s/%s/%s", model->name, upstream.name, route.upstream_model);
    return route.id == route_id;
}

/* Position among the model's routes; n_routes: it is none of them. */
static uint32_t
find_option(const struct route_names *names, uint32_t n, uint32_t route_id)
{
    const struct model_record *model = &names->models[n];
    const struct route_option *options = catalog_options(names->catalog, names->epochs[n], model);
    uint32_t i = 0;

    while (options != NULL && i < model->n_routes && options[i].id != route_id)
        i++;
    return options == NULL ? model->n_routes : i;
}
