/* SPDX-License-Identifier: ISC */
#include "top.h"

#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/shm/flight.h"
#include "state.h"

#define TOP_LIMIT_DEFAULT 50

struct entry {
    uint32_t idx;
    int64_t accepted_us;
};

static size_t collect(const struct segment *segment, struct entry **out);
static int entry_is_older(const void *a, const void *b);
static bool write_flight(const struct segment *segment, uint32_t idx, int64_t now_us,
                         struct frame_out *out);
static const char *last_stage(const struct flight_record *record);

void
top_answer(struct master *master, struct child_tag client, int64_t limit, int64_t now_us)
{
    struct frame_out *out = control_server_reply_begin(master, client);
    struct entry *entries = NULL;

    if (out == NULL)
        return;
    if (limit <= 0)
        limit = TOP_LIMIT_DEFAULT;
    if (limit > TOP_LIMIT_MAX)
        limit = TOP_LIMIT_MAX;
    size_t n = collect(master->segment, &entries);
    frame_int(out, "n_flights", (int64_t)n);
    frame_array(out, "flights");
    for (size_t i = 0; i < n && limit > 0; i++)
        limit -= write_flight(master->segment, entries[i].idx, now_us, out);
    frame_end(out);
    control_server_reply_end(master, client);
    free(entries);
}

/* Slots in use, by age. What runs on meanwhile makes a picture of it inexact, never wrong in a row.
 */
static size_t
collect(const struct segment *segment, struct entry **out)
{
    struct flight_record *record = mem_alloc(sizeof(*record));
    size_t n = 0, room = 0;

    for (uint32_t idx = 0; idx < flight_n_slots(segment); idx++) {
        if (flight_peek(segment, idx) == FLIGHT_FREE ||
            flight_copy(segment, idx, record) == FLIGHT_FREE)
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
write_flight(const struct segment *segment, uint32_t idx, int64_t now_us, struct frame_out *out)
{
    struct flight_record *record = mem_alloc(sizeof(*record));
    enum flight_state state = flight_copy(segment, idx, record);
    char id[TEXT_UUID_SIZE];

    if (state != FLIGHT_FREE) {
        text_uuid_format(record->request_id, id);
        frame_map(out, NULL);
        frame_str(out, "request_id", slice_of(id, sizeof(id)));
        frame_int(out, "key_id", (int64_t)record->key_id);
        frame_str(out, "model", slice_of(record->model, strnlen(record->model, LIMIT_MODEL_NAME)));
        frame_cstr(out, "state", flight_state_name(state));
        frame_int(out, "age_us", now_us - record->stage_us[FLIGHT_STAGE_ACCEPTED]);
        frame_cstr(out, "endpoint", top_endpoint_name(record->endpoint));
        frame_bool(out, "is_stream", record->is_stream != 0);
        frame_cstr(out, "stage", last_stage(record));
        frame_int(out, "tokens_out", record->usage.count[USAGE_OUTPUT]);
        frame_int(out, "n_events", record->n_events);
        frame_int(out, "reserved_nusd", record->reserved_nusd);
        frame_int(out, "worker", idx / segment_capacity(segment)->flights_per_worker);
        frame_end(out);
    }
    free(record);
    return state != FLIGHT_FREE;
}

const char *
top_endpoint_name(uint8_t row)
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
