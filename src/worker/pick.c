/* SPDX-License-Identifier: ISC
 *
 * pick - options are gathered anew for each attempt, so that a reload in between is obeyed, and
 * read where they stand: what was read is believed once the snapshot proves whole, else all begins
 * again.
 *
 *   gates -> choice -> copied out, budget, trial
 *              ^                             |
 *              +--- another has the trial ---+
 */
#include "pick.h"

#include <stdio.h>

#include "pick_note.h"
#include "pick_pin.h"
#include "relayos/base/crash.h"
#include "relayos/policy/route_gate.h"
#include "relayos/shm/retry_budget.h"
#include "request.h"
#include "state_ids.h"
#include "translation.h"
#include "verdict.h"

#define PICK_TRIES   3 /* a catalog snapshot may go away under us */
#define NO_CANDIDATE UINT32_MAX
#define US_PER_S     INT64_C(1000000)

/* One search; the candidates, of which there may be many, stand beside it. */
struct search {
    struct request *request;
    enum attempt_reason reason;
    bool has_budget; /* it was taken: not once more for the next choice */
    struct route_gate gate;
    struct route_question question;
    struct route_candidate *candidates;
    uint32_t n;
};

static int open_gate(struct request *r, struct route_gate *out, struct refusal_reason *why);
static void fill_gate(const struct request *r, struct route_gate *out);
static int find_model(struct request *r, struct refusal_reason *why);
static int search_once(struct search *s, struct pick *out, struct refusal_reason *why);
static void leave_trials(struct search *s);
static uint32_t choose(struct search *s, bool *out_is_panic);
static int take(struct search *s, uint32_t at, bool is_panic, struct pick *out);
static bool take_trial(const struct search *s, uint32_t row, bool is_panic);
static int choose_credential(const struct search *s, struct route_candidate *candidate,
                             bool is_panic, uint32_t *out_n);
static int copy_out(const struct search *s, uint32_t at, struct pick *out);
static bool take_budget(struct search *s);
static void note_taken(struct search *s, uint32_t at, struct pick *out);
static int nothing(struct search *s, struct refusal_reason *why);
static void describe_protocols(const struct search *s, struct refusal_reason *why);
static bool has_words_everywhere(enum operation operation);

int
pick_route(struct request *r, enum attempt_reason reason, struct pick *out,
           struct refusal_reason *why)
{
    struct search search = {.request = r, .reason = reason};
    int err = ERR_CONFLICT;

    if (open_gate(r, &search.gate, why) != 0)
        return ERR_NOT_FOUND;
    for (int i = 0; i < PICK_TRIES && err == ERR_CONFLICT; i++) {
        /* SCOPE has just found the model for the first attempt, if nothing was waited for. */
        bool is_found = i == 0 && reason == ATTEMPT_FIRST && r->record->n_attempts == 0 &&
                        !r->record->has_intent;

        err = is_found ? 0 : find_model(r, why);
        if (err == 0)
            err = search_once(&search, out, why);
    }
    if (err == 0)
        request_stage(r, FLIGHT_STAGE_ROUTE_SELECTED);
    return err == ERR_CONFLICT ? ERR_OVERLOADED : err;
}

/* State lies where it was made: no other route will do. */
static int
open_gate(struct request *r, struct route_gate *out, struct refusal_reason *why)
{
    struct slice ids[STATE_IDS_MAX];

    fill_gate(r, out);
    return out->has_state ? state_ids_open(r, ids, &out->state_place, why) : 0;
}

static void
fill_gate(const struct request *r, struct route_gate *out)
{
    out->segment = r->worker->segment;
    /* What is said in other words may go where it was refused. */
    out->record = r->record->n_attempts == 0 || r->leg->may_be_resaid ? NULL : r->record;
    out->key_id = r->key_id;
    out->now_us = loop_now_us(r->worker->loop);
    out->protocols = translation_protocols(r);
    out->straight = PROTOCOL_BIT(r->dialect->protocol);
    out->has_state = r->facts.n_state_ids > 0;
    out->is_family_bound = r->is_family_bound;
    out->family = r->family;
}

