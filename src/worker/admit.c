/* SPDX-License-Identifier: ISC
 *
 * admit - the order is that of reliability.md 2a: the rate cell (a killed worker costs the key one
 * grant), the flight with everything written that an undertaker needs, then the hold.
 */
#include "admit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "recollect.h"
#include "redact.h"
#include "relayos/base/clock.h"
#include "relayos/base/period.h"
#include "relayos/base/traceparent.h"
#include "relayos/codec/json_scan.h"
#include "relayos/policy/price.h"
#include "relayos/shm/learned.h"
#include "relayos/shm/poison.h"
#include "relayos/shm/rate.h"
#include "request.h"

#define HOLD_TRIES         3 /* a quota cell may be recycled under us: look the key up again */
#define RETRY_CONCURRENT_S 1
#define US_PER_S           INT64_C(1000000)

static int estimate(struct request *r, struct refusal_reason *why);
static int64_t thinking_budget(const struct request_facts *facts);
static int take_rate(struct request *r, enum rate_kind kind, int64_t per_minute, int64_t amount);
static void give_rate_back(struct request *r);
static int take_share(struct request *r, struct refusal_reason *why);
static void fill_record(struct request *r);
static void take_traceparent(struct request *r);
static int hold(struct request *r, struct refusal_reason *why);
static int fill_holds(struct request *r);
static int64_t hold_amount(const struct request *r, enum limit_unit unit);
static int refuse(struct request *r, uint32_t failed, struct refusal_reason *why);
static uint32_t day_of(struct worker *worker, int64_t real_us);
static void format_renewal(int64_t real_us, char out[48]);
static void format_amount(int64_t amount, uint8_t unit, char out[32]);

int
admit_rate(struct request *r, struct refusal_reason *why)
{
    const struct key_view *key = &r->worker->scratch.key;
    const struct estimate *held = &r->worker->scratch.estimate;

    r->key_row = key->row;
    if (estimate(r, why) != 0)
        return ERR_INVALID_REQUEST;
    if (take_rate(r, RATE_REQUESTS, key->requests_per_minute, 1) != 0) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " requests a minute",
                 key->requests_per_minute);
        return ERR_RATE_LIMITED;
    }
    r->requests_per_minute = key->requests_per_minute;
    if (take_rate(r, RATE_TOKENS, key->tokens_per_minute, held->tokens) != 0) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " tokens a minute",
                 key->tokens_per_minute);
        give_rate_back(r);
        return ERR_RATE_LIMITED;
    }
    r->tokens_per_minute = key->tokens_per_minute;
    return 0;
}

/* By what the key's answers use to be; a strict key by the worst case, which then is held to. */
static int
estimate(struct request *r, struct refusal_reason *why)
{
    const struct key_view *key = &r->worker->scratch.key;
    const struct model_record *model = &r->worker->scratch.model;
    struct estimate *out = &r->worker->scratch.estimate;
    bool is_strict = (key->flags & KEY_STRICT) != 0;
    struct estimate_terms terms = {.fallback_output_tokens =
                                       r->worker->conf->default_max_output_tokens};

    if (is_strict)
        terms.recalled_bytes = recollect_length(r);
    else
        terms.learned_output_tokens = learned_output(r->worker->segment, r->key_id, model->id);
    estimate_request(&r->facts, model, &terms, out);
    r->prompt_tokens = estimate_output_tokens((int64_t)r->facts.body.len); /* likely, not at most */
    r->output_tokens = out->output_tokens;
    r->input_bound = out->input_tokens;
    /* Tools ask much of names that they do not know: 128000 tokens, the AI SDK. */
    if (model->max_output_tokens > 0 && r->facts.max_tokens > model->max_output_tokens &&
        model->max_output_tokens > thinking_budget(&r->facts)) /* a walk: rarely asked for */
        r->facts.cap_tokens = model->max_output_tokens;
    if (!is_strict || dialect_operation_counts(r->facts.operation))
        return 0;
    r->facts.cap_tokens = out->most_tokens;
    if (estimate_has_bound(&r->facts))
        return 0;
    snprintf(
        why->detail, sizeof(why->detail),
        "this API key takes only requests whose cost has an upper bound: no images or files by "
        "URL or id, no stored conversations, no tools that the provider runs, no compaction");
    return ERR_INVALID_REQUEST;
}

