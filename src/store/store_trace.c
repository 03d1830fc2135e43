/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_trace.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_name.h"
#include "store_trace_head.h"
#include "trace_key.h"

static int insert_attempt(struct store *store, const struct store_settlement *settlement,
                          uint32_t n);
static void bind_text_or_null(struct db_cursor *row, struct slice text);
static void bind_category(struct db_cursor *row, uint8_t category);
static void bind_offset(struct db_cursor *row, int64_t us, int64_t origin_us);
static void read_trace(struct db_cursor *row, struct store_trace *out);
static void read_settlement(struct db_cursor *row, struct flight_record *out);
static uint8_t read_name(struct db_cursor *row, enum store_name_kind kind);
static uint8_t read_category(struct db_cursor *row);
static int64_t read_offset(struct db_cursor *row);
static int read_attempts(struct store *store, struct store_trace *trace);
static void read_attempt(struct db_cursor *row, struct store_trace *trace, uint32_t n);
static void read_choice(struct db_cursor *row, struct store_choice *out);

int
store_trace_insert(struct store *store, const struct store_settlement *settlement)
{
    const struct flight_record *flight = settlement->flight;
    int64_t accepted_us = flight->stage_us[FLIGHT_STAGE_ACCEPTED];
    struct db_cursor row = db_start(store, STATEMENT_TRACE_INSERT);

    db_bind_blob(&row, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    db_bind_int(&row, (int64_t)flight->key_id);
    db_bind_text(&row, flight->model);
    db_bind_text(&row, store_name(STORE_NAME_ENDPOINT, flight->endpoint));
    db_bind_text(&row, store_name(STORE_NAME_PROTOCOL, flight->protocol));
    db_bind_int(&row, flight->is_stream);
    db_bind_int(&row, false);
    db_bind_int(&row, flight->status);
    bind_category(&row, flight->category);
    db_bind_int(&row, flight->accepted_real_us);
    for (int i = FLIGHT_STAGE_ACCEPTED + 1; i < FLIGHT_STAGE_SETTLED; i++)
        bind_offset(&row, flight->stage_us[i], accepted_us);
    bind_offset(&row, settlement->now_us, accepted_us);
    db_bind_int(&row, flight->body_bytes);
    db_bind_int(&row, flight->bytes_out);
    db_bind_int(&row, flight->n_events);
    db_bind_text(&row, flight->client_address);
    db_bind_text(&row, flight->client_request_id);
    db_bind_text(&row, flight->user_agent);
    db_bind_int(&row, flight->is_over_quota);
    bind_text_or_null(&row, settlement->choices);
    bind_text_or_null(&row, slice_of(flight->traceparent,
                                     strnlen(flight->traceparent, sizeof(flight->traceparent))));
    int rc = db_run(&row);
    if (rc == 0)
        rc = trace_key_note(store, flight->key_id, &flight->request_id);
    for (uint32_t n = 0; rc == 0 && n < flight->n_attempts && n < LIMIT_ATTEMPTS; n++)
        rc = insert_attempt(store, settlement, n);
    return rc;
}

static int
insert_attempt(struct store *store, const struct store_settlement *settlement, uint32_t n)
{
    const struct flight_record *flight = settlement->flight;
    const struct flight_attempt *attempt = &flight->attempts[n];
    int64_t accepted_us = flight->stage_us[FLIGHT_STAGE_ACCEPTED];
    struct db_cursor row = db_start(store, STATEMENT_ATTEMPT_INSERT);

    db_bind_blob(&row, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    db_bind_int(&row, n);
    db_bind_int(&row, attempt->route_id);
    db_bind_text(&row, attempt->upstream);
    db_bind_text(&row, attempt->upstream_model);
    db_bind_int(&row, attempt->status);
    db_bind_text(&row, store_name(STORE_NAME_OUTCOME, attempt->outcome));
    bind_category(&row, attempt->category);
    db_bind_int(&row, attempt->is_reused);
    db_bind_int(&row, attempt->n_redials);
    bind_offset(&row, attempt->start_us, accepted_us);
    bind_offset(&row, attempt->connected_us, accepted_us);
    bind_offset(&row, attempt->first_byte_us, accepted_us);
    bind_offset(&row, attempt->end_us, accepted_us);
    db_bind_text(&row, attempt->upstream_request_id);
    db_bind_text(&row, attempt->note);
    db_bind_text(&row, store_name(STORE_NAME_PROVENANCE, attempt->provenance));
    db_bind_int(&row, attempt->input_tokens);
    db_bind_int(&row, attempt->output_tokens);
    db_bind_int(&row, attempt->cost_nusd);
    bind_text_or_null(&row, attempt->reason == ATTEMPT_FIRST
                                ? slice_str(NULL)
                                : slice_str(store_name(STORE_NAME_REASON, attempt->reason)));
    bind_text_or_null(&row, slice_str(settlement->attempt_models[n]));
    bind_text_or_null(&row, slice_of(attempt->credential,
                                     strnlen(attempt->credential, sizeof(attempt->credential))));
    db_bind_int(&row, attempt->score);
    return db_run(&row);
}

/* Most have none, and a row has a byte less for each NULL. */
static void
bind_text_or_null(struct db_cursor *row, struct slice text)
{
    if (text.len == 0)
        db_bind_null(row);
    else
        db_bind_slice(row, text);
}

static void
bind_category(struct db_cursor *row, uint8_t category)
{
    if (category == ERR_CATEGORY_NONE)
        db_bind_null(row);
    else
        db_bind_text(row, err_category_name((enum err_category)category));
}

static void
bind_offset(struct db_cursor *row, int64_t us, int64_t origin_us)
{
    if (us == 0)
        db_bind_null(row);
    else
        db_bind_int(row, us - origin_us);
}

int
store_trace_refuse(struct store *store, const struct refusal_record *refusal)
{
    struct db_cursor row = db_start(store, STATEMENT_TRACE_INSERT);

    db_bind_blob(&row, refusal->request_id.bytes, sizeof(refusal->request_id.bytes));
    db_bind_int(&row, (int64_t)refusal->key_id);
    db_bind_text(&row, refusal->model);
    db_bind_text(&row, store_name(STORE_NAME_ENDPOINT, refusal->endpoint));
    db_bind_text(&row, store_name(STORE_NAME_PROTOCOL, refusal->protocol));
    db_bind_int(&row, false);
    db_bind_int(&row, refusal->category != ERR_CATEGORY_NONE);
    db_bind_int(&row, refusal->status);
    bind_category(&row, refusal->category);
    db_bind_int(&row, refusal->accepted_real_us);
    /* Only the last stage reached and the end have a time, and it is the same. */
    for (int i = FLIGHT_STAGE_ACCEPTED + 1; i < FLIGHT_N_STAGES; i++) {
        if (i == refusal->step || i == FLIGHT_STAGE_COMPLETED)
            db_bind_int(&row, refusal->elapsed_us);
        else
            db_bind_null(&row);
    }
    db_bind_int(&row, 0);
    db_bind_int(&row, 0);
    db_bind_int(&row, 0);
    db_bind_text(&row, refusal->client_address);
    db_bind_text(&row, refusal->client_request_id);
    db_bind_text(&row, refusal->user_agent);
    db_bind_int(&row, 0);
    db_bind_null(&row);
    db_bind_null(&row);
    int rc = db_run(&row);
    return rc != 0 ? rc : trace_key_note(store, refusal->key_id, &refusal->request_id);
}

struct uuid
store_trace_floor(int64_t real_us)
{
    struct uuid id = {0};
    uint64_t ms = real_us <= 0 ? 0 : (uint64_t)real_us / 1000, max = (UINT64_C(1) << 48) - 1;

    if (ms > max)
        ms = max;
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}

int
store_trace_get(struct store *store, struct uuid request_id, struct store_trace *out)
{
    int rc = store_trace_head(store, request_id, out);

    return rc != 0 ? rc : read_attempts(store, out);
}

int
store_trace_head(struct store *store, struct uuid request_id, struct store_trace *out)
{
    struct db_cursor get = db_start(store, STATEMENT_TRACE_GET);

    db_bind_blob(&get, request_id.bytes, sizeof(request_id.bytes));
    int rc = db_step(&get);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_MISSING;
    read_trace(&get, out);
    db_finish(&get);
    return 0;
}

/* Columns of TRACE_AND_LEDGER (statements.def). */
static void
read_trace(struct db_cursor *row, struct store_trace *out)
{
    struct flight_record *flight = &out->flight;

    memset(out, 0, sizeof(*out));
    db_read_blob(row, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    flight->key_id = (uint64_t)db_read_int(row);
    db_read_text(row, flight->model, sizeof(flight->model));
    flight->endpoint = read_name(row, STORE_NAME_ENDPOINT);
    flight->protocol = read_name(row, STORE_NAME_PROTOCOL);
    flight->is_stream = db_read_int(row) != 0;
    out->is_refusal = db_read_int(row) != 0;
    flight->status = (uint16_t)db_read_int(row);
    flight->category = read_category(row);
    flight->accepted_real_us = db_read_int(row);
    flight->stage_us[FLIGHT_STAGE_ACCEPTED] = STORE_TRACE_ACCEPTED_US;
    for (int i = FLIGHT_STAGE_ACCEPTED + 1; i < FLIGHT_N_STAGES; i++)
        flight->stage_us[i] = read_offset(row);
    flight->body_bytes = db_read_int(row);
    flight->bytes_out = db_read_int(row);
    flight->n_events = db_read_int(row);
    db_read_text(row, flight->client_address, sizeof(flight->client_address));
    db_read_text(row, flight->client_request_id, sizeof(flight->client_request_id));
    db_read_text(row, flight->user_agent, sizeof(flight->user_agent));
    flight->is_over_quota = db_read_int(row) != 0;
    read_settlement(row, flight);
    out->n_attempts = (uint32_t)db_read_int(row);
    db_read_text(row, out->answered_by, sizeof(out->answered_by));
    db_read_text(row, flight->traceparent, sizeof(flight->traceparent));
}

static void
read_settlement(struct db_cursor *row, struct flight_record *out)
{
    for (int i = 0; i < USAGE_N_BUCKETS; i++)
        out->usage.count[i] = db_read_int(row);
    out->usage.reasoning_tokens = db_read_int(row);
    out->charge_nusd = db_read_int(row);
    out->cost_nusd = db_read_int(row);
    out->reserved_nusd = db_read_int(row);
    out->provenance = read_name(row, STORE_NAME_PROVENANCE);
    out->day_id = (uint32_t)db_read_int(row);
}

static uint8_t
read_name(struct db_cursor *row, enum store_name_kind kind)
{
    char name[64];

    db_read_text(row, name, sizeof(name));
    return store_name_value(kind, name);
}

static uint8_t
read_category(struct db_cursor *row)
{
    char name[64];

    db_read_text(row, name, sizeof(name));
    return (uint8_t)(name[0] == '\0' ? ERR_CATEGORY_NONE : err_category_find(name));
}

static int64_t
read_offset(struct db_cursor *row)
{
    bool is_null = db_read_is_null(row);
    int64_t offset_us = db_read_int(row);

    return is_null ? 0 : STORE_TRACE_ACCEPTED_US + offset_us;
}

static int
read_attempts(struct store *store, struct store_trace *trace)
{
    struct db_cursor list = db_start(store, STATEMENT_ATTEMPT_LIST);
    struct flight_record *flight = &trace->flight;
    int rc;

    db_bind_blob(&list, flight->request_id.bytes, sizeof(flight->request_id.bytes));
    while ((rc = db_step(&list)) == 1 && flight->n_attempts < LIMIT_ATTEMPTS)
        read_attempt(&list, trace, flight->n_attempts++);
    db_finish(&list);
    return rc < 0 ? rc : 0;
}

static void
read_attempt(struct db_cursor *row, struct store_trace *trace, uint32_t n)
{
    struct flight_attempt *out = &trace->flight.attempts[n];
    char reason[16];

    out->route_id = (uint32_t)db_read_int(row);
    db_read_text(row, out->upstream, sizeof(out->upstream));
    db_read_text(row, out->upstream_model, sizeof(out->upstream_model));
    out->status = (uint16_t)db_read_int(row);
    out->outcome = read_name(row, STORE_NAME_OUTCOME);
    out->category = read_category(row);
    out->is_reused = db_read_int(row) != 0;
    out->n_redials = (uint8_t)db_read_int(row);
    out->start_us = read_offset(row);
    out->connected_us = read_offset(row);
    out->first_byte_us = read_offset(row);
    out->end_us = read_offset(row);
    db_read_text(row, out->upstream_request_id, sizeof(out->upstream_request_id));
    db_read_text(row, out->note, sizeof(out->note));
    out->provenance = read_name(row, STORE_NAME_PROVENANCE);
    out->input_tokens = db_read_int(row);
    out->output_tokens = db_read_int(row);
    out->cost_nusd = db_read_int(row);
    db_read_text(row, reason, sizeof(reason));
    out->reason = n == 0 ? ATTEMPT_FIRST : ATTEMPT_FAILOVER;
    if (reason[0] != '\0')
        out->reason = store_name_value(STORE_NAME_REASON, reason);
    db_read_text(row, trace->attempt_models[n], sizeof(trace->attempt_models[n]));
    db_read_text(row, out->credential, sizeof(out->credential));
    out->score = (uint32_t)db_read_int(row);
}

int
store_trace_choices(struct store *store, struct uuid request_id, struct store_choice *out, size_t n,
                    size_t *out_n, int64_t *out_unlisted)
{
    struct db_cursor list = db_start(store, STATEMENT_CHOICE_LIST);
    size_t i = 0;
    int rc;

    *out_unlisted = 0;
    db_bind_blob(&list, request_id.bytes, sizeof(request_id.bytes));
    while ((rc = db_step(&list)) == 1) {
        struct store_choice choice;
        bool is_choice = db_read_int(&list) != 0;

        read_choice(&list, &choice);
        if (!is_choice)
            *out_unlisted = db_read_int(&list);
        else if (i < n)
            out[i++] = choice;
    }
    *out_n = i;
    return rc < 0 ? rc : 0;
}

static void
read_choice(struct db_cursor *row, struct store_choice *out)
{
    char route[16];

    out->attempt = (uint8_t)db_read_int(row);
    db_read_text(row, route, sizeof(route));
    out->route_id = (uint32_t)strtoul(route, NULL, 16);
    out->score = (uint32_t)db_read_int(row);
    db_read_text(row, out->exclusion, sizeof(out->exclusion));
    out->is_pinned = db_read_int(row) != 0;
}

int
store_trace_expire(struct store *store, int64_t before_real_us, size_t n, size_t *out_n)
{
    assert(store->batch != DB_BATCH_NONE);

    struct uuid floor = store_trace_floor(before_real_us), last;
    struct db_cursor cut = db_start(store, STATEMENT_TRACE_CUT);
    db_bind_blob(&cut, floor.bytes, sizeof(floor.bytes));
    db_bind_int(&cut, (int64_t)n);
    int rc = db_step(&cut);
    if (rc <= 0)
        return rc < 0 ? rc : ERR_STORE;
    db_read_blob(&cut, last.bytes, sizeof(last.bytes));
    size_t n_dropped = (size_t)db_read_int(&cut);
    db_finish(&cut);

    struct db_cursor spans = db_start(store, STATEMENT_TRACE_KEY_DROP);
    db_bind_blob(&spans, last.bytes, sizeof(last.bytes));
    if ((rc = db_run(&spans)) != 0)
        return rc;
    trace_key_forget(store->traced);
    struct db_cursor attempts = db_start(store, STATEMENT_ATTEMPT_DROP);
    db_bind_blob(&attempts, last.bytes, sizeof(last.bytes));
    if ((rc = db_run(&attempts)) != 0)
        return rc;
    struct db_cursor traces = db_start(store, STATEMENT_TRACE_DROP);
    db_bind_blob(&traces, last.bytes, sizeof(last.bytes));
    if ((rc = db_run(&traces)) != 0)
        return rc;
    *out_n = n_dropped;
    return 0;
}
