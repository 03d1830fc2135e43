/* SPDX-License-Identifier: ISC
 *
 * route_name - which route a word means.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "route.h"

static void add_places(const struct conf *conf, const struct conf_model *model,
                       struct route_place *places, size_t *n);
static bool is_upstream_once(const struct conf_model *model, uint32_t upstream_id);
static bool is_meant(const struct route_place *place, struct slice name);
static void complain_missing(const struct route_place *places, size_t n_places, struct slice name,
                             struct errmsg *why);
static void complain_ambiguous(const struct route_place *places, size_t n_places, struct slice name,
                               struct errmsg *why);
static int complain_model(const struct conf *conf, struct slice model, struct errmsg *why);

int
route_places(const struct conf *conf, struct slice model, struct route_place **out, size_t *out_n,
             struct errmsg *why)
{
    size_t room = 0, n_models = 0;

    *out = NULL;
    *out_n = 0;
    for (size_t n = 0; n < conf->n_models; n++)
        room += conf->models[n].record.n_routes;
    *out = mem_array(NULL, room + 1, sizeof(**out));
    for (size_t n = 0; n < conf->n_models; n++) {
        if (model.len > 0 && !slice_eq_str(model, conf->models[n].record.name))
            continue;
        n_models++;
        add_places(conf, &conf->models[n], *out, out_n);
    }
    return n_models > 0 || model.len == 0 ? 0 : complain_model(conf, model, why);
}

static void
add_places(const struct conf *conf, const struct conf_model *model, struct route_place *places,
           size_t *n)
{
    for (uint32_t i = 0; i < model->record.n_routes; i++) {
        const struct route_record *route = &model->routes[i];
        struct route_place *place = &places[(*n)++];

        *place = (struct route_place){
            .model = model, .upstream = &conf->upstreams[route->upstream_id], .route = route};
        int len = snprintf(place->name, sizeof(place->name), "%s/%s", model->record.name,
                           place->upstream->record.name);
        if (!is_upstream_once(model, route->upstream_id))
            snprintf(place->name + len, sizeof(place->name) - (size_t)len, "/%s",
                     route->upstream_model);
    }
}

static bool
is_upstream_once(const struct conf_model *model, uint32_t upstream_id)
{
    int n = 0;

    for (uint32_t i = 0; i < model->record.n_routes; i++)
        n += model->routes[i].upstream_id == upstream_id;
    return n == 1;
}

int
route_find(const struct route_place *places, size_t n_places, struct slice name, size_t *out,
           struct errmsg *why)
{
    size_t n_meant = 0;

    for (size_t n = 0; n < n_places; n++) {
        if (!is_meant(&places[n], name))
            continue;
        n_meant++;
        *out = n;
    }
    if (n_meant == 1)
        return 0;
    if (n_meant == 0) {
        complain_missing(places, n_places, name, why);
        return ERR_MISSING;
    }
    complain_ambiguous(places, n_places, name, why);
    return ERR_CONFLICT;
}

static bool
is_meant(const struct route_place *place, struct slice name)
{
    const char *model = place->model->record.name, *upstream = place->upstream->record.name;
    char text[ROUTE_NAME_SIZE];

    snprintf(text, sizeof(text), "%08x", place->route->id);
    if (slice_eq_str(name, text))
        return true;
    snprintf(text, sizeof(text), "%s/%s", model, upstream);
    if (slice_eq_str(name, text))
        return true;
    snprintf(text, sizeof(text), "%s/%s/%s", model, upstream, place->route->upstream_model);
    return slice_eq_str(name, text);
}

static void
complain_missing(const struct route_place *places, size_t n_places, struct slice name,
                 struct errmsg *why)
{
    const char **names = mem_array(NULL, n_places + 1, sizeof(*names));

    for (size_t n = 0; n < n_places; n++)
        names[n] = places[n].name;
    const char *nearest = text_nearest(name, names, n_places);
    if (nearest != NULL)
        errmsg_set(why, "there is no route %.*s; did you mean %s?", (int)name.len, name.ptr,
                   nearest);
    else
        errmsg_set(why,
                   "there is no route %.*s; a route is named MODEL/UPSTREAM or by its id, see "
                   "relayosctl route list",
                   (int)name.len, name.ptr);
    free(names);
}

static void
complain_ambiguous(const struct route_place *places, size_t n_places, struct slice name,
                   struct errmsg *why)
{
    const char *separator = " could be ";

    errmsg_set(why, "%.*s", (int)name.len, name.ptr);
    for (size_t n = 0; n < n_places; n++) {
        size_t len = strlen(why->text);

        if (!is_meant(&places[n], name))
            continue;
        snprintf(why->text + len, sizeof(why->text) - len, "%s%s", separator, places[n].name);
        separator = " or ";
    }
}

static int
complain_model(const struct conf *conf, struct slice model, struct errmsg *why)
{
    const char **names = mem_array(NULL, conf->n_models + 1, sizeof(*names));

    for (size_t n = 0; n < conf->n_models; n++)
        names[n] = conf->models[n].record.name;
    const char *nearest = text_nearest(model, names, conf->n_models);
    errmsg_set(why, "there is no model %.*s%s%s%s", (int)model.len, model.ptr,
               nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest,
               nearest == NULL ? "" : "?");
    free(names);
    return ERR_MISSING;
}
