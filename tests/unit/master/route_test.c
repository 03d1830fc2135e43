/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "route.h"

/* Two models; one reaches the upstream "two" by two names of its own, one with slashes in them. */
static struct conf_upstream upstreams[2];
static struct route_record routes_a[3], routes_b[1];
static struct conf_model models[2];
static struct conf conf;

static void
set_up(void)
{
    strcpy(upstreams[0].record.name, "one");
    strcpy(upstreams[1].record.name, "two");
    routes_a[0] = (struct route_record){.id = 0x0000a001, .upstream_model = "x"};
    routes_a[1] = (struct route_record){.id = 0xa002, .upstream_id = 1, .upstream_model = "x/1"};
    routes_a[2] = (struct route_record){.id = 0xa003, .upstream_id = 1, .upstream_model = "x/2"};
    routes_b[0] = (struct route_record){.id = 0xb001beef, .upstream_model = "y"};
    models[0].routes = routes_a;
    models[0].record.n_routes = 3;
    strcpy(models[0].record.name, "org/a");
    models[1].routes = routes_b;
    models[1].record.n_routes = 1;
    strcpy(models[1].record.name, "b");
    conf.n_upstreams = conf.n_models = 2;
    conf.upstreams = upstreams;
    conf.models = models;
}

TestSuite(route, .init = set_up);

static size_t
places_of(const char *model, struct route_place **out)
{
    struct errmsg why;
    size_t n = 0;

    cr_assert_eq(route_places(&conf, slice_str(model), out, &n, &why), 0);
    return n;
}

/* Id of the route that is meant, or the err, with its sentence. */
static int64_t
find(const char *name, struct errmsg *why)
{
    struct route_place *places;
    size_t n = places_of("", &places), found = 99;
    int rc = route_find(places, n, slice_str(name), &found, why);
    int64_t id = rc == 0 ? (int64_t)places[found].route->id : rc;

    free(places);
    return id;
}

Test(route, each_has_the_shortest_name_that_means_it_alone)
{
    static const char *const names[] = {"org/a/one", "org/a/two/x/1", "org/a/two/x/2", "b/one"};
    struct route_place *places;
    struct errmsg why;

    cr_assert_eq(places_of("", &places), 4);
    for (size_t n = 0; n < 4; n++) {
        cr_expect_str_eq(places[n].name, names[n]);
        cr_expect_eq(find(names[n], &why), places[n].route->id);
    }
    free(places);
}

Test(route, a_model_has_its_own_only)
{
    struct route_place *places;

    cr_assert_eq(places_of("b", &places), 1);
    cr_assert_str_eq(places[0].name, "b/one");
    free(places);
}

Test(route, an_id_and_the_long_name_mean_one_too)
{
    struct errmsg why;

    cr_expect_eq(find("b001beef", &why), 0xb001beef);
    cr_expect_eq(find("0000a001", &why), 0xa001);
    cr_expect_eq(find("org/a/one/x", &why), 0xa001);
}

Test(route, what_means_several_is_refused_with_all_of_them)
{
    struct errmsg why;

    cr_assert_eq(find("org/a/two", &why), ERR_CONFLICT);
    cr_assert_str_eq(why.text, "org/a/two could be org/a/two/x/1 or org/a/two/x/2");
}

Test(route, a_typo_gets_the_nearest)
{
    struct errmsg why;

    cr_assert_eq(find("org/a/onne", &why), ERR_MISSING);
    cr_assert_not_null(strstr(why.text, "did you mean org/a/one?"), "%s", why.text);
    cr_assert_eq(find("", &why), ERR_MISSING);
    cr_assert_eq(find("qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", &why), ERR_MISSING);
    cr_assert_not_null(strstr(why.text, "route list"), "%s", why.text);
}

Test(route, an_unknown_model_gets_the_nearest)
{
    struct route_place *places;
    struct errmsg why;
    size_t n;

    cr_assert_eq(route_places(&conf, SLICE_LIT("org/aa"), &places, &n, &why), ERR_MISSING);
    cr_assert_not_null(strstr(why.text, "org/a?"), "%s", why.text);
    free(places);
}
