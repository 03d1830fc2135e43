/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "meaning.h"

static const struct {
    int status;
    struct meaning meaning;
} answers[] = {
    {200, {true, MEANING_ACCEPTED}}, {204, {true, MEANING_ACCEPTED}},
    {301, {false, MEANING_NOTHING}}, {307, {false, MEANING_NOTHING}},
    {400, {true, MEANING_NOTHING}},  {401, {true, MEANING_REFUSED}},
    {402, {true, MEANING_REFUSED}},  {403, {true, MEANING_FORBIDDEN}},
    {404, {true, MEANING_NOTHING}},  {405, {true, MEANING_NOTHING}},
    {408, {false, MEANING_NOTHING}}, {429, {true, MEANING_LIMITED}},
    {500, {false, MEANING_NOTHING}}, {503, {false, MEANING_NOTHING}},
    {529, {false, MEANING_NOTHING}},
};

Test(meaning, each_status_says_something_of_the_route_and_of_the_credential)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct meaning meaning = meaning_of(UPSTREAM_OK, answers[i].status);

        cr_expect_eq(meaning.is_ok, answers[i].meaning.is_ok, "%d", answers[i].status);
        cr_expect_eq(meaning.credential, answers[i].meaning.credential, "%d", answers[i].status);
    }
}

Test(meaning, a_connection_is_enough_where_nothing_else_was_asked)
{
    struct meaning meaning = meaning_of(UPSTREAM_OK, 0);

    cr_assert(meaning.is_ok);
    cr_assert_eq(meaning.credential, MEANING_NOTHING);
}

Test(meaning, an_answer_that_did_not_come_whole_is_none_whatever_its_status)
{
    for (int result = UPSTREAM_OK + 1; result <= UPSTREAM_BAD_ANSWER; result++) {
        for (int status = 0; status < 600; status += 100) {
            struct meaning meaning = meaning_of((enum upstream_result)result, status);

            cr_expect_not(meaning.is_ok);
            cr_expect_eq(meaning.credential, MEANING_NOTHING);
        }
    }
}

Test(meaning, a_list_of_models_heals_a_refused_key_but_neither_an_empty_account_nor_a_limit)
{
    cr_assert(meaning_heals(401));
    cr_assert(meaning_heals(403));
    cr_assert_not(meaning_heals(402));
    cr_assert_not(meaning_heals(429));
}
