/* SPDX-License-Identifier: ISC */
#include "otlp_span.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/hash.h"
#include "relayos/base/traceparent.h"
#include "relayos/codec/operation.h"

/* The specification's numbers. */
enum { KIND_INTERNAL = 1, KIND_SERVER = 2, KIND_CLIENT = 3 };
enum { STATUS_ERROR = 2 };

#define ID_ROOT    0u
#define ID_STAGE   0x100u
#define ID_ATTEMPT 0x200u

static void attribute(struct json_out *out, const char *key, const char *value);
static void attribute_int(struct json_out *out, const char *key, int64_t value);
static void attribute_of(struct json_out *out, const char *key, const char *type,
                         const char *value);
static void begin_span(struct json_out *out, const struct otlp_request *request, unsigned id,
                       const char *name, int kind);
static void write_times(struct json_out *out, const struct otlp_request *request, int64_t from_us,
                        int64_t to_us);
static void end_span(struct json_out *out, const char *error);
static void write_root(struct json_out *out, const struct otlp_request *request);
static void write_usage(struct json_out *out, const struct usage *usage);
static const char *operation_of(const char *path);
static void write_stages(struct json_out *out, const struct otlp_request *request);
static void write_attempt(struct json_out *out, const struct otlp_request *request, unsigned n);

void
otlp_span_begin(struct json_out *out)
{
    char host[LIMIT_HOST] = "";

    (void)gethostname(host, sizeof(host) - 1);
    json_out_object(out, NULL);
    json_out_array(out, "resourceSpans");
    json_out_object(out, NULL);
    json_out_object(out, "resource");
    json_out_array(out, "attributes");
    attribute(out, "service.name", "relayos");
    attribute(out, "service.version", RELAYOS_VERSION);
    attribute(out, "host.name", host);
    json_out_end_array(out);
    json_out_end_object(out);
    json_out_array(out, "scopeSpans");
    json_out_object(out, NULL);
    json_out_object(out, "scope");
    json_out_str(out, "name", "relayos");
    json_out_str(out, "version", RELAYOS_VERSION);
    json_out_end_object(out);
    json_out_array(out, "spans");
}

void
otlp_span_end(struct json_out *out)
{
    json_out_end_array(out);
    json_out_end_object(out);
    json_out_end_array(out);
    json_out_end_object(out);
    json_out_end_array(out);
    json_out_end_object(out);
}

static void
attribute(struct json_out *out, const char *key, const char *value)
{
    attribute_of(out, key, "stringValue", value);
}

/* 64 bits are text in the JSON of protobuf. */
static void
attribute_int(struct json_out *out, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    attribute_of(out, key, "intValue", text);
}

static void
attribute_of(struct json_out *out, const char *key, const char *type, const char *value)
{
    json_out_object(out, NULL);
    json_out_str(out, "key", key);
    json_out_object(out, "value");
    json_out_str(out, type, value);
    json_out_end_object(out);
    json_out_end_object(out);
}

void
otlp_span_write(struct json_out *out, const struct otlp_request *request)
{
    write_root(out, request);
    write_stages(out, request);
    for (unsigned n = 0; n < request->trace->flight.n_attempts && n < LIMIT_ATTEMPTS; n++)
        write_attempt(out, request, n);
}

bool
otlp_span_is_sampled(const struct store_row *row, const char *traceparent, int64_t percent)
{
    struct traceparent parent;
    const struct slice id =
        slice_of((const char *)row->request_id.bytes, sizeof(row->request_id.bytes));
    bool has_failed = row->category[0] != '\0' && strcmp(row->category, "none") != 0 &&
                      strcmp(row->category, "client_closed") != 0;

    if (traceparent_parse(slice_str(traceparent), &parent) == 0)
        return percent > 0 && parent.is_sampled;
    return (percent > 0 && has_failed) || (int64_t)(hash_table64(id) % 100) < percent;
}

/* ---- spans ---- */

/* Where the caller has no trace of its own its id is the request's, so that who has one finds the
 * other. */
