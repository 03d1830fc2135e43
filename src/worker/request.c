/* SPDX-License-Identifier: ISC
 *
 * request - from the first step to the relay; from there on relay.c, reply.c and finish.c lead.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>

#include "admit.h"
#include "capture.h"
#include "count.h"
#include "finish.h"
#include "gone.h"
#include "once.h"
#include "pick.h"
#include "query.h"
#include "recollect.h"
#include "redact.h"
#include "relay.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/policy/auth.h"
#include "relayos/policy/price.h"

#include "reply.h"
#include "reply_error.h"
#include "translation.h"
#include "wording.h"

#define SPARE_REQUESTS_MAX 256

typedef int step_function(struct request *request, struct refusal_reason *why);

static struct request *take_spare(struct worker *worker);
static void give_spare(struct request *r);
static void dispatch(struct request *r, int find_err);
static bool wants_socket(const struct request *r);
static bool asks_model(const struct endpoint *endpoint);
static const struct dialect *caller_dialect(const struct request *r);
static bool run_step(struct request *r, enum request_step step, step_function *run);
static int auth(struct request *r, struct refusal_reason *why);
static struct slice find_token(const struct http_request *http);
static int check_key(struct worker *worker, const struct http_request *http, int64_t now_real_us);
static int decode(struct request *r, struct refusal_reason *why);
static int read_body(struct request *r, struct refusal_reason *why);
static void name_model(struct request *r);
static int scope(struct request *r, struct refusal_reason *why);
static void note_choices(struct request *r);
static int route(struct request *r, struct refusal_reason *why);
static void on_end(void *data, bool is_complete);

void
request_start(struct worker *worker, struct exchange *exchange, const struct http_request *http)
{
    static const struct exchange_events events = {.on_writable = reply_on_writable,
                                                  .on_end = on_end};
    struct request *r = take_spare(worker);

    r->magic = REQUEST_MAGIC;
    r->worker = worker;
    r->exchange = exchange;
    r->leg = &r->own_leg;
    r->own_leg.request = r;
    r->http = *http;
    r->accepted_real_us = clock_real_us();
    r->id = text_uuid_new(r->accepted_real_us);
    text_uuid_format(r->id, r->id_text);
    link_append(&worker->requests, &r->in_requests);
    exchange_bind(exchange, &events, r);

    int err = endpoint_find(http->method, http->path, &r->endpoint, &r->path_rest);
    r->dialect = caller_dialect(r);
    dispatch(r, err);
}

/* Requests come and go by the ten thousand a second: the last one's memory is still warm. */
static struct request *
take_spare(struct worker *worker)
{
    struct link *link = link_first(&worker->spare_requests);

    if (link == NULL)
        return mem_zalloc(sizeof(struct request));
    link_remove(link);
    worker->n_spare_requests--;
    struct request *r = (struct request *)((char *)link - offsetof(struct request, in_requests));
    memset(r, 0, offsetof(struct request, facts.text));
    return r;
}

static void
give_spare(struct request *r)
{
    struct worker *worker = r->worker;

    r->magic = 0;
    if (worker->n_spare_requests == SPARE_REQUESTS_MAX) {
        free(r);
        return;
    }
    worker->n_spare_requests++;
    link_prepend(&worker->spare_requests, &r->in_requests);
}

void
request_free_spares(struct worker *worker)
{
    struct link *link;

    while ((link = link_first(&worker->spare_requests)) != NULL) {
        link_remove(link);
        free((char *)link - offsetof(struct request, in_requests));
    }
}

/* A key first, also for what does not exist: nobody maps us without one. (That we are busy, anybody
 * may know.) */
static void
dispatch(struct request *r, int find_err)
{
    bool is_open = r->endpoint != NULL && r->endpoint->access == ENDPOINT_OPEN;
    char detail[LIMIT_NAME + LIMIT_MODEL_NAME];

    if (find_err == 0 && asks_model(r->endpoint) && shed_refuses(r->worker)) {
        request_fail(r, shed_refuse(r), "", "");
        return;
    }
    if (!is_open && !run_step(r, REQUEST_AUTH, auth))
        return;
    if (find_err == ERR_METHOD_NOT_ALLOWED) {
        request_fail(r, wants_socket(r) ? ERR_UPGRADE_REQUIRED : find_err,
                     endpoint_allow(r->endpoint), "");
        return;
    }
    if (find_err != 0) {
        int len = snprintf(detail, sizeof(detail), "The path ");
        redact_copy(detail + len, sizeof(detail) - (size_t)len, r->http.path);
        request_fail(r, find_err, detail, "");
        return;
    }
    r->endpoint->handler(r);
}

/* Codex asks for a WebSocket first, and goes on at once without one after a 426 alone: a 405 it
 * tries seven times, for six seconds. */
static bool
wants_socket(const struct request *r)
{
    return http_header_count(&r->http, "upgrade") > 0;
}

static bool
asks_model(const struct endpoint *endpoint)
{
    return endpoint->handler == request_infer;
}

