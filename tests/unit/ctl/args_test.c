/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "args.h"

#define ALLOWED "name=NAME quota=AMOUNT|none... once"
#define PARSE(out, why, ...)                                                                       \
    args_parse((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]){__VA_ARGS__},   \
               ALLOWED, out, why)

Test(args, values_stand_after_the_option_or_after_equals)
{
    struct args args;
    struct errmsg why;

    cr_assert_eq(PARSE(&args, &why, "KEY", "--name", "a b", "--quota=5usd", "--once"), 0);
    cr_assert_eq(args.n_operands, 1);
    cr_assert_str_eq(args.operands[0], "KEY");
    cr_assert_str_eq(args_get(&args, "name"), "a b");
    cr_assert_str_eq(args_get(&args, "quota"), "5usd");
    cr_assert(args_has(&args, "once"));
    cr_assert_null(args_get(&args, "owner"));
}

Test(args, an_option_of_many_values_keeps_their_order)
{
    struct args args;
    struct errmsg why;

    cr_assert_eq(PARSE(&args, &why, "--quota", "1usd", "--name", "a", "--quota=2usd"), 0);
    cr_assert_str_eq(args_get_nth(&args, "quota", 0), "1usd");
    cr_assert_str_eq(args_get_nth(&args, "quota", 1), "2usd");
    cr_assert_null(args_get_nth(&args, "quota", 2));
}

Test(args, a_value_may_begin_with_dashes)
{
    struct args args;
    struct errmsg why;

    cr_assert_eq(PARSE(&args, &why, "--name", "--once"), 0);
    cr_assert_str_eq(args_get(&args, "name"), "--once");
    cr_assert_not(args_has(&args, "once"));
}

Test(args, what_is_wrong_is_said)
{
    struct args args;
    struct errmsg why;

    cr_assert_eq(PARSE(&args, &why, "--qota", "5"), ERR_SYNTAX);
    cr_assert(strstr(why.text, "--quota") != NULL, "%s", why.text);
    cr_assert_eq(PARSE(&args, &why, "--name"), ERR_SYNTAX);
    cr_assert(strstr(why.text, "needs a value") != NULL, "%s", why.text);
    cr_assert_eq(PARSE(&args, &why, "--once=1"), ERR_SYNTAX);
    cr_assert(strstr(why.text, "takes no value") != NULL, "%s", why.text);
    cr_assert_eq(PARSE(&args, &why, "--name", "a", "--name=b"), ERR_SYNTAX);
    cr_assert(strstr(why.text, "twice") != NULL, "%s", why.text);
}

Test(args, more_words_than_fit_are_refused)
{
    char *argv[ARGS_MAX + 1];
    struct args args;
    struct errmsg why;

    for (int n = 0; n <= ARGS_MAX; n++)
        argv[n] = "x";
    cr_assert_eq(args_parse(ARGS_MAX, argv, ALLOWED, &args, &why), 0);
    cr_assert_eq(args_parse(ARGS_MAX + 1, argv, ALLOWED, &args, &why), ERR_SYNTAX);
}
