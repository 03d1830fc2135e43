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

/* The row of that place in the table; its path with something in the place of "{id}". */
static const struct endpoint *
row_at(size_t n, char *out, size_t size)
{
    static const struct {
        const char *path, *method;
    } rows[] = {
#define ENDPOINT(name, methods, path, protocol, operation, access, handler)                        \
    {path, ENDPOINT_##methods == ENDPOINT_POST ? "POST" : "GET"},
#include "relayos/model/endpoints.def"
#undef ENDPOINT
    };

    if (n == sizeof(rows) / sizeof(rows[0]))
        return NULL;
    const char *path = rows[n].path, *mark = strstr(path, "{id}");

    if (mark == NULL)
        snprintf(out, size, "%s", path);
    else
        snprintf(out, size, "%.*svendor/model-1", (int)(mark - path), path);
    const struct endpoint *row = find(rows[n].method, out, 0);

    cr_assert_str_eq(row->path, path);
    cr_assert_eq(endpoint_row(row), n);
    return row;
}

Test(endpoint, every_row_is_found_by_its_methods_and_refuses_the_others_with_allow)
{
    const struct endpoint *row;
    char path[128];

    for (size_t n = 0; (row = row_at(n, path, sizeof(path))) != NULL; n++) {
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

    for (size_t n = 0; (row = row_at(n, path, sizeof(path))) != NULL; n++) {
        if (strncmp(row->path, "/v1/", 4) != 0)
            continue;
        for (size_t p = 0; p < 3; p++) {
            snprintf(alias, sizeof(alias), "%s%s", prefixes[p], path + 3);
            cr_assert_eq(find((row->methods & ENDPOINT_POST) != 0 ? "POST" : "GET", alias, 0), row);
            snprintf(alias, sizeof(alias), "%s%s/", prefixes[p], path + 3);
            cr_assert_eq(find((row->methods & ENDPOINT_POST) != 0 ? "POST" : "GET", alias, 0), row);
        }
    }
}

/* Azure's resources: all of /v1 behind /openai, and chat's rows below each deployment. */
Test(endpoint, versioned_rows_answer_to_azures_paths)
{
    static const char *const prefixes[] = {"/openai", "/openai/v1"};
    static const char *const names[] = {"m", "gpt-4.1%2Dmini", "vendor/model", "chat",
                                        "x/chat/completions"};
    const struct endpoint *row, *found;
    char path[128], alias[160];
    struct slice rest;
    size_t n_deployed = 0;

    for (size_t n = 0; (row = row_at(n, path, sizeof(path))) != NULL; n++) {
        const char *method = (row->methods & ENDPOINT_POST) != 0 ? "POST" : "GET";
        bool is_deployed = row->protocol == PROTOCOL_OPENAI_CHAT;

        for (size_t p = 0; p < 2; p++) {
            snprintf(alias, sizeof(alias), "%s%s", prefixes[p], path + 3);
            if (strncmp(path, "/v1/", 4) == 0)
                cr_assert_eq(find(method, alias, 0), row, "%s", alias);
        }
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            snprintf(alias, sizeof(alias), "/openai/deployments/%s%s/", names[i], path + 3);
            int err = endpoint_find(slice_str(method), slice_str(alias), &found, &rest);

            n_deployed += is_deployed;
            cr_assert(is_deployed ? err == 0 && found == row && slice_eq_str(rest, names[i])
                                  : err == ERR_NOT_FOUND,
                      "%s", alias);
        }
    }
    cr_expect_geq(n_deployed, 15);
}

Test(endpoint, only_what_azure_has_is_behind_its_prefix)
{
    static const char *const paths[] = {"/openai",
                                        "/openai/",
                                        "/openai/healthz",
                                        "/openai/deployments",
                                        "/openai/deployments/",
                                        "/openai/deployments/m",
                                        "/openai/deployments/chat/completions",
                                        "/openai/deployments//chat/completions",
                                        "/openai/deployments/m/responses",
                                        "/openai/deployments/m/v1/chat/completionsx",
                                        "/openai/openai/chat/completions",
                                        "/v1/openai/chat/completions",
                                        "/openaix/v1/chat/completions"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct endpoint *row;
        struct slice rest;
        int err = endpoint_find(SLICE_LIT("POST"), slice_str(paths[i]), &row, &rest);

        /* "chat" is a deployment of the old completions. */
        if (strcmp(paths[i], "/openai/deployments/chat/completions") == 0)
            cr_expect(err == 0 && slice_eq_str(rest, "chat"));
        else
            cr_expect_eq(err, ERR_NOT_FOUND, "%s", paths[i]);
    }
    find("GET", "/openai/deployments/m/embeddings", ERR_METHOD_NOT_ALLOWED);
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
