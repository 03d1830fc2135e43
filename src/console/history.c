/* SPDX-License-Identifier: ISC */
#include "history.h"

#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/shm/health.h"

#define SLOTS      1440 /* a day */
#define ROUTES_MAX 512  /* of which a history is kept: 12 MB */

struct slot {
    uint32_t number; /* minutes since 1970; 0 = empty */
    uint32_t attempts, failures;
    uint32_t first_token_us, first_token_p95_us; /* 0 = not known */
};

struct track {
    uint32_t route_id;
    bool is_counted; /* the counts below were seen: */
    uint64_t attempts, failures;
    struct slot slots[SLOTS];
};

struct history {
    const struct segment *segment;
    const struct catalog *catalog;
    size_t n;
    struct track *tracks[ROUTES_MAX];
};

static void sample_model(struct history *history, const struct model_record *model, uint64_t epoch,
                         int64_t real_us, int64_t mono_us);
static struct track *find(const struct history *history, uint32_t route_id);
static struct track *find_or_add(struct history *history, uint32_t route_id);
static void take(struct track *track, const struct health_view *view, uint32_t number);
static uint32_t clamp(int64_t value);
static void write_slot(const struct slot *slot, struct frame_out *out);

struct history *
history_new(const struct segment *segment, const struct catalog *catalog)
{
    struct history *history = mem_zalloc(sizeof(*history));

    history->segment = segment;
    history->catalog = catalog;
    return history;
}

void
history_free(struct history **history)
{
    if (*history == NULL)
        return;
    for (size_t i = 0; i < (*history)->n; i++)
        free((*history)->tracks[i]);
    free(*history);
    *history = NULL;
}

void
history_sample(struct history *history, int64_t real_us, int64_t mono_us)
{
    struct model_record model;
    uint64_t epoch;

    for (uint32_t n = 0; catalog_model_at(history->catalog, n, &model, &epoch) == 0; n++)
        sample_model(history, &model, epoch, real_us, mono_us);
}

static void
sample_model(struct history *history, const struct model_record *model, uint64_t epoch,
             int64_t real_us, int64_t mono_us)
{
    for (uint32_t n = 0; n < model->n_routes; n++) {
        const struct route_option *options = catalog_options(history->catalog, epoch, model);
        struct health_view view;

        if (options == NULL)
            return;
        struct route_option option = options[n];
        if (!catalog_is_whole(history->catalog, epoch))
            return;
        struct track *track = find_or_add(history, option.id);
        if (track == NULL)
            return;
        health_view(history->segment, option.health_row, mono_us, &view);
        take(track, &view, (uint32_t)(real_us / HISTORY_SLOT_US));
    }
}

static struct track *
find(const struct history *history, uint32_t route_id)
{
    for (size_t i = 0; i < history->n; i++) {
        if (history->tracks[i]->route_id == route_id)
            return history->tracks[i];
    }
    return NULL;
}

static struct track *
find_or_add(struct history *history, uint32_t route_id)
{
    struct track *track = find(history, route_id);

    if (track == NULL && history->n < ROUTES_MAX) {
        track = mem_zalloc(sizeof(*track));
        track->route_id = route_id;
        history->tracks[history->n++] = track;
    }
    return track;
}

/* Counts that went back are of another row or another segment: they begin anew. */
static void
take(struct track *track, const struct health_view *view, uint32_t number)
{
    uint64_t failures = view->failures + view->overloads, attempts = failures + view->successes;
    struct slot *slot = &track->slots[number % SLOTS];

    if (track->is_counted && attempts >= track->attempts && failures >= track->failures) {
        if (slot->number != number)
            *slot = (struct slot){.number = number};
        slot->attempts += (uint32_t)(attempts - track->attempts);
        slot->failures += (uint32_t)(failures - track->failures);
        slot->first_token_us = clamp(view->figures.first_token_us);
        slot->first_token_p95_us = clamp(view->first_token_p95_us);
    }
    track->is_counted = true;
    track->attempts = attempts;
    track->failures = failures;
}

static uint32_t
clamp(int64_t value)
{
    return value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

void
history_write(const struct history *history, uint32_t route_id, int64_t since_us, int64_t until_us,
              struct frame_out *out)
{
    const struct track *track = find(history, route_id);
    uint32_t newest = 0;

    frame_array(out, "data");
    for (int i = 0; track != NULL && i < SLOTS; i++)
        newest = track->slots[i].number > newest ? track->slots[i].number : newest;
    for (uint32_t back = newest < SLOTS ? 0 : SLOTS; back-- > 0;) {
        const struct slot *slot = &track->slots[(newest - back) % SLOTS];
        int64_t at_us = slot->number * HISTORY_SLOT_US;

        if (slot->number == newest - back && at_us >= since_us && at_us < until_us)
            write_slot(slot, out);
    }
    frame_end(out);
}

static void
write_slot(const struct slot *slot, struct frame_out *out)
{
    frame_map(out, NULL);
    frame_int(out, "at_us", slot->number * HISTORY_SLOT_US);
    frame_int(out, "slot_us", HISTORY_SLOT_US);
    frame_int(out, "attempts", slot->attempts);
    frame_int(out, "failures", slot->failures);
    frame_int_known(out, "first_token_us", slot->first_token_us);
    frame_int_known(out, "first_token_p95_us", slot->first_token_p95_us);
    frame_end(out);
}
