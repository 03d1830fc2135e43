/* SPDX-License-Identifier: ISC
 *
 * health_word - the words of a health row: each file that changes one, for health.c.
 */
#ifndef SHM_HEALTH_WORD_H
#define SHM_HEALTH_WORD_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "relayos/shm/health.h"

#define HEALTH_MS INT64_C(1000)

/* Cell of a process; slots past the workers share the prober's. */
static inline struct health_cell *
health_cell_at(const struct segment *segment, uint32_t slot, uint32_t row)
{
    uint32_t n_workers = segment->capacity.n_workers;

    assert(row < segment->n_health_rows);
    return &segment->health_cells[(size_t)row * (n_workers + 1) +
                                  (slot < n_workers ? slot : n_workers)];
}

/*
 * What a call's end does to the breaker. True if this opened it. For a fault, the caller has
 * counted it in its window before.
 */
bool health_breaker_note(struct segment *segment, uint32_t slot, uint32_t row,
                         const struct health_outcome *outcome,
                         const struct routing_settings *settings);
/* A pause ends now; a trial goes on. */
void health_breaker_end_pause(struct segment *segment, uint32_t row, int64_t now_us);
/* Closed, whatever it was. */
void health_breaker_reset(struct segment *segment, uint32_t row, int64_t now_us);
/* Failures in a row are forgotten. */
void health_breaker_forgive(struct segment *segment, uint32_t row);
/* If the trial is this process's, it is anybody's. */
void health_breaker_forget(struct segment *segment, uint32_t slot, uint32_t row);
/* For people: what the word says. */
void health_breaker_view(const struct segment *segment, uint32_t row, int64_t now_us,
                         struct health_view *out);

/* A stream's first token came after so long. */
void health_first_token_note(struct health_row *row, struct health_cell *cell, int64_t us,
                             int64_t now_us);
/* Of one worker; 0 = none, or none lately. */
int64_t health_first_token_average(const struct health_cell *cell, int64_t now_us);

/* The route said that it has too much, or answered, while in_flight calls were there. */
void health_limit_shrink(struct segment *segment, uint32_t row, int64_t in_flight, int64_t now_us);
void health_limit_grow(struct segment *segment, uint32_t row, int64_t in_flight, int64_t now_us);

#endif
