/* SPDX-License-Identifier: ISC
 *
 * openapi - GET /openapi.json: an OpenAPI 3.1 document of the calls in api.def and the objects in
 * shapes.def.
 */
#include <ctype.h>

#include "answer.h"
#include "relayos/codec/json_out.h"
#include "shape.h"

static void write_paths(struct buf *out);
static bool is_first_of_path(size_t n);
static void write_call(const struct api_row *row, struct buf *out);
static void write_parameters(const struct api_row *row, struct buf *out);
static void write_parameter(const char *in, struct slice name, const char *type,
                            const char *summary, struct buf *out);
static void write_limit(const struct api_limit *limit, struct buf *out);
static void write_body(const struct api_row *row, struct buf *out);
static void write_answer(const struct api_row *row, struct buf *out);
static void write_list(const struct api_row *row, const struct shape_type *type, struct buf *out);
static void write_shapes(struct buf *out);
static void write_shape(const struct shape *shape, struct buf *out);
static void write_required(const struct shape *shape, struct buf *out);
static void write_type(const struct shape_type *type, const char *summary, struct buf *out);
static void write_base(const struct shape_type *type, struct buf *out);
static bool is_body(const char *shape);
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
        "\"responses\":{\"error\":{\"description\":\"It was refused, or it failed.\",\"content\":{"
        "\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/error\"}}}}},"
        "\"schemas\":{\"error\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{"
        "\"error\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{"
        "\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
        "\"field\":{\"type\":[\"string\",\"null\"]},\"request_id\":{\"type\":\"string\"}}}}}");
    write_shapes(out);
    buf_append_str(out, "}}}");
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
    write_body(row, out);
    write_answer(row, out);
    buf_append_byte(out, '}');
}

static void
write_parameters(const struct api_row *row, struct buf *out)
{
    const struct api_query *query;

    buf_append_str(out, ",\"parameters\":[");
    for (const char *at = strchr(row->path, '{'); at != NULL; at = strchr(at + 1, '{'))
        write_parameter("path", slice_of(at + 1, strcspn(at + 1, "}")), "text", "its id", out);
    for (size_t n = 0; (query = api_query_at(row, n)) != NULL; n++)
        write_parameter("query", slice_str(query->name), query->type, query->summary, out);
    if (api_limit_of(row) != NULL)
        write_limit(api_limit_of(row), out);
    if (out->ptr[out->len - 1] == ',')
        out->len--;
    buf_append_byte(out, ']');
}

static void
write_parameter(const char *in, struct slice name, const char *type, const char *summary,
                struct buf *out)
{
    struct shape_type read = shape_type_of(type);

    buf_printf(out,
               "{\"name\":\"%.*s\",\"in\":\"%s\",\"required\":%s,\"description\":", (int)name.len,
               name.ptr, in, read.is_optional ? "false" : "true");
    write_text(summary, out);
    buf_append_str(out, ",\"schema\":");
    write_type(&read, "", out);
    buf_append_str(out, "},");
}

static void
write_limit(const struct api_limit *limit, struct buf *out)
{
    buf_printf(out,
               "{\"name\":\"limit\",\"in\":\"query\",\"required\":false,\"description\":\"how many "
               "at most\",\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":%u,"
               "\"default\":%u}},",
               limit->most, limit->usual);
}

static void
write_body(const struct api_row *row, struct buf *out)
{
    const char *shape = api_body_of(row);
    const struct shape_field *field;
    bool is_required = false;

    if (shape == NULL)
        return;
    for (size_t n = 0; (field = shape_field_at(n)) != NULL; n++)
        is_required = is_required || (strcmp(field->shape, shape) == 0 && field->type[0] != '?');
    buf_printf(out,
               ",\"requestBody\":{\"required\":%s,\"content\":{\"application/json\":{\"schema\":{"
               "\"$ref\":\"#/components/schemas/%s\"}}}}",
               is_required ? "true" : "false", shape);
}

static void
write_answer(const struct api_row *row, struct buf *out)
{
    const struct api_answer *answer = api_answer_of(row);
    struct shape_type type = shape_type_of(answer->shape);

    buf_printf(out, ",\"responses\":{\"%d\":{\"description\":\"", answer->status);
    if (answer->status >= 300) {
        buf_append_str(out, "It goes on elsewhere.\"");
    } else if (strcmp(answer->shape, "csv") == 0) {
        buf_append_str(out, "A row each.\",\"content\":{\"text/csv\":{\"schema\":{"
                            "\"type\":\"string\"}}}");
    } else if (strcmp(answer->shape, "text") == 0) {
        buf_append_str(out, "A line each.\",\"content\":{\"text/plain\":{\"schema\":{"
                            "\"type\":\"string\"}}}");
    } else {
        buf_append_str(out, "It is done.\",\"content\":{\"application/json\":{\"schema\":");
        if (type.is_list)
            write_list(row, &type, out);
        else
            write_type(&type, "", out);
        buf_append_str(out, "}}");
    }
    buf_append_str(out, "},\"default\":{\"$ref\":\"#/components/responses/error\"}}");
}