/* Rows without a protocol of their own, and paths without a row, speak as their caller does. */
static const struct dialect *
caller_dialect(const struct request *r)
{
    if (r->endpoint != NULL && r->endpoint->protocol != ENDPOINT_PROTOCOL_ANY)
        return dialect_of((enum protocol)r->endpoint->protocol);
    if (http_header_count(&r->http, "anthropic-version") > 0)
        return dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
    return dialect_of(PROTOCOL_OPENAI_CHAT);
}

void
request_infer(struct request *r)
{
    static const struct {
        enum request_step step;
        step_function *run;
    } steps[] = {
        {REQUEST_DECODE, decode},   {REQUEST_SCOPE, scope},        {REQUEST_ONCE, once_check},
        {REQUEST_RATE, admit_rate}, {REQUEST_ADMIT, admit_flight},
    };

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (!run_step(r, steps[i].step, steps[i].run))
            return;
    if (r->worker->durability == DURABILITY_STRICT)
        durable_ask(r);
    else
        request_call(r);
}

void
request_call(struct request *r)
{
    if (run_step(r, REQUEST_ROUTE, route))
        relay_start(r);
}

/* False: the step refused, or has answered itself (1); the caller has been told, r may be gone. */
static bool
run_step(struct request *r, enum request_step step, step_function *run)
{
    struct refusal_reason *why = &r->worker->scratch.why;

    why->detail[0] = why->param[0] = '\0';
    request_step(r, step);
    int err = run(r, why);
    if (err < 0)
        request_fail(r, err, why->detail, why->param);
    return err == 0;
}

static int
auth(struct request *r, struct refusal_reason *why)
{
    const struct key_view *key = &r->worker->scratch.key;

    int err = request_read_key(r);
    r->key_id = key->key_id;
    if (err == ERR_INVALID_KEY && find_token(&r->http).len == 0)
        snprintf(why->detail, sizeof(why->detail),
                 "none came, as Authorization: Bearer KEY or as x-api-key: KEY");
    if (err != 0) /* one answer for all that is wrong with a key itself */
        return err;
    exchange_vouch(r->exchange);
    r->owner_hash = key->owner_hash;
    r->stage = FLIGHT_STAGE_KEY_CHECKED;
    r->key_checked_us = clock_mono_us();
    if (key->capture_until_us > r->accepted_real_us)
        capture_begin(r);
    return 0;
}

int
request_read_key(struct request *r)
{
    return check_key(r->worker, &r->http, r->accepted_real_us);
}

static int
check_key(struct worker *worker, const struct http_request *http, int64_t now_real_us)
{
    struct slice token = find_token(http);

    static_assert(sizeof(struct auth_memo) <= SERVER_MEMO_SIZE, "it lies in the connection");
    int err = auth_check(worker->segment, worker->pepper, http->memo, token, now_real_us,
                         &worker->scratch.key);

    if (err == 0 && !auth_lets_in(&worker->scratch.key, http->client_address))
        return ERR_ADDRESS_NOT_ALLOWED;
    return err;
}

static struct slice
find_token(const struct http_request *http)
{
    const struct slice none = {NULL, 0};
    struct slice token = auth_token(http_header_find(http, "authorization"), none, none);

    if (token.len > 0) /* few say it in another place: the rest is looked for only then */
        return token;
    return auth_token(none, http_header_find(http, "x-api-key"), http_header_find(http, "api-key"));
}

/* Whoever gets false has the same request run without its body, which says why. */
bool
request_wants_body(struct worker *worker, const struct http_request *head)
{
    const struct endpoint *endpoint;
    struct slice rest;

    return endpoint_find(head->method, head->path, &endpoint, &rest) == 0 &&
           endpoint->access != ENDPOINT_OPEN && !(asks_model(endpoint) && shed_refuses(worker)) &&
           check_key(worker, head, clock_real_us()) == 0;
}

static int
decode(struct request *r, struct refusal_reason *why)
{
    struct slice encoding = slice_trim(http_header_find(&r->http, "content-encoding"));

    if (r->http.is_body_withheld) /* the key is good: there was no room for it */
        return ERR_OVERLOADED;
    if (encoding.len > 0 && !slice_eq_nocase(encoding, SLICE_LIT("identity")))
        return ERR_UNSUPPORTED_ENCODING;
    if (r->path_rest.len > 0)
        name_model(r);
    int err = read_body(r, why);
    if (err == ERR_UNSUPPORTED_PARAMETER && r->facts.has_references &&
        (err = recollect_expand(r, why)) == 0)
        err = read_body(r, why);
    r->is_watched = r->facts.operation == OPERATION_RESPONSE && recollect_wants_items(r);
    if (err == 0)
        r->wording = wording_at_first(r);
    return err;
}

static int
read_body(struct request *r, struct refusal_reason *why)
{
    return r->dialect->read_request((enum operation)r->endpoint->operation, r->http.body, &r->facts,
                                    why);
}

