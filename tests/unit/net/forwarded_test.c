/* SPDX-License-Identifier: ISC */
#include "forwarded.h"

#include <criterion/criterion.h>

#define XFF(text)                                                                                  \
    {                                                                                              \
        SLICE_LIT("x-forwarded-for"), SLICE_LIT(text)                                              \
    }

static struct address_range ranges[2];
static struct server_networks trusted = {ranges, 2, false};

static void
trust(void)
{
    cr_assert_eq(address_range_parse(SLICE_LIT("10.0.0.0/8"), &ranges[0]), 0);
    cr_assert_eq(address_range_parse(SLICE_LIT("2001:db8::/32"), &ranges[1]), 0);
}

static const char *
find(const char *peer, const struct http_header *headers, size_t n)
{
    static char out[FORWARDED_ADDRESS_SIZE];

    forwarded_find(&trusted, peer, headers, n, out);
    return out;
}

TestSuite(forwarded, .init = trust);

Test(forwarded, nobody_but_a_trusted_proxy_is_believed)
{
    const struct http_header one[] = {XFF("192.0.2.7")};

    cr_expect_str_eq(find("198.51.100.1", one, 1), "198.51.100.1");
    cr_expect_str_eq(find("10.1.2.3", one, 1), "192.0.2.7");
    cr_expect_str_eq(find("2001:db8::9", one, 1), "192.0.2.7");
    cr_expect_str_eq(find("10.1.2.3", one, 0), "10.1.2.3");
    cr_expect_str_eq(find("local", one, 1), "local");
    trusted.has_local = true;
    cr_expect_str_eq(find("local", one, 1), "192.0.2.7");
}

Test(forwarded, the_rightmost_that_is_not_trusted_is_the_client)
{
    const struct http_header list[] = {XFF("1.1.1.1, 192.0.2.7 ,10.9.9.9,10.8.8.8")};
    const struct http_header several[] = {
        XFF("1.1.1.1"), {SLICE_LIT("host"), SLICE_LIT("a")}, XFF("192.0.2.7"), XFF("10.9.9.9")};
    const struct http_header all_ours[] = {XFF("10.3.3.3,10.2.2.2")};

    cr_expect_str_eq(find("10.1.2.3", list, 1), "192.0.2.7");
    cr_expect_str_eq(find("10.1.2.3", several, 4), "192.0.2.7");
    cr_expect_str_eq(find("10.1.2.3", all_ours, 1), "10.3.3.3", "the one that is farthest away");
}

Test(forwarded, what_is_no_address_ends_the_search_and_is_never_copied)
{
    const struct http_header unknown[] = {XFF("192.0.2.7, unknown, 10.9.9.9")};
    const struct http_header rude[] = {XFF("\" evil=\"1")};
    const struct http_header empty[] = {XFF("")}, comma[] = {XFF("192.0.2.7,")};

    cr_expect_str_eq(find("10.1.2.3", unknown, 1), "10.9.9.9");
    cr_expect_str_eq(find("10.1.2.3", rude, 1), "10.1.2.3");
    cr_expect_str_eq(find("10.1.2.3", empty, 1), "10.1.2.3");
    cr_expect_str_eq(find("10.1.2.3", comma, 1), "10.1.2.3");
}

Test(forwarded, ports_brackets_and_mapped_addresses_are_read)
{
    const struct http_header v4[] = {XFF("192.0.2.7:4711")}, v6[] = {XFF("[2001:DB9::1]:443")},
                             mapped[] = {XFF("192.0.2.7, ::ffff:10.4.4.4")};

    cr_expect_str_eq(find("10.1.2.3", v4, 1), "192.0.2.7");
    cr_expect_str_eq(find("10.1.2.3", v6, 1), "2001:db9::1");
    cr_expect_str_eq(find("10.1.2.3", mapped, 1), "192.0.2.7");
}

Test(forwarded, a_list_of_any_length_takes_bounded_work)
{
    static char long_list[8000];
    struct http_header header = {SLICE_LIT("x-forwarded-for"), {long_list, 0}};

    for (size_t at = 0; at + 9 < sizeof(long_list); at += 9)
        memcpy(long_list + at, "10.0.0.1,", 9);
    header.value.len = sizeof(long_list) / 9 * 9 - 1;
    cr_expect_str_eq(find("10.1.2.3", &header, 1), "10.0.0.1");
}
