/* SPDX-License-Identifier: ISC
 *
 * report_metrics - see the header. The order is that of metrics.def.
 */
#include "relayos/report/report_metrics.h"

#include <stdlib.h>

#include "metrics_route.h"
#include "metrics_text.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/model/key.h"
#include "relayos/report/report_flight.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/key_table.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/refusal.h"
#include "relayos/shm/tally.h"

struct census {
    uint64_t counters[PROC_N_COUNTERS];
    uint64_t n_living[PROC_N_ROLES], n_starts[PROC_N_ROLES];
    int64_t oldest_us[PROC_N_ROLES];
};
struct flights {
    uint64_t n_used, n_running, n_waiting;
    int64_t oldest_us; /* clock_mono_us() when the first of those that wait ended; 0 = none */
};
/* Metrics that are one counter of proc_slot or one figure of tally, summed. */
struct simple {
    enum metrics_text_row row;
    int source;
};

static void count_processes(const struct segment *segment, struct census *out);
static void write_build(struct buf *out);
static void write_answers(const struct segment *segment, struct buf *out);
static void write_times(const struct segment *segment, struct buf *out);
static void write_histogram(const struct segment *segment, enum tally_time which,
                            enum metrics_text_row row, const char *stream, struct buf *out);
static void write_counters(const struct census *census, const struct simple *rows, size_t n,
                           struct buf *out);
static void count_flights(const struct segment *segment, struct flights *out);
static void write_accounting(const struct segment *segment, const struct census *census,
                             const struct flights *flights, struct buf *out);
static uint64_t count_lost(const struct segment *segment);
static void write_quotas(const struct segment *segment, struct buf *out);
static void write_tables(const struct segment *segment, const struct flights *flights,
                         struct buf *out);
static uint64_t count_keys(const struct segment *segment);
static uint64_t count_cells(const struct segment *segment);
static void write_processes(const struct segment *segment, const struct census *census,
                            struct buf *out);
static void write_config(const struct report *report, struct buf *out);
static void write_figures(const struct segment *segment, const struct simple *rows, size_t n,
                          struct buf *out);
static void write_moment(const struct segment *segment, enum metrics_text_row row,
                         enum tally_figure figure, struct buf *out);

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

void
report_metrics_write(const struct report *report, struct buf *out)
{
    static const struct simple callers[] = {
        {METRICS_RECEIVED, PROC_COUNTER_BYTES_IN},
        {METRICS_SENT, PROC_COUNTER_BYTES_OUT},
        {METRICS_CONNECTIONS, PROC_COUNTER_CONNECTIONS},
        {METRICS_CONNECTIONS_OPEN, PROC_COUNTER_CONNECTIONS_OPEN},
        {METRICS_BODY_MEMORY, PROC_COUNTER_BODY_BYTES},
        {METRICS_BAD_FRAMING, PROC_COUNTER_BAD_FRAMING},
        {METRICS_TLS_HANDSHAKES, PROC_COUNTER_TLS_HANDSHAKES},
        {METRICS_TLS_FAILED, PROC_COUNTER_TLS_FAILED},
        {METRICS_PROXY_REFUSED, PROC_COUNTER_PROXY_REFUSED},
        {METRICS_TURNED_AWAY, PROC_COUNTER_TURNED_AWAY},
        {METRICS_DISPLACED, PROC_COUNTER_DISPLACED},
        {METRICS_SHED, PROC_COUNTER_SHED},
        {METRICS_REPLAYS, PROC_COUNTER_REPLAYS},
        {METRICS_OVERSHOOTS, PROC_COUNTER_OVERSHOOTS},
        {METRICS_OVER_QUOTA, PROC_COUNTER_OVER_QUOTA},
        {METRICS_UNHELD, PROC_COUNTER_UNHELD},
        {METRICS_CAPTURES, PROC_COUNTER_CAPTURES},
        {METRICS_CAPTURES_LOST, PROC_COUNTER_CAPTURES_LOST},
    };
    static const struct simple upstreams[] = {
        {METRICS_UPSTREAM_CALLS, PROC_COUNTER_UPSTREAM_CALLS},
        {METRICS_UPSTREAM_REUSED, PROC_COUNTER_UPSTREAM_REUSED},
        {METRICS_UPSTREAM_REDIALS, PROC_COUNTER_UPSTREAM_REDIALS},
        {METRICS_UPSTREAM_FAILED, PROC_COUNTER_UPSTREAM_FAILED},
        {METRICS_PROBES, PROC_COUNTER_PROBES},
        {METRICS_PROBES_FAILED, PROC_COUNTER_PROBES_FAILED},
    };
    const struct segment *segment = report->segment;
    struct flights flights;
    struct census census;

    count_processes(segment, &census);
    count_flights(segment, &flights);
    write_build(out);
    write_answers(segment, out);
    write_times(segment, out);
    metrics_text_only(out, METRICS_IN_FLIGHT, flights.n_running);
    write_counters(&census, callers, N_OF(callers), out);
    metrics_route_write_models(report, out);
    metrics_route_write(report, out);
    write_counters(&census, upstreams, N_OF(upstreams), out);
    write_accounting(segment, &census, &flights, out);
    write_tables(segment, &flights, out);
    write_processes(segment, &census, out);
    write_config(report, out);
}

