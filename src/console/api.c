/* SPDX-License-Identifier: ISC */
#include "api.h"

#include <string.h>

static const struct api_row rows[] = {
#define API(METHOD, path, ROLE, handler, summary) {#METHOD, path, USER_##ROLE, handler, summary},
#include "api.def"
#undef API
};

static bool is_match(const char *pattern, struct slice path, struct slice ids[API_MAX_IDS]);

const struct api_row *
api_row_at(size_t n)
{
    return n < sizeof(rows) / sizeof(rows[0]) ? &rows[n] : NULL;
}

const struct api_row *
api_find(struct slice method, struct slice path, struct slice ids[API_MAX_IDS], bool *out_has_path)
{
    const struct api_row *row;

    *out_has_path = false;
    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        if (!is_match(row->path, path, ids))
            continue;
        *out_has_path = true;
        if (slice_eq_str(method, row->method))
            return row;
    }
    return NULL;
}

/* {id} is one segment, not empty. A row without one comes before a row with one in its place. */
static bool
is_match(const char *pattern, struct slice path, struct slice ids[API_MAX_IDS])
{
    size_t at = 0, n_ids = 0;

    while (*pattern != '\0') {
        if (*pattern != '{') {
            if (at == path.len || path.ptr[at++] != *pattern++)
                return false;
            continue;
        }
        size_t start = at;
        while (at < path.len && path.ptr[at] != '/')
            at++;
        if (at == start || n_ids == API_MAX_IDS)
            return false;
        ids[n_ids++] = slice_sub(path, start, at);
        pattern = strchr(pattern, '}') + 1;
    }
    return at == path.len;
}
