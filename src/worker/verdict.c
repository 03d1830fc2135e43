/* SPDX-License-Identifier: ISC
 *
 * verdict - a table says whose fault a category is; a status decides where one word is used for two
 * things.
 */
#include "verdict.h"

#include "leg.h"
#include "pick.h"
#include "relayos/base/log.h"
#include "relayos/policy/price.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"
#include "request.h"
#include "session.h"

static enum health_verdict verdict_of(const struct request *r, const struct verdict *v);
static bool is_of_credential(const struct verdict *v);
static bool may_be_outage(const struct request *r, const struct verdict *v);
static bool is_last_way(const struct request *r, const struct verdict *v);
static void report_route(struct request *r, const struct verdict *v, enum health_verdict verdict);
static void report_credential(struct request *r, const struct verdict *v);
static void refuse_credential(struct request *r, const struct verdict *v);
static void log_opened(const struct request *r, const struct flight_attempt *attempt);
static void log_closed(const struct request *r, const struct flight_attempt *attempt);

void
verdict_report(struct request *r, const struct verdict *v)
{
    enum health_verdict verdict = verdict_of(r, v);

    /* Gone from two configurations meanwhile: another has its row. */
    if (!health_row_is(r->worker->segment, v->health_row, v->attempt->route_id))
        return;
    report_route(r, v, verdict);
    report_credential(r, v);
    if (v->is_trial && verdict != HEALTH_OK)
        turn_note(&r->worker->turns, v->health_row, r->key_id, v->attempt->end_us);
    if (verdict == HEALTH_OK) {
        const struct affinity_pin pin = {v->health_row, v->n_credential};

        session_note(r, v->attempt->model_id, &pin);
    }
}

static enum health_verdict
verdict_of(const struct request *r, const struct verdict *v)
{
    const struct flight_attempt *attempt = v->attempt;
    enum err_category category = (enum err_category)attempt->category;

    /* Many have no counter of tokens, and it has rate limits of its own: good or bad, what it says
     * tells nothing of answers, and costs whoever asks for it nothing. */
    if (dialect_operation_counts(r->facts.operation) && attempt->status != 0)
        return HEALTH_NEUTRAL;
    if (attempt->outcome == ATTEMPT_OK)
        return HEALTH_OK;
    if (attempt->outcome == ATTEMPT_CANCELLED || v->is_askers_own)
        return HEALTH_NEUTRAL;
    if (category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED)
        return HEALTH_OVERLOAD;
    /* Without a status it is we who are short: of connections to it, of descriptors, of memory. */
    if (category == ERR_CATEGORY_OVERLOADED)
        return attempt->status == 0 ? HEALTH_NEUTRAL : HEALTH_OVERLOAD;
    if (verdict_is_refusal(attempt))
        return HEALTH_NEUTRAL;
    return verdict_is_route_fault(category) ? HEALTH_FAULT : HEALTH_NEUTRAL;
}

bool
verdict_is_refusal(const struct flight_attempt *attempt)
{
    return attempt->category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE ||
           (attempt->category == ERR_CATEGORY_UPSTREAM_ERROR && attempt->status >= 400 &&
            attempt->status <= 499);
}

static bool
is_of_credential(const struct verdict *v)
{
    return v->attempt->category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE &&
           (v->refusal == 401 || v->refusal == 402);
}

/*
 * Either everybody's trouble or that of this request: a fault where nobody is answered. What a
 * caller may have brought about shuts no route that is the only one: 404 for an endpoint that it
 * has not is had for the asking, for as long as one asks.
 */
static bool
may_be_outage(const struct request *r, const struct verdict *v)
{
    const struct flight_attempt *attempt = v->attempt;

    if (attempt->outcome == ATTEMPT_CANCELLED || dialect_operation_counts(r->facts.operation))
        return false;
    if (verdict_is_refusal(attempt))
        return !is_of_credential(v) && pick_has_other(r, v->health_row);
    return attempt->category == ERR_CATEGORY_OVERLOADED &&
           (attempt->status == 503 || attempt->status == 529);
}

