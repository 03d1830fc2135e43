/* SPDX-License-Identifier: ISC */
#include "explain.h"

#include <stdio.h>

#include "option.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"

#define CELL 96

static void print_head(const struct frame_value *result, struct buf *out);
static void print_networks(const struct frame_value *key, struct buf *out);
static void print_estimate(const struct frame_value *estimate, struct buf *out);
static void print_limits(const struct frame_value *result, struct buf *out);
static void print_rate(const struct frame_value *rate, struct print_table *table);
static void print_quota(const struct frame_value *quota, struct print_table *table);
static void cell_amount(struct print_table *table, const struct frame_value *quota,
                        const char *member);
static void print_routes(const struct frame_value *result, struct buf *out);
static void print_name(struct slice model, const struct frame_value *routes, size_t n,
                       struct print_table *table);
static void print_route(const struct frame_value *route, struct print_table *table);
static void format_state(const struct frame_value *route, char out[CELL]);
static void format_load(const struct frame_value *route, char out[CELL]);
static void format_elapsed(const struct frame_value *map, const char *member, char out[CELL]);
static void print_fallbacks(const struct frame_value *result, struct buf *out);
static void print_verdict(const struct frame_value *result, struct buf *out);

int
explain_write(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int rc = option_write_count(args, "prompt-tokens", "prompt_tokens", out, why);

    if (rc == 0)
        rc = option_write_count(args, "max-tokens", "max_tokens", out, why);
    if (args_has(args, "address"))
        frame_cstr(out, "address", args_get(args, "address"));
    frame_cstr(out, "key", args->operands[0]);
    frame_cstr(out, "model", args->operands[1]);
    return rc;
}

void
explain_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    (void)args;
    print_head(result, out);
    print_estimate(frame_get(result, "estimate"), out);
    print_limits(result, out);
    print_routes(result, out);
    print_fallbacks(result, out);
    print_verdict(result, out);
}

static void
print_head(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *key = frame_get(result, "key");
    struct slice name = frame_get_str(key, "name"), state = frame_get_str(key, "state"),
                 model = frame_get_str(result, "model"), policy = frame_get_str(result, "policy"),
                 policy_of = frame_get_str(result, "policy_of");

    print_line(out, "key", "%.*s: %.*s", (int)name.len, name.ptr, (int)state.len, state.ptr);
    print_line(out, "model", "%.*s: %s", (int)model.len, model.ptr,
               frame_get_bool(key, "may_use_model", false) ? "allowed" : "NOT ALLOWED");
    print_networks(key, out);
    print_line(out, "policy", "%.*s, of the %.*s", (int)policy.len, policy.ptr, (int)policy_of.len,
               policy_of.ptr);
}

static void
print_networks(const struct frame_value *key, struct buf *out)
{
    const struct frame_value *networks = frame_get(key, "allow_from");

    for (size_t n = 0; n < frame_length(networks); n++) {
        struct slice network = frame_as_str(frame_at(networks, n));

        print_line(out, n == 0 ? "allowed from" : "", "%.*s%s", (int)network.len, network.ptr,
                   n == 0 && !frame_get_bool(key, "lets_in", true) ? ": NOT FROM THERE" : "");
    }
}

static void
print_estimate(const struct frame_value *estimate, struct buf *out)
{
    char prompt[32], output[32], charge[32], tokens[32], nusd[32];

    text_count_format(frame_get_int(estimate, "prompt_tokens", 0), prompt);
    text_count_format(frame_get_int(estimate, "output_tokens", 0), output);
    text_usd_format(frame_get_int(estimate, "charge_nusd", 0), charge);
    text_count_format(frame_get_int(estimate, "reserved_tokens", 0), tokens);
    text_usd_format(frame_get_int(estimate, "reserved_nusd", 0), nusd);
    print_line(out, "estimate", "%s tokens in, %s out: %s; reserved while it runs: %s tokens, %s",
               prompt, output, charge, tokens, nusd);
}

/* ---- what counts it ---- */

