/* SPDX-License-Identifier: ISC */
#include "alert_book.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000)

/* What was told, per subject "0" .. "9". */
struct told {
    int n_raised[10], n_resolved[10];
    bool stands[10];
    int64_t raised_us[10], resolved_us[10], now_us;
};

static struct alert_book book;
static struct told told;

static void
tell(void *ctx, const struct alert *alert, bool is_resolved)
{
    struct told *t = ctx;
    int n = atoi(alert->subject);

    cr_assert_eq(t->stands[n], is_resolved, "raised twice, or ended without having been");
    t->stands[n] = !is_resolved;
    *(is_resolved ? &t->n_resolved[n] : &t->n_raised[n]) += 1;
    *(is_resolved ? &t->resolved_us[n] : &t->raised_us[n]) = t->now_us;
}

static void
setup(void)
{
    alert_book_init(&book, UINT32_MAX);
    memset(&told, 0, sizeof told);
}

/* One look at that second, with the subjects of the bits. */
static void
look(int64_t second, enum alert_kind kind, unsigned subjects)
{
    char subject[8];

    told.now_us = second * SECOND;
    alert_book_begin(&book);
    for (int n = 0; n < 10; n++) {
        snprintf(subject, sizeof subject, "%d", n);
        if ((subjects >> n & 1) != 0)
            alert_book_see(&book, kind, subject, "text", told.now_us, told.now_us + 7);
    }
    alert_book_end(&book, told.now_us, tell, &told);
}

Test(alert_book, what_lasts_is_told_once_and_taken_back_once, .init = setup)
{
    for (int64_t second = 1; second <= 1000; second++)
        look(second, ALERT_DISK_LOW, 1);
    cr_expect_eq(told.n_raised[0], 1);
    cr_expect_eq(alert_book_n_standing(&book), 1);
    for (int64_t second = 1001; second <= 1200; second++)
        look(second, ALERT_DISK_LOW, 0);
    cr_expect_eq(told.n_resolved[0], 1);
    cr_expect_eq(book.n, 0);
}

Test(alert_book, what_does_not_hold_long_enough_is_not_told, .init = setup)
{
    for (int64_t second = 0; second < 10; second++)
        look(second, ALERT_MODEL_DOWN, 1);
    look(10, ALERT_MODEL_DOWN, 0);
    cr_expect_eq(told.n_raised[0], 0);
    for (int64_t second = 11; second <= 21; second++)
        look(second, ALERT_MODEL_DOWN, 1);
    cr_expect_eq(told.n_raised[0], 1);
}

Test(alert_book, a_kind_that_is_not_wanted_is_never_told)
{
    setup();
    alert_book_init(&book, 1u << ALERT_DISK_LOW);
    look(1, ALERT_CRASH_LOOP, 1);
    cr_expect_eq(told.n_raised[0], 0);
    look(2, ALERT_DISK_LOW, 1);
    cr_expect_eq(told.n_raised[0], 1);
}

/*
 * Random histories of flapping conditions. tell() asserts that raising and ending alternate. Beyond
 * that: no subject is told of more often than once in each calm time, what has held for the hold
 * time stands, what has been away for the calm time does not.
 */
Test(alert_book, any_history_tells_each_alert_and_its_end_in_turn, .init = setup)
{
    for (unsigned seed = 1; seed <= 200; seed++) {
        int64_t held_since[10], gone_since[10];
        unsigned holds = 0;

        setup();
        srand(seed);
        for (int n = 0; n < 10; n++)
            held_since[n] = gone_since[n] = 0;
        for (int64_t second = 1; second < 2000; second += 1 + rand() % 5) {
            for (int n = 0; n < 10; n++) {
                if (rand() % (5 + 20 * n) != 0)
                    continue;
                holds ^= 1u << n;
                *((holds >> n & 1) != 0 ? &held_since[n] : &gone_since[n]) = second;
            }
            look(second, ALERT_ROUTE_DOWN, holds);
            for (int n = 0; n < 10; n++) {
                bool is_held = (holds >> n & 1) != 0;

                if (is_held && second - held_since[n] >= 30)
                    cr_assert(told.stands[n], "seed %u: held and not told", seed);
                if (!is_held && (second - gone_since[n]) * SECOND >= ALERT_CALM_US + 5 * SECOND)
                    cr_assert_not(told.stands[n], "seed %u: gone and not taken back", seed);
            }
        }
        for (int n = 0; n < 10; n++)
            cr_assert_leq(told.n_raised[n], 1 + 2000 / 60, "seed %u: a flood", seed);
    }
}

Test(alert_book, is_bounded_and_what_finds_no_room_waits_for_it, .init = setup)
{
    char subject[16];

    alert_book_begin(&book);
    for (int n = ALERT_ROWS + 5; n-- > 0;) {
        snprintf(subject, sizeof subject, "%d", n);
        alert_book_see(&book, ALERT_QUOTA_NEAR, subject, "", SECOND, SECOND);
    }
    cr_expect_eq(book.n, ALERT_ROWS);
    look(2, ALERT_QUOTA_NEAR, 1); /* full still: the others turn out to be gone behind it */
    cr_expect_eq(book.n, 0);
    for (int64_t second = 3; second <= 1000; second++)
        look(second, ALERT_QUOTA_NEAR, 1);
    cr_expect_eq(told.n_raised[0], 1);
}

Test(alert_book, a_long_subject_is_found_again, .init = setup)
{
    char subject[2 * ALERT_SUBJECT_SIZE];

    memset(subject, 'x', sizeof subject - 1);
    subject[sizeof subject - 1] = '\0';
    alert_book_begin(&book);
    alert_book_see(&book, ALERT_QUOTA_NEAR, subject, "", SECOND, SECOND);
    alert_book_see(&book, ALERT_QUOTA_NEAR, subject, "", SECOND, SECOND);
    cr_expect_eq(book.n, 1);
}

/* The directive names the same kinds in the same order: its bits are theirs. relayosd(8) has each.
 */
Test(alert_book, the_directive_and_the_manual_name_each_kind)
{
    static char rows[128 * 1024], page[512 * 1024];
    FILE *file = fopen("src/conf/directives.def", "r");

    cr_assert_not_null(file);
    rows[fread(rows, 1, sizeof rows - 1, file)] = '\0';
    fclose(file);
    cr_assert_not_null(file = fopen("man/relayosd.8", "r"));
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    const char *at = strstr(rows, "\"alerts.kinds\"");
    cr_assert_not_null(at);
    for (unsigned n = 0; n < ALERT_N_KINDS; n++) {
        const char *name = alert_book_kind_name((enum alert_kind)n);
        char item[64];

        snprintf(item, sizeof item, "\n.It Li %s Pq %s\n", name,
                 alert_book_severity((enum alert_kind)n));
        cr_expect_not_null(strstr(page, item), "not in relayosd(8): %s", item);
        at = strstr(at, name);
        cr_assert_not_null(at, "not in alerts.kinds, or out of order: %s", name);
    }
}
