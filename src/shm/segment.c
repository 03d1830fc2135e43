/* SPDX-License-Identifier: ISC
 *
 * segment - where each table lies, and what makes a segment ours: see layout.h for the drawing.
 */
#include "relayos/shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "layout.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/mem.h"
#include "relayos/base/proc.h"
#include "relayos/base/text.h"
#include "row_index.h"

#define SEGMENT_NAME_SIZE 256
#define SEGMENT_PAGE      4096

static size_t plan(struct segment *segment, char *base);
static uint32_t power_of_two_from(uint32_t n);
static const char *capacity_fault(const struct segment_capacity *capacity);
static int shm_name(const char *name, char out[SEGMENT_NAME_SIZE], struct errmsg *why);
static int allocate(int fd, size_t size, struct errmsg *why);
static struct segment *map(int fd, const struct segment_capacity *capacity);
static char *map_recall(const struct segment *segment);
static size_t recall_size(const struct segment *segment);
static void hide_answers(const struct segment *segment, const char *end);
static void format(struct segment *segment);
static int check_file(int fd, const char *name, size_t *out_size, struct errmsg *why);
static int check_header(int fd, size_t size, struct shm_header *out, struct errmsg *why);

size_t
segment_size(const struct segment_capacity *capacity)
{
    struct segment scratch = {.capacity = *capacity};

    assert(capacity_fault(capacity) == NULL);
    return plan(&scratch, NULL);
}

int
segment_create(const char *name, const struct segment_capacity *capacity, struct segment **out,
               struct errmsg *why)
{
    char path[SEGMENT_NAME_SIZE];
    const char *fault = capacity_fault(capacity);

    if (fault != NULL) {
        errmsg_set(why, "%s", fault);
        return ERR_CONFIG;
    }
    if (shm_name(name, path, why) != 0)
        return ERR_CONFIG;

    int fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

    if (fd < 0) {
        errmsg_set(why, "/dev/shm%s: %s", path, strerror(errno));
        return errno == EEXIST ? ERR_EXISTS : ERR_IO;
    }

    int err = allocate(fd, segment_size(capacity), why);

    if (err == 0) {
        *out = map(fd, capacity);
        format(*out);
    } else {
        (void)shm_unlink(path);
    }
    fdio_close(&fd);
    return err;
}

/* Every page is there before the first is used: tmpfs being full must not come as a SIGBUS. */
static int
allocate(int fd, size_t size, struct errmsg *why)
{
    int err;

    if (fchmod(fd, 0600) != 0) { /* whatever the umask was */
        errmsg_set(why, "shared memory: %s", strerror(errno));
        return ERR_IO;
    }
    do
        err = posix_fallocate(fd, 0, (off_t)size);
    while (err == EINTR);
    if (err == 0)
        return 0;
    if (err != ENOSPC && err != EFBIG) {
        errmsg_set(why, "shared memory: %s", strerror(err));
        return ERR_IO;
    }

    struct statvfs vfs;
    char n_free[32] = "too little", n_needed[32];

    /* tmpfs gives back what a failed allocation had got, so this is what there was before. */
    if (fstatvfs(fd, &vfs) == 0)
        text_size_format((int64_t)(vfs.f_bavail * vfs.f_frsize), n_free);
    text_size_format((int64_t)size, n_needed);
    errmsg_set(why,
               "/dev/shm has %s free, %s needed: raise shm size (of a container: --shm-size), or "
               "lower capacity.keys, capacity.quota_cells and capacity.flights",
               n_free, n_needed);
    return ERR_FULL;
}

