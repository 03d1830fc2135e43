/* SPDX-License-Identifier: ISC
 *
 * A plan by itself, and that whatever names are in it relayosd reads what is written of it.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "import_plan.h"
#include "import_write.h"
#include "relayos/conf/conf.h"

static const struct import_price price = {.is_known = true,
                                          .input = INT64_C(1250000000),
                                          .output = INT64_C(10000000000),
                                          .cache_read = INT64_C(312500000),
                                          .cache_write = -1,
                                          .request = -1,
                                          .above = 200000,
                                          .above_input = INT64_C(2500000000),
                                          .above_output = INT64_C(15000000000),
                                          .above_cache_read = INT64_C(625000000),
                                          .above_cache_write = -1};

static size_t
add_upstream(struct import_plan *plan, const char *name, const char *url)
{
    struct import_upstream upstream = {.name = name,
                                       .url = url,
                                       .protocols = "openai_chat",
                                       .flavor = "",
                                       .n_credentials = 1,
                                       .credentials = {{.env = "SOME_KEY"}}};

    return import_plan_upstream(plan, &upstream);
}

static void
add_route(struct import_plan *plan, const char *model, const struct import_route *route)
{
    struct import_model *made = import_plan_model(plan, model);

    cr_assert_not_null(made, "%s", model);
    import_plan_route(plan, made, route);
}

static const char *
any_env(const char *name)
{
    (void)name;
    return "credential";
}

Test(import_plan, orders_become_tiers_and_weights_fit)
{
    static const int64_t orders[] = {-10, 5, -10, 7}, tiers[] = {0, 1, 0, 2};
    static const int64_t weights[] = {4000000, 1000000, 0, 4}, fitted[] = {1000, 250, 1, 1};
    struct import_plan plan;

    import_plan_init(&plan, "test");
    for (int n = 0; n < 4; n++) {
        char name[8];

        snprintf(name, sizeof(name), "m%d", n);
        add_route(&plan, "model",
                  &(struct import_route){.upstream = 0,
                                         .model = import_plan_text(&plan, slice_str(name)),
                                         .order = orders[n],
                                         .weight = weights[n],
                                         .price = price});
    }
    import_plan_finish(&plan);
    for (int n = 0; n < 4; n++) {
        cr_expect_eq(plan.models[0].routes[n].order, tiers[n], "%d", n);
        cr_expect_eq(plan.models[0].routes[n].weight, fitted[n], "%d", n);
    }
    import_plan_fini(&plan);
}

Test(import_plan, the_same_route_twice_is_one_with_both_weights)
{
    struct import_plan plan;

    import_plan_init(&plan, "test");
    for (int n = 0; n < 2; n++)
        add_route(&plan, "model",
                  &(struct import_route){.model = "same", .weight = 3, .price = price});
    cr_assert_eq(plan.models[0].n_routes, 1);
    cr_assert_eq(plan.models[0].routes[0].weight, 6);
    import_plan_fini(&plan);
}

Test(import_plan, an_upstream_is_told_from_another_by_what_it_reaches)
{
    struct import_plan plan;

    import_plan_init(&plan, "test");
    cr_assert_eq(add_upstream(&plan, "one", "https://a.example/v1"), 0);
    cr_assert_eq(add_upstream(&plan, "another", "https://a.example/v1"), 0);
    cr_assert_eq(add_upstream(&plan, "one", "https://b.example/v1"), 1);
    cr_assert_str_eq(plan.upstreams[1].name, "one-2");
    cr_assert_eq(add_upstream(&plan, "通道 3/€", "https://c.example/v1"), 2);
    cr_assert_str_eq(plan.upstreams[2].name, "3");
    cr_assert_eq(add_upstream(&plan, "通道", "https://d.example/v1"), 3);
    cr_assert_str_eq(plan.upstreams[3].name, "upstream");
    import_plan_fini(&plan);
}

Test(import_plan, names_of_keys_are_unique_and_no_numbers)
{
    static const char *const wanted[] = {"ci", "ci", "12", "ci", "a\nb"};
    static const char *const given[] = {"ci", "ci-2", "key-12", "ci-3", "a b"};
    char name[300];
    struct import_plan plan;

    import_plan_init(&plan, "test");
    for (size_t n = 0; n < 5; n++)
        cr_expect_str_eq(import_plan_key(&plan, wanted[n])->name, given[n]);
    memset(name, 'x', sizeof(name));
    name[299] = '\0';
    for (int n = 0; n < 2; n++)
        cr_expect_lt(strlen(import_plan_key(&plan, name)->name), (size_t)LIMIT_NAME);
    cr_expect_str_neq(plan.keys[5].name, plan.keys[6].name);
    for (size_t n = 0; n < 297; n += 3)
        memcpy(name + n, "€", 3);
    name[297] = '\0';
    const char *cut = import_plan_key(&plan, name)->name;
    cr_expect_eq(strlen(cut) % 3, 0, "cut in the middle of a character");
    import_plan_fini(&plan);
}

Test(import_plan, a_key_that_may_use_no_model_is_disabled)
{
    struct import_plan plan;

    import_plan_init(&plan, "test");
    import_plan_allow(&plan, import_plan_key(&plan, "a"), "gone");
    import_plan_key(&plan, "b")->has_all_models = true;
    import_plan_finish(&plan);
    cr_assert(plan.keys[0].is_disabled);
    cr_assert_not(plan.keys[1].is_disabled);
    import_plan_fini(&plan);
}

Test(import_plan, what_is_written_is_read_as_it_was_meant)
{
    static const char *const names[] = {
        "gpt-4o", "true",       "no",   "1.5",    "0x10",   "a:b",      "a: b", "org/m@2#x",
        "[list]", "{map",       "&a",   "!tag",   "-",      "%percent", "a,b",  "'q'",
        "~",      "2024-10-21", "null", "m:free", "`tick`", "|",        ">",    "?"};
    struct import_plan plan;
    struct conf *conf = NULL;
    struct errmsg why;
    struct buf text;
    size_t n_good = 0;

    import_plan_init(&plan, "test");
    import_plan_note(&plan, "a note\nof two lines: with an %s", "end # that is none");
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        struct import_model *model = import_plan_model(&plan, names[n]);

        if (model == NULL)
            continue; /* "a: b" has a space */
        import_plan_route(&plan, model,
                          &(struct import_route){
                              .upstream = add_upstream(&plan, names[n], "https://a.example/v1"),
                              .model = names[n],
                              .price = price});
        n_good++;
    }
    import_plan_finish(&plan);
    buf_init(&text, 1 << 20);
    import_write_yaml(&plan, NULL, &text);
    cr_assert_eq(conf_parse("imported", buf_slice(&text), any_env, &conf, &why), 0, "%s\n%.*s",
                 why.text, (int)text.len, text.ptr);
    cr_assert_eq(conf->n_models, n_good);
    for (size_t n = 0; n < conf->n_models; n++) {
        const struct price *read = &conf->models[n].record.price;

        cr_expect_str_eq(conf->models[n].record.name, plan.models[n].name);
        cr_expect_eq(read->nusd[USAGE_CACHE_READ], price.cache_read);
        cr_expect_eq(read->tiers[0].nusd[USAGE_OUTPUT], price.above_output);
    }
    conf_free(&conf);
    buf_fini(&text);
    import_plan_fini(&plan);
}
