/* SPDX-License-Identifier: ISC
 *
 * Who guesses waits longer each time; who does not is let alone.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "throttle.h"

#define SECOND INT64_C(1000000)

static const struct slice alice = {"alice", 5};

Test(throttle, four_slips_are_free_and_then_each_costs_twice_as_much)
{
    struct throttle *throttle = throttle_new();
    int64_t now_us = SECOND;

    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, now_us), 0, "the %d.", n + 1);
    for (int64_t pause_us = SECOND; pause_us <= 32 * SECOND; pause_us *= 2) {
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, now_us), pause_us);
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, now_us + pause_us - 1), 1,
                     "asking too early costs nothing");
        now_us += pause_us;
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, now_us), 0);
    }
    throttle_free(&throttle);
}

/* An account's wait ends within a minute, or anybody could keep its owner out. */
Test(throttle, an_account_waits_a_minute_at_most_and_an_address_a_quarter_of_an_hour)
{
    struct throttle *throttle = throttle_new();
    int64_t now_us = SECOND, most_us[THROTTLE_N_KINDS] = {0};

    for (int n = 0; n < 40; n++) {
        for (enum throttle_kind kind = 0; kind < THROTTLE_N_KINDS; kind++) {
            int64_t wait_us = throttle_take(throttle, kind, alice, now_us);

            if (wait_us > most_us[kind])
                most_us[kind] = wait_us;
            if (wait_us > 0)
                cr_assert_eq(throttle_take(throttle, kind, alice, now_us + wait_us), 0);
            now_us += wait_us;
        }
    }
    cr_assert_eq(most_us[THROTTLE_ACCOUNT], 60 * SECOND);
    cr_assert_gt(most_us[THROTTLE_ADDRESS], 600 * SECOND);
    cr_assert_leq(most_us[THROTTLE_ADDRESS], 900 * SECOND);
    throttle_free(&throttle);
}

Test(throttle, who_was_right_begins_anew)
{
    struct throttle *throttle = throttle_new();

    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, SECOND), 0);
    throttle_forgive(throttle, THROTTLE_ACCOUNT, alice, SECOND);
    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, SECOND), 0);
    throttle_free(&throttle);
}

/* Else whoever has an account could try others' from the same address without end. */
Test(throttle, an_address_gets_back_no_more_than_what_was_no_failure)
{
    struct throttle *throttle = throttle_new();
    struct slice address = SLICE_LIT("192.0.2.7");

    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ADDRESS, address, SECOND), 0);
    throttle_forgive(throttle, THROTTLE_ADDRESS, address, SECOND);
    cr_assert_eq(throttle_take(throttle, THROTTLE_ADDRESS, address, SECOND), 0);
    cr_assert_gt(throttle_take(throttle, THROTTLE_ADDRESS, address, SECOND), 0);
    throttle_free(&throttle);
}

Test(throttle, case_and_the_last_64_bits_of_an_address_make_no_difference)
{
    struct throttle *throttle = throttle_new();
    char address[48];

    for (int n = 0; n < 5; n++) {
        snprintf(address, sizeof(address), "2001:db8:1:2::%x", n + 1);
        cr_assert_eq(throttle_take(throttle, THROTTLE_ADDRESS, slice_str(address), SECOND), 0);
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, SECOND), 0);
    }
    cr_assert_gt(throttle_take(throttle, THROTTLE_ADDRESS, SLICE_LIT("2001:db8:1:2:3::"), SECOND),
                 0);
    cr_assert_eq(throttle_take(throttle, THROTTLE_ADDRESS, SLICE_LIT("2001:db8:1:3::1"), SECOND),
                 0);
    cr_assert_gt(throttle_take(throttle, THROTTLE_ACCOUNT, SLICE_LIT("ALICE"), SECOND), 0);
    throttle_free(&throttle);
}

Test(throttle, an_hour_later_all_is_forgotten)
{
    struct throttle *throttle = throttle_new();

    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, SECOND), 0);
    for (int n = 0; n < 5; n++)
        cr_assert_eq(throttle_take(throttle, THROTTLE_ACCOUNT, alice, 3601 * SECOND), 0);
    throttle_free(&throttle);
}

static const struct throttle_door home = {SLICE_LIT("alice"), SLICE_LIT("2001:db8:1:2::1")};

/* All guesses that are let through from the given number of addresses, for an hour. */
static int
guess_for_an_hour(struct throttle *throttle, int n_addresses, int64_t now_us)
{
    char address[48];
    int n_tried = 0;

    for (int64_t end_us = now_us + 3600 * SECOND; now_us < end_us; now_us += SECOND / 4) {
        for (int n = 0; n < n_addresses; n++) {
            snprintf(address, sizeof(address), "2001:db8:2:%x::1", n);
            struct throttle_door door = {SLICE_LIT("Alice"), slice_str(address)};
            n_tried += throttle_enter(throttle, &door, now_us) == 0;
        }
    }
    return n_tried;
}

Test(throttle, who_guesses_an_account_without_end_does_not_keep_its_owner_out)
{
    struct throttle *throttle = throttle_new();
    struct throttle_door elsewhere = {home.account, SLICE_LIT("192.0.2.9")};
    struct throttle_door other = {SLICE_LIT("bob"), home.address};

    cr_assert_not(throttle_is_known(throttle, &home));
    cr_assert_eq(throttle_enter(throttle, &home, SECOND), 0);
    throttle_welcome(throttle, &home, SECOND);
    int n_tried = guess_for_an_hour(throttle, 15, 2 * SECOND);
    cr_assert_leq(n_tried, 80, "%d guesses at one account in an hour", n_tried);
    (void)throttle_enter(throttle, &elsewhere, 3602 * SECOND);
    cr_assert_gt(throttle_enter(throttle, &elsewhere, 3602 * SECOND), 0, "a stranger has to wait");
    cr_assert_eq(throttle_enter(throttle, &home, 3602 * SECOND), 0, "who is known has not");
    cr_assert_not(throttle_is_known(throttle, &other), "and is nobody else's neighbour");
    throttle_free(&throttle);
}

Test(throttle, where_an_account_is_known_it_is_guessed_no_faster)
{
    struct throttle *throttle = throttle_new();
    int64_t now_us = SECOND;
    int n_tried = 0;

    throttle_welcome(throttle, &home, now_us);
    for (int64_t end_us = now_us + 3600 * SECOND; now_us < end_us; now_us += SECOND / 4)
        n_tried += throttle_enter(throttle, &home, now_us) == 0;
    cr_assert_leq(n_tried, 80, "%d guesses in an hour", n_tried);
    throttle_free(&throttle);
}

/* Only who signs in takes a place among the known. */
Test(throttle, guessing_makes_nobody_known_nor_unknown)
{
    struct throttle *throttle = throttle_new();
    char name[32];

    throttle_welcome(throttle, &home, SECOND);
    for (int n = 0; n < 20000; n++) {
        snprintf(name, sizeof(name), "user-%d", n);
        struct throttle_door door = {slice_str(name), SLICE_LIT("192.0.2.9")};
        (void)throttle_enter(throttle, &door, n * SECOND);
    }
    cr_assert(throttle_is_known(throttle, &home));
    throttle_free(&throttle);
}
