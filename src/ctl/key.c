/* SPDX-License-Identifier: ISC */
#include "key.h"

#include <stdio.h>
#include <string.h>

#include "option.h"
#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"
#include "relayos/model/catalog.h"
#include "relayos/model/key.h"
#include "value.h"

#define OVERLAP_DEFAULT "24h"
#define LIMIT_TEXT      320 /* a limit, described */

static int write_capture(const struct args *args, struct frame_out *out, struct errmsg *why);
static int write_settings(const struct args *args, struct frame_out *out, struct errmsg *why);
static void write_list(const char *text, const char *name, const char *none, struct frame_out *out);
static int write_quotas(const struct args *args, struct frame_out *out, struct errmsg *why);
static void write_quota(const struct value_quota *quota, struct frame_out *out);
static int write_strict(const struct args *args, struct frame_out *out, struct errmsg *why);
static int write_tool(const char *tool, struct frame_out *out, struct errmsg *why);
static int write_policy(const char *policy, struct frame_out *out, struct errmsg *why);
static void write_text(const struct args *args, const char *option, struct frame_out *out);
static void print_key(const struct frame_value *key, struct buf *out);
static bool is_captured(const struct frame_value *key);
static struct slice policy_of(const struct frame_value *key);
static void print_networks(const struct frame_value *key, struct buf *out);
static void print_limits(const struct frame_value *key, struct buf *out);
static void print_rates(const struct frame_value *key, struct buf *out);
static void print_date(struct buf *out, const char *label, int64_t real_us);
static void print_row(const struct frame_value *key, struct print_table *table);
static void describe_amount(struct slice unit, int64_t amount, char out[32]);
static void describe_limit(const struct frame_value *limit, char out[LIMIT_TEXT]);
static void describe_quota(const struct frame_value *limits, char out[80]);
static void describe_models(const struct frame_value *key, struct buf *out);

/* ---- requests ---- */

int
key_write_create(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    if (!args_has(args, "name")) {
        errmsg_set(why, "a key needs a --name: it stands in lists and traces");
        return ERR_SYNTAX;
    }
    return write_settings(args, out, why);
}

int
key_write_update(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    if (args->n_options == 0) {
        errmsg_set(why, "nothing to change was named");
        return ERR_SYNTAX;
    }
    frame_cstr(out, "key", args->operands[0]);
    int rc = write_capture(args, out, why);
    return rc == 0 ? write_settings(args, out, why) : rc;
}

static int
write_capture(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    const char *span = args_get(args, "capture");
    int64_t span_us = 0;
    int rc = 0;

    if (span == NULL)
        return 0;
    if (strcmp(span, "off") != 0)
        rc = value_duration(span, &span_us, why);
    if (rc == 0)
        frame_int(out, "capture_us", span_us);
    return rc;
}

int
key_write_one(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    frame_cstr(out, "key", args->operands[0]);
    return 0;
}

int
key_write_revoke(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    if (args_has(args, "cut"))
        frame_bool(out, "cut", true);
    return key_write_one(args, out, why);
}

int
key_write_rotate(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    const char *overlap = args_get(args, "overlap");
    int64_t overlap_us;
    int rc = value_duration(overlap == NULL ? OVERLAP_DEFAULT : overlap, &overlap_us, why);

    frame_cstr(out, "key", args->operands[0]);
    if (rc == 0)
        frame_int(out, "overlap_us", overlap_us);
    return rc;
}

int
key_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int rc = option_write_count(args, "limit", "limit", out, why);

    if (rc == 0)
        rc = option_write_count(args, "after", "after", out, why);
    write_text(args, "owner", out);
    write_text(args, "tool", out);
    write_text(args, "state", out);
    return rc;
}

static int
write_settings(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    static const char *const counts[][2] = {
        {"rpm", "requests_per_minute"},
        {"tpm", "tokens_per_minute"},
        {"concurrent", "max_concurrent"},
    };
    const char *expires = args_get(args, "expires");
    int rc = write_quotas(args, out, why);

    if (rc == 0)
        rc = write_strict(args, out, why);
    write_text(args, "name", out);
    write_text(args, "owner", out);
    if (args_has(args, "models"))
        write_list(args_get(args, "models"), "models", "all", out);
    if (args_has(args, "allow-from"))
        write_list(args_get(args, "allow-from"), "allow_from", "any", out);
    if (rc == 0 && args_has(args, "tool"))
        rc = write_tool(args_get(args, "tool"), out, why);
    if (rc == 0 && args_has(args, "policy"))
        rc = write_policy(args_get(args, "policy"), out, why);
    for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]) && rc == 0; n++)
        rc = option_write_count(args, counts[n][0], counts[n][1], out, why);
    if (rc == 0 && expires != NULL) {
        int64_t expires_us;
        rc = value_expiry(expires, clock_real_us(), &expires_us, why);
        if (rc == 0)
            frame_int(out, "expires_us", expires_us);
    }
    return rc;
}

