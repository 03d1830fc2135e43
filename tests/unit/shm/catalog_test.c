/* SPDX-License-Identifier: ISC */
#include "catalog_copy.h"
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
text(char out[LIMIT_NAME], const char *prefix, uint64_t n)
{
    int len = snprintf(out, LIMIT_NAME, "%s-%lu", prefix, (unsigned long)n);

    return slice_of(out, (size_t)len);
}

/* An upstream that wants no credential. */
static int
put_open_upstream(void)
{
    const struct upstream_record upstream = {0};
    const struct credential_record credential = {0};
    const struct slice none = {0};

    return catalog_put_upstream(catalog, &upstream, &credential, &none, 1);
}

enum { N_UPSTREAMS = 2, N_CREDENTIALS = 3 };

/* A snapshot of n models whose every row says `mark`; the first upstream has one credential more
 * in each second. */
static void
fill(uint32_t n_models, int64_t mark)
{
    struct upstream_record upstream = {.connect_timeout_us = mark, .total_timeout_us = mark};
    struct credential_record credentials[N_CREDENTIALS];
    struct slice bytes[N_CREDENTIALS];
    char name[LIMIT_MODEL_NAME], texts[N_CREDENTIALS][LIMIT_MODEL_NAME];

    catalog_begin(catalog);
    catalog_put_settings(catalog, &(struct routing_settings){.max_attempts = (uint32_t)mark,
                                                             .affinity_ttl_us = mark});
    for (uint32_t n = 0; n < N_CREDENTIALS; n++) {
        credentials[n] = (struct credential_record){.id = (uint32_t)mark, .health_row = n};
        snprintf(credentials[n].name, sizeof(credentials[n].name), "key-%u", n);
        bytes[n] = text(texts[n], "secret", (uint64_t)mark * 10 + n);
    }
    for (uint32_t n = 0; n < N_UPSTREAMS; n++)
        cr_assert_eq(catalog_put_upstream(catalog, &upstream, credentials, bytes,
                                          N_CREDENTIALS - (n + (uint32_t)mark) % 2),
                     0);
    for (uint32_t n = 0; n < n_models; n++) {
        struct model_record model = {.created_s = mark, .context_tokens = mark};
        struct route_record routes[2] = {
            {.id = (uint32_t)mark, .upstream_id = 0, .health_row = (uint32_t)mark},
            {.id = (uint32_t)mark, .upstream_id = 1, .health_row = (uint32_t)mark}};

        text(name, "model", n);
        memcpy(model.name, name, sizeof(name));
        cr_assert_eq(catalog_intern(catalog, slice_str(name), &model.id), 0);
        cr_assert_eq(catalog_put_model(catalog, &model, routes, 2), 0);
    }
    catalog_commit(catalog);
}

Test(catalog, what_is_committed_is_found_with_its_routes_and_credentials)
{
    struct model_record model;
    struct route_record route;
    struct upstream_record upstream;
    struct credential_record credential;
    struct routing_settings settings;
    uint64_t epoch;
    struct buf bytes;

    cr_assert_eq(catalog_epoch(catalog), 0);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), ERR_MISSING);
    cr_assert_eq(catalog_upstream_at(catalog, 0, &upstream, &epoch), ERR_MISSING);
    catalog_get_settings(catalog, &settings);
    cr_assert_eq(settings.max_attempts, 0);
    fill(3, 42);
    cr_assert_eq(catalog_epoch(catalog), 1);
    cr_assert_eq(catalog_n_models(catalog), 3);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), 0);
    cr_assert_eq(model.created_s, 42);
    cr_assert_eq(model.n_routes, 2);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 1, &route, &upstream), 0);
    cr_assert_eq(route.id, 42);
    cr_assert_eq(upstream.id, 1);
    cr_assert_eq(upstream.n_credentials, 2);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 2, &route, &upstream), ERR_MISSING);
    catalog_get_settings(catalog, &settings);
    cr_assert_eq(settings.max_attempts, 42);

    buf_init(&bytes, 4096);
    cr_assert_eq(catalog_get_credential(catalog, epoch, 1, 1, &credential), 0);
    cr_assert_str_eq(credential.name, "key-1");
    cr_assert_eq(catalog_append_credential(catalog, epoch, 1, 1, &bytes), 0);
    cr_assert(slice_eq_str(buf_slice(&bytes), "secret-421"));
    buf_fini(&bytes);

    cr_assert_eq(catalog_upstream_at(catalog, 1, &upstream, &epoch), 0);
    cr_assert_eq(upstream.id, 1);
    cr_assert_eq(catalog_upstream_at(catalog, 2, &upstream, &epoch), ERR_MISSING);
    cr_assert_eq(catalog_upstream_at(catalog, UINT32_MAX, &upstream, &epoch), ERR_MISSING);
}

