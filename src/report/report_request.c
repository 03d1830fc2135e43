/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/report/report_key.h"
#include "relayos/report/report_row.h"
#include "relayos/shm/flight.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "report_choice.h"

static int find_running(const struct report *report, struct uuid id, struct store_trace *out,
                        enum flight_state *out_state);
static int write_all(const struct report *report, const struct store_trace *trace,
                     enum flight_state state, struct frame_out *out);
static void write_request(const struct report *report, const struct store_trace *trace,
                          struct frame_out *out);
static void write_who(const struct report *report, const struct store_trace *trace,
                      struct frame_out *out);
static void write_stages(const struct flight_record *flight, struct frame_out *out);
static void write_attempts(const struct store_trace *trace, struct frame_out *out);
static void write_attempt(const struct store_trace *trace, uint32_t n, struct frame_out *out);
static void write_reason(const struct store_trace *trace, uint32_t n, struct frame_out *out);
static void write_offset(const struct flight_record *flight, int64_t us, const char *name,
                         struct frame_out *out);

/* A word that names nothing would find nothing, and so tell that there is nothing. */
int
report_request_check(const struct store_trace_filter *filter, struct errmsg *why)
{
    struct slice status = filter->status, provenance = filter->provenance;
    char category[64];
    uint8_t value;

    snprintf(category, sizeof(category), "%.*s", (int)(status.len < 63 ? status.len : 63),
             status.len == 0 ? "" : status.ptr);
    if (status.len != 0 && !slice_eq_str(status, "ok") && !slice_eq_str(status, "failed") &&
        err_category_find(category) == ERR_CATEGORY_NONE) {
        errmsg_set(why, "status \"%s\" is neither ok nor failed, nor a category of relayos-api(7)",
                   category);
        return ERR_SYNTAX;
    }
    if (provenance.len != 0 && store_name_find(STORE_NAME_PROVENANCE, provenance, &value) != 0) {
        errmsg_set(why,
                   "provenance \"%.*s\" is none of reported, estimated, none, indeterminate, "
                   "invalid",
                   (int)(provenance.len < 64 ? provenance.len : 64), provenance.ptr);
        return ERR_SYNTAX;
    }
    return 0;
}

int
report_request_list(const struct report *report, const struct store_trace_filter *filter,
                    size_t limit, const char *name, struct frame_out *out)
{
    static const struct uuid none;
    struct store_trace_page page = {.traces = mem_array(NULL, limit, sizeof(*page.traces)),
                                    .room = limit};
    char next[TEXT_UUID_SIZE];
    int rc = store_trace_list(report->store, filter, &page);

    frame_array(out, name);
    for (size_t i = 0; rc == 0 && i < page.n; i++) {
        frame_map(out, NULL);
        write_request(report, &page.traces[i], out);
        frame_end(out);
    }
    frame_end(out);
    if (rc == 0 && memcmp(&page.next, &none, sizeof(none)) != 0) {
        text_uuid_format(page.next, next);
        frame_str(out, "next", slice_of(next, sizeof(next)));
    } else {
        frame_nil(out, "next");
    }
    free(page.traces);
    return rc;
}

int
report_request_list_one(const struct report *report, struct uuid id, const struct report_keys *keys,
                        const char *name, struct frame_out *out)
{
    struct store_trace *trace = mem_zalloc(sizeof(*trace));
    int rc = store_trace_get(report->store, id, trace);

    frame_array(out, name);
    if (rc == 0 && report_key_is_selected(keys, trace->flight.key_id)) {
        trace->flight.n_attempts = 0; /* as in a list */
        frame_map(out, NULL);
        write_request(report, trace, out);
        frame_end(out);
    }
    frame_end(out);
    free(trace);
    return rc == ERR_MISSING ? 0 : rc;
}

int
report_request_show(const struct report *report, struct uuid id, const char *name,
                    struct frame_out *out)
{
    struct store_trace *trace = mem_zalloc(sizeof(*trace));
    enum flight_state state = FLIGHT_FREE;
    int rc = report->store == NULL ? ERR_MISSING : store_trace_get(report->store, id, trace);

