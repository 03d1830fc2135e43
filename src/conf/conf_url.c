/* SPDX-License-Identifier: ISC
 *
 * conf_url - see the header.
 */
#include "conf_url.h"

#include <string.h>

#include "conf_kind.h"
#include "relayos/base/text.h"
#include "relayos/base/url.h"

static const char *copy_path(struct slice path, char out[LIMIT_PATH]);

/* Its scheme is written as browsers write it: what they say of a page's origin is compared. */
const char *
conf_url_parse(const char *text, struct conf_url *out)
{
    struct url url;

    if (strchr(text, '?') != NULL)
        return "has a query (?)";
    if (strchr(text, '#') != NULL)
        return "has a fragment (#)";
    if (strncmp(text, "http", 4) != 0)
        return "does not begin with https:// or http://";
    const char *wrong = url_parse_vouched(slice_str(text), &url);
    if (wrong != NULL)
        return wrong;
    *out = (struct conf_url){.is_tls = url.is_tls, .port = url.port};
    memcpy(out->host, url.host, sizeof(out->host));
    return copy_path(url.target, out->path);
}

static const char *
copy_path(struct slice path, char out[LIMIT_PATH])
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/')
        path.len--;
    if (path.len >= LIMIT_PATH)
        return "has a path that is too long";
    for (size_t i = 0; i < path.len; i++) {
        if (strchr("{|}", path.ptr[i]) != NULL)
            return "has a path with characters that must be %-encoded";
    }
    memcpy(out, path.ptr, path.len);
    out[path.len] = '\0';
    return NULL;
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
