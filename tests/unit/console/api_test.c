/* SPDX-License-Identifier: ISC
 *
 * The table of the API: each row is found by its own path, and nothing else finds one.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "api.h"

/* "/keys/{id}/audit" with 42 in the place of each {id}. */
static void
fill_in(const char *pattern, char *out, size_t size)
{
    size_t len = 0;

    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '{') {
            len += (size_t)snprintf(out + len, size - len, "42");
            pattern = strchr(pattern, '}');
            continue;
        }
        out[len++] = *pattern;
        cr_assert_lt(len, size);
    }
    out[len] = '\0';
}

Test(api, each_row_is_found_by_its_method_and_path_and_by_no_other)
{
    const struct api_row *row;

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        struct slice ids[API_MAX_IDS];
        char path[256], longer[260];
        bool has_path;

        fill_in(row->path, path, sizeof(path));
        cr_assert_eq(api_find(slice_str(row->method), slice_str(path), ids, &has_path), row,
                     "%s %s is hidden by a row before it", row->method, row->path);
        cr_assert_null(api_find(SLICE_LIT("BREW"), slice_str(path), ids, &has_path));
        cr_assert(has_path);
        snprintf(longer, sizeof(longer), "%s/", path);
        cr_assert_null(api_find(slice_str(row->method), slice_str(longer), ids, &has_path));
    }
}

/* Whoever adds a row says whom it is for; what is for nobody is listed here, on purpose. */
Test(api, only_the_doors_are_open)
{
    static const char *const doors[] = {"GET /session", "POST /session", "POST /setup",
                                        "GET /oidc/start", "GET /oidc/callback"};
    const struct api_row *row;

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        bool is_door = false;
        char name[128];

        snprintf(name, sizeof(name), "%s %s", row->method, row->path);
        for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++)
            is_door = is_door || strcmp(name, doors[i]) == 0;
        cr_assert_eq(row->role == USER_NOBODY, is_door, "%s", name);
        cr_assert_gt(strlen(row->summary), 0);
    }
}
