/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_flight.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "relayos/report/report_key.h"
#include "relayos/shm/flight.h"
#include "relayos/store/store_key.h"

struct entry {
    uint32_t idx;
    int64_t accepted_us;
};

static size_t collect(const struct report *report, const struct report_keys *keys,
                      struct entry **out);
static int entry_is_older(const void *a, const void *b);
static bool write_flight(const struct report *report, uint32_t idx, bool is_named,
                         struct frame_out *out);
static void write_key_name(const struct report *report, uint64_t key_id, struct frame_out *out);
static const char *last_stage(const struct flight_record *record);

void
report_flight_list(const struct report *report, const struct report_keys *keys, size_t limit,
                   const char *name, struct frame_out *out)
{
    struct entry *entries = NULL;
    size_t n = collect(report, keys, &entries);

    frame_int(out, "n_flights", (int64_t)n);
    frame_array(out, name);
    for (size_t i = 0; i < n && limit > 0; i++)
        limit -= write_flight(report, entries[i].idx, keys != NULL, out);
    frame_end(out);
    free(entries);
}

/* Slots in use, by age. What runs on meanwhile makes a picture of it inexact, never wrong in a row.
 */
static size_t
collect(const struct report *report, const struct report_keys *keys, struct entry **out)
{
    struct flight_record *record = mem_alloc(sizeof(*record));
    size_t n = 0, room = 0;

    for (uint32_t idx = 0; idx < flight_n_slots(report->segment); idx++) {
        if (flight_peek(report->segment, idx) == FLIGHT_FREE ||
            flight_copy(report->segment, idx, record) == FLIGHT_FREE ||
            !report_key_is_selected(keys, record->key_id))
            continue;
        if (n == room) {
            room = room == 0 ? 64 : room * 2;
            *out = mem_array(*out, room, sizeof(**out));
        }
        (*out)[n++] = (struct entry){idx, record->stage_us[FLIGHT_STAGE_ACCEPTED]};
    }
    free(record);
    if (n > 1)
        qsort(*out, n, sizeof(**out), entry_is_older);
    return n;
}

static int
entry_is_older(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return (x->accepted_us > y->accepted_us) - (x->accepted_us < y->accepted_us);
}

static bool
write_flight(const struct report *report, uint32_t idx, bool is_named, struct frame_out *out)
{
    struct flight_record *record = mem_alloc(sizeof(*record));
    enum flight_state state = flight_copy(report->segment, idx, record);
    char id[TEXT_UUID_SIZE];

    if (state != FLIGHT_FREE) {
        text_uuid_format(record->request_id, id);
        frame_map(out, NULL);
        frame_str(out, "request_id", slice_of(id, sizeof(id)));
        frame_int(out, "key_id", (int64_t)record->key_id);
        if (is_named)
            write_key_name(report, record->key_id, out);
        frame_str(out, "model", slice_of(record->model, strnlen(record->model, LIMIT_MODEL_NAME)));
        frame_cstr(out, "state", flight_state_name(state));
        frame_int(out, "age_us", clock_mono_us() - record->stage_us[FLIGHT_STAGE_ACCEPTED]);
        frame_cstr(out, "endpoint", report_flight_endpoint(record->endpoint));
        frame_bool(out, "is_stream", record->is_stream != 0);
        frame_cstr(out, "stage", last_stage(record));
        frame_int(out, "tokens_out", record->usage.count[USAGE_OUTPUT]);
        frame_int(out, "n_events", record->n_events);
        frame_int(out, "reserved_nusd", record->reserved_nusd);
        if (report->viewer.sees_routes)
            frame_int(out, "worker", idx / segment_capacity(report->segment)->flights_per_worker);
        frame_end(out);
    }
    free(record);
    return state != FLIGHT_FREE;
}

static void
write_key_name(const struct report *report, uint64_t key_id, struct frame_out *out)
{
    char name[LIMIT_NAME];

    if (report->store == NULL || store_key_name(report->store, key_id, name) != 0)
        name[0] = '\0';
    frame_cstr(out, "key_name", name);
}

const char *
report_flight_endpoint(uint8_t row)
{
    static const char *const names[] = {
#define ENDPOINT(name, ...) #name,
#include "relayos/model/endpoints.def"
#undef ENDPOINT
    };

    return row < sizeof(names) / sizeof(names[0]) ? names[row] : NULL;
}

static const char *
last_stage(const struct flight_record *record)
{
    static const char *const names[FLIGHT_N_STAGES] = {
#define STAGE(name, NAME) #name,
        FLIGHT_STAGES(STAGE)
#undef STAGE
    };
    size_t n = FLIGHT_N_STAGES - 1;

    while (n > 0 && record->stage_us[n] == 0)
        n--;
    return names[n];
}
