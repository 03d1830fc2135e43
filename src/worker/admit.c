/* SPDX-License-Identifier: ISC
 *
 * admit - the order is that of reliability.md 2a: the rate cell (a killed worker costs the key one
 * grant), the flight with everything written that an undertaker needs, then the hold.
 */
#include "admit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "redact.h"
#include "relayos/base/clock.h"
#include "relayos/shm/rate.h"
#include "request.h"

#define HOLD_TRIES         3 /* a quota cell may be recycled under us: look the key up again */
#define RETRY_CONCURRENT_S 1
#define US_PER_S           INT64_C(1000000)

static int take_rate(struct request *r, enum rate_kind kind, int64_t per_minute, int64_t amount);
static void give_rate_back(struct request *r);
static void fill_record(struct request *r);
static int hold(struct request *r, struct refusal_reason *why);
static int fill_holds(struct request *r);
static int64_t hold_amount(const struct request *r, enum limit_unit unit);
static int refuse(struct request *r, uint32_t failed, struct refusal_reason *why);
static void format_amount(int64_t amount, uint8_t unit, char out[32]);

int
admit_rate(struct request *r, struct refusal_reason *why)
{
    const struct key_view *key = &r->worker->scratch.key;
    struct estimate *estimate = &r->worker->scratch.estimate;

    r->key_row = key->row;
    estimate_request(&r->facts, &r->worker->scratch.model,
                     r->worker->conf->default_max_output_tokens, estimate);
    if (take_rate(r, RATE_REQUESTS, key->requests_per_minute, 1) != 0) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " requests a minute",
                 key->requests_per_minute);
        return ERR_RATE_LIMITED;
    }
    r->requests_per_minute = key->requests_per_minute;
    if (take_rate(r, RATE_TOKENS, key->tokens_per_minute, estimate->tokens) != 0) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " tokens a minute",
                 key->tokens_per_minute);
        give_rate_back(r);
        return ERR_RATE_LIMITED;
    }
    r->tokens_per_minute = key->tokens_per_minute;
    return 0;
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
    int err = ERR_LEDGER_UNAVAILABLE;

    if (segment_admission_is_open(r->worker->segment))
        r->flight = flight_take(r->worker->desk);
    if (r->flight != NULL) {
        r->record = flight_record(r->flight);
        fill_record(r);
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
    return err;
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
    record->period_id = clock_month_id(r->accepted_real_us);
    record->accepted_real_us = r->accepted_real_us;
    memcpy(record->model, scratch->model.name, sizeof(record->model));
    memcpy(record->client_address, r->http.client_address, sizeof(record->client_address));
    redact_copy(record->client_request_id, sizeof(record->client_request_id),
                http_header_find(&r->http, "x-request-id"));
    redact_copy(record->user_agent, sizeof(record->user_agent),
                http_header_find(&r->http, "user-agent"));
    record->body_bytes = (int64_t)r->facts.body.len;
    record->reserved_nusd = scratch->estimate.nusd;
    record->reserved_tokens = r->tokens_per_minute != 0 ? scratch->estimate.tokens : 0;
    record->price = scratch->model.price;
    record->stage_us[FLIGHT_STAGE_ACCEPTED] = r->http.accepted_us;
    record->stage_us[FLIGHT_STAGE_KEY_CHECKED] = r->key_checked_us;
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

/* One hold per limit of the key, on the cell of the period that now lies in. */
static int
fill_holds(struct request *r)
{
    const struct key_view *key = &r->worker->scratch.key;
    struct flight_record *record = r->record;

    assert(key->n_limits <= LIMIT_KEY_LIMITS + 1);
    record->n_holds = 0;
    for (uint32_t i = 0; i < key->n_limits; i++) {
        const struct key_limit_cells *limit = &key->limits[i];
        int64_t amount = hold_amount(r, limit->unit);
        int next = r->accepted_real_us >= limit->boundary_us;

        /* A cell two periods old: the ledger has been gone for a month. */
        if (next && r->accepted_real_us >= limit->next_boundary_us)
            return ERR_QUOTA_UNAVAILABLE;
        if (amount == 0 && r->facts.operation == OPERATION_COUNT_TOKENS)
            continue;
        if (limit->period == LIMIT_PERIOD_MONTH && limit->unit != LIMIT_UNIT_CONCURRENT)
            record->period_id = limit->period_id[next];
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
    struct quota_view view = {0};
    int64_t renews_us = 0;

    assert(failed < r->record->n_holds);
    if (cell == NULL)
        return ERR_QUOTA_UNAVAILABLE;
    quota_view(cell, &view);
    if (view.unit == LIMIT_UNIT_CONCURRENT) {
        snprintf(why->detail, sizeof(why->detail), "%" PRId64 " requests at a time", view.limit);
        r->retry_after_s = RETRY_CONCURRENT_S;
        return ERR_RATE_LIMITED;
    }
    for (uint32_t i = 0; i < key->n_limits; i++)
        for (int next = 0; next < 2; next++)
            if (key->limits[i].cell_idx[next] == hold->cell_idx &&
                key->limits[i].period == LIMIT_PERIOD_MONTH)
                renews_us = next ? key->limits[i].next_boundary_us : key->limits[i].boundary_us;
    admit_describe_quota(&view, hold->amount, renews_us, why->detail, sizeof(why->detail));
    return ERR_QUOTA_EXCEEDED;
}

void
admit_describe_quota(const struct quota_view *view, int64_t needed, int64_t renews_us, char *out,
                     size_t size)
{
    char limit[32], used[32], reserved[32], need[32], date[32];

    format_amount(view->limit, view->unit, limit);
    format_amount(view->used, view->unit, used);
    format_amount(view->reserved, view->unit, reserved);
    format_amount(needed, view->unit, need);
    int len = snprintf(out, size, "%s quota of %s%s: %s used, %s reserved, %s needed; ",
                       renews_us != 0 ? "monthly" : "total", limit,
                       view->unit == LIMIT_UNIT_TOKENS ? " tokens" : "", used, reserved, need);
    assert(len > 0 && (size_t)len < size);
    if (renews_us == 0) {
        snprintf(out + len, size - (size_t)len, "it does not renew");
        return;
    }
    clock_format_utc(renews_us, 0, date);
    snprintf(out + len, size - (size_t)len, "renews %.10s UTC", date);
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
