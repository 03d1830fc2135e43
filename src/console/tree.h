/* SPDX-License-Identifier: ISC
 *
 * tree - a JSON text as a tree, read by the strict scanner: its numbers stay the text that they
 * are, so that no integer is rounded. A text whose strings hold U+0000 is none.
 */
#ifndef CONSOLE_TREE_H
#define CONSOLE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

enum tree_type {
    TREE_NULL,
    TREE_FALSE,
    TREE_TRUE,
    TREE_NUMBER,
    TREE_STRING,
    TREE_ARRAY,
    TREE_OBJECT
};

struct tree {
    struct tree *next;  /* beside it, in order */
    struct tree *child; /* of an array, of an object */
    enum tree_type type;
    char *name; /* of a member; else NULL */
    char *text; /* of a string; of a number as it is written; else NULL */
};

/* NULL: it is no JSON, or deeper than anything that is sent to us. */
struct tree *tree_parse(struct slice text);
/* Wiped: it may hold a password. */
void tree_free(struct tree **tree);

/* Of NULL and of what is no object or array there is nothing. */
const struct tree *tree_find(const struct tree *object, const char *name);
#define tree_each(one, tree)                                                                       \
    for ((one) = (tree) == NULL ? NULL : (tree)->child; (one) != NULL; (one) = (one)->next)

/* NULL is of no type. */
static inline bool
tree_is(const struct tree *tree, enum tree_type type)
{
    return tree != NULL && tree->type == type;
}

/* An integer, written as one, of 64 bits. */
bool tree_is_int(const struct tree *tree, int64_t *out);
/* The member, "" if there is none or it is no string. */
const char *tree_text(const struct tree *object, const char *name);

#endif
