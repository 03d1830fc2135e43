/* SPDX-License-Identifier: ISC
 *
 * Tests of the metrics: the text as Prometheus reads it, and relayos-metrics(7) against the table.
 */
#include "relayos/report/report_metrics.h"

#include <ctype.h>
#include <stdlib.h>

#include "metrics_text.h"
#include "relayos/base/clock.h"
#include "relayos/model/key.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/refusal.h"
#include "relayos/shm/tally.h"
#include "segment_fixture.h"
#include "source_file.h"

static const struct metric {
    const char *name, *type, *help;
} rows[METRICS_N] = {
#define METRIC(NAME, name, type, help) {name, #type, help},
#include "metrics.def"
#undef METRIC
};

static struct segment_fixture fixture;
static struct report report;
static struct buf text;

static void
setup(void)
{
    segment_fixture_init(&fixture);
    report = (struct report){.segment = fixture.segment, .catalog = fixture.catalog};
    buf_init(&text, REPORT_METRICS_MAX);
}

static void
scrape(void)
{
    buf_clear(&text);
    report_metrics_write(&report, &text);
    buf_append_byte(&text, '\0');
    cr_assert_not(text.overflow);
}

/* Is there that very line? */
static bool
has(const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text.ptr; (at = strstr(at, line)) != NULL; at++) {
        if ((at == text.ptr || at[-1] == '\n') && at[len] == '\n')
            return true;
    }
    return false;
}

/* Name of the family that a line's metric belongs to: a histogram's lines have suffixes. */
static bool
is_of(const char *line, const struct metric *row)
{
    size_t len = strlen(row->name), word = strcspn(line, "{ ");

    if (strncmp(line, row->name, len) != 0)
        return false;
    if (strcmp(row->type, "histogram") != 0)
        return word == len;
    return (word == len + 7 && strncmp(line + len, "_bucket", 7) == 0) ||
           (word == len + 4 && strncmp(line + len, "_sum", 4) == 0) ||
           (word == len + 6 && strncmp(line + len, "_count", 6) == 0);
}

/* The grammar, as far as a scraper cares: HELP, TYPE, then that metric's lines and no other's, each
 * with a number; each family once, in the table's order. */
