/* SPDX-License-Identifier: ISC */
#include "relayos/shm/salvage.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/period.h"
#include "relayos/shm/audit.h"

#define OF_NOBODY UINT32_MAX /* generation: no worker will ever claim with it */

static void take_one(const struct segment *segment, uint32_t idx, struct salvaged *out);
static void make_sound(struct flight_record *record);

struct salvaged *
salvage_take(const struct segment *segment, size_t *out_n)
{
    uint32_t n_flights = flight_n_slots(segment);
    struct salvaged *flights;
    size_t n = 0;

    for (uint32_t idx = 0; idx < n_flights; idx++)
        n += atomic_load_explicit(&segment->flight_heads[idx], memory_order_relaxed) != 0;
    flights = mem_array(NULL, n + 1, sizeof(*flights));
    *out_n = n;
    n = 0;
    for (uint32_t idx = 0; idx < n_flights; idx++) {
        if (atomic_load_explicit(&segment->flight_heads[idx], memory_order_relaxed) != 0)
            take_one(segment, idx, &flights[n++]);
    }
    return flights;
}

static void
take_one(const struct segment *segment, uint32_t idx, struct salvaged *out)
{
    const struct flight_slot *slot = &segment->flight_slots[idx];
    uint32_t noted_n = atomic_load_explicit(&slot->noted_n, memory_order_relaxed);

    out->idx = idx;
    out->state = shm_head_state(segment->flight_heads[idx]);
    out->record = slot->record;
    if (out->state != FLIGHT_DONE)
        out->record.usage =
            noted_n == 1 || noted_n == 2 ? slot->noted[noted_n - 1] : (struct usage){0};
    out->is_sound = out->state > FLIGHT_FREE && out->state < FLIGHT_N_STATES && noted_n <= 2 &&
                    audit_record_is_sound(&out->record);
    if (!out->is_sound) {
        out->state = FLIGHT_DISPATCHED;
        make_sound(&out->record);
    }
    out->record.n_holds = 0;
    memset(out->record.holds, 0, sizeof(out->record.holds));
}

/* A row that says who asked, where that can still be read, and that nobody knows what came of it.
 */
static void
make_sound(struct flight_record *record)
{
    struct flight_record damaged = *record;
    int64_t now_us = clock_real_us();

    *record = (struct flight_record){
        .request_id = damaged.request_id,
        .key_id = damaged.key_id <= INT64_MAX ? damaged.key_id : 0,
        .day_id =
            period_day_is_valid(damaged.day_id) ? damaged.day_id : period_at(PERIOD_DAY, now_us).id,
        .accepted_real_us = now_us,
        .category = ERR_CATEGORY_INTERNAL,
    };
    if (damaged.request_id.bytes[6] >> 4 != 7)
        record->request_id = text_uuid_new(now_us);
    for (size_t i = 0; i + 1 < sizeof(record->model); i++) {
        if (damaged.model[i] <= ' ' || damaged.model[i] > '~')
            break;
        record->model[i] = damaged.model[i];
    }
    if (record->model[0] == '\0')
        memcpy(record->model, "unknown", sizeof("unknown"));
}

void
salvage_put(struct segment *segment, const struct salvaged *flights, size_t n)
{
    assert(n <= flight_n_slots(segment));
    for (size_t idx = 0; idx < n; idx++) {
        struct flight_slot *slot = &segment->flight_slots[idx];

        slot->record = flights[idx].record;
        slot->noted[0] = flights[idx].record.usage;
        atomic_store_explicit(&slot->noted_n, flights[idx].record.usage.is_reported,
                              memory_order_relaxed);
        atomic_store_explicit(&segment->flight_heads[idx],
                              flights[idx].state | (uint64_t)OF_NOBODY << FLIGHT_GENERATION_SHIFT,
                              memory_order_release);
    }
}
