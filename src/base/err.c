/* SPDX-License-Identifier: ISC
 *
 * err - see the header; the rows are in err_table.def.
 */
#include "relayos/base/err.h"

#include <assert.h>
#include <string.h>

static const struct err_info rows[ERR_N_CATEGORIES] = {
    [ERR_CATEGORY_NONE] = {.name = "none"},
#define CATEGORY(name, NAME, ...) [ERR_CATEGORY_##NAME] = {#name, __VA_ARGS__},
#include "relayos/base/err_table.def"
#undef CATEGORY
};

static_assert(ERR_N_CATEGORIES < 200, "categories must not run into the internal codes");

const struct err_info *
err_info(enum err_category category)
{
    assert(category > ERR_CATEGORY_NONE && category < ERR_N_CATEGORIES);

    return &rows[category];
}

const char *
err_category_name(enum err_category category)
{
    assert(category < ERR_N_CATEGORIES);

    return rows[category].name;
}

enum err_category
err_category_find(const char *name)
{
    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return (enum err_category)i;
    }
    return ERR_CATEGORY_NONE;
}

enum err_category
err_category_of(int err)
{
    assert(err < 0);

    return err > -ERR_N_CATEGORIES ? (enum err_category) - err : ERR_CATEGORY_INTERNAL;
}
