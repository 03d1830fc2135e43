/* SPDX-License-Identifier: ISC
 *
 * pick - candidates are gathered anew for each attempt, so that a reload in between is obeyed.
 */
#include "pick.h"

#include <stdio.h>

#include "relayos/base/clock.h"
#include "relayos/policy/route.h"
#include "relayos/shm/health.h"
#include "request.h"
#include "state_ids.h"

#define PICK_TRIES 3 /* a catalog snapshot may go away under us */

static int pick_once(struct request *r, bool is_pinned, uint32_t pinned_id, struct pick *out,
                     struct refusal_reason *why);
static int find_model(struct request *r, struct refusal_reason *why);
static void view_health(const struct request *r, uint32_t route_id, struct health_view *out);
static bool is_tried(const struct request *r, uint32_t route_id);
static int take(struct request *r, uint32_t n, struct pick *out);
static int nothing_left(const struct request *r, uint32_t protocols, struct refusal_reason *why);

int
pick_route(struct request *r, struct pick *out, struct refusal_reason *why)
{
    struct slice ids[STATE_IDS_MAX];
    bool is_pinned = r->facts.n_state_ids > 0;
    uint32_t pinned_id = 0;
    int err = ERR_CONFLICT;

    /* State lies where it was made: no other route will do. */
    if (is_pinned && state_ids_open(r, ids, &pinned_id, why) != 0)
        return ERR_NOT_FOUND;
    for (int i = 0; i < PICK_TRIES && err == ERR_CONFLICT; i++) {
        /* SCOPE has just found the model for the first attempt, if nothing was waited for. */
        bool is_found = i == 0 && r->record->n_attempts == 0 && !r->record->has_intent;

        err = is_found ? 0 : find_model(r, why);
        if (err == 0)
            err = pick_once(r, is_pinned, pinned_id, out, why);
    }
    if (err == 0)
        request_stage(r, FLIGHT_STAGE_ROUTE_SELECTED);
    return err == ERR_CONFLICT ? ERR_OVERLOADED : err;
}

static int
find_model(struct request *r, struct refusal_reason *why)
{
    struct worker_scratch *scratch = &r->worker->scratch;

    if (catalog_find_model(r->worker->catalog, slice_str(r->record->model), &scratch->model,
                           &scratch->model_epoch) == 0)
        return 0;
    snprintf(why->detail, sizeof(why->detail), "The model %s", r->record->model);
    return ERR_NOT_FOUND;
}

static int
pick_once(struct request *r, bool is_pinned, uint32_t pinned_id, struct pick *out,
          struct refusal_reason *why)
{
    const struct worker_scratch *scratch = &r->worker->scratch;
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    struct route_option option;
    uint32_t protocols = 0, n = 0;

    for (uint32_t i = 0; i < scratch->model.n_routes && n < LIMIT_MODEL_ROUTES; i++) {
        if (catalog_get_option(r->worker->catalog, scratch->model_epoch, &scratch->model, i,
                               &option) != 0)
            return ERR_CONFLICT;
        protocols |= option.protocols;
        if (is_tried(r, option.id) || (is_pinned && option.id != pinned_id))
            continue;
        candidates[n] = (struct route_candidate){
            .n = i, .tier = option.tier, .weight = option.weight, .protocols = option.protocols};
        if (scratch->model.n_routes > 1) /* an only one is taken, however it fares */
            view_health(r, option.id, &candidates[n].health);
        n++;
    }
    if (is_pinned && n == 0 && r->record->n_attempts == 0) {
        snprintf(why->detail, sizeof(why->detail), "The stored object that this request refers to");
        return ERR_NOT_FOUND;
    }
    n = route_rank(candidates, n, r->dialect->protocol, loop_now_us(r->worker->loop),
                   worker_random(r->worker));
    if (n == 0)
        return nothing_left(r, protocols, why);
    return take(r, candidates[0].n, out);
}

static void
view_health(const struct request *r, uint32_t route_id, struct health_view *out)
{
    uint32_t row;

    if (health_row(r->worker->segment, route_id, &row) == 0)
        health_view(r->worker->segment, row, out);
}

static bool
is_tried(const struct request *r, uint32_t route_id)
{
    for (uint32_t i = 0; i < r->record->n_attempts; i++)
        if (r->record->attempts[i].route_id == route_id)
            return true;
    return false;
}

/* Copied, not pointed at: name, address and credential go together, whatever is committed next. */
static int
take(struct request *r, uint32_t n, struct pick *out)
{
    const struct catalog *catalog = r->worker->catalog;
    const struct worker_scratch *scratch = &r->worker->scratch;

    if (catalog_get_route(catalog, scratch->model_epoch, &scratch->model, n, &out->route,
                          &out->upstream) != 0)
        return ERR_CONFLICT;
    if (health_row(r->worker->segment, out->route.id, &out->health_row) != 0)
        out->health_row = PICK_NO_HEALTH;
    buf_clear(&out->credential);
    return catalog_append_credential(catalog, scratch->model_epoch, out->upstream.id,
                                     &out->credential);
}

/* protocols: what the model's routes speak, all together. */
static int
nothing_left(const struct request *r, uint32_t protocols, struct refusal_reason *why)
{
    if (protocols == 0 || (protocols & PROTOCOL_BIT(r->dialect->protocol)) != 0) {
        snprintf(why->detail, sizeof(why->detail), "%s", r->record->model);
        return ERR_NO_HEALTHY_ROUTE;
    }

    size_t len = (size_t)snprintf(why->detail, sizeof(why->detail),
                                  "The model %s on this endpoint (use", r->record->model);
    const char *separator = " ";
    for (int i = 0; i < DIALECT_N_OPERATIONS; i++) {
        enum operation operation = (enum operation)i;
        const char *path = dialect_operation_path(operation);

        if ((protocols & PROTOCOL_BIT(dialect_operation_protocol(operation))) == 0 ||
            operation == OPERATION_COUNT_TOKENS || operation == OPERATION_COMPLETION ||
            operation == OPERATION_EMBEDDING)
            continue;
        len += (size_t)snprintf(why->detail + len, sizeof(why->detail) - len, "%s/v1%s", separator,
                                path);
        separator = " or ";
    }
    snprintf(why->detail + len, sizeof(why->detail) - len, ")");
    return ERR_NOT_FOUND;
}