Test(catalog, options_stand_by_tier_as_written_within_one_and_say_what_their_routes_do)
{
    const struct routing_settings settings = {0};
    struct upstream_record upstream = {
        .protocols = PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES), .family = 77, .host = "b"};
    const struct credential_record credentials[2] = {{.id = 5}, {.id = 6}};
    const struct slice bytes[2] = {SLICE_LIT("one"), SLICE_LIT("two")};
    const uint32_t tiers[] = {2, 0, 1, 0, 2, 1, 0}, ids[] = {101, 103, 106, 102, 105, 100, 104};
    struct model_record model = {.name = "m"}, found;
    struct route_record routes[7] = {0}, route;
    uint64_t epoch;

    catalog_begin(catalog);
    catalog_put_settings(catalog, &settings);
    cr_assert_eq(put_open_upstream(), 0);
    cr_assert_eq(catalog_put_upstream(catalog, &upstream, credentials, bytes, 2), 0);
    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("m"), &model.id), 0);
    for (uint32_t n = 0; n < 7; n++)
        routes[n] = (struct route_record){
            .id = 100 + n,
            .upstream_id = n % 2,
            .tier = tiers[n],
            .weight = 10 * n,
            .health_row = 200 + n,
            .max_concurrent = n,
            .is_disabled = n == 3,
            .cost.nusd = {[USAGE_INPUT] = n, [USAGE_OUTPUT] = 2 * n, [USAGE_CACHE_READ] = 3 * n}};
    for (uint32_t i = 0; i < 2; i++) { /* the second model's stand behind the first's */
        model.name[0] = i == 0 ? 'm' : 'n';
        cr_assert_eq(catalog_intern(catalog, slice_str(model.name), &model.id), 0);
        cr_assert_eq(catalog_put_model(catalog, &model, routes, 7), 0);
    }
    catalog_commit(catalog);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("n"), &found, &epoch), 0);

    const struct route_option *options = catalog_options(catalog, epoch, &found);
    const struct credential_record *all = catalog_credentials(catalog, epoch);

    cr_assert_not_null(options);
    for (uint32_t n = 0; n < 7; n++) {
        const struct route_option *option = &options[n];

        cr_assert_eq(option->id, ids[n], "%u", n);
        cr_assert_eq(catalog_get_route(catalog, epoch, &found, n, &route, &upstream), 0);
        cr_assert_eq(option->id, route.id);
        cr_assert_eq(option->tier, route.tier);
        cr_assert_eq(option->weight, route.weight);
        cr_assert_eq(option->health_row, route.health_row);
        cr_assert_eq(option->max_concurrent, route.max_concurrent);
        cr_assert_eq(option->is_disabled, route.is_disabled);
        cr_assert_eq(option->upstream_id, upstream.id);
        cr_assert_eq(option->protocols, upstream.protocols);
        cr_assert_eq(option->family, upstream.family);
        cr_assert_eq(option->n_credentials, upstream.n_credentials);
        cr_assert_eq(option->first_credential, upstream.first_credential);
        cr_assert_eq(option->input_nusd, route.cost.nusd[USAGE_INPUT]);
        cr_assert_eq(option->output_nusd, route.cost.nusd[USAGE_OUTPUT]);
        cr_assert_eq(option->cache_read_nusd, route.cost.nusd[USAGE_CACHE_READ]);
        if (option->upstream_id == 1)
            cr_assert_eq(all[option->first_credential + 1].id, 6);
    }
    cr_assert(catalog_is_whole(catalog, epoch));
}

