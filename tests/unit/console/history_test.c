/* SPDX-License-Identifier: ISC */
#include "history.h"

#include "segment_fixture.h"

#define MINUTE INT64_C(60000000)
#define NOW_US (INT64_C(29400000) * MINUTE)

static struct segment_fixture fixture;
static struct history *history;

static void
setup(void)
{
    segment_fixture_init(&fixture);
    history = history_new(fixture.segment, fixture.catalog);
}

/* The slots of a route, to be freed. */
static struct frame_in *
slots_of(uint32_t route_id, int64_t since_us, int64_t until_us)
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    history_write(history, route_id, since_us, until_us, out);
    frame_end(out);
    struct frame_in *in = framed(out);
    frame_out_free(&out);
    return in;
}

static const struct frame_value *
data_of(const struct frame_in *in)
{
    return frame_get(frame_root(in), "data");
}

Test(history, a_slot_has_what_was_asked_since_the_look_before, .init = setup)
{
    segment_fixture_call(&fixture, 0, true, 1000);
    history_sample(history, NOW_US, 1000); /* what came before is of no slot */
    for (int i = 0; i < 5; i++)
        segment_fixture_call(&fixture, 0, i != 2, 2000);
    history_sample(history, NOW_US + MINUTE, 3000);
    history_sample(history, NOW_US + 2 * MINUTE, 4000);

    struct frame_in *in = slots_of(7, 0, INT64_MAX);
    const struct frame_value *data = data_of(in);
    cr_assert_eq(frame_length(data), 2);
    cr_expect_eq(frame_get_int(frame_at(data, 0), "at_us", 0), NOW_US + MINUTE);
    cr_expect_eq(frame_get_int(frame_at(data, 0), "attempts", -1), 5);
    cr_expect_eq(frame_get_int(frame_at(data, 0), "failures", -1), 1);
    cr_expect_gt(frame_get_int(frame_at(data, 0), "first_token_us", 0), 0);
    cr_expect_eq(frame_get_int(frame_at(data, 1), "attempts", -1), 0);
    frame_in_free(&in);
    in = slots_of(7, NOW_US + 2 * MINUTE, NOW_US + 3 * MINUTE);
    cr_expect_eq(frame_length(data_of(in)), 1);
    frame_in_free(&in);
    in = slots_of(12345, 0, INT64_MAX);
    cr_expect_eq(frame_length(data_of(in)), 0);
    frame_in_free(&in);
    history_free(&history);
}

Test(history, a_day_is_kept_and_the_oldest_goes_first, .init = setup)
{
    enum { MINUTES = 2000 };
    int64_t last_us = 0;

    for (int i = 0; i < MINUTES; i++) {
        segment_fixture_call(&fixture, 1, true, 1000 + i);
        history_sample(history, NOW_US + i * MINUTE, 1000 + i);
    }
    struct frame_in *in = slots_of(8, 0, INT64_MAX);
    const struct frame_value *data = data_of(in);
    cr_assert_eq(frame_length(data), 1440);
    for (size_t i = 0; i < frame_length(data); i++) {
        int64_t at_us = frame_get_int(frame_at(data, i), "at_us", 0);
        cr_expect_gt(at_us, last_us);
        cr_expect_eq(frame_get_int(frame_at(data, i), "attempts", 0), 1);
        last_us = at_us;
    }
    cr_expect_eq(last_us, NOW_US + (MINUTES - 1) * MINUTE);
    frame_in_free(&in);
    history_free(&history);
}