Test(report_metrics, is_text_that_prometheus_reads, .init = setup)
{
    size_t n = 0;
    char *save = NULL;

    segment_fixture_call(&fixture, 0, true, clock_mono_us());
    scrape();
    for (char *line = strtok_r(text.ptr, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char expected[512];

        if (strncmp(line, "# HELP ", 7) == 0) {
            cr_assert_lt(n, METRICS_N, "%s", line);
            const struct metric *row = &rows[n++];

            snprintf(expected, sizeof expected, "# HELP %s %s", row->name, row->help);
            cr_assert_str_eq(line, expected);
            line = strtok_r(NULL, "\n", &save);
            snprintf(expected, sizeof expected, "# TYPE %s %s", row->name, row->type);
            cr_assert_str_eq(line, expected);
            continue;
        }
        cr_assert_gt(n, 0);
        cr_assert(is_of(line, &rows[n - 1]), "%s", line);
        const char *value = strrchr(line, ' ');
        char *end;
        cr_assert_not_null(value);
        (void)strtod(value + 1, &end);
        cr_assert(end > value + 1 && *end == '\0', "no number: %s", line);
    }
    cr_expect_eq(n, METRICS_N, "a metric was not written");
}

Test(report_metrics, counts_over_all_workers_dead_ones_too, .init = setup)
{
    const struct tally_answer answer = {.had_flight = true, .elapsed_us = 20000, .is_stream = true};

    for (uint32_t slot = 0; slot < 2; slot++) {
        uint32_t generation = proc_slot_offer(fixture.segment, slot, PROC_WORKER);

        cr_assert_eq(proc_slot_claim(fixture.segment, slot, generation), 0);
        proc_slot_set_state(fixture.segment, slot, PROC_READY);
        proc_slot_count_add(fixture.segment, slot, PROC_COUNTER_BYTES_IN, 100);
        tally_count_answer(fixture.segment, slot, &answer);
    }
    proc_slot_set_state(fixture.segment, 1, PROC_DEAD);
    scrape();
    cr_expect(has("relayos_received_body_bytes_total 200"));
    cr_expect(has("relayos_requests_total{endpoint=\"chat_completions\",outcome=\"ok\"} 2"));
    cr_expect(has("relayos_request_duration_seconds_bucket{stream=\"1\",le=\"0.01\"} 0"));
    cr_expect(has("relayos_request_duration_seconds_bucket{stream=\"1\",le=\"0.025\"} 2"));
    cr_expect(has("relayos_request_duration_seconds_bucket{stream=\"1\",le=\"+Inf\"} 2"));
    cr_expect(has("relayos_request_duration_seconds_count{stream=\"1\"} 2"));
    cr_expect(has("relayos_request_duration_seconds_sum{stream=\"1\"} 0.04"));
    cr_expect(has("relayos_processes{role=\"worker\"} 1"));
    cr_expect(has("relayos_process_starts_total{role=\"worker\"} 2"));
}

Test(report_metrics, shows_each_route_and_what_it_is_out_for, .init = setup)
{
    segment_fixture_call(&fixture, 0, true, clock_mono_us());
    segment_fixture_call(&fixture, 0, false, clock_mono_us());
    health_set_admin(fixture.segment, fixture.routes[1].health_row, HEALTH_DISABLED);
    scrape();
#define ROUTE(n) "{model=\"m\",upstream=\"mock\",upstream_model=\"m-" #n "\"}"
    cr_expect(has("relayos_route_up" ROUTE(0) " 1"));
    cr_expect(has("relayos_route_up" ROUTE(1) " 0"));
    cr_expect(has("relayos_route_successes_total" ROUTE(0) " 1"));
    cr_expect(has("relayos_route_failures_total" ROUTE(0) " 1"));
    cr_expect(has("relayos_credential_up{upstream=\"mock\",credential=\"\"} 1"));
}

Test(report_metrics, tells_how_full_quotas_are, .init = setup)
{
    static const int64_t used[] = {0, 79, 80, 99, 100, 140};
    uint32_t idx, generation;

    for (uint64_t n = 0; n < sizeof used / sizeof used[0]; n++) {
        const struct quota_cell_id id = {n + 1, 202611, QUOTA_ALL_MODELS, LIMIT_UNIT_NUSD};
        const struct quota_terms terms = {.limit = 100, .used = used[n]};

        cr_assert_eq(quota_cell_open(fixture.segment, &id, &terms, &idx, &generation), 0);
    }
    scrape();
    cr_expect(has("relayos_quotas{state=\"below\"} 2"));
    cr_expect(has("relayos_quotas{state=\"near\"} 2"));
    cr_expect(has("relayos_quotas{state=\"used_up\"} 2"));
    cr_expect(has("relayos_segment_used{table=\"quota_cells\"} 6"));
}

Test(report_metrics, counts_refusals_for_which_there_was_no_room, .init = setup)
{
    const struct refusal_record record = {0};
    uint32_t room = segment_capacity(fixture.segment)->refusals_per_worker;

    for (uint32_t n = 0; n < room + 3; n++)
        for (uint32_t slot = 0; slot < 2; slot++)
            refusal_push(fixture.segment, slot, &record);
    scrape();
    cr_expect(has("relayos_refusals_lost_total 6"));
}

Test(report_metrics, a_label_cannot_end_its_line)
{
    struct buf line;

    buf_init(&line, 1024);
    metrics_text_int(&line, METRICS_CHARGE, "", LABELS("model", "a\"b\\c\nd"), 5);
    cr_expect(slice_eq_str(buf_slice(&line),
                           "relayos_charge_nanousd_total{model=\"a\\\"b\\\\c\\nd\"} 5\n"));
    buf_fini(&line);
}

Test(report_metrics, seconds_have_as_many_digits_as_they_need)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {{0, "0"},
                 {1, "0.000001"},
                 {5000, "0.005"},
                 {2500000, "2.5"},
                 {10000000, "10"},
                 {600000000, "600"},
                 {1234567890, "1234.56789"},
                 {-5, "0"}};

    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        char out[METRICS_SECONDS_SIZE];

        metrics_text_seconds(cases[n].us, out);
        cr_expect_str_eq(out, cases[n].text);
    }
}

Test(report_metrics, the_manual_lists_each_metric_and_no_other)
{
    struct buf page;
    size_t n_items = 0;

    source_file_read("man/relayos-metrics.7", &page);
    for (const struct metric *row = rows; row < rows + METRICS_N; row++) {
        char expected[512];

        snprintf(expected, sizeof expected, "\n.It Li %s Pq %s\n%s\n", row->name, row->type,
                 row->help);
        cr_expect_not_null(strstr(page.ptr, expected), "not in relayos-metrics(7):%s", expected);
    }
    for (const char *at = page.ptr; (at = strstr(at, "\n.It Li ")) != NULL; at++)
        n_items++;
    cr_expect_eq(n_items, METRICS_N);
    buf_fini(&page);
}
