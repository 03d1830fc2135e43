/* SPDX-License-Identifier: ISC
 *
 * conf_diff - what a reload would change: two configurations, compared row by row as text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf_certificate.h"
#include "conf_keys.h"
#include "conf_kind.h"
#include "conf_listen.h"
#include "conf_model.h"
#include "conf_upstream.h"
#include "directive.h"

#define VALUE_SIZE (128 * 1024) /* a key's scope of a thousand names */

struct diff {
    struct buf *out;
    bool all_wait; /* for a restart: what a reload could change, too */
    size_t n_changes, n_restart;
    struct buf old, new; /* scratch */
};

static void diff_set(struct diff *diff, enum directive_set set, const char *prefix,
                     const void *of[3]);
static void write_row(const struct directive *row, const void *base, struct buf *out);
static bool waits(const struct diff *diff, const struct directive *row);
static void note_value(struct diff *diff, const struct directive *row, const char *prefix);
static void note(struct diff *diff, const char *section, const char *name, const char *what);
static void diff_listeners(struct diff *diff, const struct conf *started, const struct conf *a,
                           const struct conf *b);
static void diff_listener(struct diff *diff, const char *prefix,
                          const struct conf_listener *started, const struct conf_listener *asked,
                          const struct conf_listener *new);
static bool is_tls(const struct conf_listener *listener);
static void diff_upstreams(struct diff *diff, const struct conf *a, const struct conf *b);
static void diff_credentials(struct diff *diff, const struct conf_upstream *a,
                             const struct conf_upstream *b);
static const struct conf_credential *find_credential(const struct conf_upstream *upstream,
                                                     const char *name);
static struct slice bytes_of(const struct conf_credential *credential);
static void diff_models(struct diff *diff, const struct conf *a, const struct conf *b);
static void diff_routes(struct diff *diff, const struct conf_model *a, const struct conf_model *b,
                        const struct conf *conf[2]);
static const struct route_record *find_route(const struct conf_model *model, uint32_t id);
static void diff_keys(struct diff *diff, const struct conf *a, const struct conf *b);
static void diff_key(struct diff *diff, const struct key_record *a, const struct key_record *b);

size_t
conf_diff(const struct conf *a, const struct conf *b, struct buf *out, size_t *out_n_restart)
{
    return conf_diff_since(a, a, b, out, out_n_restart);
}

size_t
conf_diff_since(const struct conf *started, const struct conf *a, const struct conf *b,
                struct buf *out, size_t *out_n_restart)
{
    struct diff diff = {.out = out};

    buf_init(&diff.old, VALUE_SIZE);
    buf_init(&diff.new, VALUE_SIZE);
    diff_set(&diff, DIRECTIVE_SET_CONF, "", (const void *[]){a, b, started});
    diff_listeners(&diff, started, a, b);
    diff_upstreams(&diff, a, b);
    diff_models(&diff, a, b);
    diff_keys(&diff, a, b);
    buf_fini(&diff.old);
    buf_fini(&diff.new);
    *out_n_restart = diff.n_restart;
    return diff.n_changes;
}

/* Of the old one, the new one, and the one that was started with. */
static void
diff_set(struct diff *diff, enum directive_set set, const char *prefix, const void *of[3])
{
    for (const struct directive *row = NULL; (row = directive_next(set, row)) != NULL;) {

        buf_clear(&diff->old);
        buf_clear(&diff->new);
        write_row(row, waits(diff, row) ? of[2] : of[0], &diff->old);
        write_row(row, of[1], &diff->new);
        if (!slice_eq(buf_slice(&diff->old), buf_slice(&diff->new)))
            note_value(diff, row, prefix);
    }
}

/* Of listeners their addresses: the rest of one has rows of its own. */
static void
write_row(const struct directive *row, const void *base, struct buf *out)
{
    if (row->kind == &conf_kind_listeners)
        conf_listen_write_addresses(base, out);
    else if (row->kind == &conf_kind_address)
        conf_listen_write_console(base, out);
    else
        directive_format(row, base, out);
}

static bool
waits(const struct diff *diff, const struct directive *row)
{
    return diff->all_wait || !row->is_reloadable;
}

