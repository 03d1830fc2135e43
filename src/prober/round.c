/* SPDX-License-Identifier: ISC */
#include "round.h"

#include <assert.h>
#include <stddef.h>
#include <sys/random.h>

#include "prober.h"

static uint32_t count_probes(const struct round *round);
static uint32_t n_probes_of(const struct upstream_record *upstream);
static void step(struct round *round);
static bool find_next(struct round *round, struct upstream_record *out, uint64_t *out_epoch);
static void start_next(struct round *round, const struct upstream_record *upstream, uint64_t epoch);
static void set_due(struct round *round);
static void on_due(struct timer *timer);

void
round_init(struct round *round, struct prober *prober)
{
    *round = (struct round){.prober = prober};
    for (uint32_t n = 0; n < ROUND_PROBES; n++)
        buf_init(&round->probes[n].head, 2 * LIMIT_CREDENTIAL + 2 * LIMIT_HOST + LIMIT_PATH);
}

void
round_fini(struct round *round)
{
    timer_unset(round->prober->loop, &round->timer);
    for (uint32_t n = 0; n < ROUND_PROBES; n++) {
        probe_cancel(&round->probes[n]);
        buf_fini(&round->probes[n].head);
    }
}

bool
round_begin(struct round *round, int64_t interval_us, uint32_t *out_n_probes)
{
    struct routing_settings settings;

    if (round->is_under_way || round->n_running > 0)
        return false;
    *out_n_probes = count_probes(round);
    if (*out_n_probes == 0)
        return true;
    catalog_get_settings(round->prober->catalog, &settings);
    pace_begin(&round->pace, *out_n_probes, interval_us, settings.probes_per_minute,
               loop_now_us(round->prober->loop));
    round->is_under_way = true;
    round->upstream = round->credential = round->n_started = 0;
    set_due(round);
    step(round);
    return true;
}

static uint32_t
count_probes(const struct round *round)
{
    struct upstream_record upstream;
    uint64_t epoch;
    uint32_t n = 0;

    for (uint32_t i = 0; catalog_upstream_at(round->prober->catalog, i, &upstream, &epoch) == 0;
         i++)
        n += n_probes_of(&upstream);
    return n;
}

/* Whether there is somebody does not depend on who asks. */
static uint32_t
n_probes_of(const struct upstream_record *upstream)
{
    switch ((enum probe_kind)upstream->probe) {
    case PROBE_NONE:
        return 0;
    case PROBE_CONNECT:
        return 1;
    case PROBE_MODELS:
        return upstream->n_credentials;
    }
    return 0;
}

/* Start what is due, and come back when the next one is: by the clock, or when one has ended. */
static void
step(struct round *round)
{
    struct loop *loop = round->prober->loop;
    struct upstream_record upstream;
    uint64_t epoch;

    while (round->is_under_way && round->n_running < ROUND_PROBES) {
        if (!find_next(round, &upstream, &epoch)) {
            round->is_under_way = false;
        } else if (round->due_us > loop_now_us(loop)) {
            timer_set(loop, &round->timer, round->due_us, on_due);
            return;
        } else {
            start_next(round, &upstream, epoch);
        }
    }
}

static bool
find_next(struct round *round, struct upstream_record *out, uint64_t *out_epoch)
{
    while (catalog_upstream_at(round->prober->catalog, round->upstream, out, out_epoch) == 0) {
        if (round->credential < n_probes_of(out))
            return true;
        round->upstream++;
        round->credential = 0;
    }
    return false;
}

static void
start_next(struct round *round, const struct upstream_record *upstream, uint64_t epoch)
{
    uint32_t n = 0;

    while (round->probes[n].call != NULL)
        n++;
    assert(n < ROUND_PROBES);
    if (probe_start(&round->probes[n], round->prober, epoch, upstream, round->credential) == 0)
        round->n_running++; /* else: a reload came between; the next round knows */
    pace_note_start(&round->pace, loop_now_us(round->prober->loop));
    round->credential++;
    round->n_started++;
    set_due(round);
}

static void
set_due(struct round *round)
{
    uint64_t random = 0;

    (void)!getrandom(&random, sizeof(random), 0);
    round->due_us = pace_due_us(&round->pace, round->n_started, random);
}

void
round_on_probe_end(struct round *round)
{
    assert(round->n_running > 0);
    round->n_running--;
    step(round);
}

static void
on_due(struct timer *timer)
{
    step((struct round *)((char *)timer - offsetof(struct round, timer)));
}
