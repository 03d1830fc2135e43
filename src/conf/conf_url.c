/* SPDX-License-Identifier: ISC
 *
 * conf_url - see the header.
 */
#include "conf_url.h"

#include <arpa/inet.h>
#include <string.h>

#include "conf_kind.h"
#include "relayos/base/text.h"

static const char *split_scheme(struct slice *rest, struct conf_url *url);
static const char *split_authority(struct slice *rest, struct conf_url *url);
static const char *parse_host(struct slice host, bool is_bracketed, char out[LIMIT_HOST]);
static const char *parse_path(struct slice path, char out[LIMIT_PATH]);
static size_t span_until(struct slice s, const char *stops);

const char *
conf_url_parse(const char *text, struct conf_url *out)
{
    struct conf_url url = {0};
    struct slice rest = slice_str(text);
    const char *wrong = split_scheme(&rest, &url);

    if (strchr(text, '?') != NULL)
        return "has a query (?)";
    if (strchr(text, '#') != NULL)
        return "has a fragment (#)";
    if (wrong == NULL)
        wrong = split_authority(&rest, &url);
    if (wrong == NULL)
        wrong = parse_path(rest, url.path);
    if (wrong == NULL)
        *out = url;
    return wrong;
}

static const char *
split_scheme(struct slice *rest, struct conf_url *url)
{
    static const struct slice http = {"http://", 7}, https = {"https://", 8};

    url->is_tls = slice_starts_with(*rest, https);
    if (!url->is_tls && !slice_starts_with(*rest, http))
        return "does not begin with https:// or http://";
    *rest = slice_sub(*rest, url->is_tls ? https.len : http.len, rest->len);
    return NULL;
}

static const char *
split_authority(struct slice *rest, struct conf_url *url)
{
    struct slice authority = slice_sub(*rest, 0, span_until(*rest, "/"));
    bool is_bracketed = authority.len > 0 && authority.ptr[0] == '[';
    size_t host_len = span_until(authority, is_bracketed ? "]" : ":");
    struct slice host = slice_sub(authority, is_bracketed, host_len);
    struct slice port = slice_sub(authority, host_len, authority.len);

    if (memchr(authority.ptr, '@', authority.len) != NULL)
        return "holds a user name or password (@)";
    if (is_bracketed && port.len > 0)
        port = slice_sub(port, 1, port.len); /* the "]" */
    url->port = url->is_tls ? 443 : 80;
    if (port.len > 0 &&
        (port.ptr[0] != ':' || url->port == 0 ||
         conf_url_parse_port(slice_sub(port, 1, port.len), &url->port) != 0 || url->port == 0))
        return "has a port that is not 1 to 65535";
    *rest = slice_sub(*rest, authority.len, rest->len);
    return parse_host(host, is_bracketed, url->host);
}

static const char *
parse_host(struct slice host, bool is_bracketed, char out[LIMIT_HOST])
{
    struct in6_addr ignored;

    if (host.len == 0)
        return "has no host";
    if (host.len >= LIMIT_HOST)
        return "has a host that is too long";
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_upper = c >= 'A' && c <= 'Z';
        bool is_good = (c >= 'a' && c <= 'z') || is_upper || (c >= '0' && c <= '9') ||
                       (is_bracketed ? c == ':' || c == '.' : c == '-' || c == '.' || c == '_');

        if (!is_good)
            return "has a host with characters that hosts do not have";
        out[i] = is_upper ? (char)(c | 0x20) : c;
    }
    out[host.len] = '\0';
    if (is_bracketed && inet_pton(AF_INET6, out, &ignored) != 1)
        return "has no IPv6 address in its brackets";
    return NULL;
}

static const char *
parse_path(struct slice path, char out[LIMIT_PATH])
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len >= LIMIT_PATH)
        return "has a path that is too long";
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL)
            return "has a path with characters that must be %-encoded";
    }
    memcpy(out, path.ptr, path.len);
    out[path.len] = '\0';
    return NULL;
}

/* Length of s before the first of the stops. */
static size_t
span_until(struct slice s, const char *stops)
{
    size_t n = 0;

    while (n < s.len && (s.ptr[n] == '\0' || strchr(stops, s.ptr[n]) == NULL))
        n++;
    return n;
}

bool
conf_url_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return strcmp(host, "localhost") == 0;
}

int
conf_url_parse_port(struct slice digits, uint16_t *out)
{
    int64_t port;

    if (text_int_parse(digits, &port) != 0 || digits.ptr[0] == '-' || port > UINT16_MAX)
        return -1;
    *out = (uint16_t)port;
    return 0;
}

int
conf_url_read(struct conf_reader *reader, const struct directive *row, const struct conf_node *node,
              void *base)
{
    const char *text = conf_kind_scalar(reader, row, node, "a URL");
    struct conf_url url;

    if (text == NULL)
        return ERR_CONFIG;

    const char *wrong = conf_url_parse(text, &url);

    if (wrong == NULL && strlen(text) >= row->size)
        wrong = "is too long";
    if (wrong != NULL)
        return directive_fail(reader, node,
                              "'%s' must be a URL such as https://host/v1; this one %s",
                              directive_name(row), wrong);
    memcpy(conf_kind_member(row, base), text, strlen(text) + 1);
    return 0;
}