/* Of Messages: max_tokens must be more than that. */
static int64_t
thinking_budget(const struct request_facts *facts)
{
    struct json_member thinking, budget;
    int64_t tokens = 0;

    if (facts->operation != OPERATION_MESSAGE ||
        !json_find_in(slice_trim(facts->body), "thinking", &thinking) ||
        !json_find_in(thinking.value, "budget_tokens", &budget) ||
        json_int(budget.value, &tokens) != 0 || tokens < 0)
        return 0;
    return tokens;
}

static int
take_rate(struct request *r, enum rate_kind kind, int64_t per_minute, int64_t amount)
{
    int64_t retry_us;

    if (per_minute == 0 || amount == 0)
        return 0;
    int err = rate_take(r->worker->segment, r->key_row, kind, per_minute, amount,
                        loop_now_us(r->worker->loop), &retry_us);
    if (err != 0)
        r->retry_after_s = (int)((retry_us + US_PER_S - 1) / US_PER_S);
    return err;
}

static void
give_rate_back(struct request *r)
{
    int64_t now_us = clock_mono_us();

    if (r->requests_per_minute != 0)
        rate_correct(r->worker->segment, r->key_row, RATE_REQUESTS, r->requests_per_minute, -1,
                     now_us);
    if (r->tokens_per_minute != 0)
        rate_correct(r->worker->segment, r->key_row, RATE_TOKENS, r->tokens_per_minute,
                     -r->worker->scratch.estimate.tokens, now_us);
}

int
admit_flight(struct request *r, struct refusal_reason *why)
{
    int err = take_share(r, why);

    if (err != 0) {
        give_rate_back(r);
        return err;
    }
    err = ERR_LEDGER_UNAVAILABLE;
    if (segment_admission_is_open(r->worker->segment))
        r->flight = flight_take(r->worker->desk);
    if (r->flight != NULL) {
        r->record = flight_record(r->flight);
        fill_record(r);
        /* It was there each time when workers crashed: not again for a while. */
        if (poison_is_quarantined(r->worker->segment, r->record, loop_now_us(r->worker->loop)))
            err = ERR_OVERLOADED;
        else
            err = hold(r, why);
    }
    if (err == 0) {
        request_stage(r, FLIGHT_STAGE_QUOTA_CHECKED);
        return 0;
    }
    if (r->flight != NULL)
        flight_put_back(r->worker->desk, r->flight);
    r->flight = NULL;
    r->record = NULL;
    give_rate_back(r);
    admit_leave(r);
    return err;
}

/* A key's storm is refused while there is still room for others. */
static int
take_share(struct request *r, struct refusal_reason *why)
{
    uint32_t n_running = 0;
    int err = share_take(&r->worker->share, r->key_id, &n_running);

    r->has_share = err == 0;
    if (err == ERR_RATE_LIMITED) {
        snprintf(why->detail, sizeof(why->detail), "%" PRIu32 " requests at a time", n_running);
        r->retry_after_s = RETRY_CONCURRENT_S;
    }
    return err;
}

void
admit_leave(struct request *r)
{
    if (r->has_share)
        share_give(&r->worker->share, r->key_id);
    r->has_share = false;
}

int
admit_replay(struct request *r, struct uuid original)
{
    struct flight_attempt *attempt;
    char id[TEXT_UUID_SIZE];
    uint32_t failed;

    if (segment_admission_is_open(r->worker->segment))
        r->flight = flight_take(r->worker->desk);
    if (r->flight == NULL)
        return ERR_LEDGER_UNAVAILABLE;
    r->record = flight_record(r->flight);
    fill_record(r);
    r->record->reserved_nusd = r->record->reserved_tokens = 0; /* what another request's were */
    text_uuid_format(original, id);
    attempt = &r->record->attempts[0];
    *attempt = (struct flight_attempt){.status = 200,
                                       .outcome = ATTEMPT_OK,
                                       .start_us = loop_now_us(r->worker->loop),
                                       .end_us = loop_now_us(r->worker->loop),
                                       .upstream = "(replay)"};
    snprintf(attempt->note, sizeof(attempt->note), "the answer of request %.*s", (int)sizeof(id),
             id);
    r->record->n_attempts = 1;
    int err = flight_hold(r->worker->segment, r->flight, &failed);
    assert(err == 0); /* it holds nothing */
    request_stage(r, FLIGHT_STAGE_QUOTA_CHECKED);
    worker_count(r->worker, PROC_COUNTER_REPLAYS, 1);
    return 0;
}

