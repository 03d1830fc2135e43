/* SPDX-License-Identifier: ISC */
#include "route.h"

#include <stdio.h>

#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"

#define CELL       48
#define SUCCESS_US INT64_C(10000000) /* shares of success are of no longer ago */

static void format_state(const struct frame_value *map, char out[CELL]);
static void format_load(const struct frame_value *route, char out[CELL]);
static void format_success(const struct frame_value *route, char out[CELL]);
static void format_share(int64_t part, int64_t whole, char out[CELL]);
static void format_elapsed(const struct frame_value *map, const char *key, char out[CELL]);
static int64_t time_left_us(const struct frame_value *map);
static void format_ago(const struct frame_value *map, const char *key, char out[CELL]);
static void format_probe(const struct frame_value *probe, char out[CELL]);
static void print_state(const struct frame_value *route, struct buf *out);
static void print_counts(const struct frame_value *route, struct buf *out);
static void print_figures(const struct frame_value *route, struct buf *out);
static void print_probe(const struct frame_value *probe, struct buf *out);
static void print_credentials(const struct frame_value *credentials, struct buf *out);

int
route_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    if (args_has(args, "model"))
        frame_cstr(out, "model", args_get(args, "model"));
    return 0;
}

int
route_write_one(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    frame_cstr(out, "route", args->operands[0]);
    return 0;
}

void
route_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *routes = frame_get(result, "routes");
    struct print_table *table =
        print_table_new("ID ROUTE >TIER STATE >IN-FLIGHT >SUCCESS >TOKEN >P95 >CACHED PROBE");
    char cell[CELL];

    (void)args;
    for (size_t n = 0; n < frame_length(routes); n++) {
        const struct frame_value *route = frame_at(routes, n);

        print_cell_text(table, frame_get_str(route, "id"));
        print_cell_text(table, frame_get_str(route, "name"));
        print_cell(table, "%lld", (long long)frame_get_int(route, "tier", 0));
        format_state(route, cell);
        print_cell(table, "%s", cell);
        format_load(route, cell);
        print_cell(table, "%s", cell);
        format_success(route, cell);
        print_cell(table, "%s", cell);
        format_elapsed(route, "first_token_us", cell);
        print_cell(table, "%s", cell);
        format_elapsed(route, "first_token_p95_us", cell);
        print_cell(table, "%s", cell);
        format_share(frame_get_int(route, "cached_tokens", 0),
                     frame_get_int(route, "prompt_tokens", 0), cell);
        print_cell(table, "%s", cell);
        format_probe(frame_get(route, "probe"), cell);
        print_cell(table, "%s", cell);
    }
    print_table_end(&table, "There is no route.", out);
}

/* "up", or "open 3.52 s": for how long yet. */
static void
format_state(const struct frame_value *map, char out[CELL])
{
    struct slice state = frame_get_str(map, "state");
    char left[32] = "";

    if (frame_get_int(map, "until_us", 0) != 0)
        print_elapsed(time_left_us(map), left);
    snprintf(out, CELL, "%.*s%s%s", (int)state.len, state.ptr, left[0] == '\0' ? "" : " ", left);
}

static int64_t
time_left_us(const struct frame_value *map)
{
    int64_t left_us = frame_get_int(map, "until_us", 0) - clock_real_us();

    return left_us < 0 ? 0 : left_us;
}

/* In flight, of how many: the less of what it was given and what it bears. */
static void
format_load(const struct frame_value *route, char out[CELL])
{
    long long n = frame_get_int(route, "in_flight", 0);
    int64_t given = frame_get_int(route, "max_concurrent", INT64_MAX);
    int64_t learned = frame_get_int(route, "limit", INT64_MAX);
    int64_t limit = given < learned ? given : learned;

    if (limit == INT64_MAX)
        snprintf(out, CELL, "%lld", n);
    else
        snprintf(out, CELL, "%lld/%lld", n, (long long)limit);
}

/* Of the last calls; where there were none, nothing is known. */
static void
format_success(const struct frame_value *route, char out[CELL])
{
    int64_t good_us = frame_get_int(route, "last_success_us", 0),
            bad_us = frame_get_int(route, "last_failure_us", 0),
            age_us = clock_real_us() - (good_us > bad_us ? good_us : bad_us);

    if (age_us > SUCCESS_US)
        snprintf(out, CELL, "-");
    else
        format_share(frame_get_int(route, "success_permille", 0), 1000, out);
}

static void
format_share(int64_t part, int64_t whole, char out[CELL])
{
    if (whole == 0)
        snprintf(out, CELL, "-");
    else
        snprintf(out, CELL, "%.1f%%", 100.0 * (double)part / (double)whole);
}

static void
format_elapsed(const struct frame_value *map, const char *key, char out[CELL])
{
    char text[32];
    int64_t us = frame_get_int(map, key, 0);

    print_elapsed(us, text);
    snprintf(out, CELL, "%s", us == 0 ? "-" : text);
}

static void
format_ago(const struct frame_value *map, const char *key, char out[CELL])
{
    int64_t then_us = frame_get_int(map, key, 0), age_us = clock_real_us() - then_us;
    char text[32];

    print_elapsed(age_us < 0 ? 0 : age_us, text);
    snprintf(out, CELL, then_us == 0 ? "never" : "%s ago", text);
}

