/* SPDX-License-Identifier: ISC
 *
 * The corpus of SE-13: ways to name a host inside, and to hide that it is one. Whoever gets past
 * the reader of URLs and the names is an address, and meets the guard with it.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

#include "relayos/base/url.h"
#include "relayos/policy/address_guard.h"

static const char *const inside[] = {
    /* Plain. */
    "https://127.0.0.1/",
    "https://127.0.0.2/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://0.1.2.3/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://169.254.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://168.63.129.16/",
    "https://100.100.100.200/latest/meta-data/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.0.0.192/opc/v2/",
    "https://192.0.2.1/",
    "https://192.88.99.1/",
    "https://192.168.0.1/",
    "https://198.18.0.1/",
    "https://198.19.255.255/",
    "https://198.51.100.1/",
    "https://203.0.113.1/",
    "https://224.0.0.1/",
    "https://239.255.255.250/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    /* In other numbers. */
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0177.0.0.01/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0x7f.1/",
    "https://127.0.0.0x1/",
    "https://00000127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.0.0.256/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://1.2.3/",
    "https://127%2e0%2e0%2e1/",
    "https://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", /* circled digits */
    "https://127\xe3\x80\x82"
    "0\xe3\x80\x82"
    "0\xe3\x80\x82"
    "1/",
    /* IPv6, and IPv4 in it. */
    "https://[::]/",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::ffff:8.8.8.8]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[64:ff9b::127.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b::168.63.129.16]/",
    "https://[64:ff9b:1::1]/",
    "https://[100::1]/",
    "https://[2001::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[2001:20::1]/",
    "https://[2001:db8::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[3fff::1]/",
    "https://[5f00::1]/",
    "https://[fc00::1]/",
    "https://[fd00:ec2::254]/",
    "https://[fd20:ce::254]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    /* Names. */
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://a.localhost/",
    "https://metadata/",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://METADATA.google.internal/",
    "https://instance-data.ec2.internal/",
    "https://kubernetes/",
    /* Behind something else. */
    "https://8.8.8.8@127.0.0.1/",
    "https://127.0.0.1#@8.8.8.8/",
    "https://127.0.0.1?@8.8.8.8/",
    "https://8.8.8.8\\@127.0.0.1/",
    "https://127.0.0.1:443\\@8.8.8.8/",
    "https://127.0.0.1\t.example/",
    "https://127.0.0.1%00.example/",
    "https://[8.8.8.8]@127.0.0.1/",
    "https:\\\\127.0.0.1/",
    "https:127.0.0.1/",
    "//127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/",
    "ftp://127.0.0.1/",
    "data:text/plain,x",
    "jar:https://127.0.0.1!/",
    /* Public hosts, but not as files are served. */
    "http://8.8.8.8/",
    "https://8.8.8.8:22/",
    "https://8.8.8.8:8443/",
    "https://8.8.8.8:80/",
    "http://8.8.8.8:443/",
};

static const char *const outside[] = {
    "https://8.8.8.8/",        "https://93.184.216.34:443/x", "https://[2606:4700:4700::1111]/",
    "https://100.63.255.255/", "https://100.128.0.0/",        "https://172.15.255.255/",
    "https://172.32.0.0/",     "https://192.167.255.255/",    "https://198.17.255.255/",
    "https://198.20.0.0/",     "https://223.255.255.255/",    "https://11.0.0.0/",
    "https://[2001:200::1]/",  "https://[2a00:1450::1]/",     "https://[64:ff9b::8.8.8.8]/",
};

/* As a fetch goes about it; numeric hosts only, so that nothing is looked up. */
static bool
passes(const struct address_guard *guard, const char *text)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    struct url url;
    char port[8];

    if (url_parse(slice_str(text), &url) != NULL || !address_guard_takes_name(slice_str(url.host)))
        return false;
    snprintf(port, sizeof(port), "%u", url.port);
    cr_assert_eq(getaddrinfo(url.host, port, &hints, &found), 0, "%s", text);
    bool is_allowed = address_guard_allows(guard, found->ai_addr, url.is_tls);
    freeaddrinfo(found);
    return is_allowed;
}

Test(address_guard, no_way_of_writing_it_leads_inside)
{
    const struct address_guard guard = {0};

    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        cr_expect(!passes(&guard, inside[i]), "%s", inside[i]);
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        cr_expect(passes(&guard, outside[i]), "%s", outside[i]);
}

/* The numeric forms that a resolver would take for an address are no trap even where a reader of
 * URLs lets them through. */
Test(address_guard, what_a_resolver_makes_of_odd_numbers_is_refused_too)
{
    static const char *const odd[] = {"127.1", "0x7f.1", "2130706433", "017700000001",
                                      "0xa9fea9fe"};
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    const struct address_guard guard = {0};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        struct addrinfo *found;

        if (getaddrinfo(odd[i], "443", &hints, &found) != 0)
            continue;
        cr_expect(!address_guard_allows(&guard, found->ai_addr, true), "%s", odd[i]);
        freeaddrinfo(found);
    }
}

static struct address_range
range_of(const char *text)
{
    struct address_range range;

    cr_assert_eq(address_range_parse(slice_str(text), &range), 0);
    return range;
}

Test(address_guard, an_allowed_network_is_open_on_any_port)
{
    const struct address_range allow[] = {range_of("10.20.0.0/16"), range_of("fd00:1::/32")};
    const struct address_guard guard = {.allow = allow, .n_allow = 2};

    cr_expect(passes(&guard, "http://10.20.3.4:8080/"));
    cr_expect(passes(&guard, "https://[fd00:1::7]/"));
    cr_expect(!passes(&guard, "http://10.21.3.4:8080/"));
    cr_expect(!passes(&guard, "https://[::ffff:10.20.3.4]/"));
    cr_expect(!passes(&guard, "http://8.8.8.8/"));
}

Test(address_guard, a_denied_network_is_shut_whatever_else_is_said)
{
    const struct address_range allow[] = {range_of("10.0.0.0/8")};
    const struct address_range deny[] = {range_of("10.9.0.0/16"), range_of("8.8.8.0/24")};
    const struct address_guard guard = {
        .allow = allow, .n_allow = 1, .deny = deny, .n_deny = 2, .allows_plain = true};

    cr_expect(passes(&guard, "https://10.8.0.1/"));
    cr_expect(!passes(&guard, "https://10.9.0.1/"));
    cr_expect(!passes(&guard, "https://8.8.8.8/"));
    cr_expect(passes(&guard, "http://8.8.4.4/"));
    cr_expect(!passes(&guard, "http://8.8.4.4:8080/"));
    cr_expect(passes(&guard, "https://[64:ff9b::8.8.4.4]/"));
    cr_expect(!passes(&guard, "https://[64:ff9b::8.8.8.8]/"), "a translator leads there");
}

Test(address_guard, credentials_of_machines_are_shut_even_where_all_is_allowed)
{
    const struct address_range allow[] = {range_of("0.0.0.0/0"), range_of("::/0")};
    const struct address_guard guard = {.allow = allow, .n_allow = 2};

    cr_expect(passes(&guard, "http://127.0.0.1:1/"));
    cr_expect(!passes(&guard, "http://169.254.169.254/latest/"));
    cr_expect(!passes(&guard, "http://168.63.129.16/"));
    cr_expect(!passes(&guard, "http://[fd00:ec2::254]/"));
    cr_expect(!passes(&guard, "http://[::ffff:169.254.169.254]/"));
    cr_expect(!passes(&guard, "http://[64:ff9b::169.254.169.254]/"));
}
