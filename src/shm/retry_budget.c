/* SPDX-License-Identifier: ISC
 *
 * retry_budget - per worker and model the requests and the further attempts of the last 5 to 10 s.
 */
#include "relayos/shm/retry_budget.h"

#include "layout.h"
#include "window.h"

static struct retry_cell *cell_at(const struct segment *segment, uint32_t slot, uint32_t model_id);

void
retry_budget_count(struct segment *segment, uint32_t slot, uint32_t model_id, int64_t now_us)
{
    window_count(cell_at(segment, slot, model_id)->window, WINDOW_FIRST, now_us);
}

bool
retry_budget_take(struct segment *segment, uint32_t slot, uint32_t model_id, uint32_t percent,
                  uint32_t min, int64_t now_us)
{
    struct window_counts sum = {0, 0};

    for (uint32_t n = 0; n < segment->capacity.n_workers; n++)
        window_add(cell_at(segment, n, model_id)->window, now_us, 0, &sum);
    if (sum.second >= min && (sum.second + 1) * 100 > sum.first * percent)
        return false;
    window_count(cell_at(segment, slot, model_id)->window, WINDOW_SECOND, now_us);
    return true;
}

static struct retry_cell *
cell_at(const struct segment *segment, uint32_t slot, uint32_t model_id)
{
    assert(slot < segment->capacity.n_workers && model_id < LIMIT_MODELS);
    return &segment->retry_cells[(size_t)slot * LIMIT_MODELS + model_id];
}
