/* SPDX-License-Identifier: ISC
 *
 * fixture - a small segment for a test, with a key's worth of cells; nothing of it stays in
 * /dev/shm.
 */
#ifndef TESTS_SHM_FIXTURE_H
#define TESTS_SHM_FIXTURE_H

#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "layout.h"
#include "relayos/base/clock.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/segment.h"
#include "row_index.h"

static const struct segment_capacity fixture_capacity = {
    .n_workers = 4,
    .flights_per_worker = 32,
    .keys = 64,
    .routes = 32,
    .upstreams = 8,
    .quota_cells = 64,
    .refusals_per_worker = 16,
    .idempotency = 32,
    .recall = 2 * SEGMENT_RECALL_STEP,
};

static inline struct segment *
fixture_segment_of(const struct segment_capacity *capacity)
{
    struct segment *segment = NULL;
    struct errmsg why = {""};
    char name[64];

    (void)snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, capacity, &segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    return segment;
}

static inline struct segment *
fixture_segment(void)
{
    return fixture_segment_of(&fixture_capacity);
}

/* Zeroed memory that children share. */
static inline void *
fixture_shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(p, MAP_FAILED);
    return p;
}

/* As fork(); the child does not outlive the test, however that ends. */
static inline pid_t
fixture_fork(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

/* The cell of a limit over all models. */
static inline int
fixture_open(struct segment *segment, struct quota_cell_id id, struct quota_terms terms,
             struct flight_hold *out)
{
    return quota_cell_open(segment, &id, &terms, &out->cell_idx, &out->generation);
}

static inline struct quota_cell *
fixture_cell(struct segment *segment, uint64_t key_id, uint8_t unit, int64_t limit)
{
    const struct quota_cell_id id = {key_id, 202611, QUOTA_ALL_MODELS, unit};
    struct flight_hold cell;

    cr_assert_eq(fixture_open(segment, id, (struct quota_terms){.limit = limit}, &cell), 0);
    return quota_cell_at(segment, cell.cell_idx, cell.generation);
}

static inline struct flight_hold
fixture_hold(const struct segment *segment, const struct quota_cell *cell, int64_t amount)
{
    return (struct flight_hold){.cell_idx = (uint32_t)(cell - segment->quota_cells),
                                .generation = cell->generation,
                                .amount = amount};
}

/* This process becomes worker `slot`. */
static inline struct flight_desk *
fixture_desk(struct segment *segment, uint32_t slot)
{
    uint32_t generation = proc_slot_offer(segment, slot, PROC_WORKER);

    cr_assert_eq(proc_slot_claim(segment, slot, generation), 0);
    return flight_desk_open(segment, slot);
}

static inline int64_t
fixture_reserved(const struct quota_cell *cell)
{
    struct quota_view view;

    quota_view(cell, &view);
    return view.reserved;
}

static inline int64_t
fixture_used(const struct quota_cell *cell)
{
    struct quota_view view;

    quota_view(cell, &view);
    return view.used;
}

/* xorshift: a test prints its seed, so that a failure can be played again. */
static inline uint64_t
fixture_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
