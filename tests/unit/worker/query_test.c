#include <criterion/criterion.h>

#include "query.h"

static char out[16];

Test(query, a_value_is_found_by_its_name_and_decoded)
{
    cr_assert(query_get(SLICE_LIT("limit=5&after_id=a%2Fb&x"), "after_id", out, sizeof(out)));
    cr_assert_str_eq(out, "a/b");
    cr_assert(query_get(SLICE_LIT("limit=5&limit=6"), "limit", out, sizeof(out)));
    cr_assert_str_eq(out, "5");
    cr_assert(query_get(SLICE_LIT("limit="), "limit", out, sizeof(out)));
    cr_assert_str_eq(out, "");
}

Test(query, a_name_is_not_found_inside_another)
{
    cr_assert_not(query_get(SLICE_LIT("xlimit=5&limitx=6&limit"), "limit", out, sizeof(out)));
    cr_assert_not(query_get(SLICE_LIT(""), "limit", out, sizeof(out)));
    cr_assert_str_eq(out, "");
}

Test(query, what_does_not_decode_is_refused_whole)
{
    static const char *const bad[] = {"%", "%4", "%zz", "a%", "a%00b", "0123456789abcdef"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(query_decode(slice_str(bad[i]), out, sizeof(out)), "%s", bad[i]);
        cr_assert_str_eq(out, "");
    }
    cr_assert(query_decode(SLICE_LIT("0123456789abcde"), out, sizeof(out)));
    cr_assert(query_decode(SLICE_LIT("%41%2fB%2E"), out, sizeof(out)));
    cr_assert_str_eq(out, "A/B.");
    cr_assert(query_decode(SLICE_LIT(""), out, sizeof(out)));
}
