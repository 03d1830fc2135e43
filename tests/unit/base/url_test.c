/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>

#include "relayos/base/url.h"

Test(url, its_parts_are_found)
{
    static const struct {
        const char *text, *host, *target;
        uint16_t port;
        bool is_tls, is_literal;
    } cases[] = {
        {"https://example.com/a.png", "example.com", "/a.png", 443, true, false},
        {"HTTPS://EXAMPLE.com", "example.com", "", 443, true, false},
        {"http://example.com/", "example.com", "/", 80, false, false},
        {"https://example.com?x=1", "example.com", "?x=1", 443, true, false},
        {"https://example.com/a?u=https://b@c#d@e", "example.com", "/a?u=https://b@c", 443, true,
         false},
        {"https://example.com#/x", "example.com", "", 443, true, false},
        {"https://a.b:8443/x", "a.b", "/x", 8443, true, false},
        {"https://xn--bcher-kva.example/x", "xn--bcher-kva.example", "/x", 443, true, false},
        {"https://my_bucket.s3.example/x", "my_bucket.s3.example", "/x", 443, true, false},
        {"https://93.184.216.34/x", "93.184.216.34", "/x", 443, true, true},
        {"https://[2606:4700::1111]:8443/x", "2606:4700::1111", "/x", 8443, true, true},
        {"https://1.example/%2e%2e/x", "1.example", "/%2e%2e/x", 443, true, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct url url;
        const char *wrong = url_parse(slice_str(cases[i].text), &url);

        cr_assert(wrong == NULL, "%s %s", cases[i].text, wrong);
        cr_expect_str_eq(url.host, cases[i].host);
        cr_expect(slice_eq_str(url.target, cases[i].target), "%s", cases[i].text);
        cr_expect_eq(url.port, cases[i].port);
        cr_expect_eq(url.is_tls, cases[i].is_tls);
        cr_expect_eq(url.is_literal, cases[i].is_literal, "%s", cases[i].text);
    }
}

Test(url, what_could_be_read_in_two_ways_is_refused)
{
    static const char *const texts[] = {
        "",
        "example.com/a.png",
        "//example.com/a.png",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https:/example.com/",
        "https:example.com",
        "https://",
        "https:///x",
        "https://?x",
        "https://:443/",
        " https://example.com/",
        "https://example.com/ x",
        "https://example.com/\tx",
        "https://example.com/\r\nx: y",
        "https://exa\\mple.com/",
        "https://example.com\\@evil.example/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://@example.com/",
        "https://example.com:/",
        "https://example.com:0/",
        "https://example.com:0443/",
        "https://example.com:65536/",
        "https://example.com:443x/",
        "https://example.com:+443/",
        "https://example.com:443:443/",
        "https://example..com/",
        "https://example.com./",
        "https://.example.com/",
        "https://-a.example/",
        "https://a-.example/",
        "https://b\xc3\xbc"
        "cher.example/",
        "https://ex%61mple.com/",
        "https://localhost/",
        "https://intranet/",
        "https://[::1",
        "https://[::1]x/",
        "https://[fe80::1%25lo]/",
        "https://[fe80::1%lo]/",
        "https://[127.0.0.1]/",
        "https://[example.com]/",
        "https://::1/",
        "https://[v1.fe]/",
        "https://example.com,evil.example/",
        "https://exa<mple.com/",
    };
    struct url url;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect(url_parse(slice_str(texts[i]), &url) != NULL, "%s", texts[i]);
}

Test(url, lengths_are_bounded)
{
    char text[URL_MAX + 64];
    struct url url;

    int len = snprintf(text, sizeof(text), "https://example.com/%0*d", URL_MAX - 20, 0);
    cr_assert_eq(len, URL_MAX);
    cr_expect(url_parse(slice_of(text, URL_MAX), &url) == NULL);
    text[URL_MAX] = '0';
    cr_expect(url_parse(slice_of(text, URL_MAX + 1), &url) != NULL);

    snprintf(text, sizeof(text), "https://%064d.example/", 0);
    cr_expect(url_parse(slice_str(text), &url) != NULL, "a label of 64");
    snprintf(text, sizeof(text), "https://%060d.%060d.%060d.%060d.%060d.example/", 0, 0, 0, 0, 0);
    cr_expect(url_parse(slice_str(text), &url) != NULL, "a name of 300");
}

Test(url, an_operator_may_name_hosts_of_the_own_network)
{
    static const char *const hosts[] = {"localhost", "intranet", "vllm.svc.cluster.local.", "a."};
    static const char *const never[] = {"a..b", ".", "..", "127.1", "127.0.0.1.", "0x7f.1", "-a"};
    char text[64];
    struct url url;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        snprintf(text, sizeof(text), "http://%s:8000/v1", hosts[i]);
        cr_expect(url_parse_vouched(slice_str(text), &url) == NULL, "%s", text);
        cr_expect_str_eq(url.host, hosts[i]);
        cr_expect(!url.is_complete && url_parse(slice_str(text), &url) != NULL, "%s", text);
    }
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
        snprintf(text, sizeof(text), "http://%s:8000/v1", never[i]);
        cr_expect(url_parse_vouched(slice_str(text), &url) != NULL, "%s", text);
    }
}

Test(url, loopback_is_what_never_leaves_the_machine)
{
    cr_expect(url_is_loopback("127.0.0.1") && url_is_loopback("127.255.0.9"));
    cr_expect(url_is_loopback("::1") && url_is_loopback("0:0:0:0:0:0:0:1"));
    cr_expect(url_is_loopback("localhost"));
    cr_expect(!url_is_loopback("128.0.0.1") && !url_is_loopback("::2"));
    cr_expect(!url_is_loopback("localhost.example") && !url_is_loopback("127.0.0.1.example"));
}
