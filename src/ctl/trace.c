/* SPDX-License-Identifier: ISC */
#include "trace.h"

#include <stdio.h>

#include "option.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/limits.h"
#include "relayos/base/text.h"
#include "trace_choice.h"

static void print_row(const struct frame_value *request, struct print_table *table);
static void cell_model(struct print_table *table, const struct frame_value *request);
static void cell_outcome(struct print_table *table, const struct frame_value *request);
static struct slice outcome_of(const struct frame_value *request);
static int64_t end_of(const struct frame_value *request);
static void print_head(const struct frame_value *request, struct buf *out);
static void print_stand_in(const struct frame_value *request, struct buf *out);
static void print_optional(const struct frame_value *request, const char *label, const char *member,
                           struct buf *out);
static void print_corrections(const struct frame_value *corrections, struct buf *out);
static void print_usage(const struct frame_value *request, struct buf *out);
static void print_stages(const struct frame_value *stages, struct buf *out);
static void print_attempts(const struct frame_value *attempts, struct buf *out);
static void cell_offset(struct print_table *table, const struct frame_value *value);

/* ---- requests ---- */

int
trace_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    static const char *const texts[] = {"key", "model", "status", "provenance", "after"};
    int rc = option_write_since(args, "since", "since_us", out, why);

    if (rc == 0)
        rc = option_write_since(args, "until", "until_us", out, why);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        if (args_has(args, texts[n]))
            frame_cstr(out, texts[n], args_get(args, texts[n]));
    }
    return rc == 0 ? option_write_count(args, "limit", "limit", out, why) : rc;
}

int
trace_write_show(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    frame_cstr(out, "request_id", args->operands[0]);
    return 0;
}

/* ---- the list ---- */

void
trace_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *requests = frame_get(result, "requests");
    struct slice next = frame_get_str(result, "next");
    struct print_table *table = print_table_new(
        "REQUEST ACCEPTED KEY MODEL ENDPOINT >STATUS OUTCOME >TOOK >CHARGED PROVENANCE");

    (void)args;
    for (size_t n = 0; n < frame_length(requests); n++)
        print_row(frame_at(requests, n), table);
    print_table_end(&table, "No such requests.", out);
    if (next.len > 0)
        buf_printf(out, "More: --after %.*s\n", (int)next.len, next.ptr);
}

static void
print_row(const struct frame_value *request, struct print_table *table)
{
    char took[32];

    print_elapsed(end_of(request), took);
    print_cell_text(table, frame_get_str(request, "request_id"));
    print_cell_time(table, frame_get_int(request, "accepted_us", 0));
    print_cell_text(table, frame_get_str(request, "key_name"));
    cell_model(table, request);
    print_cell_text(table, frame_get_str(request, "endpoint"));
    print_cell(table, "%lld", (long long)frame_get_int(request, "status", 0));
    cell_outcome(table, request);
    print_cell(table, "%s", took);
    print_cell_usd(table, frame_get_int(request, "charge_nusd", 0));
    print_cell_text(table, frame_get_str(request, "provenance"));
}

/* The category that the caller met; without one it went well, or goes on. */
/* "claude-sonnet-4 -> gpt-4.1-mini" if another model stood in. */
static void
cell_model(struct print_table *table, const struct frame_value *request)
{
    struct slice model = frame_get_str(request, "model"),
                 answered_by = frame_get_str(request, "answered_by");
    char text[2 * LIMIT_MODEL_NAME + 8];

    snprintf(text, sizeof(text), "%.*s%s%.*s", (int)model.len, model.ptr,
             answered_by.len > 0 ? " -> " : "", (int)answered_by.len,
             answered_by.len > 0 ? answered_by.ptr : "");
    print_cell_text(table, slice_str(text));
}

/* "ok (2 attempts)" if it took more than one. */
static void
cell_outcome(struct print_table *table, const struct frame_value *request)
{
    int64_t n_attempts = frame_get_int(request, "n_attempts", 0);
    struct slice outcome = outcome_of(request);
    char text[128];

    if (n_attempts < 2) {
        print_cell_text(table, outcome);
        return;
    }
    snprintf(text, sizeof(text), "%.*s (%lld attempts)", (int)outcome.len, outcome.ptr,
             (long long)n_attempts);
    print_cell_text(table, slice_str(text));
}

