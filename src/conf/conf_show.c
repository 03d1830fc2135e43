/* SPDX-License-Identifier: ISC
 *
 * conf_show - a configuration as YAML again: what conf_load() reads, with every value in force.
 */
#include <assert.h>
#include <string.h>

#include "conf_kind.h"
#include "conf_listen.h"
#include "conf_price.h"
#include "directive.h"

static void show_set(enum directive_set set, const void *base, int indent, struct buf *out);
static void show_listener(const struct conf_listener *listener, struct buf *out);
static void show_name(const char *name, const char *last, int indent, struct buf *out);
static void show_upstream(const struct conf_upstream *upstream, struct buf *out);
static void show_model(const struct conf *conf, const struct conf_model *model, struct buf *out);
static void show_route(const struct conf_model *model, const struct route_record *route,
                       struct buf *out);
static bool is_below(const char *name, const char *section);

void
conf_show(const struct conf *conf, struct buf *out)
{
    show_set(DIRECTIVE_SET_CONF, conf, 0, out);
    if (!conf_listen_is_simple(conf)) {
        buf_append_str(out, "listen:\n");
        for (size_t i = 0; i < conf->n_listeners; i++)
            show_listener(&conf->listeners[i], out);
    }
    buf_append_str(out, "upstreams:\n");
    for (size_t i = 0; i < conf->n_upstreams; i++)
        show_upstream(&conf->upstreams[i], out);
    buf_append_str(out, "models:\n");
    for (size_t i = 0; i < conf->n_models; i++)
        show_model(conf, &conf->models[i], out);
}

/* The rows that have a value; those of a section ("log.file") stand together in the table. */
static void
show_set(enum directive_set set, const void *base, int indent, struct buf *out)
{
    const char *last = "";    /* the row above, whose sections are open */
    const char *settled = ""; /* section that one word says all of: "price: free" */

    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {
        const char *name = directive_name(row);
        size_t before = out->len;

        show_name(name, last, indent, out);

        size_t empty = out->len;

        directive_format(row, base, out);
        if (out->len == empty || is_below(name, settled)) {
            out->len = before;
            continue;
        }
        buf_append_byte(out, '\n');
        last = name;
        if (row->kind == &conf_kind_free)
            settled = name;
    }
}

/* "a.b.c" after "a.d": "b:" and, one deeper, "c: ". */
static void
show_name(const char *name, const char *last, int indent, struct buf *out)
{
    size_t len;

    for (; name[len = strcspn(name, ".")] == '.'; name += len + 1, indent += 4) {
        if (strncmp(name, last, len + 1) == 0) {
            last += len + 1;
            continue;
        }
        buf_printf(out, "%*s%.*s:\n", indent, "", (int)len, name);
        last = "";
    }
    buf_printf(out, "%*s%s: ", indent, "", name);
}

static bool
is_below(const char *name, const char *section)
{
    size_t len = strlen(section);

    return len > 0 && strncmp(name, section, len) == 0 && name[len] == '.';
}

static void
show_listener(const struct conf_listener *listener, struct buf *out)
{
    size_t start = out->len;

    show_set(DIRECTIVE_SET_LISTENER, listener, 6, out);
    out->ptr[start + 4] = '-'; /* the address comes first */
}

static void
show_upstream(const struct conf_upstream *upstream, struct buf *out)
{
    buf_printf(out, "    %s:\n", upstream->record.name);
    show_set(DIRECTIVE_SET_UPSTREAM, upstream, 8, out);
    if (upstream->credentials[0].secret != NULL)
        buf_printf(out, "        # %s: (set)\n", upstream->n_credentials == 1 ? "key" : "keys");
}

static void
show_model(const struct conf *conf, const struct conf_model *model, struct buf *out)
{
    buf_append_str(out, "    ");
    buf_append_byte(out, '"'); /* a name may hold what YAML reads as more than text */
    buf_append_str(out, model->record.name);
    buf_append_str(out, "\":\n");
    show_set(DIRECTIVE_SET_MODEL, model, 8, out);
    buf_append_str(out, "        routes:\n");
    for (uint32_t i = 0; i < model->record.n_routes; i++) {
        const struct route_record *route = &model->routes[i];

        assert(route->upstream_id < conf->n_upstreams);
        buf_printf(out, "            - upstream: %s\n",
                   conf->upstreams[route->upstream_id].record.name);
        show_route(model, &model->routes[i], out);
    }
}

/* A cost that is the model's price is what a route has when nothing is said of it. */
static void
show_route(const struct conf_model *model, const struct route_record *route, struct buf *out)
{
    struct route_record shown = *route;

    if (memcmp(&route->cost, &model->record.price, sizeof(route->cost)) == 0 &&
        memcmp(route->cost_changes, model->record.price_changes, sizeof(route->cost_changes)) ==
            0) {
        memset(&shown.cost, 0, sizeof(shown.cost));
        memset(shown.cost_changes, 0, sizeof(shown.cost_changes));
        conf_price_clear(&shown.cost);
    }
    show_set(DIRECTIVE_SET_ROUTE, &shown, 14, out);
}