/* Over all slots, those of processes that are gone included: their counts stay. */
static void
count_processes(const struct segment *segment, struct census *out)
{
    *out = (struct census){.counters = {0}};
    for (uint32_t slot = 0; slot < proc_slot_count(segment); slot++) {
        struct proc_view view;

        proc_slot_view(segment, slot, &view);
        for (unsigned i = 0; i < PROC_N_COUNTERS; i++)
            out->counters[i] += view.counters[i];
        if (view.generation == 0 || view.role >= PROC_N_ROLES)
            continue; /* nobody was ever there */
        out->n_starts[view.role] += view.generation;
        if (view.pid == 0 || view.state == PROC_VACANT || view.state == PROC_DEAD)
            continue;
        out->n_living[view.role]++;
        if (out->oldest_us[view.role] == 0 || view.started_us < out->oldest_us[view.role])
            out->oldest_us[view.role] = view.started_us;
    }
}

static void
write_build(struct buf *out)
{
    metrics_text_begin(out, METRICS_BUILD_INFO);
    metrics_text_int(out, METRICS_BUILD_INFO, "", LABELS("version", RELAYOS_VERSION), 1);
}

/* What never happened is left out: of a thousand pairs some twenty ever do. But one that went well
 * is there from the start, so that a rate has something to begin from. */
static void
write_answers(const struct segment *segment, struct buf *out)
{
    metrics_text_begin(out, METRICS_REQUESTS);
    for (unsigned endpoint = 0; endpoint < TALLY_ENDPOINTS; endpoint++) {
        const char *name =
            endpoint == TALLY_ENDPOINTS - 1 ? "none" : report_flight_endpoint((uint8_t)endpoint);

        for (unsigned category = 0; name != NULL && category < ERR_N_CATEGORIES; category++) {
            uint64_t n = tally_answers(segment, endpoint, category);
            bool is_good = category == ERR_CATEGORY_NONE && endpoint != TALLY_ENDPOINTS - 1;

            if (n > 0 || is_good)
                metrics_text_int(out, METRICS_REQUESTS, "",
                                 LABELS("endpoint", name, "outcome",
                                        category == ERR_CATEGORY_NONE
                                            ? "ok"
                                            : err_category_name((enum err_category)category)),
                                 n);
        }
    }
}

static void
write_times(const struct segment *segment, struct buf *out)
{
    metrics_text_begin(out, METRICS_DURATION);
    write_histogram(segment, TALLY_WHOLE, METRICS_DURATION, "0", out);
    write_histogram(segment, TALLY_STREAM, METRICS_DURATION, "1", out);
    metrics_text_begin(out, METRICS_FIRST_TOKEN);
    write_histogram(segment, TALLY_FIRST_TOKEN, METRICS_FIRST_TOKEN, NULL, out);
}

/* stream NULL: without that label. */
static void
write_histogram(const struct segment *segment, enum tally_time which, enum metrics_text_row row,
                const char *stream, struct buf *out)
{
    struct tally_histogram times;
    uint64_t n_so_far = 0;

    tally_times(segment, which, &times);
    for (unsigned n = 0; n <= TALLY_BUCKETS; n++) {
        char bound[METRICS_SECONDS_SIZE] = "+Inf";

        if (n < TALLY_BUCKETS)
            metrics_text_seconds(tally_bounds_us[n], bound);
        n_so_far += times.n[n];
        metrics_text_int(
            out, row, "_bucket",
            stream == NULL ? LABELS("le", bound) : LABELS("stream", stream, "le", bound), n_so_far);
    }

    const struct metrics_labels *labels = stream == NULL ? NULL : LABELS("stream", stream);

    metrics_text_us(out, row, "_sum", labels, (int64_t)times.sum_us);
    metrics_text_int(out, row, "_count", labels, n_so_far);
}

