/* SPDX-License-Identifier: ISC */
#include "fixture.h"
#include "relayos/shm/catalog.h"

static struct segment *segment;
static struct catalog *catalog;

static void
make(void)
{
    segment = fixture_segment();
    catalog = catalog_new(segment);
}

static void
drop(void)
{
    catalog_free(&catalog);
    segment_detach(&segment);
}

TestSuite(catalog, .init = make, .fini = drop);

static struct slice
text(char out[LIMIT_MODEL_NAME], const char *prefix, uint64_t n)
{
    int len = snprintf(out, LIMIT_MODEL_NAME, "%s-%lu", prefix, (unsigned long)n);

    return slice_of(out, (size_t)len);
}

/* A snapshot of n models whose every row says `mark`. */
static void
fill(uint32_t n_models, int64_t mark)
{
    struct upstream_record upstream = {.connect_timeout_us = mark, .total_timeout_us = mark};
    char name[LIMIT_MODEL_NAME], credential[LIMIT_MODEL_NAME];

    catalog_begin(catalog);
    for (uint64_t n = 0; n < 2; n++)
        cr_assert_eq(
            catalog_put_upstream(catalog, &upstream, text(credential, "secret", (uint64_t)mark)),
            0);
    for (uint32_t n = 0; n < n_models; n++) {
        struct model_record model = {.created_s = mark, .context_tokens = mark};
        struct route_record routes[2] = {{.id = (uint32_t)mark, .upstream_id = 0},
                                         {.id = (uint32_t)mark, .upstream_id = 1}};

        text(name, "model", n);
        memcpy(model.name, name, sizeof(name));
        cr_assert_eq(catalog_intern(catalog, slice_str(name), &model.id), 0);
        cr_assert_eq(catalog_put_model(catalog, &model, routes, 2), 0);
    }
    catalog_commit(catalog);
}

Test(catalog, what_is_committed_is_found_with_its_routes_and_credential)
{
    struct model_record model;
    struct route_option option;
    struct route_record route;
    struct upstream_record upstream;
    uint64_t epoch;
    struct buf credential;

    cr_assert_eq(catalog_epoch(catalog), 0);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), ERR_MISSING);
    fill(3, 42);
    cr_assert_eq(catalog_epoch(catalog), 1);
    cr_assert_eq(catalog_n_models(catalog), 3);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), 0);
    cr_assert_eq(model.created_s, 42);
    cr_assert_eq(model.n_routes, 2);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 1, &route, &upstream), 0);
    cr_assert_eq(route.id, 42);
    cr_assert_eq(upstream.id, 1);
    cr_assert_eq(catalog_get_option(catalog, epoch, &model, 1, &option), 0);
    cr_assert_eq(option.id, route.id);
    cr_assert_eq(option.tier, route.tier);
    cr_assert_eq(option.weight, route.weight);
    cr_assert_eq(option.protocols, upstream.protocols);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 2, &route, &upstream), ERR_MISSING);
    buf_init(&credential, 4096);
    buf_append_str(&credential, "Bearer ");
    cr_assert_eq(catalog_append_credential(catalog, epoch, 1, &credential), 0);
    cr_assert(slice_eq_str(buf_slice(&credential), "Bearer secret-42"));
    cr_assert_eq(catalog_model_at(catalog, 2, &model, &epoch), 0);
    cr_assert_str_eq(model.name, "model-2");
    cr_assert_eq(catalog_model_at(catalog, 3, &model, &epoch), ERR_MISSING);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-"), &model, &epoch), ERR_MISSING);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-11"), &model, &epoch), ERR_MISSING);
    buf_fini(&credential);
}

