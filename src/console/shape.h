/* SPDX-License-Identifier: ISC
 *
 * shape - the objects of shapes.def: what may stand in a body, what stands in an answer.
 */
#ifndef CONSOLE_SHAPE_H
#define CONSOLE_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "tree.h"

#define SHAPE_NAME_SIZE 32

struct shape {
    const char *name, *summary;
};

struct shape_field {
    const char *shape, *name, *type, *summary;
};

/* A type of shapes.def, read. */
struct shape_type {
    bool is_optional, is_list, is_nullable;
    char base[SHAPE_NAME_SIZE]; /* int, text, bool, any, or a shape's name */
};

enum shape_use { SHAPE_BODY, SHAPE_ANSWER };

enum shape_error { SHAPE_OK, SHAPE_UNKNOWN_FIELD, SHAPE_MISSING_FIELD, SHAPE_WRONG_TYPE };

struct shape_fault {
    enum shape_error error;
    const char *member, *field; /* of the object checked; inner: below it, the same if it is that */
    const char *wanted;         /* of a wrong type: "an integer" */
};

/* NULL past the end. */
const struct shape *shape_at(size_t n);
const struct shape_field *shape_field_at(size_t n);
struct shape_type shape_type_of(const char *text);
/* int, text, bool, any: what is no shape's name. */
bool shape_type_is_plain(const struct shape_type *type);

/* Is the object of that shape (NULL: of no members), all the way down? In a body null is as if it
 * were not there. The fault's strings are the table's or the object's. */
bool shape_check(const char *shape, const struct tree *object, enum shape_use use,
                 struct shape_fault *out);

#endif
