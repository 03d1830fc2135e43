/* SPDX-License-Identifier: ISC
 *
 * relayos-api(7) has each call of the console's API, and no other.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

Test(manual, lists_each_call_and_no_other)
{
    static char page[262144];
    const struct api_row *row;
    FILE *file = fopen("man/relayos-api.7", "r");
    char item[256];
    size_t n = 0, n_items = 0;

    cr_assert_not_null(file, "tests run in the root of the source");
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    fclose(file);
    char *section = strstr(page, "\n.Sh THE CONSOLE'S API\n");
    cr_assert_not_null(section);
    char *end = strstr(section + 1, "\n.Sh ");
    cr_assert_not_null(end);
    *end = '\0';
    for (; (row = api_row_at(n)) != NULL; n++) {
        snprintf(item, sizeof(item), "\n.It Li %s %s\n", row->method, row->path);
        cr_expect_not_null(strstr(section, item), "not in the manual: %s %s", row->method,
                           row->path);
    }
    for (const char *at = section; (at = strstr(at, "\n.It Li ")) != NULL; at++)
        n_items++;
    cr_expect_eq(n_items, n, "%zu calls in the manual, %zu in api.def", n_items, n);
}
