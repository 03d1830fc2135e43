/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "accepted.h"

Test(accepted, remembers_what_it_was_told_and_nothing_else)
{
    struct accepted accepted;

    accepted_init(&accepted, 4);
    cr_assert_not(accepted_has(&accepted, 7));
    accepted_note(&accepted, 7);
    accepted_note(&accepted, 7);
    accepted_note(&accepted, 0);
    cr_assert(accepted_has(&accepted, 7) && accepted_has(&accepted, 0));
    cr_assert_not(accepted_has(&accepted, 8));
    cr_assert_eq(accepted.n, 2);
    accepted_fini(&accepted);
}

Test(accepted, stays_within_its_size_and_keeps_the_latest)
{
    struct accepted accepted;

    accepted_init(&accepted, 3);
    for (uint32_t id = 0; id < 100; id++) {
        accepted_note(&accepted, id);
        cr_assert(accepted_has(&accepted, id));
        cr_assert_leq(accepted.n, 3);
    }
    accepted_fini(&accepted);
}