/* "a,b" as an array; the word for no restriction as the empty one. */
static void
write_list(const char *text, const char *name, const char *none, struct frame_out *out)
{
    frame_array(out, name);
    while (strcmp(text, none) != 0 && *text != '\0') {
        size_t len = strcspn(text, ",");

        if (len > 0)
            frame_str(out, NULL, slice_of(text, len));
        text += len + (text[len] == ',');
    }
    frame_end(out);
}

static int
write_quotas(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    const char *text, *period = args_get(args, "period");
    bool takes_all_away = false;
    int rc = 0;

    if (period != NULL && value_period(slice_str(period)) == NULL) {
        errmsg_set(why, "\"%s\" is not a period: write day, week, month or total", period);
        return ERR_SYNTAX;
    }
    if (args_has(args, "quota"))
        frame_array(out, "quotas");
    for (size_t n = 0; rc == 0 && (text = args_get_nth(args, "quota", n)) != NULL; n++) {
        struct value_quota quota;

        rc = value_quota(text, &quota, why);
        takes_all_away |= rc == 0 && quota.is_none;
        if (rc == 0 && !quota.is_none)
            write_quota(&quota, out);
    }
    if (args_has(args, "quota"))
        frame_end(out);
    if (takes_all_away)
        frame_bool(out, "no_quotas", true);
    if (period != NULL)
        frame_cstr(out, "quota_period", value_period(slice_str(period)));
    return rc;
}

static void
write_quota(const struct value_quota *quota, struct frame_out *out)
{
    frame_map(out, NULL);
    frame_cstr(out, "unit", quota->unit);
    frame_int(out, "amount", quota->amount);
    if (quota->period[0] != '\0')
        frame_cstr(out, "period", quota->period);
    if (quota->model.len > 0)
        frame_str(out, "model", quota->model);
    if (quota->is_shadow)
        frame_bool(out, "shadow", true);
    frame_end(out);
}

static int
write_strict(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    const char *text = args_get(args, "strict");

    if (text == NULL)
        return 0;
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        errmsg_set(why, "--strict is on or off, not \"%s\"", text);
        return ERR_SYNTAX;
    }
    frame_bool(out, "strict", text[1] == 'n');
    return 0;
}

static int
write_tool(const char *tool, struct frame_out *out, struct errmsg *why)
{
    static const char *const names[KEY_N_TOOLS] = KEY_TOOL_NAMES;

    for (size_t n = 0; n < KEY_N_TOOLS; n++) {
        if (strcmp(names[n], tool) == 0) {
            frame_cstr(out, "tool", tool);
            return 0;
        }
    }
    errmsg_set(why,
               "\"%s\" is not a tool: cursor, claude-code, codex, script, agent, server, other",
               tool);
    return ERR_SYNTAX;
}

static int
write_policy(const char *policy, struct frame_out *out, struct errmsg *why)
{
    static const char *const names[ROUTE_N_POLICIES] = ROUTE_POLICY_NAMES;
    bool is_known = strcmp(policy, "model") == 0;

    for (size_t n = 0; n < ROUTE_N_POLICIES; n++)
        is_known = is_known || strcmp(names[n], policy) == 0;
    if (!is_known) {
        errmsg_set(why,
                   "\"%s\" is not a policy: balanced, fastest, cheapest, ordered, weighted; or "
                   "model, to follow each model's own",
                   policy);
        return ERR_SYNTAX;
    }
    frame_cstr(out, "policy", policy);
    return 0;
}

static void
write_text(const struct args *args, const char *option, struct frame_out *out)
{
    if (args_has(args, option))
        frame_cstr(out, option, args_get(args, option));
}

/* ---- answers ---- */

void
key_print_secret(const struct frame_value *result, const struct args *args, struct buf *out)
{
    struct slice secret = frame_get_str(result, "secret");
    const struct frame_value *old = frame_get(result, "old");

    (void)args;
    buf_printf(out, "%.*s\n\nThis is the key. It is shown this once: copy it now.\n\n",
               (int)secret.len, secret.ptr);
    print_key(frame_get(result, "key"), out);
    if (old != NULL) {
        buf_append_str(out, "\nIt takes the place of\n\n");
        print_key(old, out);
    }
}

void
key_print_one(const struct frame_value *result, const struct args *args, struct buf *out)
{
    (void)args;
    print_key(frame_get(result, "key"), out);
}