static void
begin_span(struct json_out *out, const struct otlp_request *request, unsigned id, const char *name,
           int kind)
{
    struct uuid request_id = request->row->request_id;
    uint64_t seed = hash_table64(slice_of((const char *)request_id.bytes, sizeof(request_id)));
    char trace_id[32], span_id[17];
    struct traceparent parent;
    bool has_parent =
        traceparent_parse(slice_str(request->trace->flight.traceparent), &parent) == 0;

    if (has_parent)
        memcpy(trace_id, parent.trace_id, sizeof(trace_id));
    else
        text_uuid_hex(request_id, trace_id);
    json_out_object(out, NULL);
    json_out_string(out, "traceId", slice_of(trace_id, sizeof(trace_id)));
    snprintf(span_id, sizeof(span_id), "%016llx", (unsigned long long)hash_mix64(seed + id));
    json_out_str(out, "spanId", span_id);
    if (id != ID_ROOT) {
        snprintf(span_id, sizeof(span_id), "%016llx",
                 (unsigned long long)hash_mix64(seed + ID_ROOT));
        json_out_str(out, "parentSpanId", span_id);
    } else if (has_parent) {
        json_out_string(out, "parentSpanId", slice_of(parent.span_id, sizeof(parent.span_id)));
    }
    json_out_str(out, "name", name);
    json_out_int(out, "kind", kind);
}

/* Of the trace's clock. A span never ends before it begins. */
static void
write_times(struct json_out *out, const struct otlp_request *request, int64_t from_us,
            int64_t to_us)
{
    int64_t base_us = request->trace->flight.accepted_real_us - STORE_TRACE_ACCEPTED_US;
    char text[32];

    snprintf(text, sizeof(text), "%lld000", (long long)(base_us + from_us));
    json_out_str(out, "startTimeUnixNano", text);
    snprintf(text, sizeof(text), "%lld000",
             (long long)(base_us + (to_us < from_us ? from_us : to_us)));
    json_out_str(out, "endTimeUnixNano", text);
    json_out_array(out, "attributes");
}

/* error: its type; "" = it went well. */
static void
end_span(struct json_out *out, const char *error)
{
    if (error[0] != '\0')
        attribute(out, "error.type", error);
    json_out_end_array(out);
    if (error[0] != '\0') {
        json_out_object(out, "status");
        json_out_int(out, "code", STATUS_ERROR);
        json_out_end_object(out);
    }
    json_out_end_object(out);
}

static void
write_root(struct json_out *out, const struct otlp_request *request)
{
    const struct flight_record *flight = &request->trace->flight;
    const struct store_row *row = request->row;
    const char *operation = operation_of(row->endpoint);
    char name[LIMIT_MODEL_NAME + 32], id[TEXT_UUID_SIZE + 1] = "";

    snprintf(name, sizeof(name), "%s %s", operation, row->model);
    text_uuid_format(row->request_id, id);
    begin_span(out, request, ID_ROOT, name, KIND_SERVER);
    write_times(out, request, flight->stage_us[FLIGHT_STAGE_ACCEPTED],
                flight->stage_us[FLIGHT_STAGE_COMPLETED]);
    attribute(out, "gen_ai.operation.name", operation);
    attribute(out, "gen_ai.request.model", row->model);
    if (request->trace->answered_by[0] != '\0')
        attribute(out, "gen_ai.response.model", request->trace->answered_by);
    write_usage(out, &row->usage);
    attribute(out, "http.request.method", "POST");
    attribute(out, "http.route", row->endpoint);
    if (row->status != 0)
        attribute_int(out, "http.response.status_code", row->status);
    attribute(out, "relayos.request_id", id);
    attribute_int(out, "relayos.key_id", (int64_t)row->key_id);
    attribute(out, "relayos.provenance", row->provenance);
    attribute_int(out, "relayos.charge_nanousd", row->charge_nusd);
    attribute_int(out, "relayos.attempts", flight->n_attempts);
    if (request->has_upstreams)
        attribute_int(out, "relayos.cost_nanousd", row->cost_nusd);
    if (flight->stage_us[FLIGHT_STAGE_FIRST_TOKEN] != 0)
        attribute_int(out, "relayos.first_token_us",
                      flight->stage_us[FLIGHT_STAGE_FIRST_TOKEN] -
                          flight->stage_us[FLIGHT_STAGE_ACCEPTED]);
    end_span(out, strcmp(row->category, "none") == 0 ? "" : row->category);
}

/* The conventions count tokens from the cache among those of the input. */
static void
write_usage(struct json_out *out, const struct usage *usage)
{
    const int64_t *count = usage->count;
    int64_t written = count[USAGE_CACHE_WRITE_5M] + count[USAGE_CACHE_WRITE_1H];

    attribute_int(out, "gen_ai.usage.input_tokens",
                  count[USAGE_INPUT] + count[USAGE_CACHE_READ] + written +
                      count[USAGE_INPUT_AUDIO] + count[USAGE_INPUT_IMAGE]);
    attribute_int(out, "gen_ai.usage.output_tokens",
                  count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE]);
    if (count[USAGE_CACHE_READ] > 0)
        attribute_int(out, "gen_ai.usage.cache_read.input_tokens", count[USAGE_CACHE_READ]);
    if (written > 0)
        attribute_int(out, "gen_ai.usage.cache_creation.input_tokens", written);
}

