/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char name[64];

static void
make(void)
{
    struct segment *segment = NULL;
    struct errmsg why = {""};

    (void)snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &fixture_capacity, &segment, &why), 0, "%s", why.text);
    segment_detach(&segment);
}

static void
drop(void)
{
    (void)segment_unlink(name);
}

static int
open_raw(void)
{
    char path[80];

    (void)snprintf(path, sizeof(path), "/%s", name);
    return shm_open(path, O_RDWR, 0);
}

/* Overwrite bytes of the header, then attach: must be refused with these words. */
static void
assert_refused_as(int err, size_t offset, const void *bytes, size_t len, const char *words)
{
    struct segment *segment = NULL;
    struct errmsg why = {""};
    int fd = open_raw();

    cr_assert_eq(pwrite(fd, bytes, len, (off_t)offset), (ssize_t)len);
    close(fd);
    cr_assert_eq(segment_attach(name, &segment, &why), err);
    cr_assert_null(segment);
    cr_assert_not_null(strstr(why.text, words), "said: %s", why.text);
}

static void
assert_refused(size_t offset, const void *bytes, size_t len, const char *words)
{
    assert_refused_as(ERR_CONFLICT, offset, bytes, len, words);
}

Test(segment, what_is_written_by_one_handle_is_read_through_another, .init = make, .fini = drop)
{
    struct segment *a = NULL, *b = NULL;
    struct errmsg why;
    uint64_t start_time;

    cr_assert_eq(segment_attach(name, &a, &why), 0);
    cr_assert_eq(segment_attach(name, &b, &why), 0);
    segment_set_master(a, 4711, 99);
    segment_set_admission(a, true);
    cr_assert_eq(segment_master(b, &start_time), 4711);
    cr_assert_eq(start_time, 99);
    cr_assert(segment_admission_is_open(b));
    cr_assert_eq(segment_ledger_epoch_next(a), 1);
    cr_assert_eq(segment_ledger_epoch_next(b), 2);
    cr_assert_eq(segment_ledger_epoch(a), 2);
    cr_assert_eq(memcmp(segment_capacity(b), &fixture_capacity, sizeof(fixture_capacity)), 0);
    segment_detach(&a);
    segment_detach(&b);
}

Test(segment, a_name_that_is_taken_is_left_alone, .init = make, .fini = drop)
{
    struct segment *segment = NULL;
    struct errmsg why;

    cr_assert_eq(segment_create(name, &fixture_capacity, &segment, &why), ERR_EXISTS);
    cr_assert_eq(segment_attach(name, &segment, &why), 0);
}

Test(segment, a_missing_one_is_missing)
{
    struct segment *segment = NULL;
    struct errmsg why;

    cr_assert_eq(segment_attach("relayos.test.none", &segment, &why), ERR_MISSING);
    cr_assert_eq(segment_attach("no/slash", &segment, &why), ERR_CONFIG);
}

Test(segment, one_of_another_layout_is_refused, .init = make, .fini = drop)
{
    uint32_t version = SHM_LAYOUT_VERSION + 1;

    assert_refused(offsetof(struct shm_header, layout_version), &version, sizeof(version),
                   "layout version");
}

Test(segment, one_from_before_the_boot_is_refused, .init = make, .fini = drop)
{
    assert_refused_as(ERR_STALE, offsetof(struct shm_header, boot_id), "another-boot-id!", 16,
                      "last boot");
}

Test(segment, one_whose_creation_was_cut_short_is_refused, .init = make, .fini = drop)
{
    assert_refused(offsetof(struct shm_header, magic), "\0\0\0\0\0\0\0", 8, "cut short");
}

Test(segment, one_with_mad_capacities_is_refused, .init = make, .fini = drop)
{
    uint32_t flights = 1000;

    assert_refused(offsetof(struct shm_header, capacity.flights_per_worker), &flights,
                   sizeof(flights), "damaged");
}

Test(segment, one_with_other_capacities_than_its_size_is_refused, .init = make, .fini = drop)
{
    uint32_t keys = 100000;

    assert_refused(offsetof(struct shm_header, capacity.keys), &keys, sizeof(keys), "truncated");
}

Test(segment, a_truncated_one_is_refused_at_every_length, .init = make, .fini = drop)
{
    size_t size = segment_size(&fixture_capacity);
    int fd = open_raw();

    for (size_t len = size - 1; len > 0; len /= 2) {
        struct segment *segment = NULL;
        struct errmsg why;

        cr_assert_eq(ftruncate(fd, (off_t)len), 0);
        cr_assert_eq(segment_attach(name, &segment, &why), ERR_CONFLICT);
        cr_assert_not_null(strstr(why.text, "truncated"), "said: %s", why.text);
    }
}

Test(segment, one_that_others_may_write_is_refused, .init = make, .fini = drop)
{
    struct segment *segment = NULL;
    struct errmsg why;
    int fd = open_raw();

    cr_assert_eq(fchmod(fd, 0660), 0);
    cr_assert_eq(segment_attach(name, &segment, &why), ERR_UNSAFE);
    cr_assert_not_null(strstr(why.text, "mode 0660"), "said: %s", why.text);
}

Test(segment, one_of_another_owner_is_refused, .init = make, .fini = drop)
{
    struct segment *segment = NULL;
    struct errmsg why;
    int fd = open_raw();

    if (geteuid() != 0)
        cr_skip_test("needs root to give a file away");
    cr_assert_eq(fchown(fd, 65534, 65534), 0);
    cr_assert_eq(segment_attach(name, &segment, &why), ERR_UNSAFE);
    cr_assert_not_null(strstr(why.text, "uid 65534"), "said: %s", why.text);
}

/* In a mount namespace of its own; 0 = as it should be, 77 = not allowed here. */
static int
create_in_small_shm(void)
{
    struct segment *segment = NULL;
    struct errmsg why = {""};

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=64k") != 0)
        return 77;
    if (segment_create("relayos.small", &fixture_capacity, &segment, &why) != ERR_FULL)
        return 1;
    if (strstr(why.text, "64KiB free") == NULL || strstr(why.text, "raise shm size") == NULL) {
        fprintf(stderr, "said: %s\n", why.text);
        return 2;
    }
    return access("/dev/shm/relayos.small", F_OK) == 0 ? 3 : 0; /* nothing is left behind */
}

Test(segment, a_full_dev_shm_refuses_the_start_with_what_to_do)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(create_in_small_shm());
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status)); /* no SIGBUS */
    if (WEXITSTATUS(status) == 77)
        cr_skip_test("needs the right to mount");
    cr_assert_eq(WEXITSTATUS(status), 0);
}

/* As the master makes it with 1, 2, 4 and 8 workers: twice as many slots, the same flights. */
Test(segment, default_capacities_fit_the_shm_of_a_container)
{
    for (uint32_t n_slots = 2; n_slots <= 16; n_slots *= 2) {
        struct segment_capacity capacity = {.n_workers = n_slots,
                                            .flights_per_worker = 8192 / n_slots,
                                            .keys = 16384,
                                            .routes = 1024,
                                            .upstreams = 128,
                                            .quota_cells = 65536,
                                            .refusals_per_worker = 8192 / n_slots,
                                            .idempotency = 384};

        cr_expect_lt(segment_size(&capacity), (size_t)64 << 20, "%u slots: %zu", n_slots,
                     segment_size(&capacity));
    }
}
