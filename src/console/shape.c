/* SPDX-License-Identifier: ISC */
#include "shape.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct shape shapes[] = {
#define SHAPE(shape, summary) {#shape, summary},
#include "shapes.def"
};
static const struct shape_field fields[] = {
#define FIELD(shape, name, type, summary) {#shape, #name, type, summary},
#include "shapes.def"
};

static const struct shape_field *find_field(const char *shape, const char *name);
static bool check_value(const struct shape_type *type, const struct tree *value, enum shape_use use,
                        struct shape_fault *out);
static bool check_one(const struct shape_type *type, const struct tree *value, enum shape_use use,
                      struct shape_fault *out);
static bool is_plain_value(const char *base, const struct tree *value, const char **wanted);
static bool fail(struct shape_fault *out, enum shape_error error, const char *field);

const struct shape *
shape_at(size_t n)
{
    return n < sizeof(shapes) / sizeof(shapes[0]) ? &shapes[n] : NULL;
}

const struct shape_field *
shape_field_at(size_t n)
{
    return n < sizeof(fields) / sizeof(fields[0]) ? &fields[n] : NULL;
}

struct shape_type
shape_type_of(const char *text)
{
    struct shape_type type = {.is_optional = text[0] == '?'};
    const char *end;

    text += type.is_optional;
    type.is_list = text[0] == '[';
    text += type.is_list;
    end = text + strcspn(text, "]|");
    type.is_nullable = strchr(end, '|') != NULL;
    assert((size_t)(end - text) < sizeof(type.base));
    memcpy(type.base, text, (size_t)(end - text));
    return type;
}

bool
shape_type_is_plain(const struct shape_type *type)
{
    static const char *const plain[] = {"int", "text", "bool", "any"};
    bool is_plain = false;

    for (size_t n = 0; n < sizeof(plain) / sizeof(plain[0]); n++)
        is_plain = is_plain || strcmp(type->base, plain[n]) == 0;
    return is_plain;
}

/* As deep as the table, which has no circles: whatever comes in. */
bool
shape_check(const char *shape, const struct tree *object, enum shape_use use,
            struct shape_fault *out)
{
    const struct shape_field *field;
    const struct tree *member;

    tree_each(member, object)
    {
        field = shape == NULL ? NULL : find_field(shape, member->name);
        if (field == NULL)
            return fail(out, SHAPE_UNKNOWN_FIELD, member->name);
        struct shape_type type = shape_type_of(field->type);
        if (tree_is(member, TREE_NULL) && use == SHAPE_BODY)
            continue;
        if (!check_value(&type, member, use, out)) {
            out->member = member->name;
            if (out->field == NULL)
                out->field = member->name;
            return false;
        }
    }
    for (size_t n = 0; shape != NULL && (field = shape_field_at(n)) != NULL; n++) {
        if (strcmp(field->shape, shape) != 0 || field->type[0] == '?')
            continue;
        member = tree_find(object, field->name);
        if (member == NULL || (use == SHAPE_BODY && tree_is(member, TREE_NULL)))
            return fail(out, SHAPE_MISSING_FIELD, field->name);
    }
    return true;
}

static const struct shape_field *
find_field(const char *shape, const char *name)
{
    const struct shape_field *field;

    for (size_t n = 0; (field = shape_field_at(n)) != NULL; n++) {
        if (strcmp(field->shape, shape) == 0 && strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

static bool
fail(struct shape_fault *out, enum shape_error error, const char *field)
{
    *out = (struct shape_fault){.error = error, .member = field, .field = field};
    return false;
}

static bool
check_value(const struct shape_type *type, const struct tree *value, enum shape_use use,
            struct shape_fault *out)
{
    const struct tree *item;

    if (type->is_nullable && tree_is(value, TREE_NULL))
        return true;
    if (!type->is_list)
        return check_one(type, value, use, out);
    if (!tree_is(value, TREE_ARRAY)) {
        fail(out, SHAPE_WRONG_TYPE, NULL);
        out->wanted = "a list";
        return false;
    }
    tree_each(item, value)
    {
        if (!check_one(type, item, use, out))
            return false;
    }
    return true;
}

/* What is wrong with the value itself has no field yet: who holds it knows its name. */
static bool
check_one(const struct shape_type *type, const struct tree *value, enum shape_use use,
          struct shape_fault *out)
{
    const char *wanted = "an object";
    bool is_plain = shape_type_is_plain(type);

    if (is_plain ? is_plain_value(type->base, value, &wanted) : tree_is(value, TREE_OBJECT))
        return is_plain || shape_check(type->base, value, use, out);
    fail(out, SHAPE_WRONG_TYPE, NULL);
    out->wanted = wanted;
    return false;
}

static bool
is_plain_value(const char *base, const struct tree *value, const char **wanted)
{
    int64_t n;

    if (strcmp(base, "int") == 0) {
        *wanted = "an integer";
        return tree_is_int(value, &n);
    }
    if (strcmp(base, "text") == 0) {
        *wanted = "a string";
        return tree_is(value, TREE_STRING);
    }
    if (strcmp(base, "bool") == 0) {
        *wanted = "true or false";
        return tree_is(value, TREE_TRUE) || tree_is(value, TREE_FALSE);
    }
    return true;
}