    if (rc == ERR_MISSING)
        rc = find_running(report, id, trace, &state);
    if (rc == 0 && !report_key_owns(report, trace->flight.key_id))
        rc = ERR_MISSING;
    if (rc == 0) {
        if (name != NULL)
            frame_map(out, name);
        rc = write_all(report, trace, state, out);
        if (name != NULL)
            frame_end(out);
    }
    free(trace);
    return rc;
}

static int
write_all(const struct report *report, const struct store_trace *trace, enum flight_state state,
          struct frame_out *out)
{
    bool is_running = state != FLIGHT_FREE;
    int rc = 0;

    write_request(report, trace, out);
    frame_cstr(out, "state", is_running ? flight_state_name(state) : "settled");
    if (report->viewer.sees_routes)
        rc = report_choice_write(report, trace, is_running, out);
    return rc != 0 ? rc : report_row_corrections(report, trace->flight.request_id, out);
}

static int
find_running(const struct report *report, struct uuid id, struct store_trace *out,
             enum flight_state *out_state)
{
    const char *models[LIMIT_ATTEMPTS];
    uint32_t n_slots = flight_n_slots(report->segment);

    for (uint32_t idx = 0; idx < n_slots; idx++) {
        if (flight_peek(report->segment, idx) == FLIGHT_FREE)
            continue;
        *out_state = flight_copy(report->segment, idx, &out->flight);
        if (*out_state == FLIGHT_FREE || memcmp(&out->flight.request_id, &id, sizeof(id)) != 0)
            continue;
        report_choice_models(report->catalog, &out->flight, models);
        for (int n = 0; n < LIMIT_ATTEMPTS; n++)
            snprintf(out->attempt_models[n], LIMIT_MODEL_NAME, "%s",
                     models[n] == NULL ? "" : models[n]);
        out->n_attempts = out->flight.n_attempts;
        return 0;
    }
    return ERR_MISSING;
}

/* The members of a REQUEST (commands.def). */
static void
write_request(const struct report *report, const struct store_trace *trace, struct frame_out *out)
{
    const struct flight_record *flight = &trace->flight;

    write_who(report, trace, out);
    frame_int(out, "status", flight->status);
    frame_cstr(out, "category", err_category_name((enum err_category)flight->category));
    frame_int(out, "accepted_us", flight->accepted_real_us);
    frame_int(out, "charge_nusd", flight->charge_nusd);
    if (report->viewer.sees_routes)
        frame_int(out, "cost_nusd", flight->cost_nusd);
    frame_int(out, "reserved_nusd", flight->reserved_nusd);
    frame_cstr(out, "provenance", store_name(STORE_NAME_PROVENANCE, flight->provenance));
    frame_int(out, "day_id", flight->day_id);
    frame_bool(out, "is_refusal", trace->is_refusal);
    frame_bool(out, "is_over_quota", flight->is_over_quota != 0);
    frame_map(out, "usage");
    report_row_write_counts(&flight->usage, out);
    frame_end(out);
    write_stages(flight, out);
    if (report->viewer.sees_routes)
        frame_int(out, "n_attempts", trace->n_attempts);
    frame_cstr(out, "answered_by", trace->answered_by[0] == '\0' ? NULL : trace->answered_by);
    if (report->viewer.sees_routes)
        write_attempts(trace, out);
    frame_int(out, "bytes_in", flight->body_bytes);
    frame_int(out, "bytes_out", flight->bytes_out);
    frame_int(out, "n_events", flight->n_events);
}