bool
verdict_is_route_fault(enum err_category category)
{
    static const enum err_category faults[] = {
        ERR_CATEGORY_UPSTREAM_ERROR,     ERR_CATEGORY_UPSTREAM_TIMEOUT,
        ERR_CATEGORY_CONNECT_TIMEOUT,    ERR_CATEGORY_TLS_TIMEOUT,
        ERR_CATEGORY_FIRST_BYTE_TIMEOUT, ERR_CATEGORY_FIRST_TOKEN_TIMEOUT,
        ERR_CATEGORY_IDLE_TIMEOUT,
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (category == faults[i])
            return true;
    return false;
}

/*
 * Nothing is won by shutting it as long as it answers others in between; and one caller whose
 * request makes upstreams fail, and who tries again and again, would shut the model for all. A host
 * that is not there is another matter.
 */
static bool
is_last_way(const struct request *r, const struct verdict *v)
{
    return v->attempt->connected_us != 0 && !pick_has_other(r, v->health_row);
}

static void
report_route(struct request *r, const struct verdict *v, enum health_verdict verdict)
{
    struct worker *worker = r->worker;
    struct health_outcome outcome = {
        .verdict = verdict,
        .is_outage = may_be_outage(r, v),
        .is_trial = v->is_trial,
        .is_crowded = v->is_crowded,
        .first_token_us = verdict == HEALTH_OK ? v->first_token_us : 0,
        .now_us = v->attempt->end_us,
    };
    int64_t until_us;

    if (verdict == HEALTH_FAULT && is_last_way(r, v))
        outcome.is_last = outcome.is_crowded = true;
    if (v->usage != NULL && v->usage->is_reported) {
        outcome.prompt_tokens = price_prompt_tokens(v->usage);
        outcome.cached_tokens = v->usage->count[USAGE_CACHE_READ];
    }
    if (health_end(worker->segment, worker->slot, v->health_row, &outcome, worker_settings(worker)))
        log_opened(r, v->attempt);
    else if (v->is_trial && verdict == HEALTH_OK &&
             health_gate(worker->segment, v->health_row, outcome.now_us, &until_us) ==
                 HEALTH_PASSES)
        log_closed(r, v->attempt);
}

/* Calls may last for minutes, in which nobody else would be let to a route that is well again. */
void
verdict_pass_trial(struct leg *leg)
{
    struct request *r = leg->request;
    struct worker *worker = r->worker;

    leg->is_trial = false;
    if (health_pass_trial(worker->segment, worker->slot, leg->health_row, worker_settings(worker),
                          loop_now_us(worker->loop)))
        log_closed(r, leg->attempt);
}

static void
report_credential(struct request *r, const struct verdict *v)
{
    const struct flight_attempt *attempt = v->attempt;
    struct worker *worker = r->worker;

    if (attempt->outcome == ATTEMPT_CANCELLED ||
        !health_row_is(worker->segment, v->credential_row, v->credential_id))
        return;
    if (attempt->outcome == ATTEMPT_OK) {
        health_credential_pass(worker->segment, v->credential_row);
        health_cool_pass(worker->segment, v->health_row, v->n_credential);
    } else if (is_of_credential(v)) {
        refuse_credential(r, v);
    } else if (attempt->category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED && !v->is_askers_own &&
               !dialect_operation_counts(r->facts.operation)) {
        /* Providers count by model: it may be used for others meanwhile. */
        (void)health_cool(worker->segment, v->health_row, v->n_credential, v->retry_after_s,
                          worker_settings(worker), attempt->end_us);
    }
}

/* A person must see to it: once, not for each request that finds out. */
static void
refuse_credential(struct request *r, const struct verdict *v)
{
    const struct flight_attempt *attempt = v->attempt;

    if (health_credential_fail(r->worker->segment, v->credential_row, v->refusal, 0,
                               worker_settings(r->worker), attempt->end_us))
        log_error("credential.refused", "upstream=%s credential=%s status=%u request_id=%.36s",
                  attempt->upstream, attempt->credential, attempt->status, r->id_text);
}

static void
log_opened(const struct request *r, const struct flight_attempt *attempt)
{
    log_warn("route.opened", "route=%08x upstream=%s model=%s cause=%s status=%u request_id=%.36s",
             attempt->route_id, attempt->upstream, attempt->upstream_model,
             err_category_name((enum err_category)attempt->category), attempt->status, r->id_text);
}

static void
log_closed(const struct request *r, const struct flight_attempt *attempt)
{
    log_info("route.closed", "route=%08x upstream=%s model=%s request_id=%.36s", attempt->route_id,
             attempt->upstream, attempt->upstream_model, r->id_text);
}