static struct slice
outcome_of(const struct frame_value *request)
{
    struct slice category = frame_get_str(request, "category");

    if (!slice_eq_str(category, "none"))
        return category;
    return frame_get_int(request, "status", 0) == 0 ? SLICE_LIT("running") : SLICE_LIT("ok");
}

/* Offset of the last stage but the settlement, which the caller did not wait for. */
static int64_t
end_of(const struct frame_value *request)
{
    const struct frame_value *stages = frame_get(request, "stages");
    int64_t end_us = 0;

    for (size_t n = 0; n < frame_length(stages); n++) {
        const struct frame_value *stage = frame_at(stages, n);
        int64_t offset_us = frame_get_int(stage, "offset_us", 0);

        if (offset_us > end_us && !slice_eq_str(frame_get_str(stage, "name"), "settled"))
            end_us = offset_us;
    }
    return end_us;
}

/* ---- one request ---- */

void
trace_print_show(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *request = frame_get(result, "request");

    (void)args;
    print_head(request, out);
    print_corrections(frame_get(request, "corrections"), out);
    print_usage(request, out);
    buf_append_byte(out, '\n');
    print_stages(frame_get(request, "stages"), out);
    if (frame_length(frame_get(request, "attempts")) > 0) {
        buf_append_byte(out, '\n');
        print_attempts(frame_get(request, "attempts"), out);
    }
    trace_choice_print(request, out);
}

static void
print_head(const struct frame_value *request, struct buf *out)
{
    struct slice id = frame_get_str(request, "request_id"),
                 key = frame_get_str(request, "key_name"), outcome = outcome_of(request),
                 endpoint = frame_get_str(request, "endpoint"),
                 provenance = frame_get_str(request, "provenance");
    char accepted[32], charge[32], cost[32];

    clock_format_utc(frame_get_int(request, "accepted_us", 0), 6, accepted);
    text_usd_format(frame_get_int(request, "charge_nusd", 0), charge);
    text_usd_format(frame_get_int(request, "cost_nusd", 0), cost);
    print_line(out, "request", "%.*s", (int)id.len, id.ptr);
    print_line(out, "accepted", "%s", accepted);
    print_line(out, "outcome", "%lld %.*s", (long long)frame_get_int(request, "status", 0),
               (int)outcome.len, outcome.ptr);
    print_line(out, "key", "%.*s (%lld)", (int)key.len, key.ptr,
               (long long)frame_get_int(request, "key_id", 0));
    print_line(out, "endpoint", "%.*s%s", (int)endpoint.len, endpoint.ptr,
               frame_get_bool(request, "is_stream", false) ? ", streamed" : "");
    print_optional(request, "model", "model", out);
    if (frame_get_str(request, "answered_by").len > 0)
        print_stand_in(request, out);
    print_optional(request, "client", "client_address", out);
    print_optional(request, "user agent", "user_agent", out);
    print_optional(request, "client's id", "client_request_id", out);
    print_line(out, "charged", "%s (%.*s); cost %s", charge, (int)provenance.len, provenance.ptr,
               cost);
    if (frame_get_bool(request, "is_over_quota", false))
        print_line(out, "quota", "over a shadow quota, which refuses nothing");
}

static void
print_stand_in(const struct frame_value *request, struct buf *out)
{
    struct slice model = frame_get_str(request, "model"),
                 answered_by = frame_get_str(request, "answered_by");

    print_line(out, "answered by", "%.*s, standing in for %.*s", (int)answered_by.len,
               answered_by.ptr, (int)model.len, model.ptr);
}

static void
print_corrections(const struct frame_value *corrections, struct buf *out)
{
    for (size_t n = 0; n < frame_length(corrections); n++) {
        const struct frame_value *row = frame_at(corrections, n);
        struct slice who = frame_get_str(row, "who"), reason = frame_get_str(row, "reason");
        char charge[32], cost[32];

        text_usd_format(frame_get_int(row, "charge_nusd", 0), charge);
        text_usd_format(frame_get_int(row, "cost_nusd", 0), cost);
        print_line(out, "corrected", "%s; cost %s (%.*s: %.*s)", charge, cost, (int)who.len,
                   who.ptr, (int)reason.len, reason.ptr);
    }
}