/* What does not decode, or is too long, names no model of ours. */
static void
name_model(struct request *r)
{
    struct slice model = r->path_rest;
    char name[LIMIT_MODEL_NAME];

    if (query_decode(model, name, sizeof(name)))
        model = slice_str(name);
    buf_init(&r->own_body, r->http.body.len + 6 * model.len + DIALECT_NAME_ROOM);
    dialect_name_model(r->http.body, model, &r->own_body);
    r->http.body = buf_slice(&r->own_body);
}

static int
scope(struct request *r, struct refusal_reason *why)
{
    struct worker_scratch *scratch = &r->worker->scratch;
    struct model_record *model = &scratch->model;
    int err = request_find_model(r, r->facts.model, model, &scratch->model_epoch, why);

    if (err == 0 && model->price_until_us != 0 && r->accepted_real_us >= model->price_until_us)
        price_copy(&model->price,
                   price_at(&model->price, model->price_changes, r->accepted_real_us));
    if (err == 0)
        note_choices(r);
    return err;
}

/* What later attempts are chosen by, while the key is at hand. */
static void
note_choices(struct request *r)
{
    const struct key_view *key = &r->worker->scratch.key;
    const struct model_record *model = &r->worker->scratch.model;

    r->policy = key->policy;
    r->served_model_id = model->id;
    r->served_model = catalog_model_name(r->worker->catalog, model->id);
    r->fallback_on = model->fallback_on;
    for (uint32_t n = 0; n < model->n_fallbacks; n++) {
        r->fallbacks[n] = model->fallbacks[n];
        if (key_view_may_use(key, model->fallbacks[n]))
            r->fallbacks_allowed |= (uint8_t)(1u << n);
    }
}

int
request_find_model(struct request *r, struct slice name, struct model_record *out,
                   uint64_t *out_epoch, struct refusal_reason *why)
{
    char shown[LIMIT_MODEL_NAME];
    bool is_there = catalog_find_model(r->worker->catalog, name, out, out_epoch) == 0;

    if (is_there && key_view_may_use(&r->worker->scratch.key, out->id))
        return 0;
    redact_copy(shown, sizeof(shown), name);
    snprintf(why->param, sizeof(why->param), "model");
    snprintf(why->detail, sizeof(why->detail),
             is_there ? "%s" : "The model %s (GET /v1/models lists those of this key)", shown);
    return is_there ? ERR_MODEL_NOT_ALLOWED : ERR_NOT_FOUND;
}

static int
route(struct request *r, struct refusal_reason *why)
{
    struct pick *pick = &r->worker->scratch.pick;
    struct refusal_reason first;
    int err = pick_route(r, ATTEMPT_FIRST, pick, why), retry_after_s = r->retry_after_s;

    if (err == 0)
        return 0;
    /* What the caller is told is how it stands with the model that was asked for. */
    first = *why;
    if (pick_stand_in(r, err_category_of(err), pick, why) == 0)
        return 0;
    *why = first;
    r->retry_after_s = retry_after_s;
    return err;
}

void
request_step(struct request *r, enum request_step to)
{
    enum request_step from = r->step;

    assert(from != REQUEST_FINISH);
    assert(to > from || (from == REQUEST_RELAY && to == REQUEST_ROUTE));
    r->step = to;
}

void
request_stage(struct request *r, enum flight_stage stage)
{
    request_stage_at(r, stage, clock_mono_us());
}

void
request_stage_at(struct request *r, enum flight_stage stage, int64_t now_us)
{
    r->stage = stage;
    if (r->record != NULL)
        r->record->stage_us[stage] = now_us;
}

void
request_fail(struct request *r, int err, const char *detail, const char *param)
{
    enum err_category category = err_category_of(err);

    if (r->is_gone) {
        gone_end(r);
        return;
    }
    if (count_may_estimate(r, category)) {
        count_estimate(r);
        return;
    }
    /* Once content or a heartbeat is out, or content is about to go out, the status is 200. */
    if (r->is_started || r->step == REQUEST_STREAM)
        reply_error_event(r, category, detail);
    else
        reply_error_respond(r, category, detail, param);
}

/* The exchange is over, by whatever way: nothing of the request is left after this, but for one
 * whose answer is read to its end. */
static void
on_end(void *data, bool is_complete)
{
    struct request *r = request_from(data);

    (void)is_complete; /* what was handed to the kernel is settled already */
    if (r->step != REQUEST_FINISH) {
        if (gone_begin(r))
            return;
        finish_request(r, ERR_CATEGORY_CLIENT_CLOSED, FINISH_STATUS_CLIENT_CLOSED);
    }
    request_dispose(r);
}

void
request_dispose(struct request *r)
{
    assert(r->step == REQUEST_FINISH);
    link_remove(&r->in_requests); /* of those that wait for the ledger */
    relay_dispose(r);
    reply_dispose(r);
    capture_end(r);
    give_spare(r);
}
