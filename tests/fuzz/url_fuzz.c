/* SPDX-License-Identifier: ISC
 *
 * A URL that is taken names one host, whoever reads it: what was understood, written out plainly,
 * is understood the same, and its host is a plain name or an address as inet_ntop() has it.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "relayos/base/url.h"
#include "relayos/policy/address_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_host(const struct url *url);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct url url, again;
    char text[URL_MAX + LIMIT_HOST + 32];

    if (url_parse(slice_of(bytes, len), &url) != NULL)
        return 0;
    check_host(&url);
    (void)address_guard_takes_name(slice_str(url.host));
    int n = snprintf(text, sizeof(text), "%s://%s%s%s:%u%.*s", url.is_tls ? "https" : "http",
                     url.is_v6 ? "[" : "", url.host, url.is_v6 ? "]" : "", url.port,
                     (int)url.target.len, url.target.len == 0 ? "" : url.target.ptr);
    if (n > URL_MAX)
        return 0; /* it had no port, and now it has */
    assert(url_parse(slice_of(text, (size_t)n), &again) == NULL);
    assert(strcmp(url.host, again.host) == 0 && url.port == again.port);
    assert(url.is_tls == again.is_tls && url.is_literal == again.is_literal);
    assert(slice_eq(url.target, again.target));
    return 0;
}

static void
check_host(const struct url *url)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
    unsigned char address[16];
    char shown[INET6_ADDRSTRLEN];

    assert(url->host[0] != '\0' && url->port != 0);
    if (url->is_v6) {
        assert(inet_pton(AF_INET6, url->host, address) == 1);
        return;
    }
    assert(strspn(url->host, plain) == strlen(url->host));
    /* Whatever inet_aton() takes for an address, and most resolvers with it, is written as one. */
    struct in_addr loose;
    if (inet_aton(url->host, &loose) != 0) {
        assert(url->is_literal);
        assert(strcmp(inet_ntop(AF_INET, &loose, shown, sizeof(shown)), url->host) == 0);
    }
}
