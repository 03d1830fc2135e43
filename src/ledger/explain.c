/* SPDX-License-Identifier: ISC */
#include "explain.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "explain_route.h"
#include "key_args.h"
#include "key_reply.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/codec/dialect.h"
#include "relayos/policy/auth.h"
#include "relayos/policy/estimate.h"
#include "relayos/policy/price.h"
#include "relayos/shm/learned.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/rate.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"

#define DEFAULT_PROMPT  1000
#define BYTES_PER_TOKEN 4 /* of a prompt as people write it: a body is about so long */

struct explain {
    struct ledger *ledger;
    struct key_record key;
    struct key_view view;
    bool is_published;         /* view is set: workers know the key */
    struct model_record model; /* with the price that holds now */
    struct explain_question question;
    struct explain_routes routes;
    int64_t max_tokens;
    struct slice address; /* "" = of nowhere in particular */
    struct estimate estimate;
    const char *served_by; /* the model, or the one that would stand in; NULL: none */
    /* The first thing that would stop it. */
    enum err_category stop;
    char detail[256];
    int64_t retry_us;
};

static int prepare(struct explain *e, const struct frame_value *args, struct errmsg *why);
static int read_count(const struct frame_value *args, const char *name, int64_t fallback,
                      int64_t *out, struct errmsg *why);
static int check_address(struct slice address, struct errmsg *why);
static void find_view(struct explain *e);
static void make_estimate(struct explain *e);
static bool lets_in_address(const struct explain *e);
static void write_key(struct explain *e, struct frame_out *out);
static void write_estimate(const struct explain *e, struct frame_out *out);
static void write_rates(struct explain *e, struct frame_out *out);
static void write_rate(struct explain *e, enum rate_kind kind, struct frame_out *out);
static void write_quotas(struct explain *e, struct frame_out *out);
static void write_quota(struct explain *e, const struct key_limit_cells *limit,
                        struct frame_out *out);
