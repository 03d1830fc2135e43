/* SPDX-License-Identifier: ISC */
#include "relayos/base/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define LABEL_MAX 63
#define HOST_MAX  253

static bool is_plain(struct slice text);
static const char *split_scheme(struct slice *rest, struct url *out);
static const char *split_authority(struct slice *rest, struct url *out);
static const char *read_host(struct slice host, bool is_bracketed, struct url *out);
static const char *read_v6(struct url *out);
static const char *read_name(struct url *out);
static bool is_label(struct slice label);
static bool is_number(struct slice label);
static const char *read_port(struct slice port, struct url *out);
static size_t span_until(struct slice s, const char *stops);
static bool is_digit(char c);

const char *
url_parse(struct slice text, struct url *out)
{
    struct url url;
    const char *wrong = url_parse_vouched(text, &url);

    if (wrong == NULL && !url.is_complete)
        wrong = "has a host that is not complete";
    if (wrong == NULL)
        *out = url;
    return wrong;
}

const char *
url_parse_vouched(struct slice text, struct url *out)
{
    struct url url = {0};
    struct slice rest = text;

    if (text.len > URL_MAX)
        return "is too long";
    if (!is_plain(text))
        return "has characters that must be %-encoded";
    const char *wrong = split_scheme(&rest, &url);
    if (wrong == NULL)
        wrong = split_authority(&rest, &url);
    if (wrong != NULL)
        return wrong;
    url.target = slice_sub(rest, 0, span_until(rest, "#"));
    *out = url;
    return NULL;
}

/* Backslashes are slashes to some. */
static bool
is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`", c) != NULL)
            return false;
    }
    return true;
}

static const char *
split_scheme(struct slice *rest, struct url *out)
{
    static const struct slice http = {"http://", 7}, https = {"https://", 8};

    out->is_tls = rest->len >= https.len && slice_eq_nocase(slice_sub(*rest, 0, https.len), https);
    if (!out->is_tls &&
        !(rest->len >= http.len && slice_eq_nocase(slice_sub(*rest, 0, http.len), http)))
        return "does not begin with https:// or http://";
    *rest = slice_sub(*rest, out->is_tls ? https.len : http.len, rest->len);
    return NULL;
}

static const char *
split_authority(struct slice *rest, struct url *out)
{
    struct slice authority = slice_sub(*rest, 0, span_until(*rest, "/?#"));
    bool is_bracketed = authority.len > 0 && authority.ptr[0] == '[';
    size_t host_len = span_until(authority, is_bracketed ? "]" : ":");
    struct slice host = slice_sub(authority, is_bracketed, host_len);
    struct slice port = slice_sub(authority, host_len, authority.len);

    *rest = slice_sub(*rest, authority.len, rest->len);
    if (authority.len > 0 && memchr(authority.ptr, '@', authority.len) != NULL)
        return "has a user name or password";
    if (is_bracketed) {
        if (port.len == 0)
            return "has a bracket that is not closed";
        port = slice_sub(port, 1, port.len); /* the "]" */
    }
    const char *wrong = read_host(host, is_bracketed, out);
    return wrong != NULL ? wrong : read_port(port, out);
}

static const char *
read_host(struct slice host, bool is_bracketed, struct url *out)
{
    if (host.len == 0)
        return "names no host";
    if (host.len > HOST_MAX)
        return "has a host that is too long";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];

        out->host[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    out->host[host.len] = '\0';
    return is_bracketed ? read_v6(out) : read_name(out);
}

static const char *
read_v6(struct url *out)
{
    struct in6_addr address;

    if (inet_pton(AF_INET6, out->host, &address) != 1) /* which knows no zones */
        return "has no IPv6 address in its brackets";
    out->is_literal = out->is_v6 = out->is_complete = true;
    return NULL;
}

/* Some read "127.1", "0x7f.1" or "2130706433" as addresses, and some do not: nobody means them. */
static const char *
read_name(struct url *out)
{
    struct slice rest = slice_str(out->host), label;
    bool is_rooted = rest.ptr[rest.len - 1] == '.';
    struct in_addr address;
    size_t n_labels = 0;

    rest.len -= is_rooted;
    do {
        label = slice_sub(rest, 0, span_until(rest, "."));
        if (!is_label(label))
            return "has a host that is no name";
        n_labels++;
        if (label.len == rest.len)
            break;
        rest = slice_sub(rest, label.len + 1, rest.len);
    } while (true);
    if (is_number(label)) {
        out->is_literal = out->is_complete = inet_pton(AF_INET, out->host, &address) == 1;
        return out->is_literal ? NULL : "has a host that is neither a name nor an address";
    }
    out->is_complete = n_labels > 1 && !is_rooted;
    return NULL;
}

static bool
is_label(struct slice label)
{
    if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '-' && c != '_')
            return false;
    }
    return true;
}

/* Decimal, octal or hex: no top-level domain is one. */
static bool
is_number(struct slice label)
{
    bool is_hex = label.len >= 2 && label.ptr[0] == '0' && label.ptr[1] == 'x';

    for (size_t i = is_hex ? 2 : 0; i < label.len; i++) {
        char c = label.ptr[i];

        if (!is_digit(c) && !(is_hex && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

static const char *
read_port(struct slice port, struct url *out)
{
    unsigned value = 0;

    out->port = out->is_tls ? 443 : 80;
    if (port.len == 0)
        return NULL;
    if (port.ptr[0] != ':' || port.len < 2 || port.len > 6 || port.ptr[1] == '0')
        return "has a port that is not 1 to 65535";
    for (size_t i = 1; i < port.len; i++) {
        if (!is_digit(port.ptr[i]))
            return "has a port that is not 1 to 65535";
        value = 10 * value + (unsigned)(port.ptr[i] - '0');
    }
    if (value > UINT16_MAX)
        return "has a port that is not 1 to 65535";
    out->port = (uint16_t)value;
    return NULL;
}

bool
url_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

/* Length of s before the first of the stops. */
static size_t
span_until(struct slice s, const char *stops)
{
    size_t n = 0;

    while (n < s.len && strchr(stops, s.ptr[n]) == NULL)
        n++;
    return n;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}
