/* SPDX-License-Identifier: ISC
 *
 * health - rows found by id, and per row a cell for each worker and one for the prober.
 */
#include "relayos/shm/health.h"

#include <string.h>

#include "health_word.h"
#include "layout.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "window.h"

#define IDLE_US      INT64_C(60000000) /* no call ended for so long: probes speak for the route */
#define SECOND_US    INT64_C(1000000)
#define PERMILLE_ALL 1000

#define PROBE_STATUS_SHIFT  1
#define PROBE_LATENCY_SHIFT 17

static struct health_row *row_at(const struct segment *segment, uint32_t row);
static void clear_row(struct health_row *r);
static void clear_cooling(struct health_row *r);
static uint32_t id_key(uint32_t id);
static uint32_t id_home(const struct segment *segment, uint32_t id);
static uint32_t next_row(const struct segment *segment, uint32_t row);
static bool is_of(const struct health_cell *cell, uint32_t id);
static struct health_cell *own_cell(struct segment *segment, uint32_t slot, uint32_t row);
static bool has_answered(const struct segment *segment, uint32_t row, int64_t now_us);
static void note_answer(struct segment *segment, struct health_cell *cell, uint32_t row,
                        const struct health_outcome *outcome);
static bool is_idle(const struct health_row *r, int64_t now_us);

#define LOAD(field)         atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define ADD(field, n)       STORE(field, LOAD(field) + (n)) /* of one writer */

/* ---- rows ---- */

/*
 * Twice as many rows as a config has routes and credentials, so there is room for a reload that
 * changes all; rows of ids gone for two commits are taken over in place, which leaves the chains of
 * others whole.
 */
int
health_intern(struct segment *segment, uint32_t id, uint32_t *out_row)
{
    uint64_t epoch = atomic_load_explicit(&segment->header->catalog_epoch, memory_order_acquire);
    uint32_t free_row = UINT32_MAX;
    uint32_t row = id_home(segment, id);

    id = id_key(id);
    for (uint32_t n = 0; n < segment->n_health_rows; n++, row = next_row(segment, row)) {
        struct health_row *r = row_at(segment, row);
        uint32_t row_id = LOAD(r->id);

        if (row_id == id) {
            STORE(r->stamp, epoch);
            *out_row = row;
            return 0;
        }
        if (free_row == UINT32_MAX && (row_id == 0 || LOAD(r->stamp) + 1 < epoch))
            free_row = row;
        if (row_id == 0)
            break;
    }
    if (free_row == UINT32_MAX)
        return ERR_FULL;

    struct health_row *r = row_at(segment, free_row);

    clear_row(r);
    STORE(r->stamp, epoch);
    atomic_store_explicit(&r->id, id, memory_order_release);
    *out_row = free_row;
    return 0;
}

static void
clear_row(struct health_row *r)
{
    STORE(r->admin, HEALTH_ENABLED);
    STORE(r->breaker, 0);
    STORE(r->limit, 0);
    STORE(r->credential, 0);
    clear_cooling(r);
    STORE(r->first_token, 0);
    STORE(r->probe, 0);
    STORE(r->probed_us, 0);
    STORE(r->last_success_us, 0);
    STORE(r->last_failure_us, 0);
}

static void
clear_cooling(struct health_row *r)
{
    for (int n = 0; n < LIMIT_CREDENTIALS; n++)
        STORE(r->cooling[n], 0);
    STORE(r->cooling_ms, 0);
}

int
health_row(const struct segment *segment, uint32_t id, uint32_t *out_row)
{
    uint32_t row = id_home(segment, id);

    id = id_key(id);
    for (uint32_t n = 0; n < segment->n_health_rows; n++, row = next_row(segment, row)) {
        uint32_t row_id = atomic_load_explicit(&row_at(segment, row)->id, memory_order_acquire);

        if (row_id == id) {
            *out_row = row;
            return 0;
        }
        if (row_id == 0)
            break;
    }
    return ERR_MISSING;
}

bool
health_row_is(const struct segment *segment, uint32_t row, uint32_t id)
{
    return atomic_load_explicit(&row_at(segment, row)->id, memory_order_acquire) == id_key(id);
}

/* Ids are hashes, so 0 may come up; in a row it means empty. */
static uint32_t
id_key(uint32_t id)
{
    return id == 0 ? 1 : id;
}

static uint32_t
id_home(const struct segment *segment, uint32_t id)
{
    return (uint32_t)((uint64_t)(id_key(id) * 0x9e3779b1u) * segment->n_health_rows >> 32);
}

static uint32_t
next_row(const struct segment *segment, uint32_t row)
{
    return row + 1 == segment->n_health_rows ? 0 : row + 1;
}

static struct health_row *
row_at(const struct segment *segment, uint32_t row)
{
    assert(row < segment->n_health_rows);
    return &segment->health_rows[row];
}