Test(catalog, tiers_and_changes_of_prices_come_along_where_there_are_any)
{
    struct upstream_record upstream;
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
        cr_assert_eq(put_open_upstream(), 0);
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
    struct route_record route;
    struct upstream_record upstream;
    struct credential_record record;
    struct buf credential;
    uint64_t epoch;

    buf_init(&credential, 4096);
    fill(2, 1);
    cr_assert_eq(catalog_find_model(catalog, SLICE_LIT("model-1"), &model, &epoch), 0);
    fill(2, 2);
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 0, &route, &upstream), 0);
    cr_assert_eq(route.id, 1);
    cr_assert_eq(catalog_options(catalog, epoch, &model)[0].id, 1);
    cr_assert_eq(catalog_credentials(catalog, epoch)[0].id, 1);
    cr_assert_eq(catalog_append_credential(catalog, epoch, 0, 1, &credential), 0);
    cr_assert(catalog_is_whole(catalog, epoch));
    catalog_begin(catalog);
    cr_assert_not(catalog_is_whole(catalog, epoch));
    cr_assert_eq(catalog_get_route(catalog, epoch, &model, 0, &route, &upstream), ERR_CONFLICT);
    cr_assert_null(catalog_options(catalog, epoch, &model));
    cr_assert_null(catalog_credentials(catalog, epoch));
    cr_assert_eq(catalog_get_credential(catalog, epoch, 0, 0, &record), ERR_CONFLICT);
    cr_assert_eq(catalog_append_credential(catalog, epoch, 0, 0, &credential), ERR_CONFLICT);
    cr_assert(slice_eq_str(buf_slice(&credential), "secret-11"));
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
    enum { N_ROUTES = 16 };
    struct model_record model = {.name = "model"};
    struct route_record routes[LIMIT_MODEL_ROUTES] = {0};
    char name[LIMIT_MODEL_NAME];
    uint32_t id;

    catalog_begin(catalog);
    for (uint32_t n = 0; n < fixture_capacity.upstreams; n++)
        cr_assert_eq(put_open_upstream(), 0);
    cr_assert_eq(put_open_upstream(), ERR_FULL);
    cr_assert_eq(catalog_intern(catalog, slice_str(model.name), &model.id), 0);
    cr_assert_eq(catalog_put_model(catalog, &model, routes, LIMIT_MODEL_ROUTES), ERR_FULL);
    cr_assert_eq(catalog_put_model(catalog, &model, routes, N_ROUTES), 0);
    cr_assert_eq(catalog_put_model(catalog, &model, routes, 0), ERR_EXISTS);
    for (uint64_t n = 1; n < LIMIT_MODELS; n++)
        cr_assert_eq(catalog_intern(catalog, text(name, "n", n), &id), 0);
    cr_assert_eq(catalog_intern(catalog, SLICE_LIT("one more"), &id), ERR_FULL);
    cr_assert_eq(catalog_intern(catalog, slice_str(model.name), &id), 0);
    memcpy(model.name, "n-1", 4);
    model.id = 1;
    cr_assert_eq(catalog_put_model(catalog, &model, routes, N_ROUTES), 0);
    memcpy(model.name, "n-2", 4);
    model.id = 2;
    cr_assert_eq(catalog_put_model(catalog, &model, routes, 1), ERR_FULL); /* 32 routes */
}