static int64_t needed_of(const struct explain *e, uint8_t unit);
static void write_fallbacks(struct explain *e, struct frame_out *out);
static bool write_fallback(struct explain *e, uint32_t id, struct frame_out *out);
static void judge_routes(struct explain *e);
static void write_verdict(const struct explain *e, struct frame_out *out);
static void stop(struct explain *e, enum err_category category, int64_t retry_us,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* In the order in which a worker asks: the first that stops a request is what its caller is told.
 */
int
explain_run(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    static struct explain e; /* tens of KiB; the ledger has one thread */
    int rc;

    memset(&e, 0, sizeof(e));
    e.ledger = ledger;
    e.address = frame_get_str(args, "address");
    rc = prepare(&e, args, why);
    if (rc != 0)
        return rc;
    write_key(&e, out);
    write_estimate(&e, out);
    write_rates(&e, out);
    if (!segment_admission_is_open(ledger->segment))
        stop(&e, ERR_CATEGORY_LEDGER_UNAVAILABLE, 0, "%s", "");
    write_quotas(&e, out);
    explain_route_write(ledger, &e.routes, &e.question, out);
    write_fallbacks(&e, out);
    judge_routes(&e);
    write_verdict(&e, out);
    store_key_fini(&e.key);
    return 0;
}

static int
prepare(struct explain *e, const struct frame_value *args, struct errmsg *why)
{
    struct slice model = frame_get_str(args, "model");
    struct route_question *question = &e->question.route;
    uint64_t epoch;
    int rc = read_count(args, "prompt_tokens", DEFAULT_PROMPT, &question->prompt_tokens, why);

    if (rc != 0 || (rc = read_count(args, "max_tokens", 0, &e->max_tokens, why)) != 0 ||
        (rc = check_address(e->address, why)) != 0 ||
        (rc = key_args_find(e->ledger, args, &e->key, why)) != 0)
        return rc;
    find_view(e);
    e->question.key_id = e->key.id;
    e->question.now_us = clock_mono_us();
    e->question.now_real_us = clock_real_us();
    rc = catalog_find_model(e->ledger->catalog, model, &e->model, &epoch);
    if (rc == 0) {
        make_estimate(e);
        question->policy = e->key.policy != 0 ? (enum route_policy)(e->key.policy - 1)
                                              : (enum route_policy)e->model.policy;
        question->output_tokens = e->estimate.output_tokens;
        rc = explain_route_look(e->ledger, model, &e->question, &e->routes);
    }
    if (rc == 0)
        return 0;
    if (rc == ERR_MISSING)
        errmsg_set(why, "there is no model \"%.*s\" in the configuration", (int)model.len,
                   model.ptr);
    else
        errmsg_set(why, "the configuration is being replaced; ask again");
    store_key_fini(&e->key);
    return rc;
}

static int
read_count(const struct frame_value *args, const char *name, int64_t fallback, int64_t *out,
           struct errmsg *why)
{
    *out = frame_get_int(args, name, fallback);
    if (*out >= 0 && *out <= LIMIT_TOKENS / BYTES_PER_TOKEN)
        return 0;
    errmsg_set(why, "%s must be between 0 and %" PRId64, name, LIMIT_TOKENS / BYTES_PER_TOKEN);
    return ERR_SYNTAX;
}

static int
check_address(struct slice address, struct errmsg *why)
{
    struct address_range range;

    if (address.len == 0 || (memchr(address.ptr, '/', address.len) == NULL &&
                             address_range_parse(address, &range) == 0))
        return 0;
    errmsg_set(why, "address must be one such as 192.0.2.7");
    return ERR_SYNTAX;
}

static void
find_view(struct explain *e)
{
    const struct book_entry *entry = book_find(&e->ledger->book, e->key.id);

    e->is_published = entry != NULL && entry->row != BOOK_NO_ROW &&
                      key_table_at(e->ledger->segment, entry->row, &e->view) == 0 &&
                      e->view.key_id == e->key.id;
}

/* As a worker makes it of a body of that length. */
static void
make_estimate(struct explain *e)
{
    const struct heritage *heritage = e->ledger->heritage;
    struct model_record *model = &e->model;
    const struct request_facts facts = {
        .body = {NULL, (size_t)(e->question.route.prompt_tokens * BYTES_PER_TOKEN)},
        .operation = OPERATION_CHAT,
        .max_tokens = e->max_tokens,
        .n_choices = 1};
    struct estimate_terms terms = {.fallback_output_tokens =
                                       heritage->conf->default_max_output_tokens};

    model->price = *price_at(&model->price, model->price_changes, e->question.now_real_us);
    if ((e->key.flags & KEY_STRICT) == 0)
        terms.learned_output_tokens = learned_output(e->ledger->segment, e->key.id, model->id);
    estimate_request(&facts, model, &terms, &e->estimate);
}

static void
write_key(struct explain *e, struct frame_out *out)
{
    const char *state = report_key_state(&e->key, e->question.now_real_us);
    bool may_use = e->is_published && key_view_may_use(&e->view, e->model.id);
    bool lets_in = lets_in_address(e);

    if (strcmp(state, "active") != 0 || !e->is_published)
        stop(e, ERR_CATEGORY_INVALID_KEY, 0, "%s", "");
    else if (!lets_in)
        stop(e, ERR_CATEGORY_ADDRESS_NOT_ALLOWED, 0, "%.*s", (int)e->address.len, e->address.ptr);
    else if (!may_use)
        stop(e, ERR_CATEGORY_MODEL_NOT_ALLOWED, 0, "%s", e->model.name);
    frame_map(out, "key");
    frame_int(out, "id", (int64_t)e->key.id);
    frame_cstr(out, "name", e->key.name);
    frame_cstr(out, "state", state);
    frame_bool(out, "may_use_model", may_use);
    report_key_write_networks(&e->key, out);
    if (e->address.len == 0)
        frame_nil(out, "lets_in");
    else
        frame_bool(out, "lets_in", lets_in);
    frame_end(out);
    frame_cstr(out, "model", e->model.name);
    frame_cstr(out, "policy",
               store_name(STORE_NAME_POLICY, (uint8_t)(e->question.route.policy + 1)));
    frame_cstr(out, "policy_of", e->key.policy != 0 ? "key" : "model");
}

static bool
lets_in_address(const struct explain *e)
{
    char text[INET6_ADDRSTRLEN];

    if (e->address.len == 0 || !e->is_published)
        return true;
    snprintf(text, sizeof(text), "%.*s", (int)e->address.len, e->address.ptr);
    return auth_lets_in(&e->view, text);
}

static void
write_estimate(const struct explain *e, struct frame_out *out)
{
    struct usage usage = {.count = {[USAGE_INPUT] = e->question.route.prompt_tokens,
                                    [USAGE_OUTPUT] = e->estimate.output_tokens,
                                    [USAGE_REQUEST] = 1}};

    frame_map(out, "estimate");
    frame_int(out, "prompt_tokens", e->question.route.prompt_tokens);
    frame_int(out, "output_tokens", e->estimate.output_tokens);
    frame_int(out, "charge_nusd", price_charge_nusd(&usage, &e->model.price));
    frame_int(out, "reserved_tokens", e->estimate.tokens);
    frame_int(out, "reserved_nusd", e->estimate.nusd);
    frame_end(out);
}

static void
write_rates(struct explain *e, struct frame_out *out)
{
    frame_array(out, "rates");
    if (e->is_published) {
        write_rate(e, RATE_REQUESTS, out);
        write_rate(e, RATE_TOKENS, out);
    }
    frame_end(out);
}

static void
write_rate(struct explain *e, enum rate_kind kind, struct frame_out *out)
{
    bool is_requests = kind == RATE_REQUESTS;
    int64_t limit = is_requests ? e->view.requests_per_minute : e->view.tokens_per_minute;
    int64_t needed = is_requests ? 1 : e->estimate.tokens;

    if (limit == 0)
        return;
    int64_t wait_us =
        rate_wait_us(e->ledger->segment, e->view.row, kind, limit, needed, e->question.now_us);
    const char *name = is_requests ? "requests" : "tokens";

    if (wait_us > 0)
        stop(e, ERR_CATEGORY_RATE_LIMITED, wait_us, "%" PRId64 " %s a minute", limit, name);
    frame_map(out, NULL);
    frame_cstr(out, "unit", name);
    frame_int(out, "per_minute", limit);
    frame_int(out, "needed", needed);
    frame_int(out, "wait_us", wait_us);
    frame_end(out);
}

static void
write_quotas(struct explain *e, struct frame_out *out)
{
    frame_array(out, "quotas");
    for (uint32_t i = 0; e->is_published && i < e->view.n_limits; i++)
        if (e->view.limits[i].model_id == QUOTA_ALL_MODELS ||
            e->view.limits[i].model_id == e->model.id)
            write_quota(e, &e->view.limits[i], out);
    frame_end(out);
}

static void
write_quota(struct explain *e, const struct key_limit_cells *limit, struct frame_out *out)
{
    int next = e->question.now_real_us >= limit->boundary_us;
    const struct quota_cell *cell =
        quota_cell_at(e->ledger->segment, limit->cell_idx[next], limit->cell_generation[next]);
    bool is_concurrency = limit->unit == LIMIT_UNIT_CONCURRENT;
    int64_t renews_us = next ? limit->next_boundary_us : limit->boundary_us;
    int64_t needed = needed_of(e, limit->unit);
    struct quota_view view = {0};

    if (cell != NULL)
        quota_view(cell, &view);
    bool fits = view.used + view.reserved + needed <= view.limit;

    if (cell == NULL)
        stop(e, ERR_CATEGORY_QUOTA_UNAVAILABLE, 0, "%s", "");
    else if (!fits && !view.is_shadow && is_concurrency)
        stop(e, ERR_CATEGORY_RATE_LIMITED, 0, "%" PRId64 " requests at a time", view.limit);
    else if (!fits && !view.is_shadow)
        stop(e, ERR_CATEGORY_QUOTA_EXCEEDED, 0, "%s quota",
             store_name(STORE_NAME_PERIOD, limit->period));
    frame_map(out, NULL);
    frame_cstr(out, "unit", store_name(STORE_NAME_UNIT, limit->unit));
    frame_cstr(out, "period", is_concurrency ? NULL : store_name(STORE_NAME_PERIOD, limit->period));
    frame_cstr(out, "model", limit->model_id == QUOTA_ALL_MODELS ? NULL : e->model.name);
    frame_bool(out, "shadow", view.is_shadow);
    frame_int(out, "used", view.used);
    frame_int(out, "reserved", view.reserved);
    frame_int(out, "limit", view.limit);
    frame_int(out, "needed", needed);
    frame_bool(out, "fits", fits);
    frame_int_if(out, "renews_us", !is_concurrency && renews_us != INT64_MAX, renews_us);
    frame_end(out);
}

static int64_t
needed_of(const struct explain *e, uint8_t unit)
{
    if (unit == LIMIT_UNIT_CONCURRENT)
        return 1;
    return unit == LIMIT_UNIT_NUSD ? e->estimate.nusd : e->estimate.tokens;
}

/* ---- where it goes ---- */

static void
write_fallbacks(struct explain *e, struct frame_out *out)
{
    static const char *const causes[] = FALLBACK_CAUSE_NAMES;
    const struct model_record *model = &e->model;
    enum fallback_cause cause =
        e->routes.err == ERR_UPSTREAM_RATE_LIMITED || e->routes.err == ERR_OVERLOADED
            ? FALLBACK_OVERLOAD
            : FALLBACK_OUTAGE;

    if (e->routes.n_usable > 0 || e->routes.is_panic)
        e->served_by = model->name;
    frame_array(out, "fallback_on");
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if ((model->fallback_on >> i & 1) != 0)
            frame_cstr(out, NULL, causes[i]);
    frame_end(out);
    frame_array(out, "fallbacks");
    for (uint32_t i = 0; i < model->n_fallbacks && i < LIMIT_FALLBACKS; i++) {
        bool can_serve = write_fallback(e, model->fallbacks[i], out);

        if (can_serve && e->served_by == NULL && (model->fallback_on & cause) != 0)
            e->served_by = catalog_model_name(e->ledger->catalog, model->fallbacks[i]);
    }
    frame_end(out);
}

static bool
write_fallback(struct explain *e, uint32_t id, struct frame_out *out)
{
    static struct explain_routes routes;
    const char *name = catalog_model_name(e->ledger->catalog, id);
    bool may_use = e->is_published && key_view_may_use(&e->view, id);
    bool is_there = explain_route_look(e->ledger, slice_str(name), &e->question, &routes) == 0;

    frame_map(out, NULL);
    frame_cstr(out, "model", name);
    frame_bool(out, "may_use", may_use);
    frame_bool(out, "is_there", is_there);
    frame_int(out, "usable_routes", is_there ? routes.n_usable : 0);
    frame_end(out);
    return may_use && is_there && routes.n_usable > 0;
}

static void
judge_routes(struct explain *e)
{
    if (e->served_by == NULL)
        stop(e, err_category_of(e->routes.err), e->routes.retry_us, "%s", e->model.name);
}

static void
write_verdict(const struct explain *e, struct frame_out *out)
{
    bool is_admitted = e->stop == ERR_CATEGORY_NONE;
    struct buf sentence;

    buf_init(&sentence, 4096);
    frame_map(out, "verdict");
    frame_bool(out, "admitted", is_admitted);
    frame_cstr(out, "served_by", is_admitted ? e->served_by : NULL);
    frame_bool(out, "is_panic", e->routes.is_panic);
    if (!is_admitted) {
        dialect_error_message(e->stop, e->detail, &sentence);
        frame_cstr(out, "category", err_category_name(e->stop));
        frame_int(out, "openai_status", err_info(e->stop)->openai_status);
        frame_int(out, "anthropic_status", err_info(e->stop)->anthropic_status);
        frame_str(out, "sentence", slice_of(sentence.ptr, sentence.len));
        frame_int(out, "retry_us", e->retry_us);
    }
    frame_end(out);
    buf_fini(&sentence);
}

static void
stop(struct explain *e, enum err_category category, int64_t retry_us, const char *format, ...)
{
    va_list args;

    if (e->stop != ERR_CATEGORY_NONE)
        return;
    e->stop = category;
    e->retry_us = retry_us;
    va_start(args, format);
    vsnprintf(e->detail, sizeof(e->detail), format, args);
    va_end(args);
}