static int
find_model(struct request *r, struct refusal_reason *why)
{
    struct worker_scratch *scratch = &r->worker->scratch;

    if (catalog_find_model(r->worker->catalog, slice_str(r->served_model), &scratch->model,
                           &scratch->model_epoch) == 0)
        return 0;
    snprintf(why->detail, sizeof(why->detail), "The model %s", r->record->model);
    return ERR_NOT_FOUND;
}

static int
search_once(struct search *s, struct pick *out, struct refusal_reason *why)
{
    struct request *r = s->request;
    const struct catalog *catalog = r->worker->catalog;
    const struct model_record *model = &r->worker->scratch.model;
    uint64_t epoch = r->worker->scratch.model_epoch;
    struct route_candidate candidates[LIMIT_MODEL_ROUTES]; /* the first n are set */
    const struct route_option *options = catalog_options(catalog, epoch, model);
    bool is_panic = false;

    s->gate.credentials = catalog_credentials(catalog, epoch);
    if (options == NULL || s->gate.credentials == NULL)
        return ERR_CONFLICT;
    s->candidates = candidates;
    s->n = model->n_routes;
    s->question = (struct route_question){
        .policy = (enum route_policy)(r->policy != 0 ? r->policy - 1 : model->policy),
        .random = s->n > 1 ? worker_random(r->worker) : 0,
        .prompt_tokens = r->prompt_tokens,
        .output_tokens = r->output_tokens};
    pick_pin_find(r, options, s->n, &s->gate);
    route_gate_options(&s->gate, options, s->n, candidates);
    if (!catalog_is_whole(catalog, epoch))
        return ERR_CONFLICT;

    if (s->reason == ATTEMPT_HEDGE)
        leave_trials(s);
    /* Each round that takes nothing shuts out one more. */
    for (uint32_t i = 0; i <= s->n; i++) {
        uint32_t at = choose(s, &is_panic);

        if (at == NO_CANDIDATE)
            break;
        int err = take(s, at, is_panic, out);
        if (err != ERR_BUSY)
            return err;
        if (is_panic && candidates[at].exclusion == ROUTE_OPEN)
            break; /* even for that it is too soon */
    }
    return nothing(s, why);
}

/* A second call for the same answer proves nothing: it may be cancelled any time. */
static void
leave_trials(struct search *s)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->candidates[i].exclusion == ROUTE_USABLE && s->candidates[i].wants_trial)
            s->candidates[i].exclusion = ROUTE_OPEN;
}

static uint32_t
choose(struct search *s, bool *out_is_panic)
{
    uint32_t at;

    *out_is_panic = false;
    if (s->n == 1) { /* nothing to compare it with */
        route_gate_exclude_full(&s->gate, s->candidates, 1);
        at = s->candidates[0].exclusion == ROUTE_USABLE ? 0 : s->n;
    } else {
        at = route_gate_choose(&s->gate, &s->question, s->candidates, s->n);
    }
    if (at == s->n && s->reason != ATTEMPT_HEDGE) {
        *out_is_panic = true;
        at = route_panic(s->candidates, s->n);
    }
    return at < s->n ? at : NO_CANDIDATE;
}

/*
 * The copy comes first, for only it may fail for no fault of the route; the trial last, for it
 * would have to be given back. ERR_BUSY: that one is shut by now.
 */
static int
take(struct search *s, uint32_t at, bool is_panic, struct pick *out)
{
    struct route_candidate *candidate = &s->candidates[at];
    int err = choose_credential(s, candidate, is_panic, &out->n_credential);

    if (err == 0)
        err = copy_out(s, at, out);
    if (err != 0)
        return err;
    if (!take_budget(s))
        return ERR_NO_HEALTHY_ROUTE;
    out->is_trial = candidate->wants_trial || is_panic;
    if (out->is_trial && !take_trial(s, out->route.health_row, is_panic)) {
        if (!is_panic)
            candidate->exclusion = ROUTE_ON_TRIAL;
        return ERR_BUSY;
    }
    CRASH_POINT("pick.taken");
    note_taken(s, at, out);
    return 0;
}

