/* SPDX-License-Identifier: ISC
 *
 * conf_model - see the header.
 */
#include "conf_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_upstream.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

#define UNSET (-1) /* a bucket that the config gives no price */

static int read_model(struct conf_reader *reader, const struct conf_node *node,
                      struct conf_model *model);
static int read_route(struct conf_reader *reader, const struct conf_node *node,
                      struct route_record *route);
static int finish_prices(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_model *model);
static int finish_price(struct conf_reader *reader, const struct conf_node *node,
                        struct price *price);
static void clear_price(struct price *price);
static uint32_t hash_price(const struct price *price);
static int finish_routes(struct conf_reader *reader, const struct conf_node *node,
                         struct conf_model *model);
static uint32_t hash_route(const struct conf *conf, const struct conf_model *model,
                           const struct route_record *route);
static int check_route_ids(struct conf_reader *reader, const struct conf_node *node);

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
    return check_route_ids(reader, node);
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
    clear_price(&record->price);
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
    clear_price(&route->cost);
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
    const struct conf_node *price = conf_yaml_child(node, "price");
    const struct conf_node *route = conf_yaml_child(node, "routes")->first;

    if (price == NULL)
        return directive_fail_key(reader, node,
                                  "model '%s' has no price: say 'price: {input: ..., output: ...}' "
                                  "in USD per million tokens, or 'price: free'",
                                  model->record.name);
    if (finish_price(reader, price, &model->record.price) != 0)
        return ERR_CONFIG;
    model->record.price_version = model->record.price.version;
    for (uint32_t i = 0; i < model->record.n_routes; i++, route = route->next) {
        const struct conf_node *cost = conf_yaml_child(route, "cost");

        if (cost == NULL)
            model->routes[i].cost = model->record.price;
        else if (finish_price(reader, cost, &model->routes[i].cost) != 0)
            return ERR_CONFIG;
    }
    return 0;
}

/* Gives each bucket that has no price the one it is a part of, so that nothing is unpriced. */
static int
finish_price(struct conf_reader *reader, const struct conf_node *node, struct price *price)
{
    static const struct {
        enum usage_bucket bucket, model;
    } as[] = {
        {USAGE_CACHE_READ, USAGE_INPUT},
        {USAGE_CACHE_WRITE_5M, USAGE_INPUT},
        {USAGE_CACHE_WRITE_1H, USAGE_CACHE_WRITE_5M},
        {USAGE_INPUT_AUDIO, USAGE_INPUT},
        {USAGE_INPUT_IMAGE, USAGE_INPUT},
        {USAGE_OUTPUT_AUDIO, USAGE_OUTPUT},
        {USAGE_OUTPUT_IMAGE, USAGE_OUTPUT},
    };

    if (price->is_free) {
        memset(price->nusd, 0, sizeof(price->nusd));
    } else if (price->nusd[USAGE_INPUT] == UNSET || price->nusd[USAGE_OUTPUT] == UNSET) {
        return directive_fail_key(reader, node,
                                  "'%s' must give both input and output (output: 0 where there is "
                                  "none, as for embeddings)",
                                  node->key);
    }
    for (size_t i = 0; i < sizeof(as) / sizeof(as[0]); i++) {
        if (price->nusd[as[i].bucket] == UNSET)
            price->nusd[as[i].bucket] = price->nusd[as[i].model];
    }
    if (price->nusd[USAGE_REQUEST] == UNSET)
        price->nusd[USAGE_REQUEST] = 0;
    if (price->nusd[USAGE_SERVER_TOOL] == UNSET)
        price->nusd[USAGE_SERVER_TOOL] = 0;
    price->version = hash_price(price);
    return 0;
}

static void
clear_price(struct price *price)
{
    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        price->nusd[i] = UNSET;
}

/* The same prices have the same version in all configs and processes; never 0. */
static uint32_t
hash_price(const struct price *price)
{
    uint32_t hash = (uint32_t)hash_table64(slice_of(price->nusd, sizeof(price->nusd)));

    return hash == 0 ? 1 : hash;
}

static int
finish_routes(struct conf_reader *reader, const struct conf_node *node, struct conf_model *model)
{
    const struct conf_node *item = conf_yaml_child(node, "routes")->first;

    for (uint32_t i = 0; i < model->record.n_routes; i++, item = item->next) {
        struct route_record *route = &model->routes[i];

        if (route->upstream_model[0] == '\0')
            memcpy(route->upstream_model, model->record.name, sizeof(route->upstream_model));
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

/* Ids are hashes: were two equal, a seal made for one route would open on the other. */
static int
check_route_ids(struct conf_reader *reader, const struct conf_node *node)
{
    const struct conf *conf = reader->conf;
    uint32_t *ids = mem_array(NULL, conf->n_models * LIMIT_MODEL_ROUTES, sizeof(*ids));
    size_t n = 0, n_equal = 0;

    for (size_t i = 0; i < conf->n_models; i++) {
        for (uint32_t j = 0; j < conf->models[i].record.n_routes; j++)
            ids[n++] = conf->models[i].routes[j].id;
    }
    qsort(ids, n, sizeof(*ids), compare_ids);
    for (size_t i = 1; i < n; i++)
        n_equal += ids[i] == ids[i - 1];
    free(ids);
    if (n > (size_t)conf->capacity_routes)
        return directive_fail_key(reader, node, "%zu routes are more than capacity.routes (%lld)",
                                  n, (long long)conf->capacity_routes);
    if (n_equal > 0)
        return directive_fail_key(reader, node,
                                  "two routes happen to have the same id: rename an upstream");
    return 0;
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

const char *
conf_model_nearest(const struct conf *conf, const char *name)
{
    const char **names = mem_array(NULL, conf->n_models, sizeof(*names));

    for (size_t i = 0; i < conf->n_models; i++)
        names[i] = conf->models[i].record.name;

    const char *nearest = text_nearest(slice_str(name), names, conf->n_models);

    free(names);
    return nearest;
}
