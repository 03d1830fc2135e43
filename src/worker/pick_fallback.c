/* SPDX-License-Identifier: ISC
 *
 * pick_fallback - the model that stands in for one that failed.
 */
#include "pick.h"
#include "request.h"
#include "translation.h"
#include "verdict.h"

static enum fallback_cause cause_of(const struct request *r, enum err_category category);
static bool is_overload(enum err_category category);
static bool can_serve(const struct request *r, const char *name);

int
pick_fallback(struct request *r, enum err_category category)
{
    /* State that lies upstream lies with the model that made it. */
    if ((cause_of(r, category) & r->fallback_on) == 0 || r->facts.n_state_ids > 0)
        return ERR_MISSING;
    while (r->n_fallbacks_tried < LIMIT_FALLBACKS) {
        uint32_t n = r->n_fallbacks_tried++;

        if ((r->fallbacks_allowed >> n & 1) == 0)
            continue;
        const char *name = catalog_model_name(r->worker->catalog, r->fallbacks[n]);
        if (!can_serve(r, name))
            continue;
        r->served_model_id = r->fallbacks[n];
        r->served_model = name;
        r->is_exhausted = false;
        return 0;
    }
    return ERR_MISSING;
}

int
pick_stand_in(struct request *r, enum err_category category, struct pick *out,
              struct refusal_reason *why)
{
    while (pick_fallback(r, category) == 0)
        if (pick_route(r, ATTEMPT_FALLBACK, out, why) == 0)
            return 0;
    return ERR_MISSING;
}

static enum fallback_cause
cause_of(const struct request *r, enum err_category category)
{
    if (category == ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED)
        return FALLBACK_CONTEXT_OVERFLOW;
    if (category == ERR_CATEGORY_CONTENT_REFUSED)
        return FALLBACK_REFUSAL;
    if (is_overload(category)) {
        /* Where another attempt ended in another way, it is more than that. */
        for (uint32_t i = 0; i < r->record->n_attempts; i++)
            if (!is_overload((enum err_category)r->record->attempts[i].category))
                return FALLBACK_OUTAGE;
        return FALLBACK_OVERLOAD;
    }
    if (verdict_is_route_fault(category) || category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE ||
        category == ERR_CATEGORY_NO_HEALTHY_ROUTE)
        return FALLBACK_OUTAGE;
    return (enum fallback_cause)0; /* the caller's own, or there is no time left */
}

static bool
is_overload(enum err_category category)
{
    return category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED || category == ERR_CATEGORY_OVERLOADED;
}

/* Is it there still, and does any of its routes speak a protocol that will do? */
static bool
can_serve(const struct request *r, const char *name)
{
    const struct catalog *catalog = r->worker->catalog;
    struct model_record model;
    uint32_t protocols = 0;
    uint64_t epoch;

    if (name[0] == '\0' || catalog_find_model(catalog, slice_str(name), &model, &epoch) != 0)
        return false;
    const struct route_option *options = catalog_options(catalog, epoch, &model);
    for (uint32_t i = 0; options != NULL && i < model.n_routes; i++)
        protocols |= options[i].protocols;
    return catalog_is_whole(catalog, epoch) && (protocols & translation_protocols(r)) != 0;
}
