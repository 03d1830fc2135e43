/* SPDX-License-Identifier: ISC
 *
 * relayos-api(7) has each call of the console's API, and no other, and what its errors are called.
 */
#include <criterion/criterion.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

#define FILE_MAX 262144

/* The file, to be freed. */
static char *
read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, FILE_MAX);

    cr_assert_not_null(file, "%s: tests run in the root of the source", path);
    cr_assert_lt(fread(text, 1, FILE_MAX, file), (size_t)FILE_MAX);
    fclose(file);
    return text;
}

/* Of the manual; free *page. */
static char *
read_section(char **page)
{
    *page = read_file("man/relayos-api.7");
    char *section = strstr(*page, "\n.Sh THE CONSOLE'S API\n");
    cr_assert_not_null(section);
    char *end = strstr(section + 1, "\n.Sh ");
    cr_assert_not_null(end);
    *end = '\0';
    return section;
}

Test(manual, lists_each_call_and_no_other)
{
    const struct api_row *row;
    char item[256], *page, *section = read_section(&page);
    size_t n = 0, n_items = 0;

    for (; (row = api_row_at(n)) != NULL; n++) {
        snprintf(item, sizeof(item), "\n.It Li %s %s\n", row->method, row->path);
        cr_expect_not_null(strstr(section, item), "not in the manual: %s %s", row->method,
                           row->path);
    }
    for (const char *at = section; (at = strstr(at, "\n.It Li ")) != NULL; at++)
        n_items++;
    cr_expect_eq(n_items, n, "%zu calls in the manual, %zu in api.def", n_items, n);
    free(page);
}

/* answer_problem(call, 404, "not_found", ...), over however many lines it stands. */
Test(manual, lists_the_codes_of_errors)
{
    char *page, *section = read_section(&page);
    size_t n_codes = 0;
    glob_t files;

    cr_assert_eq(glob("src/console/*.c", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *text = read_file(files.gl_pathv[i]);

        for (const char *at = text; (at = strstr(at, "answer_problem(")) != NULL; at++) {
            char code[64];
            int status;

            if (sscanf(at, "answer_problem(%*[^,], %d, \"%63[a-z_]\"", &status, code) != 2)
                continue;
            cr_expect_not_null(strstr(section, code), "%s of %s", code, files.gl_pathv[i]);
            n_codes++;
        }
        free(text);
    }
    cr_expect_gt(n_codes, 30);
    globfree(&files);
    free(page);
}
