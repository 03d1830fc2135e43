/* SPDX-License-Identifier: ISC */
#include "relayos/master/certificates.h"

#include <criterion/criterion.h>

#define HOUR_US (3600 * INT64_C(1000000))
#define DAY_US  (24 * HOUR_US)

Test(certificates, warnings_come_at_thirty_fourteen_seven_and_one_day_and_at_the_end)
{
    static const struct {
        int64_t left_us;
        int days;
    } cases[] = {{400 * DAY_US, CERTIFICATE_FINE},
                 {30 * DAY_US + 1, CERTIFICATE_FINE},
                 {30 * DAY_US, 30},
                 {14 * DAY_US + 1, 30},
                 {14 * DAY_US, 14},
                 {7 * DAY_US, 7},
                 {DAY_US + 1, 7},
                 {DAY_US, 1},
                 {1, 1},
                 {0, 0},
                 {-400 * DAY_US, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(certificates_warning(cases[i].left_us), cases[i].days, "%zu", i);
}

/* Looked at every hour, a certificate of 40 days is spoken of five times, each once. */
Test(certificates, looked_at_every_hour_each_warning_comes_once)
{
    int told = CERTIFICATE_FINE, n_told = 0;

    for (int64_t left_us = 40 * DAY_US; left_us > -DAY_US; left_us -= HOUR_US) {
        int days = certificates_warning(left_us);

        cr_assert_leq(days, told, "time does not go back");
        n_told += days < told;
        told = days;
    }
    cr_expect_eq(n_told, 5);
}
