/* SPDX-License-Identifier: ISC */
#include "api.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct api_row rows[] = {
#define API(METHOD, path, ROLE, handler, summary) {#METHOD, path, USER_##ROLE, handler, summary},
#include "api.def"
};
static const struct api_query queries[] = {
#define QUERY(handler, name, type, summary) {handler, #name, type, summary},
#include "api.def"
};
static const struct api_limit limits[] = {
#define LIMIT(handler, usual, most) {handler, usual, most},
#include "api.def"
};
static const struct body {
    api_handler *handler;
    const char *shape;
} bodies[] = {
#define BODY(handler, shape) {handler, shape},
#include "api.def"
};
static const struct api_answer answers[] = {
#define ANSWER(handler, status, shape) {handler, status, shape},
#include "api.def"
};
static api_handler *const any_query[] = {
#define ANY_QUERY(handler) handler,
#include "api.def"
    NULL,
};
#define N(table) (sizeof(table) / sizeof((table)[0]))

static bool is_match(const char *pattern, struct slice path, struct slice ids[API_MAX_IDS]);

const struct api_row *
api_row_at(size_t n)
{
    return n < N(rows) ? &rows[n] : NULL;
}

const struct api_query *
api_query_at(const struct api_row *row, size_t n)
{
    for (size_t i = 0; i < N(queries); i++) {
        if (queries[i].handler == row->handler && n-- == 0)
            return &queries[i];
    }
    return NULL;
}

bool
api_takes_any_query(const struct api_row *row)
{
    size_t n = 0;

    while (any_query[n] != NULL && any_query[n] != row->handler)
        n++;
    return any_query[n] != NULL;
}

const struct api_limit *
api_limit_of(const struct api_row *row)
{
    for (size_t n = 0; n < N(limits); n++) {
        if (limits[n].handler == row->handler)
            return &limits[n];
    }
    return NULL;
}

const char *
api_body_of(const struct api_row *row)
{
    for (size_t n = 0; n < N(bodies); n++) {
        if (bodies[n].handler == row->handler)
            return bodies[n].shape;
    }
    return NULL;
}

const struct api_answer *
api_answer_of(const struct api_row *row)
{
    for (size_t n = 0; n < N(answers); n++) {
        if (answers[n].handler == row->handler)
            return &answers[n];
    }
    return NULL;
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

void
api_methods(struct slice path, char out[API_METHODS_SIZE])
{
    struct slice ids[API_MAX_IDS];
    const struct api_row *row;
    int len = snprintf(out, API_METHODS_SIZE, "OPTIONS");

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        if (!is_match(row->path, path, ids))
            continue;
        len += snprintf(out + len, API_METHODS_SIZE - (size_t)len, ", %s%s", row->method,
                        strcmp(row->method, "GET") == 0 ? ", HEAD" : "");
        assert(len < API_METHODS_SIZE);
    }
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
