/* SPDX-License-Identifier: ISC */
#include "route.h"

#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/codec/capability.h"
#include "relayos/shm/health_credential.h"
#include "state.h"

#define NO_ROW          UINT32_MAX
#define STATUS_TOO_MANY 429
#define CAPABILITY_SIZE 512

/* Why a credential is not used now. */
struct wait {
    const char *state;
    int64_t until_us;
    uint16_t status;
};

/* What is known of a route now. */
struct standing {
    uint32_t row; /* NO_ROW: it has none */
    struct health_view view;
    const char *state; /* one word of it all */
    int64_t until_us;  /* 0 = not by itself */
};

static int find_one(struct master *master, struct child_tag client, struct slice name,
                    struct route_place *out);
static void answer_one(struct master *master, struct child_tag client,
                       const struct route_place *place);
static void tell(struct master *master, struct witness_entry *entry,
                 const struct route_place *place, enum health_admin admin);
static void write_route(const struct segment *segment, const struct route_place *place,
                        struct frame_out *out);
static void write_capability(const struct conf *conf, const struct route_record *route,
                             struct frame_out *out);
static void look(const struct segment *segment, const struct route_place *place,
                 struct standing *out);
static bool has_credential(const struct segment *segment, const struct conf_upstream *upstream,
                           struct standing *standing);
static bool credential_passes(const struct segment *segment, const struct conf_upstream *upstream,
                              uint32_t n, uint32_t route_row, struct wait *out);
static void write_figures(const struct standing *standing, const struct route_place *place,
                          struct frame_out *out);
static void write_probe(const struct health_probe *probe, uint8_t kind, struct frame_out *out);
static void write_credentials(const struct segment *segment, const struct conf_upstream *upstream,
                              uint32_t route_row, struct frame_out *out);
static const char *admin_name(enum health_admin admin);
static void write_instant(struct frame_out *out, const char *key, int64_t mono_us);
static void reset_credentials(struct segment *segment, const struct conf_upstream *upstream);

void
route_list(struct master *master, struct child_tag client, struct slice model)
{
    struct route_place *places = NULL;
    struct frame_out *out;
    struct errmsg why;
    size_t n = 0;

    int rc = route_places(master->conf, model, &places, &n, &why);
    if (rc != 0) {
        control_server_reply_error(master, client, rc, &why);
    } else if ((out = control_server_reply_begin(master, client)) != NULL) {
        frame_array(out, "routes");
        for (size_t i = 0; i < n; i++) {
            frame_map(out, NULL);
            write_route(master->segment, &places[i], out);
            frame_end(out);
        }
        frame_end(out);
        control_server_reply_end(master, client);
    }
    free(places);
}

void
route_show(struct master *master, struct child_tag client, struct slice name)
{
    struct route_place place;

    if (find_one(master, client, name, &place) == 0)
        answer_one(master, client, &place);
}

void
route_change(struct master *master, struct child_tag client, const struct frame_value *args,
             enum health_admin admin)
{
    struct slice name = frame_get_str(args, "route");
    struct witness_entry entry;
    struct route_place place;
    struct errmsg why;
    uint32_t row;

    if (find_one(master, client, name, &place) != 0)
        return;
    if (admin == HEALTH_ENABLED && place.route->is_disabled) {
        errmsg_set(&why,
                   "%s is disabled by the configuration: take its \"disabled: true\" away, then "
                   "relayosctl reload",
                   place.name);
        control_server_reply_error(master, client, ERR_CONFLICT, &why);
        return;
    }
    if (health_row(master->segment, place.route->id, &row) != 0) {
        errmsg_set(&why, "%s has no place in shared memory; raise capacity.routes and restart",
                   place.name);
        control_server_reply_error(master, client, ERR_FULL, &why);
        return;
    }
    health_set_admin(master->segment, row, admin);
    if (admin == HEALTH_ENABLED) {
        health_reset(master->segment, row);
        reset_credentials(master->segment, place.upstream);
    }
    log_info("route.admin", "route=%s is=%s who=%u", place.name, admin_name(admin),
             control_server_uid(master, client));
    witness_name(master, client, args, entry.who);
    tell(master, &entry, &place, admin);
    answer_one(master, client, &place);
}

static void
tell(struct master *master, struct witness_entry *entry, const struct route_place *place,
     enum health_admin admin)
{
    enum command command = admin == HEALTH_ENABLED   ? COMMAND_ROUTE_ENABLE
                           : admin == HEALTH_DRAINED ? COMMAND_ROUTE_DRAIN
                                                     : COMMAND_ROUTE_DISABLE;