/* All that the undertaker needs, before INTENT. */
static void
fill_record(struct request *r)
{
    struct flight_record *record = r->record;
    const struct worker_scratch *scratch = &r->worker->scratch;

    record->request_id = r->id;
    record->key_id = r->key_id;
    record->key_row = r->key_row;
    record->model_id = scratch->model.id;
    record->endpoint = endpoint_row(r->endpoint);
    record->protocol = (uint8_t)r->dialect->protocol;
    record->is_stream = r->facts.is_stream;
    record->day_id = day_of(r->worker, r->accepted_real_us);
    record->accepted_real_us = r->accepted_real_us;
    memcpy(record->model, scratch->model.name, sizeof(record->model));
    memcpy(record->client_address, r->http.client_address, sizeof(record->client_address));
    redact_copy(record->client_request_id, sizeof(record->client_request_id),
                http_header_find(&r->http, "x-request-id"));
    redact_copy(record->user_agent, sizeof(record->user_agent),
                http_header_find(&r->http, "user-agent"));
    take_traceparent(r); /* though nobody may ask for it: a reload may change that */
    record->body_bytes = (int64_t)r->facts.body.len;
    record->n_choices = record->n_unlisted = 0;
    record->reserved_nusd = scratch->estimate.nusd;
    record->reserved_tokens = r->tokens_per_minute != 0 ? scratch->estimate.tokens : 0;
    price_copy(&record->price, &scratch->model.price);
    record->stage_us[FLIGHT_STAGE_ACCEPTED] = r->http.accepted_us;
    record->stage_us[FLIGHT_STAGE_KEY_CHECKED] = r->key_checked_us;
}

static void
take_traceparent(struct request *r)
{
    struct slice text = http_header_find(&r->http, "traceparent");
    struct traceparent parent;

    if (traceparent_parse(text, &parent) == 0)
        snprintf(r->record->traceparent, sizeof(r->record->traceparent), "%.*s", (int)text.len,
                 text.ptr);
}

static int
hold(struct request *r, struct refusal_reason *why)
{
    uint32_t failed = 0;

    for (int i = 0; i < HOLD_TRIES; i++) {
        int err = fill_holds(r);

        if (err == 0)
            err = flight_hold(r->worker->segment, r->flight, &failed);
        if (err == ERR_QUOTA_EXCEEDED)
            return refuse(r, failed, why);
        if (err != ERR_CONFLICT)
            return err;
        /* The ledger moved this key's cells: read its row anew. */
        if (request_read_key(r) != 0)
            return ERR_INVALID_KEY;
    }
    return ERR_QUOTA_UNAVAILABLE;
}

/* The clock is asked for the date once a day. */
static uint32_t
day_of(struct worker *worker, int64_t real_us)
{
    if (real_us < worker->day.start_us || real_us >= worker->day.end_us)
        worker->day = period_at(PERIOD_DAY, real_us);
    return worker->day.id;
}

/* One hold per limit of the key that counts the model, on the cell of the period that now lies in.
 */
static int
fill_holds(struct request *r)
{
    const struct key_view *key = &r->worker->scratch.key;
    struct flight_record *record = r->record;

    assert(key->n_limits <= LIMIT_KEY_LIMITS + 1);
    r->held_tokens = r->worker->scratch.estimate.tokens;
    r->held_units = 0;
    record->n_holds = 0;
    record->is_over_quota = 0;
    for (uint32_t i = 0; i < key->n_limits; i++) {
        const struct key_limit_cells *limit = &key->limits[i];
        int64_t amount = hold_amount(r, limit->unit);
        int next = r->accepted_real_us >= limit->boundary_us;

        if (limit->model_id != QUOTA_ALL_MODELS && limit->model_id != record->model_id)
            continue;
        /* A cell two periods old: the ledger has been gone for as long. */
        if (next && r->accepted_real_us >= limit->next_boundary_us)
            return ERR_QUOTA_UNAVAILABLE;
        if (amount == 0 && dialect_operation_counts(r->facts.operation))
            continue;
        /* The books' day never goes back, even if the clock does: charge where it is held. */
        uint32_t first_day = period_first_day(limit->period_id[next]);

        if (record->day_id < first_day)
            record->day_id = first_day;
        r->held_units |= 1u << limit->unit;
        record->holds[record->n_holds++] = (struct flight_hold){
            .cell_idx = limit->cell_idx[next],
            .generation = limit->cell_generation[next],
            .amount = amount,
        };
    }
    return 0;
}

