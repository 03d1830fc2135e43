/* SPDX-License-Identifier: ISC
 *
 * conf_model - see the header.
 */
#include "conf_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_fallback.h"
#include "conf_kind.h"
#include "conf_price.h"
#include "conf_upstream.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

static int read_model(struct conf_reader *reader, const struct conf_node *node,
                      struct conf_model *model);
static int read_route(struct conf_reader *reader, const struct conf_node *node,
                      struct route_record *route);
static int finish_prices(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_model *model);
static int finish_cost(struct conf_reader *reader, const struct conf_node *node,
                       const struct model_record *model, struct route_record *route);
static int finish_price(struct conf_reader *reader, const struct conf_node *node,
                        const char *keys[2], struct price *price, struct price_change *changes,
                        bool *is_priced);
static int finish_routes(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_model *model);
static uint32_t hash_route(const struct conf *conf, const struct conf_model *model,
                           const struct route_record *route);
static int check_fallbacks(struct conf_reader *reader, const struct conf_node *node);
static size_t collect_ids(const struct conf *conf, uint32_t *ids, size_t *out_n_routes);
static int check_ids(struct conf_reader *reader, const struct conf_node *node);
static const char *nearest_to(const struct conf *conf, const char *name);

int
conf_model_read_all(struct conf_reader *reader, const struct directive *row,
                    const struct conf_node *node, void *base)
{
    struct conf *conf = base;

    (void)row;
    if (node->kind != CONF_NODE_MAP || node->n_children == 0)
        return directive_fail(reader, node, "'models' must have at least one NAME: {...}");
    if (node->n_children > LIMIT_MODELS)
        return directive_fail_key(reader, node, "%u models are more than %d", node->n_children,
                                  LIMIT_MODELS);
    conf->models = mem_zalloc(node->n_children * sizeof(*conf->models));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_model(reader, item, &conf->models[conf->n_models++]) != 0)
            return ERR_CONFIG;
    }
    return check_fallbacks(reader, node) == 0 ? check_ids(reader, node) : ERR_CONFIG;
}

static int
read_model(struct conf_reader *reader, const struct conf_node *node, struct conf_model *model)
{
    struct model_record *record = &model->record;
    size_t len = strlen(node->key);

    if (len == 0 || len >= LIMIT_MODEL_NAME || !conf_kind_is_model_name(node->key))
        return directive_fail_key(reader, node,
                                  "a model's name has 1 to %d printable ASCII characters, without "
                                  "spaces, quotes and backslashes",
                                  LIMIT_MODEL_NAME - 1);
    memcpy(record->name, node->key, len + 1);
    directive_defaults(DIRECTIVE_SET_MODEL, model);
    conf_price_clear(&record->price);
    record->fallback_on = FALLBACK_OUTAGE | FALLBACK_OVERLOAD;
    if (directive_read(reader, DIRECTIVE_SET_MODEL, node, model) != 0 ||
        finish_prices(reader, node, model) != 0)
        return ERR_CONFIG;
    if (record->display_name[0] == '\0')
        memcpy(record->display_name, record->name, sizeof(record->display_name));
    return finish_routes(reader, node, model);
}

