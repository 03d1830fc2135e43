/* SPDX-License-Identifier: ISC
 *
 * finish - settle the flight, or leave the trace of a refusal; count; log; hand over.
 */
#include "finish.h"

#include <unistd.h>

#include "admit.h"
#include "attempt.h"
#include "capture.h"
#include "charge.h"
#include "once.h"
#include "redact.h"
#include "relay.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/policy/price.h"
#include "relayos/shm/learned.h"
#include "relayos/shm/rate.h"
#include "relayos/shm/refusal.h"
#include "relayos/shm/tally.h"
#include "request.h"

#define NUDGE_INTERVAL_US 1000

static void settle(struct request *r, enum err_category category, unsigned status,
                   struct charge *out);
static void correct_rate(struct request *r, const struct charge *charge);
static void learn(struct request *r, const struct charge *charge);
static void leave_trace(struct request *r, enum err_category category, unsigned status);
static void count(struct request *r, enum err_category category, int64_t now_us);
static void log_line(struct request *r, enum err_category category, unsigned status,
                     const struct charge *charge, int64_t now_us);
static void hand_over(struct request *r, bool is_charged);
static void nudge_ledger(struct worker *worker);

void
finish_request(struct request *r, enum err_category category, unsigned status)
{
    bool is_gone = category == ERR_CATEGORY_CLIENT_CLOSED;
    int64_t now_us = clock_mono_us();
    struct charge charge = {0};

    relay_cancel(r, is_gone ? ATTEMPT_CANCELLED : ATTEMPT_UNCERTAIN, category);
    admit_leave(r);
    timer_unset(r->worker->loop, &r->timer);
    link_remove(&r->in_requests);
    link_remove(&r->in_unsent);
    request_stage_at(r, FLIGHT_STAGE_COMPLETED, now_us);
    request_step(r, REQUEST_FINISH);
    if (r->endpoint != NULL && r->endpoint->access == ENDPOINT_OPEN)
        return;

    count(r, category, now_us);
    capture_note(r, category, status);
    if (r->flight != NULL)
        settle(r, category, status, &charge);
    else
        leave_trace(r, category, status);
    log_line(r, category, status, &charge, now_us);
    if (r->once_entry != 0)
        once_end(r, category, charge.is_charged);
    if (r->flight != NULL)
        hand_over(r, charge.is_charged);
}

static void
settle(struct request *r, enum err_category category, unsigned status, struct charge *out)
{
    struct flight_record *record = r->record;
    struct charge_facts facts;

    attempt_charge_facts(r->leg, &facts);
    facts.is_caller_gone = category == ERR_CATEGORY_CLIENT_CLOSED;
    charge_decide(&facts, &record->price, out);
    attempt_settle(r, out);
    record->usage = out->usage;
    record->charge_nusd = out->nusd;
    record->provenance = (uint8_t)out->provenance;
    record->category = (uint8_t)category;
    record->status = (uint16_t)status;
    record->bytes_out = r->bytes_out;
    record->n_events = r->is_started ? r->leg->stream.n_events : 0; /* held ones were not sent */
    CRASH_POINT("finish.decided");
    correct_rate(r, out);
    learn(r, out);
}

/* Tokens a minute were taken by estimate; what was not used is earned back at once. */
static void
correct_rate(struct request *r, const struct charge *charge)
{
    if (r->tokens_per_minute == 0)
        return;

    int64_t used = charge->is_charged ? price_quota_tokens(&charge->usage) : 0;

    if (r->record->reserved_tokens != used)
        rate_correct(r->worker->segment, r->key_row, RATE_TOKENS, r->tokens_per_minute,
                     used - r->record->reserved_tokens, loop_now_us(r->worker->loop));
}

/* The reservation was a guess: how good was it, and what is the next one to go by? */
static void
learn(struct request *r, const struct charge *charge)
{
    int64_t output = price_output_tokens(&charge->usage);
    bool is_over_money =
        charge->nusd > r->record->reserved_nusd && (r->held_units >> LIMIT_UNIT_NUSD & 1) != 0;
    bool is_over_tokens = (r->held_units >> LIMIT_UNIT_TOKENS & 1) != 0 &&
                          price_quota_tokens(&charge->usage) > r->held_tokens;

    if (!charge->is_charged)
        return;
    if (is_over_money || is_over_tokens)
        worker_count(r->worker, PROC_COUNTER_OVERSHOOTS, 1);
    if (charge->provenance == USAGE_REPORTED && r->leg->stream.is_complete && output > 0)
        learned_note(r->worker->segment, r->key_id, r->record->model_id,
                     r->facts.n_choices > 1 ? output / r->facts.n_choices : output);
}

static void
hand_over(struct request *r, bool is_charged)
{
    struct worker *worker = r->worker;
    struct flight *flight = r->flight;

    /* From here on the slot is the ledger's. */
    r->flight = NULL;
    r->record = NULL;
    if (worker->durability != DURABILITY_PROCESS)
        durable_hand_over(r, flight);
    if (is_charged)
        flight_done(worker->segment, worker->desk, flight);
    else
        flight_release(worker->segment, worker->desk, flight);
    nudge_ledger(worker);
}

