/* SPDX-License-Identifier: ISC */
#include "relayos/base/traceparent.h"

#include <criterion/criterion.h>
#include <string.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Test(traceparent, says_which_trace_and_whether_it_is_sampled)
{
    struct traceparent parent;

    cr_assert_eq(traceparent_parse(SLICE_LIT(GOOD), &parent), 0);
    cr_expect_eq(memcmp(parent.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736", 32), 0);
    cr_expect_eq(memcmp(parent.span_id, "00f067aa0ba902b7", 16), 0);
    cr_expect(parent.is_sampled);
    cr_assert_eq(traceparent_parse(
                     SLICE_LIT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe"), &parent),
                 0);
    cr_expect_not(parent.is_sampled);
    cr_assert_eq(traceparent_parse(
                     SLICE_LIT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0b"), &parent),
                 0);
    cr_expect(parent.is_sampled);
}

/* Any other byte at any place, and any other length, makes it none. */
Test(traceparent, what_is_not_whole_is_none)
{
    struct traceparent parent;
    char text[TRACEPARENT_LEN + 2];

    for (size_t len = 0; len < TRACEPARENT_LEN; len++)
        cr_expect_neq(traceparent_parse(slice_of(GOOD, len), &parent), 0);
    cr_expect_neq(traceparent_parse(SLICE_LIT(GOOD "-"), &parent), 0);
    for (size_t n = 0; n < TRACEPARENT_LEN; n++) {
        static const char bad[] = "gG\"\n -\xff";

        for (size_t i = 0; i < sizeof bad; i++) {
            strcpy(text, GOOD);
            if (text[n] == bad[i])
                continue;
            text[n] = bad[i];
            cr_expect_neq(traceparent_parse(slice_of(text, TRACEPARENT_LEN), &parent), 0, "%zu", n);
        }
    }
    cr_expect_neq(
        traceparent_parse(SLICE_LIT("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
                          &parent),
        0);
    cr_expect_neq(
        traceparent_parse(SLICE_LIT("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
                          &parent),
        0);
}
