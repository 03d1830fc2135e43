/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>

#include "relayos/base/address.h"

Test(address, ranges_are_written_as_they_were_read)
{
    static const char *const texts[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"}, {"192.0.2.7", "192.0.2.7/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},   {"fd00::/8", "fd00::/8"},
        {"::1", "::1/128"},           {"2001:DB8::/33", "2001:db8::/33"},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct address_range range;
        char out[ADDRESS_RANGE_SIZE];

        cr_assert_eq(address_range_parse(slice_str(texts[i][0]), &range), 0, "%s", texts[i][0]);
        address_range_format(&range, out);
        cr_expect_str_eq(out, texts[i][1]);
    }
}

Test(address, what_is_no_range_is_refused)
{
    static const char *const texts[] = {
        "",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8 ",
        "10.1.0.0/8",
        "10.0.0/8",
        "0x0a.0.0.0",
        "010.0.0.0/8",
        "fd00::/129",
        "fd00::1/8",
        "fe80::1%lo",
        "[fd00::]/8",
        "10.0.0.0/8/8",
        "ten",
        "::ffff:1.2.3.4/200",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
    };
    struct address_range range;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_eq(address_range_parse(slice_str(texts[i]), &range), -1, "%s", texts[i]);
}

Test(address, a_range_has_what_shares_its_bits)
{
    static const struct {
        const char *range, *address;
        bool is_in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.255.255", true}, {"10.0.0.0/8", "11.0.0.0", false},
        {"172.16.0.0/12", "172.31.0.1", true},  {"172.16.0.0/12", "172.32.0.1", false},
        {"0.0.0.0/0", "203.0.113.9", true},     {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},      {"2000::/3", "3fff::1", true},
        {"2000::/3", "4000::", false},          {"::1", "::1", true},
        {"::/0", "127.0.0.1", false},           {"0.0.0.0/0", "::1", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct address_range range;
        uint8_t bytes[16];
        bool is_v6 = strchr(cases[i].address, ':') != NULL;

        cr_assert_eq(address_range_parse(slice_str(cases[i].range), &range), 0);
        cr_assert_eq(inet_pton(is_v6 ? AF_INET6 : AF_INET, cases[i].address, bytes), 1);
        cr_expect_eq(address_range_has(&range, bytes, is_v6 ? 16 : 4), cases[i].is_in, "%s in %s",
                     cases[i].address, cases[i].range);
    }
}

Test(address, a_socket_of_another_family_has_none)
{
    const struct sockaddr local = {.sa_family = AF_UNIX};
    const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(443)};
    const uint8_t *bytes;

    cr_assert_eq(address_bytes(&local, &bytes), 0);
    cr_assert_eq(address_port(&local), 0);
    cr_assert_eq(address_bytes((const struct sockaddr *)&v4, &bytes), 4);
    cr_assert_eq(address_port((const struct sockaddr *)&v4), 443);
}
