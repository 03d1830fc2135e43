/* SPDX-License-Identifier: ISC
 *
 * openapi - GET /openapi.json: an OpenAPI 3.1 document of the calls in api.def.
 */
#include <ctype.h>

#include "answer.h"
#include "relayos/codec/json_out.h"

static const struct query {
    api_handler *handler;
    const char *name, *summary;
} queries[] = {
#define QUERY(handler, name, summary) {handler, #name, summary},
#include "api_query.def"
#undef QUERY
};
#define N_QUERIES (sizeof(queries) / sizeof(queries[0]))

static void write_paths(struct buf *out);
static bool is_first_of_path(size_t n);
static void write_call(const struct api_row *row, struct buf *out);
static void write_parameters(const struct api_row *row, struct buf *out);
static void write_parameter(const char *name, size_t len, const char *in, const char *summary,
                            struct buf *out);
static void write_text(const char *text, struct buf *out);

void
openapi_show(struct call *call)
{
    struct buf *out = &call->out;

    buf_append_str(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"RelayOS\",\"version\":");
    write_text(RELAYOS_VERSION, out);
    buf_append_str(out, ",\"description\":\"The console's API: relayos-api(7).\"},\"servers\":[{"
                        "\"url\":\"" API_PREFIX "\"}],\"paths\":{");
    write_paths(out);
    buf_append_str(
        out,
        "},\"components\":{\"securitySchemes\":{"
        "\"admin_key\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"sk-admin-...\"},"
        "\"session\":{\"type\":\"apiKey\",\"in\":\"cookie\",\"name\":\"__Host-relayos\"},"
        "\"csrf\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"x-csrf-token\"}},"
        "\"schemas\":{\"error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{"
        "\"error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{"
        "\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
        "\"field\":{\"type\":[\"string\",\"null\"]},\"request_id\":{\"type\":\"string\"}}}}}},"
        "\"responses\":{\"error\":{\"description\":\"It was refused, or it failed.\",\"content\":{"
        "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/error\"}}}}}}}");
    answer_out(call, 200, "application/json");
}

static void
write_paths(struct buf *out)
{
    const struct api_row *row, *other;
    const char *separator = "";

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        const char *inner = "";

        if (!is_first_of_path(n))
            continue;
        buf_append_str(out, separator);
        write_text(row->path, out);
        buf_append_str(out, ":{");
        for (size_t i = n; (other = api_row_at(i)) != NULL; i++) {
            if (strcmp(other->path, row->path) != 0)
                continue;
            buf_append_str(out, inner);
            write_call(other, out);
            inner = ",";
        }
        buf_append_byte(out, '}');
        separator = ",";
    }
}

static bool
is_first_of_path(size_t n)
{
    size_t i = 0;

    while (strcmp(api_row_at(i)->path, api_row_at(n)->path) != 0)
        i++;
    return i == n;
}

static void
write_call(const struct api_row *row, struct buf *out)
{
    static const char *const roles[] = USER_ROLE_NAMES;
    bool is_open = row->role == USER_NOBODY, is_get = strcmp(row->method, "GET") == 0;

    buf_append_byte(out, '"');
    for (const char *at = row->method; *at != '\0'; at++)
        buf_append_byte(out, (char)tolower((unsigned char)*at));
    buf_append_str(out, "\":{\"summary\":");
    write_text(row->summary, out);
    buf_append_str(out, ",\"x-role\":");
    write_text(is_open ? "nobody" : roles[row->role], out);
    buf_append_str(out, is_open  ? ",\"security\":[]"
                        : is_get ? ",\"security\":[{\"admin_key\":[]},{\"session\":[]}]"
                                 : ",\"security\":[{\"admin_key\":[]},"
                                   "{\"session\":[],\"csrf\":[]}]");
    write_parameters(row, out);
    if (!is_get)
        buf_append_str(out, ",\"requestBody\":{\"content\":{\"application/json\":{\"schema\":{"
                            "\"type\":\"object\"}}}}");
    buf_append_str(out, ",\"responses\":{\"2XX\":{\"description\":\"Done.\"},\"default\":{"
                        "\"$ref\":\"#/components/responses/error\"}}}");
}

static void
write_parameters(const struct api_row *row, struct buf *out)
{
    const char *separator = "";

    buf_append_str(out, ",\"parameters\":[");
    for (const char *at = strchr(row->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
        buf_append_str(out, separator);
        write_parameter(at + 1, strcspn(at + 1, "}"), "path", "its id", out);
        separator = ",";
    }
    for (size_t n = 0; n < N_QUERIES; n++) {
        if (queries[n].handler != row->handler)
            continue;
        buf_append_str(out, separator);
        write_parameter(queries[n].name, strlen(queries[n].name), "query", queries[n].summary, out);
        separator = ",";
    }
    buf_append_byte(out, ']');
}

static void
write_parameter(const char *name, size_t len, const char *in, const char *summary, struct buf *out)
{
    bool is_path = strcmp(in, "path") == 0;

    buf_printf(out, "{\"name\":\"%.*s\",\"in\":\"%s\",\"required\":%s,\"description\":", (int)len,
               name, in, is_path ? "true" : "false");
    write_text(summary, out);
    buf_append_str(out, ",\"schema\":{\"type\":\"string\"}}");
}

static void
write_text(const char *text, struct buf *out)
{
    buf_append_byte(out, '"');
    json_escape(out, slice_str(text));
    buf_append_byte(out, '"');
}