/* Those that the conventions have a word for, and the others by ours. */
static const char *
operation_of(const char *path)
{
    static const char *const names[DIALECT_N_OPERATIONS] = {
        [OPERATION_CHAT] = "chat",
        [OPERATION_COMPLETION] = "text_completion",
        [OPERATION_EMBEDDING] = "embeddings",
        [OPERATION_RESPONSE] = "chat",
        [OPERATION_MESSAGE] = "chat",
        [OPERATION_COUNT_TOKENS] = "count_tokens",
        [OPERATION_INPUT_TOKENS] = "count_tokens",
        [OPERATION_COMPACTION] = "compact"};
#define OPERATION_NONE DIALECT_N_OPERATIONS
    static const struct {
        const char *path;
        unsigned operation;
    } endpoints[] = {
#define ENDPOINT(name, methods, path, protocol, operation, access, handler)                        \
    {path, OPERATION_##operation},
#include "relayos/model/endpoints.def"
#undef ENDPOINT
    };
#undef OPERATION_NONE

    for (size_t n = 0; n < sizeof(endpoints) / sizeof(endpoints[0]); n++) {
        if (strcmp(endpoints[n].path, path) == 0 && endpoints[n].operation < DIALECT_N_OPERATIONS)
            return names[endpoints[n].operation];
    }
    return "unknown";
}

/* What the gateway itself did: those stages that were reached. */
static void
write_stages(struct json_out *out, const struct otlp_request *request)
{
    static const struct {
        const char *name;
        enum flight_stage from, to;
    } spans[] = {
        {"relayos.admission", FLIGHT_STAGE_ACCEPTED, FLIGHT_STAGE_QUOTA_CHECKED},
        {"relayos.routing", FLIGHT_STAGE_QUOTA_CHECKED, FLIGHT_STAGE_DISPATCHED},
        {"relayos.answer", FLIGHT_STAGE_FIRST_TOKEN, FLIGHT_STAGE_COMPLETED},
        {"relayos.settlement", FLIGHT_STAGE_COMPLETED, FLIGHT_STAGE_SETTLED},
    };
    const int64_t *stage_us = request->trace->flight.stage_us;

    for (unsigned n = 0; n < sizeof(spans) / sizeof(spans[0]); n++) {
        if (stage_us[spans[n].from] == 0 || stage_us[spans[n].to] == 0)
            continue;
        begin_span(out, request, ID_STAGE + n, spans[n].name, KIND_INTERNAL);
        write_times(out, request, stage_us[spans[n].from], stage_us[spans[n].to]);
        end_span(out, "");
    }
}

static void
write_attempt(struct json_out *out, const struct otlp_request *request, unsigned n)
{
    static const char *const reasons[ATTEMPT_N_REASONS] = ATTEMPT_REASON_NAMES;
    const struct flight_attempt *attempt = &request->trace->flight.attempts[n];
    const char *model = request->trace->attempt_models[n];
    const char *operation = operation_of(request->row->endpoint);
    bool is_ok = attempt->outcome == ATTEMPT_OK;
    char name[LIMIT_MODEL_NAME + 32];

    if (model[0] == '\0')
        model = request->row->model;
    snprintf(name, sizeof(name), "%s %s", operation, model);
    begin_span(out, request, ID_ATTEMPT + n, name, KIND_CLIENT);
    write_times(out, request, attempt->start_us, attempt->end_us);
    attribute(out, "gen_ai.operation.name", operation);
    attribute(out, "gen_ai.request.model",
              request->has_upstreams && attempt->upstream_model[0] != '\0' ? attempt->upstream_model
                                                                           : model);
    if (request->has_upstreams)
        attribute(out, "gen_ai.provider.name", attempt->upstream);
    attribute_int(out, "gen_ai.usage.input_tokens", attempt->input_tokens);
    attribute_int(out, "gen_ai.usage.output_tokens", attempt->output_tokens);
    if (attempt->status != 0)
        attribute_int(out, "http.response.status_code", attempt->status);
    attribute_int(out, "relayos.attempt", n + 1);
    if (attempt->reason < ATTEMPT_N_REASONS)
        attribute(out, "relayos.attempt.reason", reasons[attempt->reason]);
    if (request->has_upstreams)
        attribute_int(out, "relayos.cost_nanousd", attempt->cost_nusd);
    end_span(out, is_ok ? ""
                  : attempt->category != ERR_CATEGORY_NONE && attempt->category < ERR_N_CATEGORIES
                      ? err_category_name((enum err_category)attempt->category)
                      : "_OTHER");
}