static void
write_who(const struct report *report, const struct store_trace *trace, struct frame_out *out)
{
    const struct flight_record *flight = &trace->flight;
    char id[TEXT_UUID_SIZE], name[LIMIT_NAME] = "";

    text_uuid_format(flight->request_id, id);
    frame_str(out, "request_id", slice_of(id, sizeof(id)));
    frame_int(out, "key_id", (int64_t)flight->key_id);
    if (flight->key_id != 0 && report->store != NULL &&
        store_key_name(report->store, flight->key_id, name) != 0)
        name[0] = '\0';
    frame_cstr(out, "key_name", name);
    frame_cstr(out, "model", flight->model);
    frame_cstr(out, "endpoint", store_name(STORE_NAME_ENDPOINT, flight->endpoint));
    frame_cstr(out, "protocol", store_name(STORE_NAME_PROTOCOL, flight->protocol));
    frame_bool(out, "is_stream", flight->is_stream != 0);
    frame_cstr(out, "client_address", flight->client_address);
    frame_cstr(out, "client_request_id", flight->client_request_id);
    frame_cstr(out, "user_agent", flight->user_agent);
}

static void
write_stages(const struct flight_record *flight, struct frame_out *out)
{
    static const char *const names[FLIGHT_N_STAGES] = {
#define STAGE(name, NAME) #name,
        FLIGHT_STAGES(STAGE)
#undef STAGE
    };

    frame_array(out, "stages");
    for (int i = 0; i < FLIGHT_N_STAGES; i++) {
        frame_map(out, NULL);
        frame_cstr(out, "name", names[i]);
        write_offset(flight, flight->stage_us[i], "offset_us", out);
        frame_end(out);
    }
    frame_end(out);
}

static void
write_attempts(const struct store_trace *trace, struct frame_out *out)
{
    frame_array(out, "attempts");
    for (uint32_t n = 0; n < trace->flight.n_attempts && n < LIMIT_ATTEMPTS; n++) {
        frame_map(out, NULL);
        write_attempt(trace, n, out);
        frame_end(out);
    }
    frame_end(out);
}

static void
write_attempt(const struct store_trace *trace, uint32_t n, struct frame_out *out)
{
    const struct flight_record *flight = &trace->flight;
    const struct flight_attempt *attempt = &flight->attempts[n];
    char route_id[16];

    snprintf(route_id, sizeof(route_id), "%08x", attempt->route_id);
    frame_int(out, "attempt", n);
    write_reason(trace, n, out);
    frame_cstr(out, "route_id", route_id);
    frame_cstr(out, "upstream", attempt->upstream);
    frame_cstr(out, "upstream_model", attempt->upstream_model);
    frame_int(out, "status", attempt->status);
    frame_cstr(out, "outcome", store_name(STORE_NAME_OUTCOME, attempt->outcome));
    frame_cstr(out, "category", err_category_name((enum err_category)attempt->category));
    frame_bool(out, "is_reused", attempt->is_reused != 0);
    frame_int(out, "n_redials", attempt->n_redials);
    write_offset(flight, attempt->start_us, "start_us", out);
    write_offset(flight, attempt->connected_us, "connected_us", out);
    write_offset(flight, attempt->first_byte_us, "first_byte_us", out);
    write_offset(flight, attempt->end_us, "end_us", out);
    frame_cstr(out, "provenance", store_name(STORE_NAME_PROVENANCE, attempt->provenance));
    frame_int(out, "input_tokens", attempt->input_tokens);
    frame_int(out, "output_tokens", attempt->output_tokens);
    frame_int(out, "cost_nusd", attempt->cost_nusd);
    frame_cstr(out, "note", attempt->note);
    frame_cstr(out, "upstream_request_id", attempt->upstream_request_id);
}

/* Why it was made, and with what. */
static void
write_reason(const struct store_trace *trace, uint32_t n, struct frame_out *out)
{
    const struct flight_attempt *attempt = &trace->flight.attempts[n];
    const char *model = trace->attempt_models[n];

    frame_cstr(out, "reason", store_name(STORE_NAME_REASON, attempt->reason));
    frame_cstr(out, "model", model[0] != '\0' ? model : trace->flight.model);
    frame_str(
        out, "credential",
        slice_of(attempt->credential, strnlen(attempt->credential, sizeof(attempt->credential))));
    frame_int(out, "score", attempt->score);
}

/* From acceptance; nil: not reached. */
static void
write_offset(const struct flight_record *flight, int64_t us, const char *name,
             struct frame_out *out)
{
    frame_int_if(out, name, us != 0, us - flight->stage_us[FLIGHT_STAGE_ACCEPTED]);
}
