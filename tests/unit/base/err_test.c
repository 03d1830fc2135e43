/* SPDX-License-Identifier: ISC
 *
 * Tests of base/err and base/errmsg: the catalogue is complete and says what it must.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

static int
count_of(const char *text, char c)
{
    int n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

Test(err, each_row_is_whole)
{
    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        const struct err_info *info = err_info((enum err_category)i);

        cr_assert(info->openai_status >= 400 && info->openai_status < 600, "%s", info->name);
        cr_assert(info->anthropic_status >= 400 && info->anthropic_status < 600, "%s", info->name);
        cr_assert_neq(info->openai_type[0], '\0', "%s", info->name);
        cr_assert_neq(info->anthropic_type[0], '\0', "%s", info->name);
        cr_assert_neq(info->sentence[0], '\0', "%s", info->name);
        cr_assert_leq(count_of(info->sentence, '%'), 1, "%s", info->name);
        cr_assert_eq(count_of(info->sentence, '%') == 1, strstr(info->sentence, "%s") != NULL);
        cr_assert_eq(info->sentence[strlen(info->sentence) - 1], '.', "%s", info->name);
    }
}

Test(err, names_and_codes_lead_to_their_category_and_back)
{
    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        cr_assert_eq(err_category_find(err_category_name((enum err_category)i)), i);
        cr_assert_eq(err_category_of(-i), i);
    }
    cr_assert_str_eq(err_category_name(ERR_CATEGORY_NONE), "none");
    cr_assert_eq(err_category_find("none"), ERR_CATEGORY_NONE);
    cr_assert_eq(err_category_find("no_such_thing"), ERR_CATEGORY_NONE);
}

Test(err, codes_of_our_own_are_internal_to_a_caller)
{
    cr_assert_eq(err_category_of(ERR_IO), ERR_CATEGORY_INTERNAL);
    cr_assert_eq(err_category_of(ERR_DENIED), ERR_CATEGORY_INTERNAL);
    cr_assert_eq(err_category_of(ERR_QUOTA_EXCEEDED), ERR_CATEGORY_QUOTA_EXCEEDED);
}

Test(errmsg, a_prefix_goes_before_what_is_there)
{
    struct errmsg why;

    errmsg_set(&why, "no %s", "file");
    errmsg_prefix(&why, "line %d", 3);
    cr_assert_str_eq(why.text, "line 3: no file");
    errmsg_set(&why, "again: %s", why.text);
    cr_assert_str_eq(why.text, "again: line 3: no file");
    errmsg_set(NULL, "dropped");
    errmsg_prefix(NULL, "dropped");
}

Test(errmsg, a_long_text_is_cut_to_fit)
{
    struct errmsg why;

    errmsg_set(&why, "%2000d", 1);
    cr_assert_eq(strlen(why.text), sizeof(why.text) - 1);
    errmsg_prefix(&why, "%2000d", 1);
    cr_assert_eq(strlen(why.text), sizeof(why.text) - 1);
}
