/* SPDX-License-Identifier: ISC */
#include "tree.h"

#include <string.h>

#include <criterion/criterion.h>

Test(tree, integers_of_64_bits_are_exact_and_nothing_else_is_one)
{
    static const struct {
        const char *text;
        bool is_int;
        int64_t n;
    } rows[] = {
        {"0", true, 0},
        {"-1", true, -1},
        {"9007199254740993", true, INT64_C(9007199254740993)},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
        {"[1]", false, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tree *tree = tree_parse(slice_str(rows[i].text));
        int64_t n = 0;

        cr_assert_not_null(tree, "%s", rows[i].text);
        cr_expect_eq(tree_is_int(tree, &n), rows[i].is_int, "%s", rows[i].text);
        cr_expect(!rows[i].is_int || n == rows[i].n, "%s", rows[i].text);
        tree_free(&tree);
        cr_expect_null(tree);
    }
}

Test(tree, members_and_items_stand_in_order_with_their_strings_decoded)
{
    struct tree *tree = tree_parse(
        slice_str(" {\"a\":\"x\\u00e9\\n\",\"b\\u0063\":[1,\"\",null,{\"d\":[]}],\"e\":false} \n"));
    const struct tree *list, *one;
    char types[8] = "";

    cr_assert_not_null(tree);
    cr_expect_str_eq(tree_text(tree, "a"), "x\xc3\xa9\n");
    list = tree_find(tree, "bc");
    cr_assert(tree_is(list, TREE_ARRAY));
    tree_each(one, list)
        strcat(types,
               (const char *[]){
                   [TREE_NULL] = "n", [TREE_NUMBER] = "1", [TREE_STRING] = "s", [TREE_OBJECT] = "o"}
                   [one->type]);
    cr_expect_str_eq(types, "1sno");
    cr_expect(tree_is(tree_find(tree, "e"), TREE_FALSE));
    cr_expect_str_eq(tree->child->next->next->name, "e");
    cr_expect_null(tree_find(tree, "b"));
    cr_expect_str_eq(tree_text(tree, "e"), "", "of a text alone");
    cr_expect_null(tree_find(list, "d"), "a list has no members");
    cr_expect_not(tree_is(NULL, TREE_NULL));
    tree_free(&tree);
}

Test(tree, what_cannot_be_held_as_it_is_is_no_tree)
{
    static const char *const texts[] = {
        "",
        "{",
        "{\"a\":1,\"a\":2}",
        "\"\\u0000\"",
        "{\"a\\u0000\":1}",
        "[\"a\",\"b\\u0000\"]",
        "[1,]",
        "nul",
        "{\"a\":[{\"b\":1,\"b\":2}]}",
    };
    char deep[256] = "";

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_null(tree_parse(slice_str(texts[i])), "%s", texts[i]);
    cr_expect_null(tree_parse(slice_of("\"a\0b\"", 5)));
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    cr_expect_null(tree_parse(slice_str(deep)));
}
