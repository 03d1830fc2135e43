/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_model.h"

#include "relayos/base/clock.h"
#include "relayos/report/report_price.h"
#include "segment_fixture.h"

static struct segment_fixture fixture;
static struct report report;

static void
setup(void)
{
    segment_fixture_init(&fixture);
    report = (struct report){.segment = fixture.segment, .catalog = fixture.catalog};
}

/* "status" of the model. */
static bool
is_status(const char *status)
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    report_model_list(&report, "data", out);
    frame_end(out);
    struct frame_in *in = framed(out);
    bool is_so =
        segment_fixture_is(frame_at(frame_get(frame_root(in), "data"), 0), "status", status);
    frame_in_free(&in);
    frame_out_free(&out);
    return is_so;
}

Test(report_model, a_model_is_up_while_one_of_its_routes_passes, .init = setup)
{
    cr_expect(is_status("up"));
    health_set_admin(fixture.segment, fixture.routes[0].health_row, HEALTH_DISABLED);
    cr_expect(is_status("up"), "the other tier stands in");
    health_set_admin(fixture.segment, fixture.routes[1].health_row, HEALTH_DRAINED);
    cr_expect(is_status("down"));
    health_set_admin(fixture.segment, fixture.routes[0].health_row, HEALTH_ENABLED);
    cr_expect(is_status("up"));
}

Test(report_model, a_model_whose_calls_fail_is_degraded, .init = setup)
{
    for (int i = 0; i < 30; i++)
        segment_fixture_call(&fixture, 0, i % 2 == 0, clock_mono_us());
    cr_expect(is_status("degraded"));
}

/* Records are copied as far as they mean something: the rest must not be told to anybody. */
Test(report_model, a_price_without_changes_and_tiers_has_none, .init = setup)
{
    struct frame_out *out = frame_out_new();
    volatile char dirt[16384];

    for (size_t i = 0; i < sizeof dirt; i++)
        dirt[i] = (char)(i * 7 + 1); /* what the stack may hold */
    frame_map(out, NULL);
    report_price_list(&report, "data", out);
    frame_end(out);
    struct frame_in *in = framed(out);
    const struct frame_value *model = frame_at(frame_get(frame_root(in), "data"), 0),
                             *price = frame_get(model, "price"),
                             *route = frame_at(frame_get(model, "routes"), 1);
    cr_expect(segment_fixture_is(price, "state", "known"));
    cr_expect_eq(frame_get_int(price, "input", 0), 2000000000);
    cr_expect_eq(frame_length(frame_get(price, "tiers")), 0);
    cr_expect_eq(frame_length(frame_get(model, "changes")), 0);
    cr_expect(segment_fixture_is(route, "name", "m/mock/m-1"));
    cr_expect(segment_fixture_is(frame_get(route, "cost"), "state", "unknown"));
    cr_expect_eq(frame_length(frame_get(route, "changes")), 0);
    frame_in_free(&in);
    frame_out_free(&out);
}
