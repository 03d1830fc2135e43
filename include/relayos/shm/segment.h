/* SPDX-License-Identifier: ISC
 *
 * segment - the one POSIX shared-memory segment: created whole, mapped by every process.
 *
 * Process:   created and unlinked by the master; attached by whoever has the name (children inherit
 *            the handle through fork).
 * Ownership: pointers obtained from it are good until segment_detach().
 * Failure:   the whole size is allocated at creation (posix_fallocate), so a full /dev/shm is a
 *            refused start with a sentence, never a SIGBUS. A stale or foreign segment is refused
 *            with the reason; nothing of it is mapped as data.
 */
#ifndef RELAYOS_SHM_SEGMENT_H
#define RELAYOS_SHM_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct segment;

#define SEGMENT_RECALL_STEP (16 * 1024)
#define SEGMENT_RECALL_MAX  (1024 * 1024 * 1024)

/* All fixed for the life of the segment; directives capacity.* (relayos.yaml(5)). */
struct segment_capacity {
    uint32_t n_workers;          /* process slots for workers, draining ones included */
    uint32_t flights_per_worker; /* power of two */
    uint32_t keys;
    uint32_t routes; /* over all models */
    uint32_t upstreams;
    uint32_t quota_cells;
    uint32_t refusals_per_worker; /* power of two */
    uint32_t idempotency;         /* a multiple of 16; 0 = none */
    uint32_t recall;              /* bytes per worker, a multiple of 16 KiB; 0 = none */
};

/* Bytes that a segment of these (valid) capacities takes. */
size_t segment_size(const struct segment_capacity *capacity);

/*
 * Create /dev/shm/NAME (name without slash), 0600, O_EXCL, zeroed and fully allocated.
 * Errors: ERR_EXISTS (look at it with segment_attach), ERR_FULL (/dev/shm too small), ERR_CONFIG (a
 * capacity out of its bounds), ERR_IO.
 */
int segment_create(const char *name, const struct segment_capacity *capacity, struct segment **out,
                   struct errmsg *why) MUST_CHECK;

/*
 * Map an existing one after checking owner, mode, size, magic, layout version and boot id.
 * Errors: ERR_MISSING, ERR_UNSAFE (owner or mode), ERR_CONFLICT (other layout, truncated, not
 * ours), ERR_STALE (of another boot: nobody can be using it), each with the reason.
 */
int segment_attach(const char *name, struct segment **out, struct errmsg *why) MUST_CHECK;

void segment_detach(struct segment **segment);
/* In a child that serves no caller: its way to what was remembered for them ends. */
void segment_forget_recall(struct segment *segment);
/* Remove the name; mappings live on. 0 or -errno. */
int segment_unlink(const char *name);

const struct segment_capacity *segment_capacity(const struct segment *segment);

/* Who is master: pid and its start time (proc_start_time). The master writes it after creation. */
void segment_set_master(struct segment *segment, pid_t pid, uint64_t start_time);
pid_t segment_master(const struct segment *segment, uint64_t *out_start_time);

/*
 * The accountant's fence: each ledger process takes a new epoch at its start; before each COMMIT
 * and each cell write it asks whether it still is the current one, and exits if not.
 */
uint64_t segment_ledger_epoch_next(struct segment *segment);
uint64_t segment_ledger_epoch(const struct segment *segment);

/* Keys were marked KEY_CUT: a worker that sees another number looks at what it has running. */
uint32_t segment_n_cuts(const struct segment *segment);
void segment_count_cut(struct segment *segment);

/* Admission gate: the ledger closes it (outbox full, disk trouble); workers answer 503. */
void segment_set_admission(struct segment *segment, bool open);
bool segment_admission_is_open(const struct segment *segment);

#endif
