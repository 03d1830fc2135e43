/* SPDX-License-Identifier: ISC
 *
 * segment_fixture - a small segment with a model of two routes; nothing of it stays in /dev/shm.
 */
#ifndef SUPPORT_SEGMENT_FIXTURE_H
#define SUPPORT_SEGMENT_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framed.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/health.h"
#include "relayos/shm/segment.h"

struct segment_fixture {
    struct segment *segment;
    struct catalog *catalog;
    struct route_record routes[2]; /* ids 7 and 8 */
};

static inline void
segment_fixture_init(struct segment_fixture *fixture)
{
    static const struct segment_capacity capacity = {.n_workers = 2,
                                                     .flights_per_worker = 32,
                                                     .keys = 64,
                                                     .routes = 32,
                                                     .upstreams = 8,
                                                     .quota_cells = 64,
                                                     .refusals_per_worker = 16,
                                                     .idempotency = 32,
                                                     .recall = 2 * SEGMENT_RECALL_STEP};
    struct upstream_record upstream = {.name = "mock", .protocols = 1};
    struct credential_record credential = {.id = 99};
    struct model_record model = {.name = "m"};
    struct slice no_bytes = {0};
    struct errmsg why = {""};
    char name[64];

    memset(fixture, 0, sizeof(*fixture));
    snprintf(name, sizeof(name), "relayos.test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &fixture->segment, &why), 0, "%s", why.text);
    cr_assert_eq(segment_unlink(name), 0);
    fixture->catalog = catalog_new(fixture->segment);
    catalog_begin(fixture->catalog);
    cr_assert_eq(health_intern(fixture->segment, credential.id, &credential.health_row), 0);
    cr_assert_eq(catalog_put_upstream(fixture->catalog, &upstream, &credential, &no_bytes, 1), 0);
    cr_assert_eq(catalog_intern(fixture->catalog, slice_str(model.name), &model.id), 0);
    model.price.nusd[USAGE_INPUT] = 2000000000;
    for (uint32_t n = 0; n < 2; n++) {
        fixture->routes[n] = (struct route_record){.id = 7 + n, .weight = 1, .tier = n};
        snprintf(fixture->routes[n].upstream_model, LIMIT_MODEL_NAME, "m-%u", n);
        cr_assert_eq(health_intern(fixture->segment, 7 + n, &fixture->routes[n].health_row), 0);
    }
    cr_assert_eq(catalog_put_model(fixture->catalog, &model, fixture->routes, 2), 0);
    catalog_commit(fixture->catalog);
}

/* A call to the n-th route that went well, or failed by its fault. */
static inline void
segment_fixture_call(struct segment_fixture *fixture, int n, bool is_ok, int64_t now_us)
{
    const struct routing_settings settings = {.open_us = 5000000, .open_max_us = 5000000};
    const struct health_outcome outcome = {.verdict = is_ok ? HEALTH_OK : HEALTH_FAULT,
                                           .first_token_us = is_ok ? 250000 : 0,
                                           .now_us = now_us};

    health_begin(fixture->segment, 0, fixture->routes[n].health_row);
    (void)health_end(fixture->segment, 0, fixture->routes[n].health_row, &outcome, &settings);
}

static inline bool
segment_fixture_is(const struct frame_value *map, const char *name, const char *text)
{
    return slice_eq_str(frame_get_str(map, name), text);
}

#endif