/* Who revokes a name may not think of the key before it, which works until its overlap is over. */
void
key_print_revoked(const struct frame_value *result, const struct args *args, struct buf *out)
{
    int64_t before = frame_get_int(frame_get(result, "key"), "rotated_from", 0);

    key_print_one(result, args, out);
    if (before != 0)
        buf_printf(out,
                   "\nThe key that it took the place of works until its overlap is over. Is it to "
                   "end too?\n  relayosctl key show %lld\n  relayosctl key revoke %lld\n",
                   (long long)before, (long long)before);
}

void
key_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *keys = frame_get(result, "keys");
    struct print_table *table =
        print_table_new(">ID NAME KEY TOOL OWNER STATE MODELS POLICY >QUOTA LAST-USED");

    bool is_filtered = args_get(args, "owner") != NULL || args_get(args, "tool") != NULL ||
                       args_get(args, "state") != NULL || args_get(args, "after") != NULL;

    for (size_t n = 0; n < frame_length(keys); n++)
        print_row(frame_at(keys, n), table);
    print_table_end(&table,
                    is_filtered ? "No such keys."
                                : "There are no keys. Make one: relayosctl key create --name NAME",
                    out);
    if (frame_get_int(result, "next", 0) != 0)
        buf_printf(out, "More: --after %lld\n", (long long)frame_get_int(result, "next", 0));
}

static void
print_row(const struct frame_value *key, struct print_table *table)
{
    const struct frame_value *models = frame_get(key, "models");
    const struct frame_value *limits = frame_get(key, "limits");
    char quota[80] = "-";

    print_cell(table, "%lld", (long long)frame_get_int(key, "id", 0));
    print_cell_text(table, frame_get_str(key, "name"));
    print_cell_text(table, frame_get_str(key, "display"));
    print_cell_text(table, frame_get_str(key, "tool"));
    print_cell_text(table, frame_get_str(key, "owner"));
    print_cell(table, "%.*s%s", (int)frame_get_str(key, "state").len,
               frame_get_str(key, "state").ptr, is_captured(key) ? ", captured" : "");
    if (frame_get_bool(key, "all_models", false))
        print_cell(table, "all");
    else if (frame_length(models) == 1)
        print_cell_text(table, frame_as_str(frame_at(models, 0)));
    else
        print_cell(table, "%zu models", frame_length(models));
    print_cell_text(table, policy_of(key));
    if (frame_length(limits) > 0)
        describe_quota(limits, quota);
    print_cell(table, "%s", quota);
    print_cell_time(table, frame_get_int(key, "last_used_us", 0));
}

static void
print_key(const struct frame_value *key, struct buf *out)
{
    struct slice name = frame_get_str(key, "name"), display = frame_get_str(key, "display"),
                 state = frame_get_str(key, "state"), source = frame_get_str(key, "source"),
                 tool = frame_get_str(key, "tool"), owner = frame_get_str(key, "owner");
    struct buf models;

    print_line(out, "name", "%.*s", (int)name.len, name.ptr);
    print_line(out, "id", "%lld", (long long)frame_get_int(key, "id", 0));
    print_line(out, "key", "%.*s", (int)display.len, display.ptr);
    print_line(out, "state", "%.*s%s", (int)state.len, state.ptr,
               slice_eq_str(source, "file") ? " (declared in keys_file)" : "");
    print_line(out, "tool", "%.*s", (int)tool.len, tool.ptr);
    if (owner.len > 0)
        print_line(out, "owner", "%.*s", (int)owner.len, owner.ptr);
    buf_init(&models, 4096);
    describe_models(key, &models);
    print_line(out, "models", "%.*s", (int)models.len, models.ptr);
    buf_fini(&models);
    if (policy_of(key).len > 0)
        print_line(out, "policy", "%.*s", (int)policy_of(key).len, policy_of(key).ptr);
    print_limits(key, out);
    print_rates(key, out);
    print_networks(key, out);
    if (is_captured(key))
        print_date(out, "captured to", frame_get_int(key, "capture_until_us", 0));
    print_date(out, "created", frame_get_int(key, "created_us", 0));
    print_date(out, "updated", frame_get_int(key, "updated_us", 0));
    print_date(out, "last used", frame_get_int(key, "last_used_us", 0));
    print_date(out, "expires", frame_get_int(key, "expires_us", 0));
    print_date(out, "revoked", frame_get_int(key, "revoked_us", 0));
    if (frame_get_int(key, "rotated_from", 0) != 0)
        print_line(out, "rotated from", "%lld", (long long)frame_get_int(key, "rotated_from", 0));
}

/* What it asks and is told is kept: whoever looks at keys is to see it. */
static bool
is_captured(const struct frame_value *key)
{
    return frame_get_int(key, "capture_until_us", 0) > clock_real_us();
}

/* Empty: as each model says. */
static struct slice
policy_of(const struct frame_value *key)
{
    struct slice policy = frame_get_str(key, "policy");

    return slice_eq_str(policy, "model") ? (struct slice){0} : policy;
}