void
health_set_admin(struct segment *segment, uint32_t row, enum health_admin admin)
{
    STORE(row_at(segment, row)->admin, admin);
}

enum health_admin
health_admin(const struct segment *segment, uint32_t row)
{
    return (enum health_admin)LOAD(row_at(segment, row)->admin);
}

void
health_reset(struct segment *segment, uint32_t row)
{
    STORE(row_at(segment, row)->limit, 0);
    STORE(row_at(segment, row)->credential, 0);
    clear_cooling(row_at(segment, row));
    health_breaker_reset(segment, row, clock_mono_us());
}

/* ---- calls ---- */

void
health_begin(struct segment *segment, uint32_t slot, uint32_t row)
{
    ADD(own_cell(segment, slot, row)->in_flight, 1);
}

bool
health_end(struct segment *segment, uint32_t slot, uint32_t row,
           const struct health_outcome *outcome, const struct routing_settings *settings)
{
    struct health_cell *cell = own_cell(segment, slot, row);
    struct health_outcome meant;

    if ((outcome->is_outage || outcome->is_last) && !has_answered(segment, row, outcome->now_us)) {
        meant = *outcome;
        if (meant.is_outage &&
            (meant.verdict == HEALTH_OVERLOAD || meant.verdict == HEALTH_NEUTRAL))
            meant.verdict = HEALTH_FAULT;
        meant.is_last = false;
        outcome = &meant;
    }
    switch (outcome->verdict) {
    case HEALTH_OK:
        note_answer(segment, cell, row, outcome);
        break;
    case HEALTH_FAULT:
        window_count(cell->window, WINDOW_SECOND, outcome->now_us);
        ADD(cell->failures, 1);
        STORE(row_at(segment, row)->last_failure_us, outcome->now_us);
        break;
    case HEALTH_OVERLOAD:
        ADD(cell->overloads, 1);
        health_limit_shrink(segment, row, health_in_flight(segment, row), outcome->now_us);
        break;
    case HEALTH_NEUTRAL:
        break;
    }
    if (outcome->prompt_tokens > 0) {
        ADD(cell->prompt_tokens, (uint64_t)outcome->prompt_tokens);
        ADD(cell->cached_tokens, (uint64_t)outcome->cached_tokens);
    }
    if (LOAD(cell->in_flight) > 0) /* it began on another route if the row was recycled meanwhile */
        ADD(cell->in_flight, -1);
    CRASH_POINT("health.ended");
    return health_breaker_note(segment, slot, row, outcome, settings);
}

static bool
has_answered(const struct segment *segment, uint32_t row, int64_t now_us)
{
    uint32_t id = LOAD(row_at(segment, row)->id);
    struct window_counts calls = {0, 0};

    for (uint32_t slot = 0; slot <= segment->capacity.n_workers; slot++) {
        const struct health_cell *cell = health_cell_at(segment, slot, row);

        if (is_of(cell, id))
            window_add(cell->window, now_us, 0, &calls);
    }
    return calls.first > 0;
}

static void
note_answer(struct segment *segment, struct health_cell *cell, uint32_t row,
            const struct health_outcome *outcome)
{
    struct health_row *r = row_at(segment, row);

    window_count(cell->window, WINDOW_FIRST, outcome->now_us);
    ADD(cell->successes, 1);
    if (outcome->now_us - LOAD(r->last_success_us) >= SECOND_US || LOAD(r->last_success_us) == 0)
        STORE(r->last_success_us, outcome->now_us); /* others write it, too: now and then */
    if (outcome->first_token_us > 0)
        health_first_token_note(r, cell, outcome->first_token_us, outcome->now_us);
    if (health_limit(segment, row) != INT64_MAX)
        health_limit_grow(segment, row, health_in_flight(segment, row), outcome->now_us);
}

/* ---- probes ---- */

void
health_note_probe(struct segment *segment, uint32_t row, const struct health_probe *probe,
                  const struct routing_settings *settings)
{
    struct health_row *r = row_at(segment, row);
    const struct health_outcome fault = {
        .verdict = HEALTH_FAULT, .is_crowded = true, .now_us = probe->now_us};

    STORE(r->probe, (uint64_t)probe->latency_us << PROBE_LATENCY_SHIFT |
                        (uint64_t)probe->status << PROBE_STATUS_SHIFT | probe->is_ok);
    STORE(r->probed_us, probe->now_us);
    if (probe->is_ok)
        health_breaker_end_pause(segment, row, probe->now_us);
    if (!is_idle(r, probe->now_us))
        return;
    if (probe->is_ok)
        health_breaker_forgive(segment, row);
    else
        (void)health_breaker_note(segment, proc_slot_of(segment, PROC_PROBER), row, &fault,
                                  settings);
}