static void
write_counters(const struct census *census, const struct simple *rows, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        metrics_text_only(out, rows[i].row, census->counters[rows[i].source]);
}

/* ---- accounting ---- */

static void
count_flights(const struct segment *segment, struct flights *out)
{
    struct flight_record *record = mem_alloc(sizeof(*record));

    *out = (struct flights){.n_used = 0};
    for (uint32_t idx = 0; idx < flight_n_slots(segment); idx++) {
        enum flight_state state = flight_peek(segment, idx);

        out->n_used += state != FLIGHT_FREE;
        out->n_running += state != FLIGHT_FREE && state != FLIGHT_DONE;
        if (state != FLIGHT_DONE || flight_copy(segment, idx, record) != FLIGHT_DONE)
            continue;
        int64_t ended_us = record->stage_us[FLIGHT_STAGE_COMPLETED];

        out->n_waiting++;
        if (ended_us != 0 && (out->oldest_us == 0 || ended_us < out->oldest_us))
            out->oldest_us = ended_us;
    }
    free(record);
}

static void
write_accounting(const struct segment *segment, const struct census *census,
                 const struct flights *flights, struct buf *out)
{
    static const struct simple ledger[] = {
        {METRICS_SETTLED, PROC_COUNTER_SETTLED},
        {METRICS_SETTLE_BATCHES, PROC_COUNTER_SETTLE_BATCHES},
        {METRICS_SETTLE_ERRORS, PROC_COUNTER_SETTLE_ERRORS},
        {METRICS_REFUSALS, PROC_COUNTER_REFUSALS_TRACED},
        {METRICS_UNDERTAKEN, PROC_COUNTER_UNDERTAKEN},
        {METRICS_CHECKPOINTS, PROC_COUNTER_CHECKPOINTS},
    };
    static const struct simple disk[] = {
        {METRICS_WAL, TALLY_WAL_BYTES},
        {METRICS_DISK_FREE, TALLY_DISK_FREE_BYTES},
        {METRICS_DISK, TALLY_DISK_BYTES},
    };

    write_quotas(segment, out);
    metrics_text_only(out, METRICS_ADMISSION, segment_admission_is_open(segment));
    metrics_text_only(out, METRICS_OUTBOX, flights->n_waiting);
    metrics_text_begin(out, METRICS_OUTBOX_AGE);
    metrics_text_us(out, METRICS_OUTBOX_AGE, "", NULL,
                    flights->oldest_us == 0 ? 0 : clock_mono_us() - flights->oldest_us);
    write_counters(census, ledger, N_OF(ledger), out);
    metrics_text_only(out, METRICS_REFUSALS_LOST, count_lost(segment));
    write_figures(segment, disk, N_OF(disk), out);
}

static uint64_t
count_lost(const struct segment *segment)
{
    uint64_t n_lost = 0;

    for (uint32_t slot = 0; slot < segment_capacity(segment)->n_workers; slot++)
        n_lost += refusal_n_lost(segment, slot);
    return n_lost;
}

static void
write_quotas(const struct segment *segment, struct buf *out)
{
    static const char *const states[] = {"below", "near", "used_up"};
    uint64_t n[3] = {0};

    for (uint32_t idx = 0; idx < segment_capacity(segment)->quota_cells; idx++) {
        struct quota_cell_info info;
        struct quota_view view;
        struct quota_cell *cell;

        if (quota_cell_info(segment, idx, &info) != 0 || info.id.unit == LIMIT_UNIT_CONCURRENT ||
            (cell = quota_cell_at(segment, idx, info.generation)) == NULL)
            continue;
        quota_view(cell, &view);
        n[view.used >= view.limit ? 2 : view.used >= view.limit / 5 * 4]++;
    }
    metrics_text_begin(out, METRICS_QUOTAS);
    for (unsigned i = 0; i < N_OF(states); i++)
        metrics_text_int(out, METRICS_QUOTAS, "", LABELS("state", states[i]), n[i]);
}

/* ---- the daemon ---- */