static bool
take_trial(const struct search *s, uint32_t row, bool is_panic)
{
    struct worker *worker = s->request->worker;

    return !turn_is_others(&worker->turns, row, s->request->key_id, s->gate.now_us) &&
           health_take_trial(worker->segment, worker->slot, row, worker_settings(worker), is_panic,
                             s->gate.now_us);
}

/* An only one was looked at by the gate, but for an open route's. */
static int
choose_credential(const struct search *s, struct route_candidate *candidate, bool is_panic,
                  uint32_t *out_n)
{
    enum route_exclusion exclusion;

    *out_n = 0;
    if (candidate->option->n_credentials == 1 && !is_panic)
        return 0;
    exclusion = route_gate_credential(&s->gate, candidate->option, out_n, &candidate->until_us);
    if (exclusion == ROUTE_USABLE)
        return 0;
    candidate->exclusion = (uint8_t)exclusion;
    return ERR_BUSY;
}

/* Copied, not pointed at: name, address and credential go together, whatever is committed next. */
static int
copy_out(const struct search *s, uint32_t at, struct pick *out)
{
    const struct catalog *catalog = s->request->worker->catalog;
    const struct worker_scratch *scratch = &s->request->worker->scratch;
    uint64_t epoch = scratch->model_epoch;

    if (catalog_get_route(catalog, epoch, &scratch->model, at, &out->route, &out->upstream) != 0 ||
        catalog_get_credential(catalog, epoch, out->upstream.id, out->n_credential,
                               &out->credential_record) != 0)
        return ERR_CONFLICT;
    out->protocol = translation_choose(s->request->dialect->protocol,
                                       out->upstream.protocols & s->gate.protocols);
    out->epoch = epoch;
    buf_clear(&out->credential);
    return catalog_append_credential(catalog, epoch, out->upstream.id, out->n_credential,
                                     &out->credential);
}

/*
 * Of the model that was asked for, whichever serves. A refusal was no load, and for a caller of odd
 * requests the next attempt's budget would be that of all others; once: a second refusal says that
 * it is the request.
 */
static bool
take_budget(struct search *s)
{
    struct request *r = s->request;
    struct worker *worker = r->worker;
    uint32_t model_id = r->record->model_id;
    bool is_free = r->record->n_attempts == 1 &&
                   (verdict_is_refusal(&r->record->attempts[0]) || r->leg->may_be_resaid ||
                    r->record->attempts[0].category == ERR_CATEGORY_NOT_FOUND);

    if (s->has_budget)
        return true;
    s->has_budget = true;
    if (r->record->n_attempts == 0 || is_free)
        return true;

    const struct routing_settings *settings = worker_settings(worker);
    uint32_t percent = settings->retry_percent, min = settings->retry_min;

    if (s->reason == ATTEMPT_HEDGE) { /* what failures have used is not there for impatience */
        percent = settings->hedge_percent < percent ? settings->hedge_percent : percent;
        min = 0;
    }
    s->has_budget =
        retry_budget_take(worker->segment, worker->slot, model_id, percent, min, s->gate.now_us);
    return s->has_budget;
}

static void
note_taken(struct search *s, uint32_t at, struct pick *out)
{
    struct request *r = s->request;
    uint32_t n_excluded = s->n > 1 ? pick_note(r->record, s->candidates, s->n, at) : 0;

    if (r->record->n_attempts == 0) /* what others may be a part of */
        retry_budget_count(r->worker->segment, r->worker->slot, r->record->model_id,
                           s->gate.now_us);
    out->is_crowded = n_excluded > 0 && route_is_crowded(s->candidates, s->n);
    out->model_id = r->served_model_id;
    out->score = s->candidates[at].score;
    out->reason = (uint8_t)s->reason;
    r->is_exhausted = false;
    r->keeps_pin = s->gate.is_pinned && pick_pin_stays(&s->gate, s->candidates, s->n, at);
}

/* ---- nothing to take ---- */

