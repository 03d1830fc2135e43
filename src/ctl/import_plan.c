/* SPDX-License-Identifier: ISC */
#include "import_plan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define TEXT_SIZE  1024
#define TIER_MAX   15
#define WEIGHT_MAX 1000

static void *grow(void *items, size_t n, size_t size);
static const char *print(struct import_plan *plan, const char *format, va_list list);
static bool is_same_upstream(const struct import_upstream *a, const struct import_upstream *b);
static bool is_same(const char *a, const char *b);
static const char *free_upstream_name(struct import_plan *plan, const char *wanted);
static bool has_upstream(const struct import_plan *plan, const char *name);
static bool is_model_name(const char *name);
static const char *free_key_name(struct import_plan *plan, const char *wanted);
static bool has_key(const struct import_plan *plan, const char *name);
static void finish_model(struct import_plan *plan, struct import_model *model);
static void make_tiers(struct import_model *model);
static void fit_weights(struct import_model *model);
static void drop_fallbacks(struct import_plan *plan, struct import_model *model);
static void drop_empty_models(struct import_plan *plan);

void
import_plan_init(struct import_plan *plan, const char *source)
{
    *plan = (struct import_plan){.source = source};
}

void
import_plan_fini(struct import_plan *plan)
{
    for (size_t n = 0; n < plan->n_models; n++)
        free(plan->models[n].routes);
    for (size_t n = 0; n < plan->n_keys; n++)
        free(plan->keys[n].models);
    for (size_t n = 0; n < plan->n_texts; n++) {
        secret_wipe(plan->texts[n], strlen(plan->texts[n]));
        free(plan->texts[n]);
    }
    free(plan->upstreams);
    free(plan->models);
    free(plan->keys);
    free(plan->notes);
    free(plan->texts);
    *plan = (struct import_plan){0};
}

/* ---- texts ---- */

const char *
import_plan_text(struct import_plan *plan, struct slice text)
{
    plan->texts = grow(plan->texts, plan->n_texts, sizeof(*plan->texts));
    return plan->texts[plan->n_texts++] = mem_slicedup(text);
}

/* Twice as large whenever n items fill it. */
static void *
grow(void *items, size_t n, size_t size)
{
    bool is_full = (n & (n - 1)) == 0;

    return is_full ? mem_array(items, n == 0 ? 1 : 2 * n, size) : items;
}

const char *
import_plan_print(struct import_plan *plan, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    const char *text = print(plan, format, list);
    va_end(list);
    return text;
}

/* Others' names may hold anything: what is shown is one line of printable characters. */
static const char *
print(struct import_plan *plan, const char *format, va_list list)
{
    char text[TEXT_SIZE];

    vsnprintf(text, sizeof(text), format, list);
    for (char *at = text; *at != '\0'; at++) {
        if (iscntrl((unsigned char)*at))
            *at = ' ';
    }
    return import_plan_text(plan, slice_str(text));
}

void
import_plan_note(struct import_plan *plan, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    const char *text = print(plan, format, list);
    va_end(list);
    for (size_t n = 0; n < plan->n_notes; n++) {
        if (strcmp(plan->notes[n], text) == 0)
            return; /* said of another deployment already */
    }
    plan->notes = grow(plan->notes, plan->n_notes, sizeof(*plan->notes));
    plan->notes[plan->n_notes++] = text;
}

void
import_plan_note_key(struct import_plan *plan, struct import_key *key, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    const char *text = print(plan, format, list);
    va_end(list);
    key->notes = key->notes[0] == '\0' ? text : import_plan_print(plan, "%s; %s", key->notes, text);
}

/* ---- upstreams, models, routes ---- */

size_t
import_plan_upstream(struct import_plan *plan, const struct import_upstream *wanted)
{
    for (size_t n = 0; n < plan->n_upstreams; n++) {
        if (is_same_upstream(&plan->upstreams[n], wanted))
            return n;
    }
    const char *name = free_upstream_name(plan, wanted->name);
    plan->upstreams = grow(plan->upstreams, plan->n_upstreams, sizeof(*plan->upstreams));
    plan->upstreams[plan->n_upstreams] = *wanted;
    plan->upstreams[plan->n_upstreams].name = name;
    return plan->n_upstreams++;
}

static bool
is_same_upstream(const struct import_upstream *a, const struct import_upstream *b)
{
    bool is_equal = is_same(a->url, b->url) && is_same(a->protocols, b->protocols) &&
                    is_same(a->api_version, b->api_version) && is_same(a->flavor, b->flavor) &&
                    a->n_credentials == b->n_credentials;

    for (size_t n = 0; is_equal && n < a->n_credentials; n++)
        is_equal = is_same(a->credentials[n].secret, b->credentials[n].secret) &&
                   (a->credentials[n].secret != NULL ||
                    is_same(a->credentials[n].env, b->credentials[n].env));
    return is_equal;
}

