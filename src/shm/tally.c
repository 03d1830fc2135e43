/* SPDX-License-Identifier: ISC
 *
 * tally - one writer each, so a load and a store: no bus lock on the request path.
 */
#include "relayos/shm/tally.h"

#include "layout.h"

#define MS INT64_C(1000)
#define S  INT64_C(1000000)

static_assert(ERR_N_CATEGORIES <= TALLY_OUTCOMES, "every category has a place");
static_assert(TALLY_N_FIGURES <= SHM_TALLY_FIGURES, "every figure has one");

const int64_t tally_bounds_us[TALLY_BUCKETS] = {
    5 * MS,    10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,
    2500 * MS, 5 * S,   10 * S,  30 * S,  60 * S,   120 * S,  300 * S,  600 * S};

static void add(_Atomic uint64_t *total, int64_t n);
static void count_time(struct shm_tally *tally, enum tally_time which, int64_t us);
static uint64_t load(const _Atomic uint64_t *total);

void
tally_count_answer(struct segment *segment, uint32_t slot, const struct tally_answer *answer)
{
    struct shm_tally *tally = &segment->tallies[slot];
    unsigned endpoint = answer->endpoint < TALLY_ENDPOINTS ? answer->endpoint : TALLY_ENDPOINTS - 1;

    assert(slot < segment->capacity.n_workers && answer->category < TALLY_OUTCOMES);
    add(&tally->answers[endpoint][answer->category], 1);
    if (!answer->had_flight)
        return;
    count_time(tally, answer->is_stream ? TALLY_STREAM : TALLY_WHOLE, answer->elapsed_us);
    if (answer->first_token_us > 0)
        count_time(tally, TALLY_FIRST_TOKEN, answer->first_token_us);
}

static void
add(_Atomic uint64_t *total, int64_t n)
{
    atomic_store_explicit(total, load(total) + (uint64_t)n, memory_order_relaxed);
}

static uint64_t
load(const _Atomic uint64_t *total)
{
    return atomic_load_explicit(total, memory_order_relaxed);
}

static void
count_time(struct shm_tally *tally, enum tally_time which, int64_t us)
{
    struct shm_tally_time *time = &tally->times[which];
    unsigned n = 0;

    while (n < TALLY_BUCKETS && us > tally_bounds_us[n])
        n++;
    add(&time->n[n], 1);
    add(&time->sum_us, us);
}

uint64_t
tally_answers(const struct segment *segment, uint32_t endpoint, uint32_t category)
{
    uint64_t total = 0;

    assert(endpoint < TALLY_ENDPOINTS && category < TALLY_OUTCOMES);
    for (uint32_t slot = 0; slot < segment->capacity.n_workers; slot++)
        total += load(&segment->tallies[slot].answers[endpoint][category]);
    return total;
}

void
tally_times(const struct segment *segment, enum tally_time which, struct tally_histogram *out)
{
    assert(which < TALLY_N_TIMES);
    *out = (struct tally_histogram){.sum_us = 0};
    for (uint32_t slot = 0; slot < segment->capacity.n_workers; slot++) {
        const struct shm_tally_time *time = &segment->tallies[slot].times[which];

        for (unsigned n = 0; n <= TALLY_BUCKETS; n++)
            out->n[n] += load(&time->n[n]);
        out->sum_us += load(&time->sum_us);
    }
}

void
tally_settle(struct segment *segment, const struct flight_record *flight)
{
    if (flight->model_id >= LIMIT_MODELS)
        return;

    struct shm_tally_model *row = &segment->tally_models[flight->model_id];

    add(&row->requests, 1);
    add(&row->failed, flight->category != ERR_CATEGORY_NONE);
    add(&row->attempts, flight->n_attempts);
    add(&row->charge_nusd, flight->charge_nusd);
    add(&row->cost_nusd, flight->cost_nusd);
    if (flight->provenance == USAGE_NONE || flight->provenance == USAGE_INDETERMINATE)
        return;
    add(&row->reasoning_tokens, flight->usage.reasoning_tokens);
    for (unsigned n = 0; n < USAGE_N_BUCKETS; n++)
        add(&row->units[n], flight->usage.count[n]);
}

void
tally_model(const struct segment *segment, uint32_t model_id, struct tally_model *out)
{
    const struct shm_tally_model *row = &segment->tally_models[model_id];

    assert(model_id < LIMIT_MODELS);
    *out = (struct tally_model){.requests = load(&row->requests),
                                .failed = load(&row->failed),
                                .attempts = load(&row->attempts),
                                .charge_nusd = load(&row->charge_nusd),
                                .cost_nusd = load(&row->cost_nusd),
                                .reasoning_tokens = load(&row->reasoning_tokens)};
    for (unsigned n = 0; n < USAGE_N_BUCKETS; n++)
        out->units[n] = load(&row->units[n]);
}

void
tally_set(struct segment *segment, enum tally_figure figure, int64_t value)
{
    assert(figure < TALLY_N_FIGURES);
    atomic_store_explicit(&segment->tally_figures[figure], value, memory_order_relaxed);
}

void
tally_add(struct segment *segment, enum tally_figure figure, int64_t n)
{
    tally_set(segment, figure, tally_get(segment, figure) + n);
}

int64_t
tally_get(const struct segment *segment, enum tally_figure figure)
{
    assert(figure < TALLY_N_FIGURES);
    return atomic_load_explicit(&segment->tally_figures[figure], memory_order_relaxed);
}