static void
format_probe(const struct frame_value *probe, char out[CELL])
{
    long long status = frame_get_int(probe, "status", 0);

    if (frame_get_int(probe, "probed_us", 0) == 0)
        snprintf(out, CELL, "-");
    else if (status == 0)
        snprintf(out, CELL, "%s", frame_get_bool(probe, "is_ok", false) ? "ok" : "NO ANSWER");
    else
        snprintf(out, CELL, "%s %lld", frame_get_bool(probe, "is_ok", false) ? "ok" : "FAILED",
                 status);
}

/* ---- one of them ---- */

void
route_print_one(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *route = frame_get(result, "route");
    struct slice id = frame_get_str(route, "id"), name = frame_get_str(route, "name"),
                 model = frame_get_str(route, "upstream_model"),
                 takes = frame_get_str(route, "capability");

    (void)args;
    print_line(out, "route", "%.*s  %.*s", (int)id.len, id.ptr, (int)name.len, name.ptr);
    print_line(out, "asks for", "%.*s", (int)model.len, model.ptr);
    print_line(out, "takes", "%.*s", (int)takes.len, takes.ptr);
    print_line(out, "tier, weight", "%lld, %lld", (long long)frame_get_int(route, "tier", 0),
               (long long)frame_get_int(route, "weight", 0));
    print_state(route, out);
    print_figures(route, out);
    print_probe(frame_get(route, "probe"), out);
    buf_append_byte(out, '\n');
    print_credentials(frame_get(route, "credentials"), out);
}

static void
print_state(const struct frame_value *route, struct buf *out)
{
    struct slice admin = frame_get_str(route, "admin");
    struct slice said = slice_eq(admin, frame_get_str(route, "state")) ? SLICE_LIT("") : admin;
    char state[CELL];

    format_state(route, state);
    print_line(out, "state", "%s%s", state,
               frame_get_int(route, "until_us", 0) == 0 ? "" : " to go");
    if (frame_get_bool(route, "is_disabled", false))
        print_line(out, "", "by the configuration");
    else if (!slice_eq(admin, SLICE_LIT("enabled")))
        print_line(out, "", "%.*s%sby the operator, until enabled or relayosd is stopped",
                   (int)said.len, said.ptr, said.len > 0 ? " " : "");
    print_line(out, "breaker", "opened %lld times without healing; %lld failures in a row",
               (long long)frame_get_int(route, "level", 0),
               (long long)frame_get_int(route, "failures_in_row", 0));
}

static void
print_figures(const struct frame_value *route, struct buf *out)
{
    char load[CELL], success[CELL], first[CELL], p95[CELL], cached[CELL], n_prompt[32];

    format_load(route, load);
    format_success(route, success);
    format_elapsed(route, "first_token_us", first);
    format_elapsed(route, "first_token_p95_us", p95);
    format_share(frame_get_int(route, "cached_tokens", 0), frame_get_int(route, "prompt_tokens", 0),
                 cached);
    text_count_format(frame_get_int(route, "prompt_tokens", 0), n_prompt);
    print_line(out, "in flight", "%s", load);
    print_line(out, "success", "%s in the last seconds", success);
    print_counts(route, out);
    print_line(out, "first token", "%s; 95%% within %s", first, p95);
    print_line(out, "prompt cache", "%s of %s tokens", cached, n_prompt);
}

static void
print_counts(const struct frame_value *route, struct buf *out)
{
    char good[CELL], bad[CELL], n_good[32], n_bad[32], n_much[32];

    format_ago(route, "last_success_us", good);
    format_ago(route, "last_failure_us", bad);
    text_count_format(frame_get_int(route, "successes", 0), n_good);
    text_count_format(frame_get_int(route, "failures", 0), n_bad);
    text_count_format(frame_get_int(route, "overloads", 0), n_much);
    print_line(out, "answered", "%s; the last: %s", n_good, good);
    print_line(out, "failed", "%s; the last: %s", n_bad, bad);
    print_line(out, "overloaded", "%s", n_much);
}

static void
print_probe(const struct frame_value *probe, struct buf *out)
{
    struct slice kind = frame_get_str(probe, "kind");
    char what[CELL], ago[CELL], latency[CELL];

    format_probe(probe, what);
    format_ago(probe, "probed_us", ago);
    format_elapsed(probe, "latency_us", latency);
    if (slice_eq(kind, SLICE_LIT("none")))
        print_line(out, "probe", "none");
    else if (frame_get_int(probe, "probed_us", 0) == 0)
        print_line(out, "probe", "%.*s: not yet", (int)kind.len, kind.ptr);
    else
        print_line(out, "probe", "%.*s: %s, %s, after %s", (int)kind.len, kind.ptr, what, ago,
                   latency);
}

static void
print_credentials(const struct frame_value *credentials, struct buf *out)
{
    struct print_table *table = print_table_new("CREDENTIAL STATE >STATUS");
    char state[CELL];

    for (size_t n = 0; n < frame_length(credentials); n++) {
        const struct frame_value *credential = frame_at(credentials, n);
        struct slice name = frame_get_str(credential, "name");
        long long status = frame_get_int(credential, "status", 0);

        format_state(credential, state);
        print_cell_text(table, name.len == 0 ? SLICE_LIT("(the only one)") : name);
        print_cell(table, "%s", state);
        print_cell(table, status == 0 ? "-" : "%lld", status);
    }
    print_table_end(&table, "", out);
}
