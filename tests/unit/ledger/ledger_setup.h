/* SPDX-License-Identifier: ISC
 *
 * ledger_setup - the place where a ledger lives, made and cleared away.
 */
#ifndef TESTS_LEDGER_SETUP_H
#define TESTS_LEDGER_SETUP_H

#include "ledger_process.h"

#define FIXTURE_CAPTURED "019abbf1-0000-7abc-8def-0123456789ab" /* where a test has kept one */

static inline void
fixture_init_sized(struct fixture *fixture, const struct segment_capacity *capacity)
{
    static int n;
    struct errmsg why = {""};
    uint32_t id;

    memset(fixture, 0, sizeof(*fixture));
    log_init("test", getenv("TEST_LOG") != NULL ? LOG_DEBUG : LOG_ERROR);
    clock_fake_set(1000000, FIXTURE_NOW_US);
    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/relayos-test-XXXXXX");
    cr_assert_not_null(mkdtemp(fixture->dir));
    snprintf(fixture->segment_name, sizeof(fixture->segment_name), "relayos-test.%d.%d",
             (int)getpid(), n++);
    cr_assert_eq(segment_create(fixture->segment_name, capacity, &fixture->heritage.segment, &why),
                 0, "%s", why.text);
    fixture->segments[fixture->n_segments++] = fixture->heritage.segment;

    snprintf(fixture->conf.data_dir, sizeof(fixture->conf.data_dir), "%s", fixture->dir);
    snprintf(fixture->conf.environment, sizeof(fixture->conf.environment), "test");
    snprintf(fixture->conf.keys_file, sizeof(fixture->conf.keys_file), "keys.yaml");
    fixture->conf.settle_interval_us = 100000;
    fixture->conf.trace_retention_us = INT64_C(30) * 86400 * 1000000;
    fixture->heritage.conf = &fixture->conf;
    fixture->heritage.catalog = catalog_new(fixture->heritage.segment);
    fixture->heritage.pepper = secret_new("0123456789abcdef0123456789abcdef", 32);
    fixture->heritage.control_fd = fixture->heritage.nudge_fd = fixture->heritage.ready_fd = -1;
    cr_assert_eq(catalog_intern(fixture->heritage.catalog, SLICE_LIT("claude-sonnet-4"), &id), 0);
    cr_assert_eq(catalog_intern(fixture->heritage.catalog, SLICE_LIT("gpt-4.1-mini"), &id), 0);
    fixture->writer = frame_out_new();
    buf_init(&fixture->wire, LIMIT_CONTROL_FRAME);
    fixture_start_ledger(fixture);
    fixture_start_worker(fixture);
}

static inline void
fixture_init(struct fixture *fixture)
{
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 64,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 64,
                                                     .refusals_per_worker = 16};

    fixture_init_sized(fixture, &capacity);
}

static inline void
fixture_fini(struct fixture *fixture)
{
    static const char *const names[] = {"relayos.db",     "relayos.db-wal",
                                        "relayos.db-shm", "relayos.db-seq",
                                        "relayos.lock",   "captures/" FIXTURE_CAPTURED};
    struct secret *pepper = (struct secret *)fixture->heritage.pepper;
    char path[128];

    flight_desk_close(&fixture->desk);
    ledger_finish(&fixture->ledger);
    frame_in_free(&fixture->reply);
    frame_out_free(&fixture->writer);
    buf_fini(&fixture->wire);
    catalog_free(&fixture->heritage.catalog);
    for (size_t i = 0; i < fixture->n_segments; i++)
        segment_detach(&fixture->segments[i]);
    (void)segment_unlink(fixture->segment_name);
    secret_free(&pepper);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", fixture->dir, names[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/captures", fixture->dir);
    rmdir(path);
    rmdir(fixture->dir);
    clock_fake_stop();
}

#endif