static void
note_value(struct diff *diff, const struct directive *row, const char *prefix)
{
    buf_printf(diff->out, "%s%s: ", prefix, directive_name(row));
    buf_append_slice(diff->out, diff->old.len > 0 ? buf_slice(&diff->old) : SLICE_LIT("(unset)"));
    buf_append_str(diff->out, " -> ");
    buf_append_slice(diff->out, diff->new.len > 0 ? buf_slice(&diff->new) : SLICE_LIT("(unset)"));
    buf_append_str(diff->out, waits(diff, row) ? " (needs a restart)\n" : "\n");
    diff->n_changes++;
    diff->n_restart += waits(diff, row);
}

/* A line without values: "models.gpt-4.1-mini: added". */
static void
note(struct diff *diff, const char *section, const char *name, const char *what)
{
    buf_printf(diff->out, "%s%s: %s\n", section, name, what);
    diff->n_changes++;
}

/* Listeners are what the start has made of them; one that was added since, `listen` has told. */
static void
diff_listeners(struct diff *diff, const struct conf *started, const struct conf *a,
               const struct conf *b)
{
    for (size_t i = 0; i < started->n_listeners; i++) {
        const struct conf_listener *first = &started->listeners[i];
        const struct conf_listener *new = conf_listen_find(b, first->text);
        char prefix[CONF_PATH_SIZE + 16];

        snprintf(prefix, sizeof(prefix), "listen.%s.", first->text);
        if (new != NULL)
            diff_listener(diff, prefix, first, conf_listen_find(a, first->text), new);
    }
    if (strcmp(started->console.text, b->console.text) == 0)
        diff_listener(diff, "console.listen.", &started->console,
                      strcmp(started->console.text, a->console.text) == 0 ? &a->console : NULL,
                      &b->console);
}

/* asked: what the running configuration says of it, or NULL. It holds unless it waits itself, for a
 * listener becomes TLS, or ceases to be, with a restart only (certificates_publish()). */
static void
diff_listener(struct diff *diff, const char *prefix, const struct conf_listener *started,
              const struct conf_listener *asked, const struct conf_listener *new)
{
    const struct conf_listener *old =
        asked != NULL && is_tls(asked) == is_tls(started) ? asked : started;

    diff->all_wait = is_tls(started) != is_tls(new);
    diff_set(diff, DIRECTIVE_SET_LISTENER, prefix, (const void *[]){old, new, started});
    if (!diff->all_wait && !conf_certificate_is_same(old, new))
        note(diff, prefix, "certificates", "changed");
    diff->all_wait = false;
}

static bool
is_tls(const struct conf_listener *listener)
{
    return listener->n_certificates > 0;
}

static void
diff_upstreams(struct diff *diff, const struct conf *a, const struct conf *b)
{
    for (size_t i = 0; i < a->n_upstreams; i++) {
        const struct conf_upstream *old = &a->upstreams[i];
        long at = conf_upstream_find(b, old->record.name);
        char prefix[LIMIT_NAME + 16];

        if (at < 0) {
            note(diff, "upstreams.", old->record.name, "removed");
            continue;
        }
        snprintf(prefix, sizeof(prefix), "upstreams.%s.", old->record.name);
        diff_set(diff, DIRECTIVE_SET_UPSTREAM, prefix,
                 (const void *[]){old, &b->upstreams[at], old});
        diff_credentials(diff, old, &b->upstreams[at]);
    }
    for (size_t i = 0; i < b->n_upstreams; i++) {
        if (conf_upstream_find(a, b->upstreams[i].record.name) < 0)
            note(diff, "upstreams.", b->upstreams[i].record.name, "added");
    }
}

/* Which there are, the row `keys` has told; here: whether their bytes have changed. */
static void
diff_credentials(struct diff *diff, const struct conf_upstream *a, const struct conf_upstream *b)
{
    char label[2 * LIMIT_NAME + 32];

    for (uint32_t i = 0; i < a->n_credentials; i++) {
        const struct conf_credential *old = &a->credentials[i];
        const struct conf_credential *new = find_credential(b, old->record.name);

        if (new == NULL || slice_eq(bytes_of(old), bytes_of(new)))
            continue;
        if (old->record.name[0] == '\0')
            snprintf(label, sizeof(label), "upstreams.%s", a->record.name);
        else
            snprintf(label, sizeof(label), "upstreams.%s.keys[%s]", a->record.name,
                     old->record.name);
        note(diff, label, "", "key changed");
    }
}

static const struct conf_credential *
find_credential(const struct conf_upstream *upstream, const char *name)
{
    for (uint32_t i = 0; i < upstream->n_credentials; i++) {
        if (strcmp(upstream->credentials[i].record.name, name) == 0)
            return &upstream->credentials[i];
    }
    return NULL;
}

