/* SPDX-License-Identifier: ISC */
#include "import_yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/conf/conf_foreign.h"

#define MERGE "<<"

/* What is open, from the root down. */
struct builder {
    cJSON *open[CONF_FOREIGN_LEVELS];
    size_t n_open;
    cJSON *root;
};

static void add_scalar(void *data, const char *key, const char *text, bool is_plain);
static void begin(void *data, const char *key, bool is_map);
static void end(void *data);
static void add(struct builder *builder, const char *key, cJSON *value);
static cJSON *of_scalar(const char *text, bool is_plain);
static bool is_number(const char *text, double *out);
static void merge(cJSON *map, const cJSON *value);

int
import_yaml_parse(struct slice text, cJSON **out, struct errmsg *why)
{
    static const struct conf_foreign_visitor visitor = {add_scalar, begin, end};
    struct builder builder = {.n_open = 0};
    int rc = conf_foreign_read(text, &visitor, &builder, why);

    if (rc != 0)
        cJSON_Delete(builder.root);
    else
        *out = builder.root == NULL ? cJSON_CreateObject() : builder.root;
    return rc;
}

static void
add_scalar(void *data, const char *key, const char *text, bool is_plain)
{
    add(data, key, of_scalar(text, is_plain));
}

static void
begin(void *data, const char *key, bool is_map)
{
    struct builder *builder = data;
    cJSON *value = is_map ? cJSON_CreateObject() : cJSON_CreateArray();

    assert(builder->n_open < CONF_FOREIGN_LEVELS);
    add(builder, key, value);
    builder->open[builder->n_open++] = value;
}

/* A map is merged when all its own members are known: they win. */
static void
end(void *data)
{
    struct builder *builder = data;
    cJSON *value = builder->open[--builder->n_open];
    cJSON *merged = cJSON_DetachItemFromObjectCaseSensitive(value, MERGE);

    merge(value, merged);
    cJSON_Delete(merged);
}

static void
add(struct builder *builder, const char *key, cJSON *value)
{
    cJSON *parent = builder->n_open == 0 ? NULL : builder->open[builder->n_open - 1];

    if (parent == NULL) {
        builder->root = value;
    } else if (key == NULL) {
        cJSON_AddItemToArray(parent, value);
    } else {
        cJSON_DeleteItemFromObjectCaseSensitive(parent, key); /* given twice: the last counts */
        cJSON_AddItemToObject(parent, key, value);
    }
}

static cJSON *
of_scalar(const char *text, bool is_plain)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const words[][2] = {
        {"true", "false"}, {"True", "False"}, {"TRUE", "FALSE"}, {"yes", "no"}, {"on", "off"}};
    double number;

    if (!is_plain)
        return cJSON_CreateString(text);
    for (size_t n = 0; n < sizeof(nulls) / sizeof(nulls[0]); n++) {
        if (strcmp(text, nulls[n]) == 0)
            return cJSON_CreateNull();
    }
    for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
        if (strcmp(text, words[n][0]) == 0 || strcmp(text, words[n][1]) == 0)
            return cJSON_CreateBool(strcmp(text, words[n][0]) == 0);
    }
    return is_number(text, &number) ? cJSON_CreateNumber(number) : cJSON_CreateString(text);
}

static bool
is_number(const char *text, double *out)
{
    char *rest;

    if (text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    *out = strtod(text, &rest);
    return *rest == '\0' && rest != text;
}

/* Members that the map has not, of a map or of a list of maps. */
static void
merge(cJSON *map, const cJSON *value)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, value)
    {
        if (cJSON_IsArray(value))
            merge(map, member);
        else if (cJSON_IsObject(value) && !cJSON_HasObjectItem(map, member->string))
            cJSON_AddItemToObject(map, member->string, cJSON_Duplicate(member, true));
    }
}