Test(catalog, tiers_and_changes_of_prices_come_along_where_there_are_any)
{
    struct upstream_record upstream = {0};
    struct model_record model = {.name = "priced"}, found;
    struct route_record route = {.id = 1}, found_route;
    uint64_t epoch;

    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("priced"), &model.id), 0);
    for (int way = 0; way < 4; way++) {
        model.price.n_tiers = route.cost.n_tiers = way % 2 == 0 ? 0 : LIMIT_PRICE_TIERS;
        model.price.tiers[LIMIT_PRICE_TIERS - 1].above = 7 + way;
        route.cost.tiers[LIMIT_PRICE_TIERS - 1].above = 8 + way;
        model.price_until_us = route.cost_until_us = way / 2;
        model.price_changes[LIMIT_PRICE_CHANGES - 1].from_us = 9 + way;
        route.cost_changes[LIMIT_PRICE_CHANGES - 1].from_us = 10 + way;
        catalog_begin(catalog);
        cr_assert_eq(catalog_put_upstream(catalog, &upstream, SLICE_LIT("")), 0);
        cr_assert_eq(catalog_put_model(catalog, &model, &route, 1), 0);
        catalog_commit(catalog);
        memset(&found, 0, sizeof(found));
        memset(&found_route, 0, sizeof(found_route));
        cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("priced"), &found, &epoch), 0);
        cr_assert_eq(catalog_get_route(catalog, epoch, &found, 0, &found_route, &upstream), 0);
        cr_assert_eq(found.price.tiers[LIMIT_PRICE_TIERS - 1].above, way == 0 ? 0 : 7 + way);
        cr_assert_eq(found_route.cost.tiers[LIMIT_PRICE_TIERS - 1].above, way == 0 ? 0 : 8 + way);
        cr_assert_eq(found.price_changes[LIMIT_PRICE_CHANGES - 1].from_us, way == 0 ? 0 : 9 + way);
        cr_assert_eq(found_route.cost_changes[LIMIT_PRICE_CHANGES - 1].from_us,
                     way == 0 ? 0 : 10 + way);
    }
}

Test(catalog, nothing_is_seen_before_commit_and_begin_may_be_said_again)
{
    struct model_record model;
    uint64_t epoch;

    fill(1, 1);
    catalog_begin(catalog);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-0"), &model, &epoch), 0);
    cr_assert_eq(model.created_s, 1);
    fill(2, 2);
    cr_assert_eq(catalog_epoch(catalog), 2);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), 0);
}

Test(catalog, a_snapshot_stays_for_one_reload_and_is_a_conflict_after_two)
{
    struct model_record model;
    struct route_option option;
    struct route_record route;
    struct upstream_record upstream;
    struct buf credential;
    uint64_t epoch;

    buf_init(&credential, 4096);
    fill(2, 1);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), 0);
    fill(2, 2);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 0, &route, &upstream), 0);
    cr_assert_eq(route.id, 1);
    cr_assert_eq(catalog_append_credential(catalog, epoch, 0, &credential), 0);
    catalog_begin(catalog);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 0, &route, &upstream), ERR_CONFLICT);
    cr_assert_eq(catalog_get_option(catalog, epoch, &model, 0, &option), ERR_CONFLICT);
    cr_assert_eq(catalog_append_credential(catalog, epoch, 0, &credential), ERR_CONFLICT);
    cr_assert(slice_eq_str(buf_slice(&credential), "secret-1"));
    buf_fini(&credential);
}

Test(catalog, ids_of_names_outlive_reloads_and_masters)
{
    uint32_t id, again;

    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("a"), &id), 0);
    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("b"), &again), 0);
    cr_assert_neq(id, again);
    fill(1, 1);

    struct catalog *successor = catalog_new(segment);

    cr_assert_eq(catalog_epoch(successor), 0); /* nothing yet, though epochs count on */
    cr_assert_eq(catalog_model_id(successor, SLICE_LIT("b"), &id), 0);
    cr_assert_eq(id, again);
    cr_assert_str_eq(catalog_model_name(successor, id), "b");
    cr_assert_str_eq(catalog_model_name(successor, 999), "");
    cr_assert_eq(catalog_model_id(successor, SLICE_LIT("c"), &id), ERR_MISSING);
    catalog_begin(successor);
    catalog_commit(successor);
    cr_assert_eq(catalog_epoch(successor), 2);
    cr_assert_eq(catalog_n_models(catalog), 1); /* old workers keep what they drain with */
    catalog_free(&successor);
}

