/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "doctor_judge.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define GIB    (INT64_C(1) << 30)

Test(doctor_judge, rights_are_judged_by_who_may_do_what)
{
    static const struct {
        struct doctor_rights rights;
        enum doctor_state state;
    } cases[] = {
        {{0100600, true, true}, DOCTOR_OK},    {{0100400, true, true}, DOCTOR_OK},
        {{0100640, true, true}, DOCTOR_FAIL},  {{0100604, true, true}, DOCTOR_FAIL},
        {{0100600, false, true}, DOCTOR_FAIL}, {{0100644, true, false}, DOCTOR_OK},
        {{0100664, true, false}, DOCTOR_WARN}, {{0100666, true, false}, DOCTOR_FAIL},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
        cr_expect_eq(doctor_judge_rights(&cases[n].rights), cases[n].state, "case %zu", n);
}

Test(doctor_judge, room_descriptors_and_time_run_out_by_and_by)
{
    cr_expect_eq(doctor_judge_space(100 * GIB, 200 * GIB), DOCTOR_OK);
    cr_expect_eq(doctor_judge_space(GIB / 2, 2 * GIB), DOCTOR_OK, "a small disk, half empty");
    cr_expect_eq(doctor_judge_space(GIB / 2, 200 * GIB), DOCTOR_WARN);
    cr_expect_eq(doctor_judge_space(1 << 20, 2 << 20), DOCTOR_FAIL);
    cr_expect_eq(doctor_judge_descriptors(1 << 20, 8192), DOCTOR_OK);
    cr_expect_eq(doctor_judge_descriptors(8192, 8192), DOCTOR_WARN);
    cr_expect_eq(doctor_judge_descriptors(256, 16), DOCTOR_FAIL);
    cr_expect_eq(doctor_judge_expiry(90 * DAY_US), DOCTOR_OK);
    cr_expect_eq(doctor_judge_expiry(29 * DAY_US), DOCTOR_WARN);
    cr_expect_eq(doctor_judge_expiry(0), DOCTOR_FAIL);
}

Test(doctor_judge, a_process_is_confined_if_the_kernel_says_so)
{
    static const char confined[] = "Name:\trelayosd\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
                                   "Seccomp:\t2\nSeccomp_filters:\t1\n";
    static const char open[] = "Name:\tSeccomp:\t2\nCapEff:\t000001ffffffffff\nNoNewPrivs:\t0\n"
                               "Seccomp:\t0\n";
    struct doctor_confinement is;

    doctor_judge_parse(confined, &is);
    cr_expect_eq(is.seccomp, 2);
    cr_expect_eq(doctor_judge_confinement(&is, "enforce", false), DOCTOR_OK);
    cr_expect_eq(doctor_judge_confinement(&is, "log", false), DOCTOR_WARN);
    doctor_judge_parse(open, &is);
    cr_expect_eq(is.seccomp, 0, "a name is no field");
    cr_expect_eq(doctor_judge_confinement(&is, "enforce", false), DOCTOR_FAIL);
    cr_expect_eq(doctor_judge_confinement(&is, "off", false), DOCTOR_FAIL, "capabilities");
    cr_expect_eq(doctor_judge_confinement(&is, "enforce", true), DOCTOR_OK, "the master");
    is = (struct doctor_confinement){.seccomp = 0, .no_new_privs = true};
    cr_expect_eq(doctor_judge_confinement(&is, "off", false), DOCTOR_WARN);
    doctor_judge_parse("", &is);
    cr_expect_eq(doctor_judge_confinement(&is, "enforce", false), DOCTOR_FAIL);
}