static void
print_limits(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *rates = frame_get(result, "rates"),
                             *quotas = frame_get(result, "quotas");
    struct print_table *table = print_table_new("LIMIT >USED >RESERVED >OF >NEEDED FITS RENEWS");

    for (size_t n = 0; n < frame_length(rates); n++)
        print_rate(frame_at(rates, n), table);
    for (size_t n = 0; n < frame_length(quotas); n++)
        print_quota(frame_at(quotas, n), table);
    buf_append_byte(out, '\n');
    print_table_end(&table, "No limit counts it.", out);
}

static void
print_rate(const struct frame_value *rate, struct print_table *table)
{
    struct slice unit = frame_get_str(rate, "unit");
    int64_t wait_us = frame_get_int(rate, "wait_us", 0);
    char wait[32];

    print_elapsed(wait_us, wait);
    print_cell(table, "%.*s a minute", (int)unit.len, unit.ptr);
    print_cell(table, "-");
    print_cell(table, "-");
    print_cell_count(table, frame_get_int(rate, "per_minute", 0));
    print_cell_count(table, frame_get_int(rate, "needed", 0));
    print_cell(table, wait_us == 0 ? "yes" : "IN %s", wait);
    print_cell(table, "-");
}

static void
print_quota(const struct frame_value *quota, struct print_table *table)
{
    static const char *const amounts[] = {"used", "reserved", "limit", "needed"};
    struct slice unit = frame_get_str(quota, "unit"), period = frame_get_str(quota, "period"),
                 model = frame_get_str(quota, "model");
    bool is_shadow = frame_get_bool(quota, "shadow", false);

    if (period.len == 0)
        print_cell(table, "at a time");
    else
        print_cell(table, "%.*s/%.*s%s%.*s%s", (int)unit.len, unit.ptr, (int)period.len, period.ptr,
                   model.len > 0 ? ":" : "", (int)model.len, model.len > 0 ? model.ptr : "",
                   is_shadow ? ",shadow" : "");
    for (size_t n = 0; n < sizeof(amounts) / sizeof(amounts[0]); n++)
        cell_amount(table, quota, amounts[n]);
    print_cell(table, "%s", frame_get_bool(quota, "fits", false) ? "yes" : "NO");
    print_cell_time(table, frame_get_int(quota, "renews_us", 0));
}

static void
cell_amount(struct print_table *table, const struct frame_value *quota, const char *member)
{
    int64_t amount = frame_get_int(quota, member, 0);

    if (slice_eq_str(frame_get_str(quota, "unit"), "usd"))
        print_cell_usd(table, amount);
    else
        print_cell_count(table, amount);
}

/* ---- where it would go ---- */

static void
print_routes(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *routes = frame_get(result, "routes");
    struct slice model = frame_get_str(result, "model");
    struct print_table *table =
        print_table_new("># ROUTE >TIER >CHANCE >SCORE >COST >IN-FLIGHT >SUCCESS >TOKEN STATE");

    for (size_t n = 0; n < frame_length(routes); n++) {
        print_cell(table, frame_get_int(frame_at(routes, n), "score", 0) == 0 ? "-" : "%zu", n + 1);
        print_name(model, routes, n, table);
        print_route(frame_at(routes, n), table);
    }
    buf_append_byte(out, '\n');
    print_table_end(&table, "The model has no route.", out);
}

/* As route list has it, to be given to route show. */
static void
print_name(struct slice model, const struct frame_value *routes, size_t n,
           struct print_table *table)
{
    struct slice upstream = frame_get_str(frame_at(routes, n), "upstream"),
                 asked = frame_get_str(frame_at(routes, n), "upstream_model");
    size_t n_same = 0;

    for (size_t i = 0; i < frame_length(routes); i++)
        n_same += slice_eq(frame_get_str(frame_at(routes, i), "upstream"), upstream);
    print_cell(table, "%.*s/%.*s%s%.*s", (int)model.len, model.ptr, (int)upstream.len, upstream.ptr,
               n_same > 1 ? "/" : "", n_same > 1 ? (int)asked.len : 0, asked.ptr);
}