static int64_t
hold_amount(const struct request *r, enum limit_unit unit)
{
    switch (unit) {
    case LIMIT_UNIT_NUSD:
        return r->worker->scratch.estimate.nusd;
    case LIMIT_UNIT_TOKENS:
        return r->worker->scratch.estimate.tokens;
    case LIMIT_UNIT_CONCURRENT:
        return 1;
    }
    assert(!"unit of a published limit");
    return 0;
}

/* Hold number `failed` did not fit: say it in the caller's words. */
static int
refuse(struct request *r, uint32_t failed, struct refusal_reason *why)
{
    const struct flight_hold *hold = &r->record->holds[failed];
    const struct key_view *key = &r->worker->scratch.key;
    const struct quota_cell *cell =
        quota_cell_at(r->worker->segment, hold->cell_idx, hold->generation);
    struct admit_shortage shortage = {.needed = hold->amount};
    const struct quota_view *view = &shortage.quota;

    assert(failed < r->record->n_holds);
    if (cell == NULL)
        return ERR_QUOTA_UNAVAILABLE;
    quota_view(cell, &shortage.quota);
    if (view->unit == LIMIT_UNIT_CONCURRENT) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " requests at a time", view->limit);
        r->retry_after_s = RETRY_CONCURRENT_S;
        return ERR_RATE_LIMITED;
    }
    shortage.model = view->model_id == QUOTA_ALL_MODELS ? "" : r->record->model;
    for (uint32_t i = 0; i < key->n_limits; i++)
        for (int next = 0; next < 2; next++)
            if (key->limits[i].cell_idx[next] == hold->cell_idx &&
                key->limits[i].cell_generation[next] == hold->generation)
                shortage.renews_us =
                    next ? key->limits[i].next_boundary_us : key->limits[i].boundary_us;
    admit_describe_quota(&shortage, why->detail, sizeof(why->detail));
    return ERR_QUOTA_EXCEEDED;
}

void
admit_describe_quota(const struct admit_shortage *shortage, char *out, size_t size)
{
    static const char *const words[PERIOD_N_KINDS] = {[PERIOD_MONTH] = "monthly",
                                                      [PERIOD_TOTAL] = "total",
                                                      [PERIOD_DAY] = "daily",
                                                      [PERIOD_WEEK] = "weekly"};
    const struct quota_view *quota = &shortage->quota;
    enum period_kind kind = period_kind_of(quota->period_id);
    char limit[32], used[32], reserved[32], need[32], renews[48];

    format_amount(quota->limit, quota->unit, limit);
    format_amount(quota->used, quota->unit, used);
    format_amount(quota->reserved, quota->unit, reserved);
    format_amount(shortage->needed, quota->unit, need);
    if (kind == PERIOD_TOTAL)
        snprintf(renews, sizeof(renews), "it does not renew");
    else
        format_renewal(shortage->renews_us, renews);
    snprintf(out, size, "%s quota of %s%s%s%.64s: %s used, %s reserved, %s needed; %s", words[kind],
             limit, quota->unit == LIMIT_UNIT_TOKENS ? " tokens" : "",
             shortage->model[0] == '\0' ? "" : " for ", shortage->model, used, reserved, need,
             renews);
}

/* "renews 2026-12-01 UTC"; in a zone, with the hour. */
static void
format_renewal(int64_t real_us, char out[48])
{
    char date[32];
    bool is_midnight;

    clock_format_utc(real_us, 0, date);
    is_midnight = strcmp(date + 10, "T00:00:00Z") == 0;
    date[10] = ' ';
    snprintf(out, 48, "renews %.*s UTC", is_midnight ? 10 : 16, date);
}

/* To the microdollar: what is below is noise to a person. */
static void
format_amount(int64_t amount, uint8_t unit, char out[32])
{
    if (unit == LIMIT_UNIT_TOKENS)
        text_count_format(amount, out);
    else
        text_usd_format(amount / 1000 * 1000, out);
}