/* Has no call said anything lately? */
static bool
is_idle(const struct health_row *r, int64_t now_us)
{
    const int64_t ends[] = {LOAD(r->last_success_us), LOAD(r->last_failure_us)};

    for (int n = 0; n < 2; n++)
        if (ends[n] != 0 && now_us - ends[n] <= IDLE_US)
            return false;
    return true;
}

/* ---- figures ---- */

int64_t
health_in_flight(const struct segment *segment, uint32_t row)
{
    uint32_t id = LOAD(row_at(segment, row)->id);
    int64_t in_flight = 0;

    for (uint32_t slot = 0; slot <= segment->capacity.n_workers; slot++) {
        const struct health_cell *cell = health_cell_at(segment, slot, row);

        if (is_of(cell, id))
            in_flight += LOAD(cell->in_flight);
    }
    return in_flight;
}

void
health_figures(const struct segment *segment, uint32_t row, int64_t now_us,
               struct health_figures *out)
{
    uint32_t id = LOAD(row_at(segment, row)->id);
    struct window_counts calls = {0, 0};
    int64_t ewma_sum = 0, n_ewma = 0, in_flight = 0, first_token_us;

    for (uint32_t slot = 0; slot <= segment->capacity.n_workers; slot++) {
        const struct health_cell *cell = health_cell_at(segment, slot, row);

        if (!is_of(cell, id))
            continue;
        in_flight += LOAD(cell->in_flight);
        first_token_us = health_first_token_average(cell, now_us);
        ewma_sum += first_token_us;
        n_ewma += first_token_us > 0;
        window_add(cell->window, now_us, 0, &calls);
    }
    uint64_t n_calls = calls.first + calls.second;

    *out = (struct health_figures){
        .in_flight = in_flight,
        .limit = health_limit(segment, row),
        .first_token_us = n_ewma == 0 ? 0 : ewma_sum / n_ewma,
        .success_permille =
            n_calls == 0 ? PERMILLE_ALL : (int64_t)(calls.first * PERMILLE_ALL / n_calls),
    };
}

void
health_view(const struct segment *segment, uint32_t row, int64_t now_us, struct health_view *out)
{
    const struct health_row *r = row_at(segment, row);
    uint64_t probe = LOAD(r->probe);

    *out = (struct health_view){
        .admin = health_admin(segment, row),
        .last_success_us = LOAD(r->last_success_us),
        .last_failure_us = LOAD(r->last_failure_us),
        .first_token_p95_us = health_first_token_p95(segment, row),
        .probe = {.is_ok = probe & 1,
                  .status = (uint16_t)(probe >> PROBE_STATUS_SHIFT),
                  .latency_us = (int64_t)(probe >> PROBE_LATENCY_SHIFT),
                  .now_us = LOAD(r->probed_us)},
    };
    health_figures(segment, row, now_us, &out->figures);
    health_breaker_view(segment, row, now_us, out);
    for (uint32_t slot = 0; slot <= segment->capacity.n_workers; slot++) {
        const struct health_cell *cell = health_cell_at(segment, slot, row);

        if (!is_of(cell, LOAD(r->id)))
            continue;
        out->successes += LOAD(cell->successes);
        out->failures += LOAD(cell->failures);
        out->overloads += LOAD(cell->overloads);
        out->prompt_tokens += LOAD(cell->prompt_tokens);
        out->cached_tokens += LOAD(cell->cached_tokens);
    }
}

/* ---- cells ---- */

void
health_forget_worker(struct segment *segment, uint32_t slot)
{
    assert(slot < segment->capacity.n_workers);
    for (uint32_t row = 0; row < segment->n_health_rows; row++) {
        if (LOAD(row_at(segment, row)->id) == 0)
            continue;
        STORE(health_cell_at(segment, slot, row)->in_flight, 0);
        health_breaker_forget(segment, slot, row);
    }
}

static bool
is_of(const struct health_cell *cell, uint32_t id)
{
    return LOAD(cell->id) == id;
}

/* The writer's cell, started afresh if the row is another route's by now. Who looks just then may
 * take counts of the one for the other's: one choice is off, which is not worth an order. */
static struct health_cell *
own_cell(struct segment *segment, uint32_t slot, uint32_t row)
{
    struct health_cell *cell = health_cell_at(segment, slot, row);
    uint32_t id = atomic_load_explicit(&row_at(segment, row)->id, memory_order_acquire);

    if (is_of(cell, id))
        return cell;
    STORE(cell->id, 0);
    STORE(cell->in_flight, 0);
    STORE(cell->window[0], 0);
    STORE(cell->window[1], 0);
    STORE(cell->first_token, 0);
    STORE(cell->successes, 0);
    STORE(cell->failures, 0);
    STORE(cell->overloads, 0);
    STORE(cell->prompt_tokens, 0);
    STORE(cell->cached_tokens, 0);
    atomic_store_explicit(&cell->id, id, memory_order_release);
    return cell;
}