static void
write_list(const struct api_row *row, const struct shape_type *type, struct buf *out)
{
    const struct api_query *query;
    const char *next = "\"null\"";

    for (size_t n = 0; (query = api_query_at(row, n)) != NULL; n++) {
        if (strcmp(query->name, "cursor") == 0)
            next = strcmp(query->type, "?int") == 0 ? "[\"integer\",\"null\"]"
                                                    : "[\"string\",\"null\"]";
    }
    buf_append_str(out, "{\"type\":\"object\",\"required\":[\"data\",\"next\"],\"properties\":{"
                        "\"data\":");
    write_type(type, "", out);
    buf_printf(out, ",\"next\":{\"type\":%s,\"description\":\"cursor of the next page\"}}}", next);
}

static void
write_shapes(struct buf *out)
{
    const struct shape *shape;

    for (size_t n = 0; (shape = shape_at(n)) != NULL; n++) {
        buf_append_byte(out, ',');
        write_shape(shape, out);
    }
}

/* What is taken is all that is taken; what is answered may grow. */
static void
write_shape(const struct shape *shape, struct buf *out)
{
    const struct shape_field *field;
    const char *separator = "";

    write_text(shape->name, out);
    buf_append_str(out, ":{\"type\":\"object\",\"description\":");
    write_text(shape->summary, out);
    buf_append_str(out, ",\"properties\":{");
    for (size_t n = 0; (field = shape_field_at(n)) != NULL; n++) {
        if (strcmp(field->shape, shape->name) != 0)
            continue;
        struct shape_type type = shape_type_of(field->type);
        type.is_nullable = type.is_nullable || (type.is_optional && is_body(shape->name));
        buf_append_str(out, separator);
        write_text(field->name, out);
        buf_append_byte(out, ':');
        write_type(&type, field->summary, out);
        separator = ",";
    }
    buf_append_byte(out, '}');
    write_required(shape, out);
    buf_append_str(out, is_body(shape->name) ? ",\"additionalProperties\":false}" : "}");
}

static void
write_required(const struct shape *shape, struct buf *out)
{
    const struct shape_field *field;
    const char *separator = "";

    buf_append_str(out, ",\"required\":[");
    for (size_t n = 0; (field = shape_field_at(n)) != NULL; n++) {
        if (strcmp(field->shape, shape->name) != 0 || field->type[0] == '?')
            continue;
        buf_append_str(out, separator);
        write_text(field->name, out);
        separator = ",";
    }
    buf_append_byte(out, ']');
}

/* Of a call's body, or of a list in one. */
static bool
is_body(const char *shape)
{
    const struct api_row *row;
    const struct shape_field *field;

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        const char *body = api_body_of(row);

        if (body != NULL && strcmp(body, shape) == 0)
            return true;
        for (size_t i = 0; body != NULL && (field = shape_field_at(i)) != NULL; i++) {
            struct shape_type type = shape_type_of(field->type);

            if (strcmp(field->shape, body) == 0 && strcmp(type.base, shape) == 0)
                return true;
        }
    }
    return false;
}

static void
write_type(const struct shape_type *type, const char *summary, struct buf *out)
{
    buf_append_byte(out, '{');
    if (summary[0] != '\0') {
        buf_append_str(out, "\"description\":");
        write_text(summary, out);
        if (type->is_list || strcmp(type->base, "any") != 0)
            buf_append_byte(out, ',');
    }
    if (type->is_list) {
        buf_printf(out, "\"type\":%s,\"items\":{",
                   type->is_nullable ? "[\"array\",\"null\"]" : "\"array\"");
        struct shape_type item = *type;
        item.is_nullable = false;
        write_base(&item, out);
        buf_append_byte(out, '}');
    } else {
        write_base(type, out);
    }
    buf_append_byte(out, '}');
}

static void
write_base(const struct shape_type *type, struct buf *out)
{
    static const char *const names[][2] = {
        {"int", "integer"}, {"text", "string"}, {"bool", "boolean"}};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (strcmp(type->base, names[n][0]) != 0)
            continue;
        buf_printf(out, type->is_nullable ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"",
                   names[n][1]);
        if (n == 0)
            buf_append_str(out, ",\"format\":\"int64\"");
        return;
    }
    if (strcmp(type->base, "any") != 0)
        buf_printf(out,
                   type->is_nullable
                       ? "\"anyOf\":[{\"$ref\":\"#/components/schemas/%s\"},{\"type\":\"null\"}]"
                       : "\"$ref\":\"#/components/schemas/%s\"",
                   type->base);
}

static void
write_text(const char *text, struct buf *out)
{
    buf_append_byte(out, '"');
    json_escape(out, slice_str(text));
    buf_append_byte(out, '"');
}