Test(catalog, capacities_are_errors_not_overruns)
{
    struct upstream_record upstream = {0};
    struct model_record model = {.name = "model"};
    struct route_record routes[LIMIT_MODEL_ROUTES] = {0};
    char name[LIMIT_MODEL_NAME];
    uint32_t id;

    catalog_begin(catalog);
    for (uint32_t n = 0; n < fixture_capacity.upstreams; n++)
        cr_assert_eq(catalog_put_upstream(catalog, &upstream, SLICE_LIT("")), 0);
    cr_assert_eq(catalog_put_upstream(catalog, &upstream, SLICE_LIT("")), ERR_FULL);
    cr_assert_eq(catalog_intern(catalog, slice_str(model.name), &model.id), 0);
    cr_assert_eq(catalog_put_model(catalog, &model, routes, LIMIT_MODEL_ROUTES), 0);
    cr_assert_eq(catalog_put_model(catalog, &model, routes, 0), ERR_EXISTS);
    for (uint64_t n = 1; n < LIMIT_MODELS; n++)
        cr_assert_eq(catalog_intern(catalog, text(name, "n", n), &id), 0);
    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("one more"), &id), ERR_FULL);
    cr_assert_eq(catalog_intern(catalog, slice_str(model.name), &id), 0);
    memcpy(model.name, "n-1", 4);
    model.id = 1;
    cr_assert_eq(catalog_put_model(catalog, &model, routes, LIMIT_MODEL_ROUTES), 0);
    memcpy(model.name, "n-2", 4);
    model.id = 2;
    cr_assert_eq(catalog_put_model(catalog, &model, routes, 1), ERR_FULL); /* 32 routes */
}

/* The master reloads as fast as it can; every copy a reader gets must be of one snapshot. */
Test(catalog, readers_never_see_a_mixed_snapshot, .timeout = 120)
{
    enum { N_FLIPS = 20000, N_READERS = 3, N_MODELS = 5 };
    struct shared {
        _Atomic bool is_over;
        _Atomic long n_good, n_torn, n_conflicts;
    } *shared = fixture_shared(sizeof(*shared));
    int status, n_failed = 0;

    fill(N_MODELS, 1);
    for (uint64_t reader = 0; reader < N_READERS; reader++) {
        if (fork() != 0)
            continue;

        struct buf credential;

        buf_init(&credential, 4096);
        while (!shared->is_over) {
            char name[LIMIT_MODEL_NAME], expected[LIMIT_MODEL_NAME];
            struct model_record model;
            struct route_option option;
            struct route_record route;
            struct upstream_record upstream;
            uint64_t epoch;
            int err;

            if (catalog_find_model(catalog, text(name, "model", reader), &model, &epoch) != 0)
                continue;
            if (model.created_s != (int64_t)epoch || model.context_tokens != (int64_t)epoch)
                shared->n_torn++;
            buf_clear(&credential);
            if (catalog_get_option(catalog, epoch, &model, 1, &option) == 0 && option.id != epoch)
                shared->n_torn++;
            err = catalog_get_route(catalog, epoch, &model, 1, &route, &upstream);
            if (err == 0 && (route.id != epoch || upstream.total_timeout_us != (int64_t)epoch ||
                             upstream.connect_timeout_us != (int64_t)epoch))
                shared->n_torn++;
            if (err == 0)
                err = catalog_append_credential(catalog, epoch, 1, &credential);
            if (err == 0 && !slice_eq(buf_slice(&credential), text(expected, "secret", epoch)))
                shared->n_torn++;
            shared->n_conflicts += err != 0;
            shared->n_good += err == 0;
        }
        _exit(0);
    }
    for (int64_t epoch = 2; epoch <= N_FLIPS || shared->n_good < 1000; epoch++)
        fill(N_MODELS, epoch);
    shared->is_over = true;
    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(shared->n_torn, 0);
}

Test(catalog, five_hundred_models_are_found_in_a_few_probes)
{
    struct segment_capacity capacity = fixture_capacity;
    struct model_record model;
    uint64_t epoch;

    drop();
    capacity.routes = 2048;
    segment = fixture_segment_of(&capacity);
    catalog = catalog_new(segment);
    fill(500, 7);
    for (uint32_t n = 0; n < 500; n++) {
        char name[LIMIT_MODEL_NAME];

        cr_assert_eq(catalog_find_model(catalog, text(name, "model", n), &model, &epoch), 0);
        cr_assert_eq(model.first_route, 2 * n);
    }
}
