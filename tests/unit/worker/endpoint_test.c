#include <criterion/criterion.h>

#include <stdio.h>

#include "endpoint.h"

static const char *const methods[] = {"GET",    "HEAD",    "POST", "PUT", "PATCH",
                                      "DELETE", "OPTIONS", "get",  ""};

static const struct endpoint *
find(const char *method, const char *path, int expected_err)
{
    const struct endpoint *row = NULL;
    struct slice rest;

    cr_assert_eq(endpoint_find(slice_str(method), slice_str(path), &row, &rest), expected_err,
                 "%s %s", method, path);
    return row;
}

/* The row's path with something in the place of "{id}". */
static void
example(const struct endpoint *row, char *out, size_t size)
{
    const char *mark = strstr(row->path, "{id}");

    if (mark == NULL)
        snprintf(out, size, "%s", row->path);
    else
        snprintf(out, size, "%.*svendor/model-1", (int)(mark - row->path), row->path);
}

Test(endpoint, every_row_is_found_by_its_methods_and_refuses_the_others_with_allow)
{
    const struct endpoint *row;
    char path[128];

    for (size_t n = 0; (row = endpoint_at(n)) != NULL; n++) {
        example(row, path, sizeof(path));
        cr_assert_eq(endpoint_row(row), n);
        for (size_t m = 0; m < sizeof(methods) / sizeof(methods[0]); m++) {
            bool is_allowed = false;
            char allow[32];

            snprintf(allow, sizeof(allow), ", %s,", endpoint_allow(row));
            if (methods[m][0] != '\0') {
                char word[16];
                snprintf(word, sizeof(word), ", %s,", methods[m]);
                is_allowed = strstr(allow, word) != NULL;
            }
            cr_assert_eq(find(methods[m], path, is_allowed ? 0 : ERR_METHOD_NOT_ALLOWED), row);
        }
    }
}

Test(endpoint, versioned_rows_answer_to_all_their_aliases)
{
    static const char *const prefixes[] = {"", "/v1", "/v1/v1"};
    const struct endpoint *row;
    char path[128], alias[160];

    for (size_t n = 0; (row = endpoint_at(n)) != NULL; n++) {
        if (strncmp(row->path, "/v1/", 4) != 0)
            continue;
        example(row, path, sizeof(path));
        for (size_t p = 0; p < 3; p++) {
            snprintf(alias, sizeof(alias), "%s%s", prefixes[p], path + 3);
            cr_assert_eq(find((row->methods & ENDPOINT_POST) != 0 ? "POST" : "GET", alias, 0), row);
            snprintf(alias, sizeof(alias), "%s%s/", prefixes[p], path + 3);
            cr_assert_eq(find((row->methods & ENDPOINT_POST) != 0 ? "POST" : "GET", alias, 0), row);
        }
    }
}

Test(endpoint, unversioned_rows_have_no_aliases)
{
    find("GET", "/v1/healthz", ERR_NOT_FOUND);
    find("GET", "/v1/", ERR_NOT_FOUND);
    find("GET", "/v1", ERR_NOT_FOUND);
    find("GET", "//", 0); /* the trailing slash of "/" */
}

Test(endpoint, what_is_not_in_the_table_is_not_found)
{
    static const char *const paths[] = {"/v1/chat",
                                        "/v1/chat/completionsx",
                                        "/v1/chat/completions/x",
                                        "/V1/chat/completions",
                                        "/v1/v1/v1/chat/completions",
                                        "/v1/../v1/models",
                                        "/v1/messages/batches",
                                        "/v2/models",
                                        "/modelsx",
                                        "/admin",
                                        ""};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        find("POST", paths[i], ERR_NOT_FOUND);
}

Test(endpoint, an_id_takes_the_rest_of_the_path_with_its_slashes)
{
    const struct endpoint *row;
    struct slice rest;

    cr_assert_eq(endpoint_find(SLICE_LIT("GET"), SLICE_LIT("/v1/models/a/b%2Fc"), &row, &rest), 0);
    cr_assert(slice_eq_str(rest, "a/b%2Fc"));
    cr_assert_eq(endpoint_find(SLICE_LIT("GET"), SLICE_LIT("/models/x/"), &row, &rest), 0);
    cr_assert(slice_eq_str(rest, "x"));
    cr_assert_eq(endpoint_find(SLICE_LIT("GET"), SLICE_LIT("/v1/models/"), &row, &rest), 0);
    cr_assert_eq(rest.len, 0);
    cr_assert_str_eq(row->name, "models");
}