static struct segment *
map(int fd, const struct segment_capacity *capacity)
{
    struct segment *segment = mem_zalloc(sizeof(*segment));

    segment->capacity = *capacity;
    segment->size = segment_size(capacity);

    char *base = mmap(NULL, segment->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    assert(base != MAP_FAILED); /* address space is memory: none left aborts, as in mem.c */
    plan(segment, base);
    hide_answers(segment, base + segment->size);
    segment->recall = map_recall(segment);
    return segment;
}

/* Not in the file: memory of what was said may go with the master, and costs no more of /dev/shm,
 * which containers keep small, than it is used. */
static char *
map_recall(const struct segment *segment)
{
    size_t size = recall_size(segment);

    if (size == 0)
        return NULL;
    char *recall =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    assert(recall != MAP_FAILED);
    (void)madvise(recall, size, MADV_DONTDUMP);
    return recall;
}

void
segment_forget_recall(struct segment *segment)
{
    size_t size = recall_size(segment);

    if (size == 0)
        return;
    void *zeros = mmap(segment->recall, size, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    assert(zeros == segment->recall);
}

static size_t
recall_size(const struct segment *segment)
{
    return (size_t)segment->capacity.n_workers * segment->capacity.recall;
}

/* The last tables hold what callers were told: that is no part of a core dump. */
static void
hide_answers(const struct segment *segment, const char *end)
{
    char *answers = (char *)segment->idempotency_answers;
    size_t before = (uintptr_t)answers % (size_t)sysconf(_SC_PAGESIZE); /* a larger page */

    if (answers < end)
        (void)madvise(answers - before, (size_t)(end - answers) + before, MADV_DONTDUMP);
}

/* A new segment is all zeros, which is right for each table but quota cells: those are closed. */
static void
format(struct segment *segment)
{
    struct shm_header *header = segment->header;
    struct uuid uuid = text_uuid_new(clock_real_us());

    for (uint32_t i = 0; i < segment->capacity.quota_cells; i++) {
        segment->quota_cells[i].magic = QUOTA_MAGIC;
        atomic_store_explicit(&segment->quota_cells[i].word,
                              (uint64_t)QUOTA_CLOSED << QUOTA_VERSION_BITS, memory_order_relaxed);
    }
    header->layout_version = SHM_LAYOUT_VERSION;
    header->header_size = sizeof(*header);
    header->size = segment->size;
    memcpy(header->uuid, uuid.bytes, sizeof(header->uuid));
    proc_boot_id(header->boot_id);
    header->capacity = segment->capacity;
    atomic_thread_fence(memory_order_release);
    header->magic = SHM_MAGIC; /* last: a master killed before this leaves a stranger */
}

int
segment_attach(const char *name, struct segment **out, struct errmsg *why)
{
    char path[SEGMENT_NAME_SIZE];

    if (shm_name(name, path, why) != 0)
        return ERR_CONFIG;

    int fd = shm_open(path, O_RDWR, 0);

    if (fd < 0) {
        errmsg_set(why, "/dev/shm%s: %s", path, strerror(errno));
        return errno == ENOENT ? ERR_MISSING : errno == EACCES ? ERR_UNSAFE : ERR_IO;
    }

    struct shm_header header;
    size_t size;
    int err = check_file(fd, path, &size, why);

    if (err == 0) {
        err = check_header(fd, size, &header, why);
        if (err != 0)
            errmsg_prefix(why, "/dev/shm%s", path);
    }
    if (err == 0)
        *out = map(fd, &header.capacity);
    fdio_close(&fd);
    return err;
}

static int
check_file(int fd, const char *path, size_t *out_size, struct errmsg *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        errmsg_set(why, "/dev/shm%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
        errmsg_set(why, "/dev/shm%s belongs to uid %u, not to us (uid %u)", path,
                   (unsigned)st.st_uid, (unsigned)geteuid());
        return ERR_UNSAFE;
    }
    if ((st.st_mode & 07777) != 0600) {
        errmsg_set(why, "/dev/shm%s has mode %04o, not 0600: others may have written to it", path,
                   (unsigned)(st.st_mode & 07777));
        return ERR_UNSAFE;
    }
    *out_size = (size_t)st.st_size;
    return 0;
}

/* By read(2), not through a mapping: a file that is cut short cannot hurt us here. */
static int
check_header(int fd, size_t size, struct shm_header *out, struct errmsg *why)
{
    uint8_t boot_id[16];

    if (pread(fd, out, sizeof(*out), 0) != (ssize_t)sizeof(*out)) {
        errmsg_set(why, "truncated: %zu bytes", size);
        return ERR_CONFLICT;
    }
    if (out->magic != SHM_MAGIC) {
        errmsg_set(why, "not a RelayOS segment, or one whose creation was cut short");
        return ERR_CONFLICT;
    }
    if (out->layout_version != SHM_LAYOUT_VERSION || out->header_size != sizeof(*out)) {
        errmsg_set(why, "layout version %u, this program has %u", out->layout_version,
                   SHM_LAYOUT_VERSION);
        return ERR_CONFLICT;
    }
    proc_boot_id(boot_id);
    if (memcmp(boot_id, out->boot_id, sizeof(boot_id)) != 0) {
        errmsg_set(why, "left from before the last boot");
        return ERR_STALE;
    }
    if (capacity_fault(&out->capacity) != NULL) {
        errmsg_set(why, "damaged: %s", capacity_fault(&out->capacity));
        return ERR_CONFLICT;
    }
    if (out->size != size || segment_size(&out->capacity) != size) {
        errmsg_set(why, "truncated or damaged: %zu bytes, its header says %llu", size,
                   (unsigned long long)out->size);
        return ERR_CONFLICT;
    }
    return 0;
}

void
segment_detach(struct segment **segment)
{
    if (*segment == NULL)
        return;
    row_index_free(&(*segment)->keys_by_id);
    row_index_free(&(*segment)->cells_by_limit);
    (void)munmap((*segment)->header, (*segment)->size);
    if ((*segment)->recall != NULL)
        (void)munmap((*segment)->recall, recall_size(*segment));
    free(*segment);
    *segment = NULL;
}

int
segment_unlink(const char *name)
{
    char path[SEGMENT_NAME_SIZE];

    if (shm_name(name, path, NULL) != 0)
        return -EINVAL;
    return shm_unlink(path) == 0 ? 0 : -errno;
}

const struct segment_capacity *
segment_capacity(const struct segment *segment)
{
    return &segment->capacity;
}

void
segment_set_master(struct segment *segment, pid_t pid, uint64_t start_time)
{
    atomic_store_explicit(&segment->header->master_pid, 0, memory_order_release);
    atomic_store_explicit(&segment->header->master_start_time, start_time, memory_order_release);
    atomic_store_explicit(&segment->header->master_pid, pid, memory_order_release);
}

pid_t
segment_master(const struct segment *segment, uint64_t *out_start_time)
{
    pid_t pid = atomic_load_explicit(&segment->header->master_pid, memory_order_acquire);

    *out_start_time =
        atomic_load_explicit(&segment->header->master_start_time, memory_order_acquire);
    return pid;
}

uint64_t
segment_ledger_epoch_next(struct segment *segment)
{
    return atomic_fetch_add_explicit(&segment->header->ledger_epoch, 1, memory_order_acq_rel) + 1;
}

uint64_t
segment_ledger_epoch(const struct segment *segment)
{
    return atomic_load_explicit(&segment->header->ledger_epoch, memory_order_acquire);
}

uint32_t
segment_n_cuts(const struct segment *segment)
{
    return atomic_load_explicit(&segment->header->n_cuts, memory_order_acquire);
}

void
segment_count_cut(struct segment *segment)
{
    atomic_fetch_add_explicit(&segment->header->n_cuts, 1, memory_order_acq_rel);
}

void
segment_set_admission(struct segment *segment, bool open)
{
    atomic_store_explicit(&segment->header->admission_open, open, memory_order_release);
}

bool
segment_admission_is_open(const struct segment *segment)
{
    return atomic_load_explicit(&segment->header->admission_open, memory_order_acquire) != 0;
}

/* The next `size` bytes, from the start of a page. */
static char *
place(char *base, size_t *at, size_t size)
{
    size_t offset = *at;

    *at = (offset + size + SEGMENT_PAGE - 1) & ~(size_t)(SEGMENT_PAGE - 1);
    return base == NULL ? NULL : base + offset;
}

/*
 * Point the handle's tables into a mapping at base; returns the size of all. The one place that
 * knows the order (with no base it just measures).
 */
static size_t
plan(struct segment *segment, char *base)
{
    const struct segment_capacity *capacity = &segment->capacity;
    size_t workers = capacity->n_workers;
    size_t flights = workers * capacity->flights_per_worker;
    size_t at = 0;

    segment->n_key_entries = power_of_two_from(2 * capacity->keys);
    segment->n_credentials = LIMIT_ALL_CREDENTIALS(capacity->upstreams);
    /* Twice what a configuration may have: a reload may change them all. */
    segment->n_health_rows = 2 * (capacity->routes + segment->n_credentials);
    segment->doorbell_size =
        sizeof(struct doorbell) + capacity->flights_per_worker * sizeof(uint32_t);
    segment->doorbell_size = (segment->doorbell_size + SHM_LINE - 1) & ~(size_t)(SHM_LINE - 1);
    segment->refusal_ring_size =
        sizeof(struct refusal_ring) + capacity->refusals_per_worker * sizeof(struct refusal_record);
#define PLACE(field, n) segment->field = (void *)place(base, &at, (n) * sizeof(*segment->field))
    PLACE(header, 1);
    PLACE(proc_slots, workers + PROC_WORKER);
    PLACE(registry, 1);
    PLACE(key_index, segment->n_key_entries);
    PLACE(key_rows, capacity->keys);
    PLACE(rate_cells, capacity->keys);
    PLACE(learned, SHM_LEARNED);
    PLACE(quota_cells, capacity->quota_cells);
    PLACE(health_rows, segment->n_health_rows);
    PLACE(health_cells, (workers + 1) * segment->n_health_rows);
    PLACE(retry_cells, workers * LIMIT_MODELS);
    PLACE(affinity, SHM_AFFINITY);
    PLACE(flight_heads, flights);
    PLACE(flight_slots, flights);
    PLACE(doorbells, workers * DOORBELL_N * segment->doorbell_size);
    PLACE(refusal_rings, workers * segment->refusal_ring_size);
    PLACE(poison, 1);
    PLACE(tallies, workers);
    PLACE(tally_models, LIMIT_MODELS);
    PLACE(tally_figures, SHM_TALLY_FIGURES);
    PLACE(idempotency_buckets, capacity->idempotency / IDEMPOTENCY_WAYS);
    PLACE(idempotency_entries, capacity->idempotency);
    PLACE(idempotency_answers, capacity->idempotency);
#undef PLACE
    return at;
}

static uint32_t
power_of_two_from(uint32_t n)
{
    uint32_t power = 1;

    while (power < n)
        power *= 2;
    return power;
}

/* What is wrong with these capacities, or NULL. The bounds keep every product far from overflow. */
static const char *
capacity_fault(const struct segment_capacity *capacity)
{
    if (capacity->n_workers < 1 || capacity->n_workers > LIMIT_WORKERS)
        return "workers: the segment has room for 1 to 64";
    if (capacity->flights_per_worker < 8 || capacity->flights_per_worker > 1u << 16 ||
        (capacity->flights_per_worker & (capacity->flights_per_worker - 1)) != 0)
        return "capacity.flights must be a power of two from 8 to 65536";
    if (capacity->refusals_per_worker < 8 || capacity->refusals_per_worker > 1u << 16 ||
        (capacity->refusals_per_worker & (capacity->refusals_per_worker - 1)) != 0)
        return "capacity.refusals must be a power of two from 8 to 65536";
    if (capacity->keys < 1 || capacity->keys > 1u << 22)
        return "capacity.keys must be from 1 to 4194304";
    if (capacity->routes < 1 || capacity->routes > 1u << 16)
        return "capacity.routes must be from 1 to 65536";
    if (capacity->upstreams < 1 || capacity->upstreams > 1u << 12)
        return "capacity.upstreams must be from 1 to 4096";
    if (capacity->quota_cells < 1 || capacity->quota_cells > 1u << 24)
        return "capacity.quota_cells must be from 1 to 16777216";
    if (capacity->idempotency > 1u << 16 || capacity->idempotency % IDEMPOTENCY_WAYS != 0)
        return "capacity.idempotency must be a multiple of 16, at most 65536";
    if (capacity->recall > SEGMENT_RECALL_MAX || capacity->recall % SEGMENT_RECALL_STEP != 0)
        return "capacity.recall must be a multiple of 16 KiB per worker, at most 1 GiB";
    return NULL;
}

static int
shm_name(const char *name, char out[SEGMENT_NAME_SIZE], struct errmsg *why)
{
    if (name[0] == '\0' || strchr(name, '/') != NULL || strlen(name) + 2 > SEGMENT_NAME_SIZE) {
        errmsg_set(why, "not a name of a shared memory segment: \"%s\"", name);
        return -1;
    }
    (void)snprintf(out, SEGMENT_NAME_SIZE, "/%s", name);
    return 0;
}