/* It settles by the clock; an outbox that fills faster wakes it before requests are refused. */
static void
nudge_ledger(struct worker *worker)
{
    uint32_t quarter = segment_capacity(worker->segment)->flights_per_worker / 4;
    int64_t now_us = loop_now_us(worker->loop);

    if (flight_desk_n_unsettled(worker->desk) < quarter ||
        now_us - worker->nudged_us < NUDGE_INTERVAL_US)
        return;
    worker->nudged_us = now_us;
    /* Full (EAGAIN) means that it has been told often enough. */
    (void)!write(worker->heritage->nudge_fd, &(uint64_t){1}, sizeof(uint64_t));
}

/* Of a call that had no flight: it was refused, or it asked nothing of a model. */
static void
leave_trace(struct request *r, enum err_category category, unsigned status)
{
    struct refusal_record record = {
        .request_id = r->id,
        .key_id = r->key_id,
        .accepted_real_us = r->accepted_real_us,
        .elapsed_us = clock_mono_us() - r->http.accepted_us,
        .endpoint = r->endpoint == NULL ? ENDPOINT_ROW_NONE : endpoint_row(r->endpoint),
        .protocol = (uint8_t)r->dialect->protocol,
        .category = (uint8_t)category,
        .step = (uint8_t)r->stage,
        .status = (uint16_t)status,
    };

    redact_copy(record.model, sizeof(record.model), r->facts.model);
    memcpy(record.client_address, r->http.client_address, sizeof(record.client_address));
    redact_copy(record.client_request_id, sizeof(record.client_request_id),
                http_header_find(&r->http, "x-request-id"));
    redact_copy(record.user_agent, sizeof(record.user_agent),
                http_header_find(&r->http, "user-agent"));
    refusal_push(r->worker->segment, r->worker->slot, &record);
}

static void
count(struct request *r, enum err_category category, int64_t now_us)
{
    struct worker *worker = r->worker;
    int64_t first_token_us = r->record == NULL ? 0 : r->record->stage_us[FLIGHT_STAGE_FIRST_TOKEN];
    const struct tally_answer answer = {
        .endpoint = r->endpoint == NULL ? ENDPOINT_ROW_NONE : endpoint_row(r->endpoint),
        .category = (uint8_t)category,
        .had_flight = r->flight != NULL,
        .is_stream = r->facts.is_stream,
        .elapsed_us = now_us - r->http.accepted_us,
        .first_token_us = first_token_us == 0 ? 0 : first_token_us - r->http.accepted_us,
    };
    enum proc_counter ending = PROC_COUNTER_REQUESTS_FAILED;

    if (category == ERR_CATEGORY_NONE)
        ending = PROC_COUNTER_REQUESTS_OK;
    else if (category == ERR_CATEGORY_CLIENT_CLOSED)
        ending = PROC_COUNTER_CLIENT_GONE;
    else if (r->flight == NULL)
        ending = PROC_COUNTER_REQUESTS_REFUSED;
    worker_count(worker, PROC_COUNTER_REQUESTS, 1);
    worker_count(worker, ending, 1);
    tally_count_answer(worker->segment, worker->slot, &answer);
    if (r->record != NULL && r->record->is_over_quota)
        worker_count(worker, PROC_COUNTER_OVER_QUOTA, 1);
    worker_count(worker, PROC_COUNTER_BYTES_IN, (int64_t)r->facts.body.len);
    worker_count(worker, PROC_COUNTER_BYTES_OUT, r->bytes_out);
}

static void
log_line(struct request *r, enum err_category category, unsigned status,
         const struct charge *charge, int64_t now_us)
{
    static const char *const provenances[] = {"none", "reported", "estimated", "indeterminate",
                                              "invalid"};
    const struct flight_record *record = r->record; /* NULL: refused before there was one */
    int64_t first_token_us = record == NULL ? 0 : record->stage_us[FLIGHT_STAGE_FIRST_TOKEN];
    const struct flight_attempt *charged = charge->is_charged ? r->leg->attempt : NULL;
    char model[sizeof(record->model)], user_agent[sizeof(record->user_agent)];

    if (record == NULL) {
        redact_copy(model, sizeof(model), r->facts.model);
        redact_copy(user_agent, sizeof(user_agent), http_header_find(&r->http, "user-agent"));
    }
    const struct access_line line = {
        .accepted_real_us = r->accepted_real_us,
        .request_id = r->id_text,
        .key_id = r->key_id,
        .endpoint = r->endpoint == NULL ? "none" : r->endpoint->name,
        .category = err_category_name(category),
        .model = record == NULL ? model : record->model,
        .user_agent = record == NULL ? user_agent : record->user_agent,
        .client_address = r->http.client_address,
        .status = status,
        .n_attempts = record == NULL ? 0 : record->n_attempts,
        .is_stream = r->facts.is_stream,
        .is_over_quota = record != NULL && record->is_over_quota != 0,
        .bytes_in = (int64_t)r->facts.body.len,
        .bytes_out = r->bytes_out,
        .first_token_us = first_token_us == 0 ? 0 : first_token_us - r->http.accepted_us,
        .total_us = now_us - r->http.accepted_us,
        .input_tokens = charged == NULL ? 0 : charged->input_tokens,
        .output_tokens = charged == NULL ? 0 : charged->output_tokens,
        .charge_nusd = charge->nusd,
        .provenance = provenances[charge->provenance],
    };

    access_log_add(&r->worker->access_log, &line, now_us);
}