    entry->action = command_info(command)->name;
    snprintf(entry->target, sizeof(entry->target), "route %s", place->name);
    snprintf(entry->detail, sizeof(entry->detail), "{\"id\":\"%08x\"}", place->route->id);
    witness_tell(master, entry);
}

/* Answers the client if there is none. */
static int
find_one(struct master *master, struct child_tag client, struct slice name, struct route_place *out)
{
    struct route_place *places = NULL;
    struct errmsg why;
    size_t n = 0, found = 0;

    int rc = route_places(master->conf, SLICE_LIT(""), &places, &n, &why);
    if (rc == 0)
        rc = route_find(places, n, name, &found, &why);
    if (rc == 0)
        *out = places[found];
    else
        control_server_reply_error(master, client, rc, &why);
    free(places);
    return rc;
}

static void
answer_one(struct master *master, struct child_tag client, const struct route_place *place)
{
    struct frame_out *out = control_server_reply_begin(master, client);

    if (out == NULL)
        return;
    frame_map(out, "route");
    write_route(master->segment, place, out);
    write_capability(master->conf, place->route, out);
    frame_end(out);
    control_server_reply_end(master, client);
}

/* ---- what is told ---- */

static void
write_route(const struct segment *segment, const struct route_place *place, struct frame_out *out)
{
    const struct route_record *route = place->route;
    struct standing standing;
    char id[16];

    look(segment, place, &standing);
    snprintf(id, sizeof(id), "%08x", route->id);
    frame_cstr(out, "id", id);
    frame_cstr(out, "name", place->name);
    frame_cstr(out, "model", place->model->record.name);
    frame_cstr(out, "upstream", place->upstream->record.name);
    frame_cstr(out, "upstream_model", route->upstream_model);
    frame_int(out, "tier", route->tier);
    frame_int(out, "weight", route->weight);
    frame_cstr(out, "state", standing.state);
    write_instant(out, "until_us", standing.until_us);
    frame_cstr(out, "admin", admin_name(standing.view.admin));
    frame_bool(out, "is_disabled", route->is_disabled != 0);
    write_figures(&standing, place, out);
    write_probe(&standing.view.probe, place->upstream->record.probe, out);
    write_credentials(segment, place->upstream, standing.row, out);
}

static void
write_capability(const struct conf *conf, const struct route_record *route, struct frame_out *out)
{
    struct capability capability =
        capability_find(conf->capabilities, conf->n_capabilities, slice_str(route->upstream_model));
    struct buf text;

    buf_init(&text, CAPABILITY_SIZE);
    capability_describe(&capability, &text);
    frame_str(out, "capability", buf_slice(&text));
    buf_fini(&text);
}

/* The first thing that stands in its way, in the order in which a choice asks. */
static void
look(const struct segment *segment, const struct route_place *place, struct standing *out)
{
    *out = (struct standing){.view.figures = {.limit = INT64_MAX, .success_permille = 1000}};
    if (health_row(segment, place->route->id, &out->row) == 0)
        health_view(segment, out->row, clock_mono_us(), &out->view);
    else
        out->row = NO_ROW;
    if (place->route->is_disabled || out->view.admin == HEALTH_DISABLED) {
        out->state = "disabled";
    } else if (out->view.admin == HEALTH_DRAINED) {
        out->state = "drained";
    } else if (out->view.gate == HEALTH_IS_OPEN) {
        out->state = "open";
        out->until_us = out->view.until_us;
    } else if (out->view.gate != HEALTH_PASSES) {
        out->state = "trial";
    } else if (has_credential(segment, place->upstream, out)) {
        out->state = "up";
        out->until_us = 0;
    }
}

/* One that passes; else the state is that of the one that will be back first. */
static bool
has_credential(const struct segment *segment, const struct conf_upstream *upstream,
               struct standing *standing)
{
    for (uint32_t n = 0; n < upstream->n_credentials; n++) {
        struct wait wait;

        if (credential_passes(segment, upstream, n, standing->row, &wait))
            return true;
        if (standing->until_us != 0 && wait.until_us >= standing->until_us)
            continue;
        standing->until_us = wait.until_us;
        standing->state = wait.state;
    }
    return false;
}

