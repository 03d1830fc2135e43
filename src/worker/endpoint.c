/* SPDX-License-Identifier: ISC
 *
 * endpoint - from method and path to a row of the table.
 */
#include "endpoint.h"

#include <assert.h>

#include "models.h"
#include "pages.h"
#include "request.h"

#define V1 "/v1"

static const struct endpoint endpoints[] = {
#define ENDPOINT_PROTOCOL_OPENAI_CHAT        PROTOCOL_OPENAI_CHAT
#define ENDPOINT_PROTOCOL_OPENAI_RESPONSES   PROTOCOL_OPENAI_RESPONSES
#define ENDPOINT_PROTOCOL_ANTHROPIC_MESSAGES PROTOCOL_ANTHROPIC_MESSAGES
#define ENDPOINT_OPERATION_CHAT              OPERATION_CHAT
#define ENDPOINT_OPERATION_COMPLETION        OPERATION_COMPLETION
#define ENDPOINT_OPERATION_EMBEDDING         OPERATION_EMBEDDING
#define ENDPOINT_OPERATION_RESPONSE          OPERATION_RESPONSE
#define ENDPOINT_OPERATION_MESSAGE           OPERATION_MESSAGE
#define ENDPOINT_OPERATION_COUNT_TOKENS      OPERATION_COUNT_TOKENS
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

static unsigned method_bit(struct slice method);
static struct slice without_trailing_slash(struct slice path);
static struct slice without_version(struct slice path);
static bool row_matches(const struct endpoint *row, struct slice path, struct slice *out_rest);

int
endpoint_find(struct slice method, struct slice path, const struct endpoint **out,
              struct slice *out_rest)
{
    path = without_trailing_slash(path);
    for (size_t i = 0; i < N_ENDPOINTS; i++) {
        if (!row_matches(&endpoints[i], path, out_rest))
            continue;
        *out = &endpoints[i];
        return (endpoints[i].methods & method_bit(method)) != 0 ? 0 : ERR_METHOD_NOT_ALLOWED;
    }
    return ERR_NOT_FOUND;
}

static bool
row_matches(const struct endpoint *row, struct slice path, struct slice *out_rest)
{
    static const struct slice rest_mark = {"{id}", 4};
    struct slice pattern = slice_str(row->path);

    /* Clients differ in whether the base URL or the path brings the version. */
    if (slice_starts_with(pattern, SLICE_LIT(V1 "/"))) {
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

const struct endpoint *
endpoint_at(size_t n)
{
    return n < N_ENDPOINTS ? &endpoints[n] : NULL;
}
