/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/base/password.h"

Test(password, it_is_recognised_and_nothing_else_is, .timeout = 120)
{
    char hash[PASSWORD_HASH_SIZE], again[PASSWORD_HASH_SIZE];
    struct slice right = SLICE_LIT("correct horse battery");

    cr_assert_eq(password_hash(right, hash), 0);
    cr_assert_eq(password_hash(right, again), 0);
    cr_expect_str_neq(hash, again, "each with a salt of its own");
    cr_expect_eq(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0, "%s", hash);
    cr_expect(password_is(hash, right));
    cr_expect_not(password_is(hash, SLICE_LIT("correct horse batterz")));
    cr_expect_not(password_is(hash, SLICE_LIT("")));
    cr_expect_not(password_is(hash, slice_of(right.ptr, right.len - 1)));
    cr_expect_not(password_is("garbage", right));
}

Test(password, nobody_has_it_after_the_same_work, .timeout = 120)
{
    cr_expect_not(password_is("", SLICE_LIT("")));
    cr_expect_not(password_is("", SLICE_LIT("correct horse battery")));
}

Test(password, one_that_is_set_is_long_enough_in_characters_and_bounded_in_bytes)
{
    static char longest[PASSWORD_MAX + 1];
    struct errmsg why = {""};

    memset(longest, 'x', sizeof(longest));
    cr_expect_eq(password_check(SLICE_LIT("123456789"), &why), ERR_SYNTAX);
    cr_expect_not_null(strstr(why.text, "10 characters"), "%s", why.text);
    cr_expect_eq(password_check(SLICE_LIT("1234567890"), &why), 0);
    /* Five of two bytes are no ten. */
    cr_expect_eq(password_check(SLICE_LIT("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"), &why),
                 ERR_SYNTAX);
    cr_expect_eq(password_check(slice_of(longest, PASSWORD_MAX), &why), 0);
    cr_expect_eq(password_check(slice_of(longest, PASSWORD_MAX + 1), &why), ERR_SYNTAX);
    cr_expect_not(password_is("", slice_of(longest, PASSWORD_MAX + 1)));
}
