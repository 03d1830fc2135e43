/* SPDX-License-Identifier: ISC
 *
 * health - rows found by route id, and per row a cell for each worker and one for the prober.
 */
#include "relayos/shm/health.h"

#include "layout.h"

#define HEALTH_EWMA_SHIFT 3 /* a new figure counts 1/8 */

static uint32_t route_key(uint32_t route_id);
static uint32_t route_home(const struct segment *segment, uint32_t route_id);
static struct health_cell *cell_at(const struct segment *segment, uint32_t slot, uint32_t row);
static struct health_cell *own_cell(struct segment *segment, uint32_t slot, uint32_t row);

#define LOAD(field)         atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

/*
 * Twice as many rows as a config has routes, so there is room for a reload that changes all; rows
 * of routes gone for two commits are taken over in place, which leaves the chains of others whole.
 */
int
health_intern(struct segment *segment, uint32_t route_id, uint32_t *out_row)
{
    uint64_t epoch = atomic_load_explicit(&segment->header->catalog_epoch, memory_order_acquire);
    uint32_t mask = segment->n_health_rows - 1;
    uint32_t free_row = UINT32_MAX;
    uint32_t row = route_home(segment, route_id);

    route_id = route_key(route_id);
    for (uint32_t n = 0; n <= mask; n++, row = (row + 1) & mask) {
        struct health_row *r = &segment->health_rows[row];
        uint32_t id = LOAD(r->route_id);

        if (id == route_id) {
            STORE(r->stamp, epoch);
            *out_row = row;
            return 0;
        }
        if (free_row == UINT32_MAX && (id == 0 || LOAD(r->stamp) + 1 < epoch))
            free_row = row;
        if (id == 0)
            break;
    }
    if (free_row == UINT32_MAX)
        return ERR_FULL;

    struct health_row *r = &segment->health_rows[free_row];

    STORE(r->breaker, 0);
    STORE(r->ejected_until_us, 0);
    STORE(r->stamp, epoch);
    atomic_store_explicit(&r->route_id, route_id, memory_order_release);
    *out_row = free_row;
    return 0;
}

int
health_row(const struct segment *segment, uint32_t route_id, uint32_t *out_row)
{
    uint32_t mask = segment->n_health_rows - 1;
    uint32_t row = route_home(segment, route_id);

    route_id = route_key(route_id);
    for (uint32_t n = 0; n <= mask; n++, row = (row + 1) & mask) {
        uint32_t id =
            atomic_load_explicit(&segment->health_rows[row].route_id, memory_order_acquire);

        if (id == route_id) {
            *out_row = row;
            return 0;
        }
        if (id == 0)
            break;
    }
    return ERR_MISSING;
}

void
health_begin(struct segment *segment, uint32_t slot, uint32_t row)
{
    struct health_cell *cell = own_cell(segment, slot, row);

    STORE(cell->in_flight, LOAD(cell->in_flight) + 1);
}

void
health_end(struct segment *segment, uint32_t slot, uint32_t row, bool is_failure,
           int64_t first_token_us, int64_t now_us)
{
    struct health_cell *cell = own_cell(segment, slot, row);

    if (LOAD(cell->in_flight) > 0) /* it began on another route if the row was recycled meanwhile */
        STORE(cell->in_flight, LOAD(cell->in_flight) - 1);
    if (is_failure) {
        STORE(cell->failures, LOAD(cell->failures) + 1);
        STORE(cell->consecutive_failures, LOAD(cell->consecutive_failures) + 1);
        STORE(cell->last_failure_us, now_us);
        return;
    }
    STORE(cell->successes, LOAD(cell->successes) + 1);
    STORE(cell->consecutive_failures, 0);
    STORE(cell->last_success_us, now_us);
    if (first_token_us > 0) {
        int64_t ewma = LOAD(cell->first_token_us_ewma);

        STORE(cell->first_token_us_ewma,
              ewma == 0 ? first_token_us
                        : ewma + (first_token_us - ewma) / (1 << HEALTH_EWMA_SHIFT));
    }
}

void
health_view(const struct segment *segment, uint32_t row, struct health_view *out)
{
    uint32_t route_id = LOAD(segment->health_rows[row].route_id);
    uint32_t n_cells = segment->capacity.n_workers + 1;
    int64_t ewma_sum = 0, n_ewma = 0;
    bool is_failing = false;

    *out = (struct health_view){0};
    for (uint32_t slot = 0; slot < n_cells; slot++) {
        const struct health_cell *cell = cell_at(segment, slot, row);

        if (LOAD(cell->route_id) != route_id)
            continue;
        out->in_flight += LOAD(cell->in_flight);
        out->successes += LOAD(cell->successes);
        out->failures += LOAD(cell->failures);
        if (LOAD(cell->first_token_us_ewma) > 0) {
            ewma_sum += LOAD(cell->first_token_us_ewma);
            n_ewma++;
        }
        if (LOAD(cell->last_success_us) > out->last_success_us)
            out->last_success_us = LOAD(cell->last_success_us);
        if (LOAD(cell->last_failure_us) > out->last_failure_us)
            out->last_failure_us = LOAD(cell->last_failure_us);
    }
    out->first_token_us_ewma = n_ewma == 0 ? 0 : ewma_sum / n_ewma;

    /* Now that the last success is known: who has seen nothing but failures since? */
    for (uint32_t slot = 0; slot < n_cells; slot++) {
        const struct health_cell *cell = cell_at(segment, slot, row);
        uint32_t failures = LOAD(cell->consecutive_failures);

        if (LOAD(cell->route_id) != route_id || failures == 0 ||
            LOAD(cell->last_failure_us) < out->last_success_us)
            continue;
        if (!is_failing || failures < out->consecutive_failures)
            out->consecutive_failures = failures;
        is_failing = true;
    }
}

void
health_forget_worker(struct segment *segment, uint32_t slot)
{
    for (uint32_t row = 0; row < segment->n_health_rows; row++)
        STORE(cell_at(segment, slot, row)->in_flight, 0);
}

/* Ids are hashes, so 0 may come up; in a row it means empty. */
static uint32_t
route_key(uint32_t route_id)
{
    return route_id == 0 ? 1 : route_id;
}

static uint32_t
route_home(const struct segment *segment, uint32_t route_id)
{
    return route_key(route_id) * 0x9e3779b1u & (segment->n_health_rows - 1);
}

/* Slots past the workers are the prober's one cell. */
static struct health_cell *
cell_at(const struct segment *segment, uint32_t slot, uint32_t row)
{
    uint32_t n_workers = segment->capacity.n_workers;
    size_t cells_of = slot < n_workers ? slot : n_workers;

    assert(slot < proc_slot_count(segment) && row < segment->n_health_rows);
    return &segment->health_cells[cells_of * segment->n_health_rows + row];
}

/* The writer's cell, started afresh if the row is another route's by now. */
static struct health_cell *
own_cell(struct segment *segment, uint32_t slot, uint32_t row)
{
    struct health_cell *cell = cell_at(segment, slot, row);
    uint32_t route_id =
        atomic_load_explicit(&segment->health_rows[row].route_id, memory_order_acquire);

    if (LOAD(cell->route_id) != route_id) {
        STORE(cell->in_flight, 0);
        STORE(cell->successes, 0);
        STORE(cell->failures, 0);
        STORE(cell->first_token_us_ewma, 0);
        STORE(cell->last_success_us, 0);
        STORE(cell->last_failure_us, 0);
        STORE(cell->consecutive_failures, 0);
        STORE(cell->route_id, route_id);
    }
    return cell;
}
