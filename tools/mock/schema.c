/* SPDX-License-Identifier: ISC
 *
 * schema - see schema.h.
 */
#include "schema.h"

#include <string.h>

static void schema_value(const cJSON *schema, long n, struct text *out);

void
schema_object(const cJSON *schema, long n, struct text *out)
{
    const cJSON *property;
    const char *comma = "";

    text_str(out, "{");
    cJSON_ArrayForEach(property, cJSON_GetObjectItem(schema, "properties"))
    {
        text_str(out, comma);
        text_json(out, property->string, strlen(property->string));
        text_str(out, ":");
        schema_value(property, n, out);
        comma = ",";
    }
    text_str(out, "}");
}

/* As deep as the schema, which the parser bounds. */
static void
schema_value(const cJSON *schema, long n, struct text *out)
{
    const cJSON *type = cJSON_GetObjectItem(schema, "type");
    const char *word = cJSON_IsString(type) ? type->valuestring : "";
    const cJSON *first = cJSON_GetArrayItem(cJSON_GetObjectItem(schema, "enum"), 0);

    if (cJSON_IsString(first)) {
        text_json(out, first->valuestring, strlen(first->valuestring));
    } else if (strcmp(word, "string") == 0) {
        text_fmt(out, "\"value %ld\"", n);
    } else if (strcmp(word, "boolean") == 0) {
        text_str(out, "true");
    } else if (strcmp(word, "object") == 0) {
        schema_object(schema, n, out);
    } else if (strcmp(word, "array") == 0) {
        text_str(out, "[");
        schema_value(cJSON_GetObjectItem(schema, "items"), n, out);
        text_str(out, "]");
    } else {
        text_fmt(out, "%ld", n);
    }
}

const cJSON *
schema_of_answer(const cJSON *request)
{
    static const char *const paths[][3] = {
        {"response_format", "json_schema", "schema"},
        {"text", "format", "schema"},
        {"output_config", "format", "schema"},
        {"generationConfig", "responseJsonSchema", NULL},
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        const cJSON *node = request;

        for (size_t k = 0; k < 3 && paths[i][k] != NULL; k++)
            node = cJSON_GetObjectItem(node, paths[i][k]);
        if (cJSON_IsObject(node))
            return node;
    }
    return NULL;
}