int
conf_model_read_routes(struct conf_reader *reader, const struct directive *row,
                       const struct conf_node *node, void *base)
{
    struct conf_model *model = base;
    struct model_record *record = &model->record;

    (void)row;
    if (node->kind != CONF_NODE_LIST || node->n_children == 0)
        return directive_fail(reader, node,
                              "'routes' must be a list of at least one {upstream: NAME, ...}");
    if (node->n_children > LIMIT_MODEL_ROUTES)
        return directive_fail_key(reader, node, "%u routes are more than %d", node->n_children,
                                  LIMIT_MODEL_ROUTES);
    model->routes = mem_zalloc(node->n_children * sizeof(*model->routes));
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (read_route(reader, item, &model->routes[record->n_routes++]) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
read_route(struct conf_reader *reader, const struct conf_node *node, struct route_record *route)
{
    directive_defaults(DIRECTIVE_SET_ROUTE, route);
    conf_price_clear(&route->cost);
    return directive_read(reader, DIRECTIVE_SET_ROUTE, node, route);
}

int
conf_model_read_upstream(struct conf_reader *reader, const struct directive *row,
                         const struct conf_node *node, void *base)
{
    const struct conf *conf = reader->conf;
    struct route_record *route = base;
    const char *name = conf_kind_scalar(reader, row, node, "the name of an upstream");

    if (name == NULL)
        return ERR_CONFIG;

    long idx = conf_upstream_find(conf, name);

    if (idx >= 0) {
        route->upstream_id = (uint32_t)idx;
        return 0;
    }

    const char **names = mem_array(NULL, conf->n_upstreams, sizeof(*names));

    for (size_t i = 0; i < conf->n_upstreams; i++)
        names[i] = conf->upstreams[i].record.name;

    const char *nearest = text_nearest(slice_str(name), names, conf->n_upstreams);

    free(names);
    if (nearest != NULL)
        return directive_fail(reader, node, "no upstream '%.64s' - did you mean '%s'?", name,
                              nearest);
    return directive_fail(reader, node, "no upstream '%.64s': add it to 'upstreams'", name);
}

/* The model's price, then the routes' costs, which are that price where nothing else is said. */
static int
finish_prices(struct conf_reader *reader, const struct conf_node *node, struct conf_model *model)
{
    struct model_record *record = &model->record;
    const struct conf_node *route = conf_yaml_child(node, "routes")->first;
    bool is_priced = false;

    if (finish_price(reader, node, (const char *[]){"price", "prices"}, &record->price,
                     record->price_changes, &is_priced) != 0)
        return ERR_CONFIG;
    if (!is_priced)
        return directive_fail_key(reader, node,
                                  "model '%s' has no price: say 'price: {input: ..., output: ...}' "
                                  "in USD per million tokens, or 'price: free'",
                                  record->name);
    record->price_until_us = record->price_changes[0].from_us;
    record->price_version = record->price.version;
    for (uint32_t i = 0; i < record->n_routes; i++, route = route->next) {
        if (finish_cost(reader, route, record, &model->routes[i]) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

static int
finish_cost(struct conf_reader *reader, const struct conf_node *node,
            const struct model_record *model, struct route_record *route)
{
    bool is_priced = false;

    if (finish_price(reader, node, (const char *[]){"cost", "costs"}, &route->cost,
                     route->cost_changes, &is_priced) != 0)
        return ERR_CONFIG;
    if (!is_priced) {
        route->cost = model->price;
        memcpy(route->cost_changes, model->price_changes, sizeof(route->cost_changes));
    }
    route->cost_until_us = route->cost_changes[0].from_us;
    return 0;
}

/* One price, dated ones, or both. keys: of the price, of the list. */
static int
finish_price(struct conf_reader *reader, const struct conf_node *node, const char *keys[2],
             struct price *price, struct price_change *changes, bool *is_priced)
{
    const struct conf_node *at = conf_yaml_child(node, keys[0]);

    *is_priced = at != NULL || conf_yaml_child(node, keys[1]) != NULL;
    if (at != NULL)
        return conf_price_finish(reader, at, keys[0], price);
    if (*is_priced)
        conf_price_take_first(price, changes);
    return 0;
}

static int
finish_routes(struct conf_reader *reader, const struct conf_node *node, struct conf_model *model)
{
    const struct conf_node *item = conf_yaml_child(node, "routes")->first;

    for (uint32_t i = 0; i < model->record.n_routes; i++, item = item->next) {
        struct route_record *route = &model->routes[i];

        if (route->upstream_model[0] == '\0')
            memcpy(route->upstream_model, model->record.name, sizeof(route->upstream_model));
        if (reader->conf->upstreams[route->upstream_id].record.has_deployments &&
            !conf_kind_is_name(route->upstream_model))
            return directive_fail(reader, item,
                                  "'%.96s' is no name of an Azure deployment: letters, digits, "
                                  "'.', '_' and '-'",
                                  route->upstream_model);
        route->id = hash_route(reader->conf, model, route);
        for (uint32_t j = 0; j < i; j++) {
            if (model->routes[j].id == route->id)
                return directive_fail(reader, item,
                                      "this route of model '%s' is the same as an earlier one",
                                      model->record.name);
        }
    }
    return 0;
}

static uint32_t
hash_route(const struct conf *conf, const struct conf_model *model,
           const struct route_record *route)
{
    char text[2 * LIMIT_MODEL_NAME + LIMIT_NAME + 2];
    int len = snprintf(text, sizeof(text), "%s|%s|%s", model->record.name,
                       conf->upstreams[route->upstream_id].record.name, route->upstream_model);
    uint32_t id = (uint32_t)hash_table64(slice_of(text, (size_t)len));

    return id == 0 ? 1 : id;
}

static int
compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static int
check_fallbacks(struct conf_reader *reader, const struct conf_node *node)
{
    for (const struct conf_node *item = node->first; item != NULL; item = item->next) {
        if (conf_fallback_check(reader, item) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

/* Ids are hashes: were two equal, a seal made for one route would open on the other, or what ails
 * one credential be held against another. */
static int
check_ids(struct conf_reader *reader, const struct conf_node *node)
{
    const struct conf *conf = reader->conf;
    size_t n_routes, n_equal = 0, n = collect_ids(conf, NULL, &n_routes);
    uint32_t *ids = mem_array(NULL, n, sizeof(*ids));

    n = collect_ids(conf, ids, &n_routes);
    qsort(ids, n, sizeof(*ids), compare_ids);
    for (size_t i = 1; i < n; i++)
        n_equal += ids[i] == ids[i - 1];
    free(ids);
    if (n_routes > (size_t)conf->capacity_routes)
        return directive_fail_key(
            reader, node, "%zu routes are more than capacity.routes (%" PRId64 "): raise it",
            n_routes, conf->capacity_routes);
    if (n_equal > 0)
        return directive_fail_key(reader, node,
                                  "two routes or keys happen to have the same id: rename an "
                                  "upstream");
    return 0;
}

/* Of all routes and credentials; how many. ids may be NULL. */
static size_t
collect_ids(const struct conf *conf, uint32_t *ids, size_t *out_n_routes)
{
    size_t n = 0;

    for (size_t i = 0; i < conf->n_models; i++) {
        for (uint32_t j = 0; j < conf->models[i].record.n_routes; j++, n++) {
            if (ids != NULL)
                ids[n] = conf->models[i].routes[j].id;
        }
    }
    *out_n_routes = n;
    for (size_t i = 0; i < conf->n_upstreams; i++) {
        for (uint32_t j = 0; j < conf->upstreams[i].n_credentials; j++, n++) {
            if (ids != NULL)
                ids[n] = conf->upstreams[i].credentials[j].record.id;
        }
    }
    return n;
}

const struct conf_model *
conf_model_find(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_models; i++) {
        if (strcmp(conf->models[i].record.name, name) == 0)
            return &conf->models[i];
    }
    return NULL;
}

const struct conf_model *
conf_model_named(const struct conf_reader *reader, const struct conf_node *node, const char *name)
{
    const struct conf_model *model = conf_model_find(reader->conf, name);
    const char *nearest = model == NULL ? nearest_to(reader->conf, name) : NULL;

    if (nearest != NULL)
        directive_fail(reader, node, "no model '%.96s' - did you mean '%s'?", name, nearest);
    else if (model == NULL)
        directive_fail(reader, node, "no model '%.96s' in the configuration", name);
    return model;
}

/* The name most like it, or NULL. */
static const char *
nearest_to(const struct conf *conf, const char *name)
{
    const char **names = mem_array(NULL, conf->n_models, sizeof(*names));

    for (size_t i = 0; i < conf->n_models; i++)
        names[i] = conf->models[i].record.name;

    const char *nearest = text_nearest(slice_str(name), names, conf->n_models);

    free(names);
    return nearest;
}

void
conf_model_fini(struct conf_model *model)
{
    free(model->routes);
    model->routes = NULL;
}
