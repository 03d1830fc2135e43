/* SPDX-License-Identifier: ISC */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/codec/json_scan.h"

#define MAX_DEPTH 32

static struct tree *build(struct slice value, enum json_type type, int depth);
static bool fill(struct tree *tree, struct slice value, int depth);
static bool fill_object(struct tree *tree, struct slice value, int depth);
static bool fill_array(struct tree *tree, struct slice value, int depth);
static struct tree **add(struct tree **end, struct slice value, enum json_type type, int depth);
static char *copy(struct slice text);
static char *decode(struct slice value);

struct tree *
tree_parse(struct slice text)
{
    enum json_type type;
    struct json_error error;

    text = slice_trim(text);
    return json_scan_value(text, &type, &error) == 0 ? build(text, type, 0) : NULL;
}

static struct tree *
build(struct slice value, enum json_type type, int depth)
{
    static const enum tree_type types[] = {
        [JSON_NULL] = TREE_NULL,     [JSON_FALSE] = TREE_FALSE,   [JSON_TRUE] = TREE_TRUE,
        [JSON_NUMBER] = TREE_NUMBER, [JSON_STRING] = TREE_STRING, [JSON_ARRAY] = TREE_ARRAY,
        [JSON_OBJECT] = TREE_OBJECT,
    };
    struct tree *tree = mem_zalloc(sizeof(*tree));

    tree->type = types[type];
    if (!fill(tree, value, depth))
        tree_free(&tree);
    return tree;
}

static bool
fill(struct tree *tree, struct slice value, int depth)
{
    switch (tree->type) {
    case TREE_STRING:
        return (tree->text = decode(value)) != NULL;
    case TREE_NUMBER:
        tree->text = copy(value);
        return true;
    case TREE_ARRAY:
        return depth < MAX_DEPTH && fill_array(tree, value, depth + 1);
    case TREE_OBJECT:
        return depth < MAX_DEPTH && fill_object(tree, value, depth + 1);
    case TREE_NULL:
    case TREE_FALSE:
    case TREE_TRUE:
        break;
    }
    return true;
}

static bool
fill_object(struct tree *tree, struct slice value, int depth)
{
    struct json_object *object = mem_alloc(sizeof(*object));
    struct tree **end = &tree->child;
    struct json_error error;
    bool is_ok = json_scan_object(value, object, &error) == 0;

    for (size_t n = 0; is_ok && n < object->n_members; n++) {
        const struct json_member *member = &object->members[n];
        struct tree *last;

        end = add(end, member->value, member->type, depth);
        is_ok = end != NULL;
        if (!is_ok)
            break;
        last = (struct tree *)((char *)end - offsetof(struct tree, next));
        last->name = decode(slice_of(member->key.ptr - 1, member->key.len + 2)); /* with quotes */
        is_ok = last->name != NULL;
    }
    free(object);
    return is_ok;
}

static bool
fill_array(struct tree *tree, struct slice value, int depth)
{
    struct tree **end = &tree->child;
    enum json_type type;
    struct slice item;
    size_t cursor = 0;

    while (end != NULL && json_array_next(value, &cursor, &item, &type))
        end = add(end, item, type, depth);
    return end != NULL;
}

/* The place for the one after it; NULL: it cannot be held. */
static struct tree **
add(struct tree **end, struct slice value, enum json_type type, int depth)
{
    *end = build(value, type, depth);
    return *end == NULL ? NULL : &(*end)->next;
}

static char *
copy(struct slice text)
{
    char *out = mem_zalloc(text.len + 1);

    memcpy(out, text.ptr, text.len);
    return out;
}

static char *
decode(struct slice value)
{
    size_t size = value.len + 1;
    char *room = mem_zalloc(size);
    struct slice text;

    if (json_string_view(value, room, size, &text) != 0 ||
        (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)) {
        secret_wipe(room, size);
        free(room);
        return NULL;
    }
    memmove(room, text.ptr, text.len); /* a view of the value, where nothing was escaped */
    room[text.len] = '\0';
    return room;
}

void
tree_free(struct tree **tree)
{
    struct tree *next;

    for (struct tree *one = *tree; one != NULL; one = next) {
        next = one->next;
        tree_free(&one->child);
        if (one->text != NULL)
            secret_wipe(one->text, strlen(one->text));
        free(one->text);
        free(one->name);
        free(one);
    }
    *tree = NULL;
}

const struct tree *
tree_find(const struct tree *object, const char *name)
{
    const struct tree *member;

    if (!tree_is(object, TREE_OBJECT))
        return NULL;
    tree_each(member, object)
    {
        if (strcmp(member->name, name) == 0)
            return member;
    }
    return NULL;
}

bool
tree_is_int(const struct tree *tree, int64_t *out)
{
    return tree_is(tree, TREE_NUMBER) && json_int(slice_str(tree->text), out) == 0;
}

const char *
tree_text(const struct tree *object, const char *name)
{
    const struct tree *member = tree_find(object, name);

    return tree_is(member, TREE_STRING) ? member->text : "";
}