static bool
is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Letters, digits and "._-" of what is wanted, with a number where that is taken. */
static const char *
free_upstream_name(struct import_plan *plan, const char *wanted)
{
    char name[LIMIT_NAME - 4], numbered[LIMIT_NAME];
    size_t len = 0;

    for (const char *at = wanted; *at != '\0' && len < sizeof(name) - 1; at++) {
        bool is_good = isalnum((unsigned char)*at) || strchr("._-", *at) != NULL;

        if (is_good && isascii((unsigned char)*at))
            name[len++] = *at;
        else if (len > 0 && name[len - 1] != '-')
            name[len++] = '-';
    }
    while (len > 0 && name[len - 1] == '-')
        len--;
    name[len] = '\0';
    snprintf(numbered, sizeof(numbered), "%s", len == 0 ? "upstream" : name);
    for (unsigned n = 2; has_upstream(plan, numbered) && n < 1000; n++)
        snprintf(numbered, sizeof(numbered), "%s-%u", len == 0 ? "upstream" : name, n);
    return import_plan_text(plan, slice_str(numbered));
}

static bool
has_upstream(const struct import_plan *plan, const char *name)
{
    for (size_t n = 0; n < plan->n_upstreams; n++) {
        if (strcmp(plan->upstreams[n].name, name) == 0)
            return true;
    }
    return false;
}

struct import_model *
import_plan_model(struct import_plan *plan, const char *name)
{
    struct import_model *model = import_plan_find_model(plan, name);

    if (model != NULL)
        return model;
    if (!is_model_name(name) || plan->n_models == LIMIT_MODELS) {
        import_plan_note(plan, "model %s: %s", name,
                         plan->n_models == LIMIT_MODELS ? "there are too many"
                                                        : "no model can have such a name here");
        return NULL;
    }
    plan->models = grow(plan->models, plan->n_models, sizeof(*plan->models));
    model = &plan->models[plan->n_models++];
    *model = (struct import_model){.name = import_plan_text(plan, slice_str(name))};
    return model;
}

struct import_model *
import_plan_find_model(const struct import_plan *plan, const char *name)
{
    for (size_t n = 0; n < plan->n_models; n++) {
        if (strcmp(plan->models[n].name, name) == 0)
            return &plan->models[n];
    }
    return NULL;
}

/* As relayos.yaml(5) wants it; wildcards match nothing there. */
static bool
is_model_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t n = 0; n < len; n++) {
        if (name[n] <= 0x20 || name[n] >= 0x7f || strchr("\"\\*", name[n]) != NULL)
            return false;
    }
    return len > 0 && len < LIMIT_MODEL_NAME;
}

void
import_plan_route(struct import_plan *plan, struct import_model *model,
                  const struct import_route *route)
{
    if (!is_model_name(route->model)) {
        import_plan_note(plan, "model %s: a route to %s, which is no name of a model", model->name,
                         route->model);
        return;
    }
    for (size_t n = 0; n < model->n_routes; n++) {
        struct import_route *old = &model->routes[n];

        if (old->upstream == route->upstream && strcmp(old->model, route->model) == 0) {
            old->weight += route->weight;
            old->is_disabled = old->is_disabled && route->is_disabled;
            return;
        }
    }
    if (model->n_routes == LIMIT_MODEL_ROUTES) {
        import_plan_note(plan, "model %s: more than %d routes", model->name, LIMIT_MODEL_ROUTES);
        return;
    }
    model->routes = grow(model->routes, model->n_routes, sizeof(*model->routes));
    model->routes[model->n_routes++] = *route;
    if (!model->price.is_known)
        model->price = route->price;
}

/* ---- keys ---- */

struct import_key *
import_plan_key(struct import_plan *plan, const char *name)
{
    const char *own = free_key_name(plan, name);

    plan->keys = grow(plan->keys, plan->n_keys, sizeof(*plan->keys));
    struct import_key *key = &plan->keys[plan->n_keys++];
    *key = (struct import_key){.name = own, .owner = "", .last4 = "", .notes = ""};
    if (strcmp(own, name) != 0)
        import_plan_note_key(plan, key, "was called %s", name);
    return key;
}