/* Neither refused nor, with this route, told to wait. */
static bool
credential_passes(const struct segment *segment, const struct conf_upstream *upstream, uint32_t n,
                  uint32_t route_row, struct wait *out)
{
    int64_t now_us = clock_mono_us();
    uint32_t row;

    *out = (struct wait){.state = "ok"};
    if (health_row(segment, upstream->credentials[n].record.id, &row) == 0 &&
        !health_credential_passes(segment, row, now_us, &out->until_us, &out->status))
        out->state = out->status == STATUS_TOO_MANY ? "cooling" : "refused";
    else if (route_row != NO_ROW && health_cools(segment, route_row, n, now_us, &out->until_us))
        *out = (struct wait){"cooling", out->until_us, STATUS_TOO_MANY};
    else
        *out = (struct wait){.state = "ok"};
    return out->status == 0;
}

static void
write_figures(const struct standing *standing, const struct route_place *place,
              struct frame_out *out)
{
    const struct health_view *view = &standing->view;
    const struct health_figures *figures = &view->figures;

    frame_int(out, "level", view->level);
    frame_int(out, "failures_in_row", view->failures_in_row);
    frame_int(out, "in_flight", figures->in_flight);
    frame_int_known(out, "max_concurrent", place->route->max_concurrent);
    frame_int_known(out, "limit", figures->limit == INT64_MAX ? 0 : figures->limit);
    frame_int(out, "success_permille", figures->success_permille);
    frame_int_known(out, "first_token_us", figures->first_token_us);
    frame_int_known(out, "first_token_p95_us", view->first_token_p95_us);
    frame_int(out, "successes", (int64_t)view->successes);
    frame_int(out, "failures", (int64_t)view->failures);
    frame_int(out, "overloads", (int64_t)view->overloads);
    frame_int(out, "prompt_tokens", (int64_t)view->prompt_tokens);
    frame_int(out, "cached_tokens", (int64_t)view->cached_tokens);
    write_instant(out, "last_success_us", view->last_success_us);
    write_instant(out, "last_failure_us", view->last_failure_us);
}

static void
write_probe(const struct health_probe *probe, uint8_t kind, struct frame_out *out)
{
    static const char *const names[] = PROBE_KIND_NAMES;

    frame_map(out, "probe");
    frame_cstr(out, "kind", kind < sizeof(names) / sizeof(names[0]) ? names[kind] : NULL);
    frame_bool(out, "is_ok", probe->is_ok);
    frame_int(out, "status", probe->status);
    frame_int(out, "latency_us", probe->latency_us);
    write_instant(out, "probed_us", probe->now_us);
    frame_end(out);
}

static void
write_credentials(const struct segment *segment, const struct conf_upstream *upstream,
                  uint32_t route_row, struct frame_out *out)
{
    frame_array(out, "credentials");
    for (uint32_t n = 0; n < upstream->n_credentials; n++) {
        struct wait wait;

        (void)credential_passes(segment, upstream, n, route_row, &wait);
        frame_map(out, NULL);
        frame_cstr(out, "name", upstream->credentials[n].record.name);
        frame_cstr(out, "state", wait.state);
        frame_int_known(out, "status", wait.status);
        write_instant(out, "until_us", wait.until_us);
        frame_end(out);
    }
    frame_end(out);
}

static const char *
admin_name(enum health_admin admin)
{
    switch (admin) {
    case HEALTH_ENABLED:
        return "enabled";
    case HEALTH_DRAINED:
        return "drained";
    case HEALTH_DISABLED:
        return "disabled";
    }
    return "unknown";
}

/* In the health table the clock is the monotonic one, which says nothing to people. */
static void
write_instant(struct frame_out *out, const char *key, int64_t mono_us)
{
    frame_int_known(out, key, mono_us == 0 ? 0 : mono_us - clock_mono_us() + clock_real_us());
}

static void
reset_credentials(struct segment *segment, const struct conf_upstream *upstream)
{
    uint32_t row;

    for (uint32_t n = 0; n < upstream->n_credentials; n++) {
        if (health_row(segment, upstream->credentials[n].record.id, &row) == 0)
            health_reset(segment, row);
    }
}

void
route_carry(const struct conf *conf, const struct segment *from, struct segment *to)
{
    for (size_t m = 0; m < conf->n_models; m++) {
        const struct conf_model *model = &conf->models[m];

        for (uint32_t n = 0; n < model->record.n_routes; n++) {
            uint32_t id = model->routes[n].id, old_row, new_row;

            if (health_row(from, id, &old_row) != 0)
                continue;
            enum health_admin admin = health_admin(from, old_row);
            if ((admin == HEALTH_DRAINED || admin == HEALTH_DISABLED) &&
                health_intern(to, id, &new_row) == 0)
                health_set_admin(to, new_row, admin);
        }
    }
}