static void
print_networks(const struct frame_value *key, struct buf *out)
{
    const struct frame_value *networks = frame_get(key, "allow_from");

    for (size_t n = 0; n < frame_length(networks); n++) {
        struct slice network = frame_as_str(frame_at(networks, n));

        print_line(out, n == 0 ? "allowed from" : "", "%.*s", (int)network.len, network.ptr);
    }
}

static void
print_limits(const struct frame_value *key, struct buf *out)
{
    const struct frame_value *limits = frame_get(key, "limits");

    if (frame_length(limits) == 0)
        print_line(out, "quota", "none");
    for (size_t n = 0; n < frame_length(limits); n++) {
        char text[LIMIT_TEXT];

        describe_limit(frame_at(limits, n), text);
        print_line(out, n == 0 ? "quota" : "", "%s", text);
    }
    if (frame_get_bool(key, "strict", false))
        print_line(out, "strict", "the worst case of each request is reserved");
}

/* "$1.25 of $50.00 used this month, $0.10 reserved, renews 2026-12-01 00:00:00" */
static void
describe_limit(const struct frame_value *limit, char out[LIMIT_TEXT])
{
    struct slice unit = frame_get_str(limit, "unit"), period = frame_get_str(limit, "period"),
                 model = frame_get_str(limit, "model");
    int64_t renews_us = frame_get_int(limit, "renews_us", 0);
    char used[32], reserved[32], full[32], renews[32];
    bool is_total = slice_eq_str(period, "total"), is_day = slice_eq_str(period, "day");

    describe_amount(unit, frame_get_int(limit, "used", 0), used);
    describe_amount(unit, frame_get_int(limit, "reserved", 0), reserved);
    describe_amount(unit, frame_get_int(limit, "limit", 0), full);
    print_time(renews_us, renews);
    snprintf(out, LIMIT_TEXT, "%s of %s%s used%s%.*s%s%.*s, %s reserved%s%s%s", used, full,
             slice_eq_str(unit, "usd") ? "" : " tokens",
             is_total ? " in "
             : is_day ? " to"
                      : " this ",
             (int)period.len, period.ptr, model.len > 0 ? " on " : "", (int)model.len,
             model.len > 0 ? model.ptr : "", reserved, renews_us != 0 ? ", renews " : "",
             renews_us != 0 ? renews : "",
             frame_get_bool(limit, "shadow", false) ? " (shadow: never refuses)" : "");
}

static void
print_rates(const struct frame_value *key, struct buf *out)
{
    static const char *const rates[][2] = {
        {"requests_per_minute", "requests a minute"},
        {"tokens_per_minute", "tokens a minute"},
        {"max_concurrent", "requests at a time"},
    };

    for (size_t n = 0; n < sizeof(rates) / sizeof(rates[0]); n++) {
        int64_t limit = frame_get_int(key, rates[n][0], 0);
        char text[32];

        text_count_format(limit, text);
        if (limit > 0)
            print_line(out, "limit", "%s %s", text, rates[n][1]);
    }
}

static void
print_date(struct buf *out, const char *label, int64_t real_us)
{
    char text[32];

    print_time(real_us, text);
    if (real_us != 0)
        print_line(out, label, "%s", text);
}

/* The one that is nearest to its end: "$49.00 / $50.00". */
static void
describe_quota(const struct frame_value *limits, char out[80])
{
    const struct frame_value *fullest = frame_at(limits, 0);
    double most = -1;
    char used[32], full[32];

    for (size_t n = 0; n < frame_length(limits); n++) {
        const struct frame_value *limit = frame_at(limits, n);
        double share = (double)frame_get_int(limit, "used", 0) /
                       (double)(frame_get_int(limit, "limit", 0) + 1);

        if (share > most && !frame_get_bool(limit, "shadow", false)) {
            most = share;
            fullest = limit;
        }
    }
    describe_amount(frame_get_str(fullest, "unit"), frame_get_int(fullest, "used", 0), used);
    describe_amount(frame_get_str(fullest, "unit"), frame_get_int(fullest, "limit", 0), full);
    snprintf(out, 80, "%s / %s", used, full);
}

static void
describe_amount(struct slice unit, int64_t amount, char out[32])
{
    if (slice_eq_str(unit, "usd"))
        text_usd_format(amount, out);
    else
        text_count_format(amount, out);
}

static void
describe_models(const struct frame_value *key, struct buf *out)
{
    const struct frame_value *models = frame_get(key, "models");

    if (frame_get_bool(key, "all_models", false))
        buf_append_str(out, "all");
    for (size_t n = 0; n < frame_length(models); n++) {
        buf_append_str(out, n == 0 ? "" : ", ");
        buf_append_slice(out, frame_as_str(frame_at(models, n)));
    }
}