static void
print_optional(const struct frame_value *request, const char *label, const char *member,
               struct buf *out)
{
    struct slice text = frame_get_str(request, member);

    if (text.len > 0)
        print_line(out, label, "%.*s", (int)text.len, text.ptr);
}

/* "input 12, output 34 (reasoning 5)": what is not zero. */
static void
print_usage(const struct frame_value *request, struct buf *out)
{
    const struct frame_value *usage = frame_get(request, "usage");
    struct buf text;

    buf_init(&text, 4096);
    for (size_t n = 0; n < frame_length(usage); n++) {
        struct slice name = {0};
        int64_t count = frame_as_int(frame_member(usage, n, &name));
        char formatted[32];

        text_count_format(count, formatted);
        if (count != 0)
            buf_printf(&text, "%s%.*s %s", text.len == 0 ? "" : ", ", (int)name.len, name.ptr,
                       formatted);
    }
    print_line(out, "usage", "%.*s", text.len == 0 ? 4 : (int)text.len,
               text.len == 0 ? "none" : text.ptr);
    buf_fini(&text);
}

/* When each stage was reached, and what it took since the one before. */
static void
print_stages(const struct frame_value *stages, struct buf *out)
{
    struct print_table *table = print_table_new("STAGE >AT-US >TOOK-US");
    int64_t before_us = 0;

    for (size_t n = 0; n < frame_length(stages); n++) {
        const struct frame_value *stage = frame_at(stages, n);
        const struct frame_value *offset = frame_get(stage, "offset_us");

        print_cell_text(table, frame_get_str(stage, "name"));
        cell_offset(table, offset);
        if (offset == NULL || frame_type(offset) != FRAME_INT) {
            print_cell(table, "-");
            continue;
        }
        print_cell_count(table, frame_as_int(offset) - before_us);
        before_us = frame_as_int(offset);
    }
    print_table_end(&table, "No stages were recorded.", out);
}

static void
print_attempts(const struct frame_value *attempts, struct buf *out)
{
    struct print_table *table =
        print_table_new("ATTEMPT UPSTREAM MODEL >STATUS OUTCOME CONNECTION >START-US >CONNECTED "
                        ">FIRST-BYTE >END >INPUT >OUTPUT >COST PROVENANCE NOTE");

    for (size_t n = 0; n < frame_length(attempts); n++) {
        const struct frame_value *attempt = frame_at(attempts, n);
        int64_t n_redials = frame_get_int(attempt, "n_redials", 0);

        print_cell(table, "%lld", (long long)frame_get_int(attempt, "attempt", 0) + 1);
        print_cell_text(table, frame_get_str(attempt, "upstream"));
        print_cell_text(table, frame_get_str(attempt, "upstream_model"));
        print_cell(table, "%lld", (long long)frame_get_int(attempt, "status", 0));
        print_cell_text(table, frame_get_str(attempt, "outcome"));
        print_cell(table, "%s%s", frame_get_bool(attempt, "is_reused", false) ? "reused" : "new",
                   n_redials > 0 ? ", redialled" : "");
        cell_offset(table, frame_get(attempt, "start_us"));
        cell_offset(table, frame_get(attempt, "connected_us"));
        cell_offset(table, frame_get(attempt, "first_byte_us"));
        cell_offset(table, frame_get(attempt, "end_us"));
        print_cell_count(table, frame_get_int(attempt, "input_tokens", 0));
        print_cell_count(table, frame_get_int(attempt, "output_tokens", 0));
        print_cell_usd(table, frame_get_int(attempt, "cost_nusd", 0));
        print_cell_text(table, frame_get_str(attempt, "provenance"));
        print_cell_text(table, frame_get_str(attempt, "note"));
    }
    print_table_end(&table, "", out);
}

static void
cell_offset(struct print_table *table, const struct frame_value *value)
{
    if (value == NULL || frame_type(value) != FRAME_INT)
        print_cell(table, "-");
    else
        print_cell_count(table, frame_as_int(value));
}