Test(catalog, an_upstream_has_up_to_eight_credentials_and_all_of_them_twice_their_number)
{
    static char long_one[LIMIT_CREDENTIAL + 1];
    const struct upstream_record upstream = {0};
    const struct credential_record credentials[LIMIT_CREDENTIALS] = {0};
    struct slice bytes[LIMIT_CREDENTIALS] = {0};

    catalog_begin(catalog);
    bytes[3] = slice_of(long_one, sizeof(long_one));
    cr_assert_eq(catalog_put_upstream(catalog, &upstream, credentials, bytes, LIMIT_CREDENTIALS),
                 ERR_TOO_LARGE);
    bytes[3].len--;
    for (uint32_t n = 0; n < segment->n_credentials / LIMIT_CREDENTIALS; n++)
        cr_assert_eq(
            catalog_put_upstream(catalog, &upstream, credentials, bytes, LIMIT_CREDENTIALS), 0);
    cr_assert_geq(segment->n_credentials, 2 * fixture_capacity.upstreams);
    cr_assert_eq(put_open_upstream(), ERR_FULL);
}

/* All of a snapshot is of its epoch: 0, ERR_CONFLICT, or ERR_UNSAFE: it was not. */
static int
read_once(uint32_t reader, struct buf *bytes)
{
    char name[LIMIT_MODEL_NAME], expected[LIMIT_MODEL_NAME];
    struct model_record model;
    struct route_record route;
    struct upstream_record upstream;
    struct credential_record credential;
    struct routing_settings settings;
    uint64_t epoch;

    catalog_get_settings(catalog, &settings);
    if (settings.max_attempts == 0 || settings.affinity_ttl_us != settings.max_attempts)
        return ERR_UNSAFE;
    if (catalog_find_model(catalog, text(name, "model", reader), &model, &epoch) != 0)
        return ERR_CONFLICT;
    if (model.created_s != (int64_t)epoch || model.context_tokens != (int64_t)epoch)
        return ERR_UNSAFE;

    /* In place, as a choice does it: what is followed must stay inside whatever it says. */
    const struct route_option *options = catalog_options(catalog, epoch, &model);
    const struct credential_record *all = catalog_credentials(catalog, epoch);
    uint64_t sum = 0, n_credentials = 0;

    if (options == NULL || all == NULL)
        return ERR_CONFLICT;
    for (uint32_t n = 0; n < model.n_routes; n++) {
        sum += options[n].id + options[n].health_row;
        for (uint32_t k = 0; k < options[n].n_credentials; k++, n_credentials++)
            sum += all[options[n].first_credential + k].id;
    }
    if (!catalog_is_whole(catalog, epoch))
        return ERR_CONFLICT;
    if (n_credentials != 2 * N_CREDENTIALS - 1 || sum != epoch * (4 + n_credentials))
        return ERR_UNSAFE;

    if (catalog_get_route(catalog, epoch, &model, 1, &route, &upstream) != 0 ||
        catalog_get_credential(catalog, epoch, 1, 1, &credential) != 0)
        return ERR_CONFLICT;
    if (route.id != epoch || upstream.total_timeout_us != (int64_t)epoch ||
        upstream.connect_timeout_us != (int64_t)epoch || credential.id != epoch ||
        upstream.n_credentials != N_CREDENTIALS - (1 + epoch) % 2)
        return ERR_UNSAFE;
    buf_clear(bytes);
    if (catalog_append_credential(catalog, epoch, 1, 1, bytes) != 0)
        return bytes->len == 0 ? ERR_CONFLICT : ERR_UNSAFE;
    return slice_eq(buf_slice(bytes), text(expected, "secret", epoch * 10 + 1)) ? 0 : ERR_UNSAFE;
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
        if (fixture_fork() != 0)
            continue;

        struct buf bytes;

        buf_init(&bytes, 4096);
        while (!shared->is_over) {
            int err = read_once((uint32_t)reader, &bytes);

            shared->n_torn += err == ERR_UNSAFE;
            shared->n_conflicts += err == ERR_CONFLICT;
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

/* catalog_forget_secrets() maps over them, which goes by pages: 64 KiB on some kernels of arm64. */
Test(catalog, secrets_share_no_page_with_what_everybody_reads)
{
    cr_expect_eq(((uintptr_t)catalog->secrets[0] - (uintptr_t)catalog->active) % 65536, 0);
}
