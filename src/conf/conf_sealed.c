/* SPDX-License-Identifier: ISC
 *
 * conf_sealed - see the header.
 */
#include "relayos/conf/conf_sealed.h"

#include <stdio.h>

#include "conf_url.h"

#define PLACE_SIZE (LIMIT_HOST + 2 * LIMIT_NAME + 64)

static int write_place(const struct conf_sealed_place *place, char out[PLACE_SIZE],
                       struct errmsg *why);

int
conf_sealed_make(const struct conf_sealed_place *place, const struct secret *master,
                 struct slice clear, struct buf *out, struct errmsg *why)
{
    char text[PLACE_SIZE];
    int rc = write_place(place, text, why);

    return rc == 0 ? sealed_make(master, slice_str(text), clear, out, why) : rc;
}

int
conf_sealed_open(const struct conf_sealed_place *place, const struct secret *master,
                 const char *text, struct secret **out, struct errmsg *why)
{
    char bound[PLACE_SIZE];
    int rc = write_place(place, bound, why);

    return rc == 0 ? sealed_open(master, slice_str(bound), slice_str(text), out, why) : rc;
}

/* A line each: none of them can hold the end of one. */
static int
write_place(const struct conf_sealed_place *place, char out[PLACE_SIZE], struct errmsg *why)
{
    struct conf_url url;
    const char *wrong = conf_url_parse(place->url, &url);

    if (wrong != NULL) {
        errmsg_set(why, "the url %s", wrong);
        return ERR_SYNTAX;
    }
    snprintf(out, PLACE_SIZE, "relayos credential\n%s\n%s://%s:%u\n%s", place->upstream,
             url.is_tls ? "https" : "http", url.host, url.port, place->key);
    return 0;
}