static int
nothing(struct search *s, struct refusal_reason *why)
{
    struct request *r = s->request;
    int64_t retry_us = 0;
    int err = route_nothing(s->candidates, s->n, s->gate.now_us, &retry_us);

    r->is_exhausted = s->reason != ATTEMPT_HEDGE; /* the call beside it goes on */
    r->retry_after_s = (int)((retry_us + US_PER_S - 1) / US_PER_S);
    if (s->n > 1 || r->record->n_attempts == 0) /* else the one attempt says it all */
        (void)pick_note(r->record, s->candidates, s->n, s->n);
    if (err == ERR_NOT_FOUND && s->gate.has_state)
        snprintf(why->detail, sizeof(why->detail), "The stored object that this request refers to");
    else if (err == ERR_NOT_FOUND)
        describe_protocols(s, why);
    else if (err == ERR_NO_HEALTHY_ROUTE)
        snprintf(why->detail, sizeof(why->detail), "%s", r->record->model);
    return err;
}

/* What is asked for cannot be translated; what can, is served by every route. */
static void
describe_protocols(const struct search *s, struct refusal_reason *why)
{
    size_t len = (size_t)snprintf(why->detail, sizeof(why->detail),
                                  "The model %s on this endpoint (use", s->request->record->model);
    const char *separator = " ";

    snprintf(why->param, sizeof(why->param), "model");
    for (int i = 0; i < DIALECT_N_OPERATIONS; i++) {
        enum operation operation = (enum operation)i;

        if (!has_words_everywhere(operation))
            continue;
        len += (size_t)snprintf(why->detail + len, sizeof(why->detail) - len, "%s/v1%s", separator,
                                dialect_operation_path(operation));
        separator = " or ";
    }
    snprintf(why->detail + len, sizeof(why->detail) - len, ")");
}

static bool
has_words_everywhere(enum operation operation)
{
    return operation == OPERATION_CHAT || operation == OPERATION_RESPONSE ||
           operation == OPERATION_MESSAGE;
}

bool
pick_has_other(const struct request *r, uint32_t health_row)
{
    const struct catalog *catalog = r->worker->catalog;
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    struct route_gate gate = {0};
    struct model_record model;
    bool has_other = false;
    uint64_t epoch;

    if (catalog_find_model(catalog, slice_str(r->served_model), &model, &epoch) != 0)
        return false;
    const struct route_option *options = catalog_options(catalog, epoch, &model);
    fill_gate(r, &gate);
    gate.record = NULL; /* also what this request has tried */
    gate.has_state = gate.is_family_bound = false;
    gate.credentials = catalog_credentials(catalog, epoch);
    if (options == NULL || gate.credentials == NULL)
        return false;
    route_gate_options(&gate, options, model.n_routes, candidates);
    for (uint32_t i = 0; i < model.n_routes; i++)
        has_other |= candidates[i].exclusion == ROUTE_USABLE && !candidates[i].wants_trial &&
                     options[i].health_row != health_row;
    return has_other && catalog_is_whole(catalog, epoch);
}

bool
pick_is_exhausted(const struct request *r)
{
    const struct catalog *catalog = r->worker->catalog;
    struct route_candidate candidates[LIMIT_MODEL_ROUTES];
    struct route_gate gate = {0};
    struct model_record model;
    uint64_t epoch;

    if (r->is_exhausted)
        return true;
    if (r->record == NULL || r->served_model == NULL ||
        catalog_find_model(catalog, slice_str(r->served_model), &model, &epoch) != 0)
        return false;
    if (r->facts.n_state_ids > 0)
        return r->record->n_attempts > 0; /* on the one route where it lies */
    const struct route_option *options = catalog_options(catalog, epoch, &model);
    fill_gate(r, &gate);
    gate.credentials = catalog_credentials(catalog, epoch);
    if (options == NULL || gate.credentials == NULL)
        return false;
    route_gate_options(&gate, options, model.n_routes, candidates);
    for (uint32_t i = 0; i < model.n_routes; i++)
        if (candidates[i].exclusion == ROUTE_USABLE)
            return false;
    return catalog_is_whole(catalog, epoch);
}