static void
print_route(const struct frame_value *route, struct print_table *table)
{
    int64_t score = frame_get_int(route, "score", 0);
    char cell[CELL];

    print_cell(table, "%lld", (long long)frame_get_int(route, "tier", 0));
    print_cell(table, "%.1f%%", (double)frame_get_int(route, "first_permille", 0) / 10);
    if (score == 0)
        print_cell(table, "-");
    else
        print_cell_count(table, score);
    print_cell_usd(table, frame_get_int(route, "cost_nusd", 0));
    format_load(route, cell);
    print_cell(table, "%s", cell);
    print_cell(table, "%.1f%%", (double)frame_get_int(route, "success_permille", 0) / 10);
    format_elapsed(route, "first_token_us", cell);
    print_cell(table, "%s", cell);
    format_state(route, cell);
    print_cell(table, "%s", cell);
}

/* "usable", or why it is not, and for how long. */
static void
format_state(const struct frame_value *route, char out[CELL])
{
    struct slice state = frame_get_str(route, "state"), reason = frame_get_str(route, "reason");
    int64_t until_us = frame_get_int(route, "until_us", 0), left_us = until_us - clock_real_us();
    char left[32];

    print_elapsed(left_us < 0 ? 0 : left_us, left);
    if (slice_eq_str(state, "trial"))
        snprintf(out, CELL, "its pause is over: one request may try it");
    else if (reason.len == 0)
        snprintf(out, CELL, "%.*s", (int)state.len, state.ptr);
    else
        snprintf(out, CELL, "%.*s%s%s", (int)reason.len, reason.ptr,
                 until_us == 0 ? "" : ", ends in ", until_us == 0 ? "" : left);
}

static void
format_load(const struct frame_value *route, char out[CELL])
{
    long long n = frame_get_int(route, "in_flight", 0), limit = frame_get_int(route, "limit", 0);

    if (limit == 0)
        snprintf(out, CELL, "%lld", n);
    else
        snprintf(out, CELL, "%lld/%lld", n, limit);
}

static void
format_elapsed(const struct frame_value *map, const char *member, char out[CELL])
{
    int64_t us = frame_get_int(map, member, 0);
    char text[32];

    print_elapsed(us, text);
    snprintf(out, CELL, "%s", us == 0 ? "-" : text);
}

static void
print_fallbacks(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *fallbacks = frame_get(result, "fallbacks"),
                             *causes = frame_get(result, "fallback_on");
    struct print_table *table = print_table_new("FALLBACK KEY-MAY-USE >USABLE-ROUTES");

    for (size_t n = 0; n < frame_length(fallbacks); n++) {
        const struct frame_value *fallback = frame_at(fallbacks, n);

        print_cell_text(table, frame_get_str(fallback, "model"));
        print_cell(table, "%s", frame_get_bool(fallback, "may_use", false) ? "yes" : "NO");
        print_cell_count(table, frame_get_int(fallback, "usable_routes", 0));
    }
    buf_append_byte(out, '\n');
    print_table_end(&table, "No other model stands in for it.", out);
    if (frame_length(fallbacks) == 0)
        return;
    buf_printf(out, "They stand in on");
    for (size_t n = 0; n < frame_length(causes); n++) {
        struct slice cause = frame_as_str(frame_at(causes, n));

        buf_printf(out, "%s %.*s", n == 0 ? "" : ",", (int)cause.len, cause.ptr);
    }
    buf_printf(out, "%s.\n", frame_length(causes) == 0 ? " nothing" : "");
}

static void
print_verdict(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *verdict = frame_get(result, "verdict");
    struct slice served_by = frame_get_str(verdict, "served_by"),
                 category = frame_get_str(verdict, "category"),
                 sentence = frame_get_str(verdict, "sentence");
    int64_t retry_us = frame_get_int(verdict, "retry_us", 0);
    char retry[32];

    buf_append_byte(out, '\n');
    if (frame_get_bool(verdict, "admitted", false)) {
        buf_printf(out, "Would be admitted, and answered by %.*s%s.\n", (int)served_by.len,
                   served_by.ptr,
                   frame_get_bool(verdict, "is_panic", false)
                       ? ": all its routes are out, and one request at a time is let through"
                       : "");
        return;
    }
    print_elapsed(retry_us, retry);
    buf_printf(out, "Would be refused: %lld %.*s%s%s. ",
               (long long)frame_get_int(verdict, "openai_status", 0), (int)category.len,
               category.ptr, retry_us == 0 ? "" : ", may change in ", retry_us == 0 ? "" : retry);
    print_safe(sentence, out);
    buf_append_byte(out, '\n');
}
