/* SPDX-License-Identifier: ISC
 *
 * endpoint - from method and path to a row of the table.
 */
#include "endpoint.h"

#include <assert.h>

#include "models.h"
#include "pages.h"
#include "request.h"

#define V1    "/v1"
#define AZURE "/openai"

/* As rows name them; NONE stands in the header. */
enum {
#define OPERATION(NAME, protocol, path, kind) ENDPOINT_OPERATION_##NAME = OPERATION_##NAME,
    DIALECT_OPERATIONS(OPERATION)
#undef OPERATION
};

static const struct endpoint endpoints[] = {
#define ENDPOINT_PROTOCOL_OPENAI_CHAT        PROTOCOL_OPENAI_CHAT
#define ENDPOINT_PROTOCOL_OPENAI_RESPONSES   PROTOCOL_OPENAI_RESPONSES
#define ENDPOINT_PROTOCOL_ANTHROPIC_MESSAGES PROTOCOL_ANTHROPIC_MESSAGES
#define ENDPOINT(name, methods, path, protocol, operation, access, handler)                        \
    {#name,                                                                                        \
     ENDPOINT_##methods,                                                                           \
     path,                                                                                         \
     ENDPOINT_PROTOCOL_##protocol,                                                                 \
     ENDPOINT_OPERATION_##operation,                                                               \
     ENDPOINT_##access,                                                                            \
     handler},
#include "relayos/model/endpoints.def"
#undef ENDPOINT
};

#define N_ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))
static_assert(N_ENDPOINTS < ENDPOINT_ROW_NONE, "rows are stored in a byte");

static const struct endpoint *find_row(struct slice path, struct slice *out_rest);
static const struct endpoint *find_azure(struct slice path, struct slice *out_rest);
static const struct endpoint *find_deployment(struct slice path, struct slice *out_rest);
static bool is_versioned(const struct endpoint *row);
static unsigned method_bit(struct slice method);
static struct slice without_trailing_slash(struct slice path);
static struct slice without_version(struct slice path);
static bool row_matches(const struct endpoint *row, struct slice path, struct slice *out_rest);

int
endpoint_find(struct slice method, struct slice path, const struct endpoint **out,
              struct slice *out_rest)
{
    path = without_trailing_slash(path);
    const struct endpoint *row = find_row(path, out_rest);
    if (row == NULL && slice_starts_with(path, SLICE_LIT(AZURE "/")))
        row = find_azure(slice_sub(path, sizeof(AZURE) - 1, path.len), out_rest);
    if (row == NULL)
        return ERR_NOT_FOUND;
    *out = row;
    return (row->methods & method_bit(method)) != 0 ? 0 : ERR_METHOD_NOT_ALLOWED;
}

static const struct endpoint *
find_row(struct slice path, struct slice *out_rest)
{
    for (size_t i = 0; i < N_ENDPOINTS; i++) {
        if (row_matches(&endpoints[i], path, out_rest))
            return &endpoints[i];
    }
    return NULL;
}

/* As the resource of an Azure account has them: all of /v1, and in the old form a path for each
 * deployment, which is what a model is called there. */
static const struct endpoint *
find_azure(struct slice path, struct slice *out_rest)
{
    static const struct slice deployments = {"/deployments/", 13};

    if (slice_starts_with(path, deployments))
        return find_deployment(slice_sub(path, deployments.len, path.len), out_rest);
    const struct endpoint *row = find_row(path, out_rest);
    return row != NULL && is_versioned(row) ? row : NULL;
}

/* "gpt-4.1/chat/completions"; names may have slashes, so that the row says where they end. */
static const struct endpoint *
find_deployment(struct slice path, struct slice *out_rest)
{
    if (path.len == 0 || path.ptr[0] == '/')
        return NULL;
    for (size_t i = 0; i < N_ENDPOINTS; i++) {
        struct slice end = without_version(slice_str(endpoints[i].path));

        if (endpoints[i].protocol != PROTOCOL_OPENAI_CHAT || path.len <= end.len ||
            !slice_eq(slice_sub(path, path.len - end.len, path.len), end))
            continue;
        *out_rest = slice_sub(path, 0, path.len - end.len);
        return &endpoints[i];
    }
    return NULL;
}

static bool
row_matches(const struct endpoint *row, struct slice path, struct slice *out_rest)
{
    static const struct slice rest_mark = {"{id}", 4};
    struct slice pattern = slice_str(row->path);

    /* Clients differ in whether the base URL or the path brings the version. */
    if (is_versioned(row)) {
        pattern = without_version(pattern);
        path = without_version(path);
    }
    *out_rest = (struct slice){NULL, 0};
    if (pattern.ptr[pattern.len - 1] != '}')
        return slice_eq(pattern, path);

    pattern.len -= rest_mark.len;
    if (path.len <= pattern.len || !slice_starts_with(path, pattern))
        return false;
    *out_rest = slice_sub(path, pattern.len, path.len);
    return true;
}

static bool
is_versioned(const struct endpoint *row)
{
    return slice_starts_with(slice_str(row->path), SLICE_LIT(V1 "/"));
}

static struct slice
without_trailing_slash(struct slice path)
{
    if (path.len > 1 && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

/* "/v1/models", "/v1/v1/models" and "/models" are one path. */
static struct slice
without_version(struct slice path)
{
    for (int i = 0; i < 2 && slice_starts_with(path, SLICE_LIT(V1 "/")); i++)
        path = slice_sub(path, sizeof(V1) - 1, path.len);
    return path;
}

static unsigned
method_bit(struct slice method)
{
    if (slice_eq_str(method, "POST"))
        return ENDPOINT_POST;
    if (slice_eq_str(method, "GET"))
        return ENDPOINT_GET;
    if (slice_eq_str(method, "HEAD"))
        return ENDPOINT_HEAD;
    return 0;
}

uint8_t
endpoint_row(const struct endpoint *endpoint)
{
    assert(endpoint >= endpoints && endpoint < endpoints + N_ENDPOINTS);
    return (uint8_t)(endpoint - endpoints);
}

const char *
endpoint_allow(const struct endpoint *endpoint)
{
    switch (endpoint->methods) {
    case ENDPOINT_POST:
        return "POST";
    case ENDPOINT_GET:
        return "GET";
    default:
        assert(endpoint->methods == ENDPOINT_GET_HEAD);
        return "GET, HEAD";
    }
}