static void
write_tables(const struct segment *segment, const struct flights *flights, struct buf *out)
{
    const struct segment_capacity *capacity = segment_capacity(segment);
    const struct {
        const char *name;
        uint64_t n_used, size;
    } tables[] = {
        {"flights", flights->n_used, flight_n_slots(segment)},
        {"keys", count_keys(segment), capacity->keys},
        {"quota_cells", count_cells(segment), capacity->quota_cells},
    };

    metrics_text_begin(out, METRICS_USED);
    for (size_t n = 0; n < N_OF(tables); n++)
        metrics_text_int(out, METRICS_USED, "", LABELS("table", tables[n].name), tables[n].n_used);
    metrics_text_begin(out, METRICS_CAPACITY);
    for (size_t n = 0; n < N_OF(tables); n++)
        metrics_text_int(out, METRICS_CAPACITY, "", LABELS("table", tables[n].name),
                         tables[n].size);
}

static uint64_t
count_keys(const struct segment *segment)
{
    struct key_view key;
    uint64_t n = 0;

    for (uint32_t row = 0; row < key_table_n_rows(segment); row++)
        n += key_table_at(segment, row, &key) == 0;
    return n;
}

static uint64_t
count_cells(const struct segment *segment)
{
    struct quota_cell_info info;
    uint64_t n = 0;

    for (uint32_t idx = 0; idx < segment_capacity(segment)->quota_cells; idx++)
        n += quota_cell_info(segment, idx, &info) == 0;
    return n;
}

static void
write_processes(const struct segment *segment, const struct census *census, struct buf *out)
{
    metrics_text_begin(out, METRICS_PROCESSES);
    for (unsigned n = 0; n < PROC_N_ROLES; n++) {
        if (census->n_starts[n] > 0)
            metrics_text_int(out, METRICS_PROCESSES, "",
                             LABELS("role", proc_role_name((enum proc_role)n)),
                             census->n_living[n]);
    }
    metrics_text_begin(out, METRICS_STARTS);
    for (unsigned n = 0; n < PROC_N_ROLES; n++) {
        if (census->n_starts[n] > 0)
            metrics_text_int(out, METRICS_STARTS, "",
                             LABELS("role", proc_role_name((enum proc_role)n)),
                             census->n_starts[n]);
    }
    metrics_text_only(out, METRICS_CRASHES, (uint64_t)tally_get(segment, TALLY_CHILD_CRASHES));
    metrics_text_begin(out, METRICS_START_TIME);
    for (unsigned n = 0; n < PROC_N_ROLES; n++) {
        if (census->oldest_us[n] > 0)
            metrics_text_us(out, METRICS_START_TIME, "",
                            LABELS("role", proc_role_name((enum proc_role)n)),
                            census->oldest_us[n]);
    }
}

static void
write_config(const struct report *report, struct buf *out)
{
    static const struct simple reloads[] = {
        {METRICS_RELOADS, TALLY_RELOADS},
        {METRICS_RELOADS_REFUSED, TALLY_RELOADS_REFUSED},
        {METRICS_RELOAD_FAILED, TALLY_LAST_RELOAD_FAILED},
    };
    static const struct simple senders[] = {
        {METRICS_ALERTS, TALLY_ALERTS_ACTIVE},
        {METRICS_ALERTS_SENT, TALLY_ALERTS_SENT},
        {METRICS_ALERTS_FAILED, TALLY_ALERTS_FAILED},
        {METRICS_ALERTS_DROPPED, TALLY_ALERTS_DROPPED},
        {METRICS_TRACES_SENT, TALLY_TRACES_SENT},
        {METRICS_TRACES_FAILED, TALLY_TRACES_FAILED},
        {METRICS_TRACES_DROPPED, TALLY_TRACES_DROPPED},
    };

    metrics_text_only(out, METRICS_EPOCH, catalog_epoch(report->catalog));
    write_figures(report->segment, reloads, N_OF(reloads), out);
    write_moment(report->segment, METRICS_RELOAD_TIME, TALLY_LAST_RELOAD_US, out);
    write_moment(report->segment, METRICS_CERTIFICATE, TALLY_CERTIFICATE_EXPIRES_US, out);
    write_figures(report->segment, senders, N_OF(senders), out);
}

static void
write_figures(const struct segment *segment, const struct simple *rows, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        metrics_text_only(out, rows[i].row,
                          (uint64_t)tally_get(segment, (enum tally_figure)rows[i].source));
}

/* None: the metric is there, and has no line. */
static void
write_moment(const struct segment *segment, enum metrics_text_row row, enum tally_figure figure,
             struct buf *out)
{
    int64_t us = tally_get(segment, figure);

    metrics_text_begin(out, row);
    if (us != 0)
        metrics_text_us(out, row, "", NULL, us);
}
