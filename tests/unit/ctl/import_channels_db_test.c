/* SPDX-License-Identifier: ISC
 *
 * The databases of new-api and one-api in tests/import.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "import_channels_db.h"
#include "import_write.h"
#include "source_file.h"

#define NOW_US INT64_C(1795000000000000) /* November 2026 */

static void
make_database(const char *sql_path, char path[64])
{
    struct buf sql;
    sqlite3 *db;

    snprintf(path, 64, "/tmp/import-XXXXXX");
    close(mkstemp(path));
    source_file_read(sql_path, &sql);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql.ptr, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    buf_fini(&sql);
}

static void
read_database(const char *sql_path, bool is_one_api, struct import_plan *plan)
{
    struct errmsg why;
    char path[64];

    make_database(sql_path, path);
    cr_assert_eq(chmod(path, 0400), 0);
    import_plan_init(plan, is_one_api ? "one-api" : "new-api");
    cr_assert_eq(import_channels_db_read(path, is_one_api, NULL, NOW_US, plan, &why), 0, "%s",
                 why.text);
    import_plan_finish(plan);
    unlink(path);
}

static bool
has_note(const struct import_plan *plan, const char *part)
{
    for (size_t n = 0; n < plan->n_notes; n++) {
        if (strstr(plan->notes[n], part) != NULL)
            return true;
    }
    return false;
}

Test(import_channels_db, channels_become_upstreams_and_routes)
{
    struct import_plan plan;

    read_database("tests/import/new_api.sql", false, &plan);
    const struct import_model *model = import_plan_find_model(&plan, "gpt-4o");
    cr_assert_eq(model->n_routes, 2);
    cr_assert_eq(model->routes[0].order, 0, "the higher priority first");
    cr_assert_eq(model->routes[0].weight, 10);
    cr_assert_eq(model->routes[1].order, 1);
    cr_assert_str_eq(model->routes[1].model, "gpt-4o-eu", "as model_mapping has it");
    const struct import_upstream *upstream = &plan.upstreams[model->routes[0].upstream];
    cr_assert_str_eq(upstream->name, "OpenAI-main");
    cr_assert_eq(upstream->n_credentials, 2, "a key a line");
    cr_assert_str_eq(upstream->credentials[1].secret, "sk-openai-secret-two");
    cr_assert(import_plan_find_model(&plan, "claude-sonnet-4")->routes[0].is_disabled);
    cr_assert(has_note(&plan, "channel 4 (AWS)"));
    cr_assert(has_note(&plan, "param_override"));
    import_plan_fini(&plan);
}

Test(import_channels_db, ratios_become_prices)
{
    struct import_plan plan;

    read_database("tests/import/new_api.sql", false, &plan);
    const struct import_price *price = &import_plan_find_model(&plan, "gpt-4o")->price;
    cr_assert_eq(price->input, INT64_C(2500000000));
    cr_assert_eq(price->output, INT64_C(10000000000));
    cr_assert_eq(price->cache_read, INT64_C(1250000000));
    price = &import_plan_find_model(&plan, "flat")->price;
    cr_assert_eq(price->input, 0);
    cr_assert_eq(price->request, INT64_C(10000000));
    cr_assert(has_note(&plan, "group vip paid 0.8"));
    import_plan_fini(&plan);
}

Test(import_channels_db, a_ratio_without_a_completion_ratio_is_no_price)
{
    struct import_plan plan;

    read_database("tests/import/one_api.sql", true, &plan);
    cr_assert(import_plan_find_model(&plan, "deepseek-chat")->routes[0].is_disabled);
    cr_assert_not(import_plan_find_model(&plan, "gpt-4o")->routes[0].is_disabled);
    import_plan_fini(&plan);
}

Test(import_channels_db, tokens_become_keys_with_what_is_left_to_them)
{
    struct import_plan plan;

    read_database("tests/import/new_api.sql", false, &plan);
    cr_assert_eq(plan.n_keys, 3, "one is used up, one was deleted");
    const struct import_key *free_one = &plan.keys[0], *limited = &plan.keys[1];
    cr_assert_str_eq(free_one->owner, "root");
    cr_assert_eq(free_one->n_quotas, 0);
    cr_assert_str_eq(free_one->last4, "wxyz");
    cr_assert_str_eq(limited->name, "laptop-2");
    cr_assert_eq(limited->quotas[0].amount_nusd, INT64_C(5000000000));
    cr_assert_str_eq(limited->quotas[0].period, "total");
    cr_assert_eq(limited->expires_us, INT64_C(1893456000000000));
    cr_assert_eq(limited->n_networks, 2);
    cr_assert_str_eq(limited->networks[1], "192.0.2.7");
    cr_assert(plan.keys[2].is_disabled, "its user is");
    cr_assert_str_eq(plan.keys[2].name, "key-7", "a number alone would name an id");
    import_plan_fini(&plan);
}

Test(import_channels_db, a_token_gets_no_model_that_its_group_has_not)
{
    struct import_plan plan;

    read_database("tests/import/new_api.sql", false, &plan);
    cr_assert_eq(plan.keys[0].n_models, 3, "vip has three of the four");
    cr_assert_eq(plan.keys[1].n_models, 1);
    cr_assert_str_eq(plan.keys[1].models[0], "gpt-4o");
    cr_assert_not_null(strstr(plan.keys[1].notes, "no claude-sonnet-4"));
    import_plan_fini(&plan);
}

Test(import_channels_db, a_network_that_cannot_be_kept_disables_the_key)
{
    struct import_plan plan;

    read_database("tests/import/one_api.sql", true, &plan);
    cr_assert_str_eq(plan.upstreams[0].api_version, "2024-06-01", "of its config");
    cr_assert_eq(plan.keys[0].n_networks, 1);
    cr_assert(plan.keys[0].is_disabled);
    import_plan_fini(&plan);
}

Test(import_channels_db, no_secret_is_in_what_is_shown)
{
    static const char *const secrets[] = {"sk-openai-secret", "azure-secret", "sk-ant-secret",
                                          "ak|sk", "AAAAbbbb"};
    struct import_plan plan;
    struct buf text;

    read_database("tests/import/new_api.sql", false, &plan);
    buf_init(&text, 1 << 20);
    import_write_yaml(&plan, NULL, &text);
    import_write_keys(&plan, &text);
    for (size_t n = 0; n < sizeof(secrets) / sizeof(secrets[0]); n++)
        cr_expect_null(memmem(text.ptr, text.len, secrets[n], strlen(secrets[n])), "%s",
                       secrets[n]);
    buf_fini(&text);
    import_plan_fini(&plan);
}

Test(import_channels_db, the_one_is_not_taken_for_the_other)
{
    struct import_plan plan;
    struct errmsg why;
    char path[64];

    make_database("tests/import/new_api.sql", path);
    import_plan_init(&plan, "one-api");
    cr_assert_eq(import_channels_db_read(path, true, NULL, NOW_US, &plan, &why), ERR_SYNTAX);
    cr_assert_not_null(strstr(why.text, "it is the database of new-api"), "%s", why.text);
    import_plan_fini(&plan);
    unlink(path);
    import_plan_init(&plan, "new-api");
    cr_assert_eq(import_channels_db_read("/nonexistent/x.db", false, NULL, NOW_US, &plan, &why),
                 ERR_IO);
    import_plan_fini(&plan);
}