static const char *
free_key_name(struct import_plan *plan, const char *wanted)
{
    char name[LIMIT_NAME - 5], numbered[LIMIT_NAME];
    bool is_number = wanted[strspn(wanted, "0123456789")] == '\0';
    size_t len = (size_t)snprintf(name, sizeof(name), "%s%s", is_number ? "key-" : "", wanted);

    for (size_t n = 0; n < sizeof(name) - 1 && name[n] != '\0'; n++) {
        if (iscntrl((unsigned char)name[n]))
            name[n] = ' ';
    }
    if (len >= sizeof(name)) { /* cut: not in the middle of a character */
        for (len = sizeof(name) - 1; len > 0 && (name[len - 1] & 0xc0) == 0x80;)
            len--;
        len -= len > 0 && (name[len - 1] & 0x80) != 0;
        name[len] = '\0';
    }
    snprintf(numbered, sizeof(numbered), "%s", name);
    for (unsigned n = 2; has_key(plan, numbered) && n < 10000; n++)
        snprintf(numbered, sizeof(numbered), "%s-%u", name, n);
    return import_plan_text(plan, slice_str(numbered));
}

static bool
has_key(const struct import_plan *plan, const char *name)
{
    for (size_t n = 0; n < plan->n_keys; n++) {
        if (strcmp(plan->keys[n].name, name) == 0)
            return true;
    }
    return false;
}

void
import_plan_allow(struct import_plan *plan, struct import_key *key, const char *model)
{
    const struct import_model *known = import_plan_find_model(plan, model);

    if (known == NULL) {
        import_plan_note_key(plan, key, "no model %s", model);
        return;
    }
    for (size_t n = 0; n < key->n_models; n++) {
        if (strcmp(key->models[n], known->name) == 0)
            return;
    }
    key->models = grow(key->models, key->n_models, sizeof(*key->models));
    key->models[key->n_models++] = known->name;
}

/* ---- the end ---- */

void
import_plan_finish(struct import_plan *plan)
{
    drop_empty_models(plan);
    for (size_t n = 0; n < plan->n_models; n++)
        finish_model(plan, &plan->models[n]);
    for (size_t n = 0; n < plan->n_keys; n++) {
        struct import_key *key = &plan->keys[n];

        if (key->has_all_models || key->n_models > 0)
            continue;
        /* An empty list would mean all: rather none, until somebody has said which. */
        key->is_disabled = true;
        import_plan_note_key(plan, key, "disabled: give it models, then enable it");
    }
}

static void
drop_empty_models(struct import_plan *plan)
{
    size_t n_kept = 0;

    for (size_t n = 0; n < plan->n_models; n++) {
        if (plan->models[n].n_routes > 0)
            plan->models[n_kept++] = plan->models[n];
        else
            import_plan_note(plan, "model %s: none of its routes could be carried over",
                             plan->models[n].name);
    }
    plan->n_models = n_kept;
}

static void
finish_model(struct import_plan *plan, struct import_model *model)
{
    make_tiers(model);
    fit_weights(model);
    drop_fallbacks(plan, model);
    if (model->price.is_known)
        return;
    import_plan_note(plan, "model %s: no price is known; its routes are disabled until it has one",
                     model->name);
    for (size_t n = 0; n < model->n_routes; n++)
        model->routes[n].is_disabled = true;
}

/* 100, 50, 50, 0 -> 2, 1, 1, 0: how many different orders come before each. */
static void
make_tiers(struct import_model *model)
{
    int64_t tiers[LIMIT_MODEL_ROUTES];

    for (size_t n = 0; n < model->n_routes; n++) {
        tiers[n] = 0;
        for (size_t i = 0; i < model->n_routes; i++) {
            bool is_first = true;

            for (size_t j = 0; j < i; j++)
                is_first = is_first && model->routes[j].order != model->routes[i].order;
            tiers[n] += is_first && model->routes[i].order < model->routes[n].order;
        }
    }
    for (size_t n = 0; n < model->n_routes; n++)
        model->routes[n].order = tiers[n] < TIER_MAX ? tiers[n] : TIER_MAX;
}

/* Shares stay what they were, up to rounding. */
static void
fit_weights(struct import_model *model)
{
    int64_t most = 0;

    for (size_t n = 0; n < model->n_routes; n++)
        most = model->routes[n].weight > most ? model->routes[n].weight : most;
    for (size_t n = 0; n < model->n_routes; n++) {
        struct import_route *route = &model->routes[n];

        if (most > WEIGHT_MAX)
            route->weight = (int64_t)((double)route->weight * WEIGHT_MAX / (double)most);
        if (route->weight < 1)
            route->weight = 1;
    }
}

static void
drop_fallbacks(struct import_plan *plan, struct import_model *model)
{
    size_t n_kept = 0;

    for (size_t n = 0; n < model->n_fallbacks; n++) {
        if (import_plan_find_model(plan, model->fallbacks[n]) != NULL)
            model->fallbacks[n_kept++] = model->fallbacks[n];
        else
            import_plan_note(plan, "model %s: it falls back on %s, which is not there", model->name,
                             model->fallbacks[n]);
    }
    model->n_fallbacks = n_kept;
}
