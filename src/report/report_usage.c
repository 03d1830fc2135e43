/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_usage.h"

#include <string.h>

/* FIGURE(name, member, of the operator only) */
#define FIGURES(FIGURE)                                                                            \
    FIGURE(requests, n_requests, false)                                                            \
    FIGURE(failed, n_failed, false)                                                                \
    FIGURE(input, input, false)                                                                    \
    FIGURE(cache_read, cache_read, false)                                                          \
    FIGURE(cache_write, cache_write, false)                                                        \
    FIGURE(output, output, false)                                                                  \
    FIGURE(reasoning, reasoning, false)                                                            \
    FIGURE(charge_nusd, charge_nusd, false)                                                        \
    FIGURE(cost_nusd, cost_nusd, true)                                                             \
    FIGURE(latency_p50_us, latency_p50_us, false)                                                  \
    FIGURE(latency_p95_us, latency_p95_us, false)                                                  \
    FIGURE(first_token_p50_us, first_token_p50_us, false)                                          \
    FIGURE(first_token_p95_us, first_token_p95_us, false)

struct figure {
    const char *name;
    size_t offset;
    bool is_private, may_be_unknown;
};
static const struct figure figures[] = {
#define FIGURE(name, member, is_private)                                                           \
    {#name, offsetof(struct store_usage_group, member), is_private,                                \
     offsetof(struct store_usage_group, member) >=                                                 \
         offsetof(struct store_usage_group, latency_p50_us)},
    FIGURES(FIGURE)
#undef FIGURE
};
#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

static const char *const columns[] = {
    [STORE_USAGE_DAY] = "day",     [STORE_USAGE_HOUR] = "hour", [STORE_USAGE_KEY] = "key",
    [STORE_USAGE_MODEL] = "model", [STORE_USAGE_TOOL] = "tool", [STORE_USAGE_OWNER] = "owner"};

static bool is_shown(const struct report *report, const struct figure *figure);
static int64_t value_of(const struct store_usage_group *group, const struct figure *figure);
static void write_column(enum store_usage_column by, const struct store_usage_group *group,
                         struct frame_out *out);
static void append_column(enum store_usage_column by, const struct store_usage_group *group,
                          struct buf *out);
static void append_text(const char *text, struct buf *out);

int
report_usage_column(struct slice name, enum store_usage_column *out)
{
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (!slice_eq_str(name, columns[i]))
            continue;
        *out = (enum store_usage_column)i;
        return 0;
    }
    return ERR_SYNTAX;
}

void
report_usage_write(const struct report *report, enum store_usage_column by,
                   const struct store_usage_table *table, const char *name, struct frame_out *out)
{
    frame_array(out, name);
    for (size_t i = 0; i < table->n; i++) {
        frame_map(out, NULL);
        write_column(by, &table->groups[i], out);
        for (size_t n = 0; n < N_FIGURES; n++) {
            int64_t value = value_of(&table->groups[i], &figures[n]);

            if (!is_shown(report, &figures[n]))
                continue;
            frame_int_if(out, figures[n].name, !figures[n].may_be_unknown || value >= 0, value);
        }
        frame_end(out);
    }
    frame_end(out);
}

static bool
is_shown(const struct report *report, const struct figure *figure)
{
    return report->viewer.sees_routes || !figure->is_private;
}

static int64_t
value_of(const struct store_usage_group *group, const struct figure *figure)
{
    int64_t value;

    memcpy(&value, (const char *)group + figure->offset, sizeof(value));
    return value;
}

static void
write_column(enum store_usage_column by, const struct store_usage_group *group,
             struct frame_out *out)
{
    if (by == STORE_USAGE_DAY || by == STORE_USAGE_HOUR) {
        frame_int(out, columns[by], group->period);
    } else if (by == STORE_USAGE_KEY) {
        frame_int(out, "key_id", (int64_t)group->key_id);
        frame_cstr(out, "key_name", group->label);
    } else {
        frame_cstr(out, columns[by], group->label);
    }
}

void
report_usage_csv(const struct report *report, enum store_usage_column by,
                 const struct store_usage_table *table, struct buf *out)
{
    buf_append_str(out, by == STORE_USAGE_KEY ? "key_id,key_name" : columns[by]);
    for (size_t n = 0; n < N_FIGURES; n++) {
        if (is_shown(report, &figures[n]))
            buf_printf(out, ",%s", figures[n].name);
    }
    buf_append_str(out, "\r\n");
    for (size_t i = 0; i < table->n; i++) {
        append_column(by, &table->groups[i], out);
        for (size_t n = 0; n < N_FIGURES; n++) {
            int64_t value = value_of(&table->groups[i], &figures[n]);

            if (!is_shown(report, &figures[n]))
                continue;
            buf_append_byte(out, ',');
            if (value >= 0 || !figures[n].may_be_unknown)
                buf_append_int(out, value);
        }
        buf_append_str(out, "\r\n");
    }
}

static void
append_column(enum store_usage_column by, const struct store_usage_group *group, struct buf *out)
{
    if (by == STORE_USAGE_DAY || by == STORE_USAGE_HOUR) {
        buf_append_int(out, group->period);
        return;
    }
    if (by == STORE_USAGE_KEY) {
        buf_append_int(out, (int64_t)group->key_id);
        buf_append_byte(out, ',');
    }
    append_text(group->label, out);
}

static void
append_text(const char *text, struct buf *out)
{
    buf_append_byte(out, '"');
    if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
        buf_append_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, *text);
    }
    buf_append_byte(out, '"');
}
