/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "vigil.h"

#define S INT64_C(1000000)

static struct proc_view
view_of(int64_t heartbeat_us)
{
    return (struct proc_view){
        .pid = 7, .state = PROC_READY, .generation = 3, .heartbeat_us = heartbeat_us};
}

Test(vigil, silence_is_told_once_and_so_is_its_end)
{
    struct vigil vigil = {.generation = 3};
    struct proc_view view = view_of(100 * S);

    cr_expect_eq(vigil_look(&vigil, &view, 101 * S), VIGIL_NOTHING);
    cr_expect_eq(vigil_look(&vigil, &view, 106 * S), VIGIL_NOTHING);
    cr_expect_eq(vigil_look(&vigil, &view, 107 * S), VIGIL_SILENT);
    cr_expect_eq(vigil_look(&vigil, &view, 120 * S), VIGIL_NOTHING);
    view = view_of(120 * S);
    cr_expect_eq(vigil_look(&vigil, &view, 121 * S), VIGIL_SPEAKS);
    cr_expect_eq(vigil_look(&vigil, &view, 122 * S), VIGIL_NOTHING);
}

Test(vigil, a_master_that_slept_itself_accuses_nobody)
{
    struct vigil vigil = {.generation = 3};
    struct proc_view old = view_of(100 * S), fresh = view_of(160 * S);

    cr_expect_eq(vigil_look(&vigil, &old, 160 * S), VIGIL_NOTHING);
    cr_expect_eq(vigil_look(&vigil, &fresh, 160 * S + 500000), VIGIL_NOTHING);
    cr_expect_eq(vigil_look(&vigil, &fresh, 162 * S), VIGIL_NOTHING);
}

Test(vigil, a_slot_that_is_dead_vacant_or_anothers_is_not_suspect)
{
    struct vigil vigil = {.generation = 3};
    struct proc_view view = view_of(100 * S);

    cr_expect_eq(vigil_look(&vigil, &view, 106 * S), VIGIL_NOTHING);
    view.state = PROC_DEAD;
    cr_expect_eq(vigil_look(&vigil, &view, 200 * S), VIGIL_NOTHING);
    view = view_of(201 * S);
    view.generation = 4;
    cr_expect_eq(vigil_look(&vigil, &view, 300 * S), VIGIL_NOTHING);
    cr_expect_eq(vigil_look(&vigil, &view, 300 * S + 1), VIGIL_NOTHING);
}