static struct slice
bytes_of(const struct conf_credential *credential)
{
    return credential->secret == NULL ? slice_of(NULL, 0) : secret_expose(credential->secret);
}

static void
diff_models(struct diff *diff, const struct conf *a, const struct conf *b)
{
    for (size_t i = 0; i < a->n_models; i++) {
        const struct conf_model *old = &a->models[i];
        const struct conf_model *new = conf_model_find(b, old->record.name);
        char prefix[LIMIT_MODEL_NAME + 16];

        if (new == NULL) {
            note(diff, "models.", old->record.name, "removed");
            continue;
        }
        snprintf(prefix, sizeof(prefix), "models.%s.", old->record.name);
        diff_set(diff, DIRECTIVE_SET_MODEL, prefix, (const void *[]){old, new, old});
        diff_routes(diff, old, new, (const struct conf *[]){a, b});
    }
    for (size_t i = 0; i < b->n_models; i++) {
        if (conf_model_find(a, b->models[i].record.name) == NULL)
            note(diff, "models.", b->models[i].record.name, "added");
    }
}

/* Routes have no names; upstream and upstream model are what a person knows them by. */
static void
route_label(const struct conf *conf, const struct conf_model *model,
            const struct route_record *route, char *out, size_t size)
{
    snprintf(out, size, "models.%s.routes[%s %s]", model->record.name,
             conf->upstreams[route->upstream_id].record.name, route->upstream_model);
}

static void
diff_routes(struct diff *diff, const struct conf_model *a, const struct conf_model *b,
            const struct conf *conf[2])
{
    char label[2 * LIMIT_MODEL_NAME + LIMIT_NAME + 32], prefix[sizeof(label) + 1];

    for (uint32_t i = 0; i < a->record.n_routes; i++) {
        const struct route_record *old = &a->routes[i], *new = find_route(b, old->id);

        route_label(conf[0], a, old, label, sizeof(label));
        snprintf(prefix, sizeof(prefix), "%s.", label);
        if (new == NULL)
            note(diff, label, "", "removed");
        else
            diff_set(diff, DIRECTIVE_SET_ROUTE, prefix, (const void *[]){old, new, old});
    }
    for (uint32_t i = 0; i < b->record.n_routes; i++) {
        if (find_route(a, b->routes[i].id) != NULL)
            continue;
        route_label(conf[1], b, &b->routes[i], label, sizeof(label));
        note(diff, label, "", "added");
    }
}

static const struct route_record *
find_route(const struct conf_model *model, uint32_t id)
{
    for (uint32_t i = 0; i < model->record.n_routes; i++) {
        if (model->routes[i].id == id)
            return &model->routes[i];
    }
    return NULL;
}

static int
compare_names(const void *a, const void *b)
{
    const struct conf_key *const *x = a, *const *y = b;

    return strcmp((*x)->record.name, (*y)->record.name);
}

/* Two sorted lists side by side, as a file may declare a hundred thousand keys. */
static void
diff_keys(struct diff *diff, const struct conf *a, const struct conf *b)
{
    struct conf_key_changes changes;
    size_t i = 0, j = 0;

    conf_key_changes(a, b, &changes);
    qsort(changes.old, changes.n_old, sizeof(changes.old[0]), compare_names);
    qsort(changes.new, changes.n_new, sizeof(changes.new[0]), compare_names);
    while (i < changes.n_old || j < changes.n_new) {
        const struct key_record *old = i < changes.n_old ? &changes.old[i]->record : NULL;
        const struct key_record *new = j < changes.n_new ? &changes.new[j]->record : NULL;
        int order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->name, new->name);

        if (order < 0)
            note(diff, "keys.", old->name, "removed");
        else if (order > 0)
            note(diff, "keys.", new->name, "added");
        else
            diff_key(diff, old, new);
        i += order <= 0;
        j += order >= 0;
    }
    conf_key_changes_free(&changes);
}

static void
diff_key(struct diff *diff, const struct key_record *a, const struct key_record *b)
{
    const struct conf_key_draft old = conf_keys_draft(a), new = conf_keys_draft(b);
    char prefix[LIMIT_NAME + 16];

    snprintf(prefix, sizeof(prefix), "keys.%s.", a->name);
    diff_set(diff, DIRECTIVE_SET_KEY, prefix, (const void *[]){&old, &new, &old});
}
