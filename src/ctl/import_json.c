/* SPDX-License-Identifier: ISC */
#include "import_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static cJSON *split(const char *text);

const cJSON *
import_json_get(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNull(member) ? NULL : member;
}

const char *
import_json_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(import_json_get(object, name));

    return text == NULL ? "" : text;
}

bool
import_json_number(const cJSON *object, const char *name, double *out)
{
    const cJSON *member = import_json_get(object, name);
    const char *text = cJSON_GetStringValue(member);
    char *end = NULL;

    if (cJSON_IsNumber(member)) {
        *out = member->valuedouble;
        return isfinite(*out);
    }
    if (text == NULL || *text == '\0')
        return false;
    double number = strtod(text, &end);
    if (*end != '\0' || !isfinite(number))
        return false;
    *out = number;
    return true;
}

int64_t
import_json_count(const cJSON *object, const char *name, int64_t most)
{
    double number = 0;

    if (!import_json_number(object, name, &number) || number < 0)
        return 0;
    return number > (double)most ? most : (int64_t)number;
}

bool
import_json_bool(const cJSON *object, const char *name)
{
    const cJSON *member = import_json_get(object, name);
    const char *text = cJSON_GetStringValue(member);

    return cJSON_IsTrue(member) || (cJSON_IsNumber(member) && member->valuedouble != 0) ||
           (text != NULL && (strcmp(text, "t") == 0 || strcmp(text, "true") == 0 ||
                             strcmp(text, "True") == 0 || strcmp(text, "1") == 0));
}

cJSON *
import_json_list(const cJSON *object, const char *name)
{
    const cJSON *member = import_json_get(object, name), *item;
    const char *text = cJSON_GetStringValue(member);
    cJSON *list = text != NULL && *text == '[' ? cJSON_Parse(text) : NULL;

    if (list != NULL)
        return list;
    if (text != NULL)
        return split(text);
    list = cJSON_CreateArray();
    cJSON_ArrayForEach(item, (cJSON_IsArray(member) ? member : NULL))
    {
        if (cJSON_IsString(item))
            cJSON_AddItemToArray(list, cJSON_CreateString(item->valuestring));
    }
    return list;
}

/* {a,"b c"} of PostgreSQL, or a, b. */
static cJSON *
split(const char *text)
{
    cJSON *list = cJSON_CreateArray();
    const char *stops = *text == '{' ? ",}" : ",\n";

    text += *text == '{';
    while (*text != '\0') {
        bool is_quoted;

        text += strspn(text, " \r\n");
        is_quoted = *text == '"';
        text += is_quoted;
        size_t len = strcspn(text, is_quoted ? "\"" : stops);
        size_t own_len = len;
        while (!is_quoted && own_len > 0 && strchr(" \r\n", text[own_len - 1]) != NULL)
            own_len--;
        char *item = strndup(text, own_len);
        if (own_len > 0)
            cJSON_AddItemToArray(list, cJSON_CreateString(item));
        free(item);
        text += len;
        text += is_quoted && *text == '"';
        text += strspn(text, ",}\n ");
    }
    return list;
}

cJSON *
import_json_object(const cJSON *object, const char *name)
{
    const cJSON *member = import_json_get(object, name);
    const char *text = cJSON_GetStringValue(member);

    if (text != NULL)
        return cJSON_Parse(text);
    return cJSON_IsObject(member) ? cJSON_Duplicate(member, true) : NULL;
}
