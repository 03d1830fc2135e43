/* SPDX-License-Identifier: ISC */
#include "assets.h"

#include <assert.h>
#include <stdlib.h>

#include <zlib.h>

#include "answer.h"
#include "assets_table.h"
#include "relayos/base/mem.h"

#define PREFIX "/assets/"
#define INDEX  "index.html"

static const struct asset *find(struct slice path);
static int compare(const void *path, const void *asset);
static struct slice unpack(struct call *call, const struct asset *asset);
static bool takes_gzip(const struct call *call);

void
assets_answer(struct call *call)
{
    struct slice path = call->http.path, hash = slice_str(assets_table_hash);
    bool is_asset = slice_starts_with(path, SLICE_LIT(PREFIX)), is_kept = false;
    const struct asset *asset;

    if (is_asset) {
        path = slice_sub(path, sizeof(PREFIX) - 1, path.len);
        is_kept = slice_starts_with(path, hash) && path.len > hash.len && path.ptr[hash.len] == '/';
        asset = is_kept ? find(slice_sub(path, hash.len + 1, path.len)) : NULL;
    } else {
        asset = find(SLICE_LIT(INDEX));
    }
    if (asset == NULL) { /* of an earlier version, perhaps: the page is to be loaded again */
        answer_missing(call);
        return;
    }
    bool is_packed = takes_gzip(call);
    answer_file(call, &(struct answer_file){
                          .type = asset->type,
                          .etag = asset->etag,
                          .encoding = is_packed ? "gzip" : NULL,
                          .cache = is_kept ? "public, max-age=31536000, immutable" : "no-cache",
                          .bytes = is_packed ? slice_of(asset->packed, asset->n_packed)
                                             : unpack(call, asset),
                      });
}

/* For curl and the like: every browser takes gzip. */
static struct slice
unpack(struct call *call, const struct asset *asset)
{
    z_stream stream = {.next_in = (Bytef *)asset->packed, .avail_in = (uInt)asset->n_packed};
    char *room = call->data = mem_alloc(asset->n_plain + 1); /* it goes with the call */

    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)asset->n_plain + 1;
    int rc = inflateInit2(&stream, 15 + 16);
    assert(rc == Z_OK);
    rc = inflate(&stream, Z_FINISH);
    assert(rc == Z_STREAM_END && stream.total_out == asset->n_plain); /* we have packed it */
    inflateEnd(&stream);
    return slice_of(room, asset->n_plain);
}

static const struct asset *
find(struct slice path)
{
    return bsearch(&path, assets_table, assets_table_n, sizeof(assets_table[0]), compare);
}

static int
compare(const void *path, const void *asset)
{
    const struct slice *wanted = path;
    struct slice name = slice_str(((const struct asset *)asset)->path);
    int order = memcmp(wanted->ptr, name.ptr, wanted->len < name.len ? wanted->len : name.len);

    return order != 0 ? order : (wanted->len > name.len) - (wanted->len < name.len);
}

/* Browsers all say "gzip, deflate, br": who names it with a weight of 0 is none. */
static bool
takes_gzip(const struct call *call)
{
    struct slice accepted = http_header_find(&call->http, "accept-encoding");

    return accepted.len > 0 && memmem(accepted.ptr, accepted.len, "gzip", 4) != NULL &&
           memmem(accepted.ptr, accepted.len, "gzip;q=0", 8) == NULL;
}
