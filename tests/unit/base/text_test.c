/* SPDX-License-Identifier: ISC
 *
 * Tests of base/text: what is written reads back; what is not exact is refused.
 */
#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/text.h"

static int64_t
usd(const char *text)
{
    int64_t nusd = -1;

    return text_usd_parse(slice_str(text), &nusd) == 0 ? nusd : -1;
}

static int64_t
duration(const char *text)
{
    int64_t us = -1;

    return text_duration_parse(slice_str(text), &us) == 0 ? us : -1;
}

static int64_t
size(const char *text)
{
    int64_t bytes = -1;

    return text_size_parse(slice_str(text), &bytes) == 0 ? bytes : -1;
}

Test(text, money_is_read_exactly_to_the_last_nano)
{
    cr_assert_eq(usd("50"), INT64_C(50000000000));
    cr_assert_eq(usd("0.25"), 250000000);
    cr_assert_eq(usd("0.1"), 100000000); /* which no double is */
    cr_assert_eq(usd("12.345678901 usd"), INT64_C(12345678901));
    cr_assert_eq(usd("50usd"), INT64_C(50000000000));
    cr_assert_eq(usd("$0.000000001"), 1);
    cr_assert_eq(usd("9223372036.854775807"), INT64_MAX);
}

Test(text, money_that_is_not_exact_or_does_not_fit_is_refused)
{
    static const char *const bad[] = {"",
                                      ".",
                                      ".5",
                                      "5.",
                                      "-1",
                                      "+1",
                                      "1e3",
                                      "1,000",
                                      "1.2.3",
                                      "0.1234567891",
                                      "usd",
                                      "$",
                                      "$1usd",
                                      "0x10",
                                      " 1",
                                      "9223372036.854775808",
                                      "99999999999999999999",
                                      "nan",
                                      "1 eur"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(usd(bad[i]), -1, "'%s' was taken", bad[i]);
}

Test(text, money_is_written_with_as_many_decimals_as_it_needs)
{
    static const struct {
        int64_t nusd;
        const char *text;
    } cases[] = {{0, "$0.00"},
                 {INT64_C(12340000000), "$12.34"},
                 {123000, "$0.000123"},
                 {1, "$0.000000001"},
                 {INT64_C(5000000000), "$5.00"},
                 {-INT64_C(1500000000), "-$1.50"},
                 {INT64_MAX, "$9223372036.854775807"},
                 {INT64_MIN, "-$9223372036.854775808"}};
    char out[32];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text_usd_format(cases[i].nusd, out);
        cr_assert_str_eq(out, cases[i].text);
    }
}

Test(text, money_durations_and_sizes_survive_a_round_trip)
{
    char out[32];

    srandom(1);
    for (int i = 0; i < 20000; i++) {
        int64_t value = ((int64_t)random() << 31 | random()) >> (random() % 60);

        text_usd_format(value, out);
        cr_assert_eq(usd(out), value, "%s", out);
        text_duration_format(value, out);
        cr_assert_eq(duration(out), value, "%s", out);
        text_size_format(value, out);
        cr_assert_eq(size(out), value, "%s", out);
    }
}

Test(text, durations_and_sizes_want_their_units)
{
    cr_assert_eq(duration("500ms"), 500000);
    cr_assert_eq(duration("30s"), 30000000);
    cr_assert_eq(duration("5m"), INT64_C(300000000));
    cr_assert_eq(duration("12h"), INT64_C(43200000000));
    cr_assert_eq(duration("30d"), INT64_C(2592000000000));
    cr_assert_eq(duration("0"), 0);
    cr_assert_eq(duration("30"), -1);
    cr_assert_eq(duration("s"), -1);
    cr_assert_eq(duration("-1s"), -1);
    cr_assert_eq(duration("1.5s"), -1);
    cr_assert_eq(duration("1s "), -1);
    cr_assert_eq(duration("9223372036854775807d"), -1);
    cr_assert_eq(size("64KiB"), 65536);
    cr_assert_eq(size("32MiB"), 33554432);
    cr_assert_eq(size("1000"), 1000);
    cr_assert_eq(size("32MB"), -1);
    cr_assert_eq(size("9007199254740992GiB"), -1);
}

Test(text, integers_are_digits_and_fit_64_bits)
{
    int64_t n = 7;

    cr_assert_eq(text_int_parse(SLICE_LIT("-9223372036854775808"), &n), 0);
    cr_assert_eq(n, INT64_MIN);
    cr_assert_eq(text_int_parse(SLICE_LIT("9223372036854775807"), &n), 0);
    cr_assert_eq(n, INT64_MAX);
    cr_assert_eq(text_int_parse(SLICE_LIT("9223372036854775808"), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("-9223372036854775809"), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT(""), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("-"), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("--1"), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("+1"), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("1 "), &n), -1);
    cr_assert_eq(text_int_parse(SLICE_LIT("18446744073709551616"), &n), -1);
    cr_assert_eq(n, INT64_MAX, "untouched on failure");
    cr_assert_eq(text_int_parse(SLICE_LIT("-0000000000000000000000000012"), &n), 0);
    cr_assert_eq(n, -12);
    cr_assert_eq(text_int_parse(SLICE_LIT("0"), &n), 0);
    cr_assert_eq(n, 0);
}

Test(text, integers_are_written_as_the_c_library_writes_them)
{
    char ours[TEXT_INT_SIZE], theirs[32];
    uint64_t seed = 1;

    for (int i = 0; i < 100000; i++) {
        int64_t edges[] = {INT64_MIN, INT64_MAX, 0, -1, 9, 10, 99, 100, -100};
        size_t n_edges = sizeof(edges) / sizeof(edges[0]);

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        int64_t n = (size_t)i < n_edges ? edges[i] : (int64_t)seed >> (i % 64);
        size_t len = (size_t)snprintf(theirs, sizeof(theirs), "%" PRId64, n);

        cr_assert_eq(text_int_format(n, ours), len);
        cr_assert_eq(memcmp(ours, theirs, len), 0, "%" PRId64, n);
    }
}

Test(text, counts_have_commas)
{
    char out[32];

    text_count_format(999, out);
    cr_assert_str_eq(out, "999");
    text_count_format(1234567, out);
    cr_assert_str_eq(out, "1,234,567");
    text_count_format(-123456, out);
    cr_assert_str_eq(out, "-123,456");
    text_count_format(INT64_MIN, out);
    cr_assert_str_eq(out, "-9,223,372,036,854,775,808");
}

Test(text, a_word_finds_its_nearest_name_or_none)
{
    static const char *const names[] = {"listen", "limits", "log", "ledger", "workers"};

    cr_assert_str_eq(text_nearest(SLICE_LIT("liste"), names, 5), "listen");
    cr_assert_str_eq(text_nearest(SLICE_LIT("lisetn"), names, 5), "listen");
    cr_assert_str_eq(text_nearest(SLICE_LIT("wrokers"), names, 5), "workers");
    cr_assert_str_eq(text_nearest(SLICE_LIT("lgo"), names, 5), "log");
    cr_assert_str_eq(text_nearest(SLICE_LIT("wor"), names, 5), "workers");
    cr_assert_null(text_nearest(SLICE_LIT("certificate"), names, 5));
    cr_assert_null(text_nearest(SLICE_LIT(""), names, 5));
}
