/* SPDX-License-Identifier: ISC
 *
 * relayosctl import against a running gateway: what it writes, that relayosd takes it, that the new
 * keys work, and that nothing is ever overwritten.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define OUT_SIZE 65536

/* gpt-4.1-mini and flat are models of the gateway. */
static const char config[] =
    "model_list:\n"
    "  - model_name: gpt-4.1-mini\n"
    "    litellm_params: {model: openai/gpt-4.1-mini, api_key: sk-provider-canary-0001,\n"
    "      input_cost_per_token: 2.0e-06, output_cost_per_token: 8.0e-06}\n"
    "  - model_name: flat\n"
    "    litellm_params: {model: anthropic/flat, api_key: sk-provider-canary-0002,\n"
    "      input_cost_per_token: 0, output_cost_per_token: 0}\n";
static const char keys[] =
    "[{\"token\": \"h1\", \"key_name\": \"sk-...aaaa\", \"key_alias\": \"ci, nightly\","
    "\"models\": [\"gpt-4.1-mini\"], \"user_id\": \"alice\", \"spend\": 0, \"max_budget\": 5,"
    "\"budget_duration\": \"30d\", \"rpm_limit\": 1000, \"tpm_limit\": null, \"expires\": null,"
    "\"blocked\": null},"
    "{\"token\": \"h2\", \"key_name\": \"sk-...bbbb\", \"key_alias\": \"stopped\", \"models\": [],"
    "\"spend\": 0, \"max_budget\": null, \"rpm_limit\": null, \"tpm_limit\": null,"
    "\"expires\": null, \"blocked\": true}]";

static void
write_file(const struct gateway *gateway, const char *name, const char *text, char path[256])
{
    snprintf(path, 256, "%s/%s", gateway->dir, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void
read_file(const char *path, char out[OUT_SIZE])
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    out[fread(out, 1, OUT_SIZE - 1, file)] = '\0';
    fclose(file);
}

static int __attribute__((format(printf, 3, 4)))
ctl(const struct gateway *gateway, char out[OUT_SIZE], const char *format, ...)
{
    char words[2048] = "import ";
    va_list list;

    va_start(list, format);
    vsnprintf(words + 7, sizeof(words) - 7, format, list);
    va_end(list);
    return gateway_ctl_raw(gateway, words, out, OUT_SIZE);
}

static mode_t
mode_of(const char *path)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0, "%s", path);
    return st.st_mode & 0777;
}

static int
status_of(const struct gateway *gateway, const char *key, const char *model)
{
    return call_status(gateway, key, model, false, "hi");
}

/* The field behind the n-th comma outside quotes of the line that begins so. */
static void
take_key(const char *mapping, const char *begin, char key[128])
{
    const char *line = strstr(mapping, begin);
    cr_assert_not_null(line, "%s is not in\n%s", begin, mapping);
    const char *end = strchr(line, '\n');
    while (end > line && end[-1] != ',')
        end--;
    snprintf(key, 128, "%.*s", (int)strcspn(end, "\n"), end);
}

Test(import, a_configuration_that_relayosd_takes_with_credentials_beside_it, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char source[256], out[OUT_SIZE], yaml[256], dir[256], key[300], words[600];

    write_file(gateway, "litellm.yaml", config, source);
    snprintf(yaml, sizeof(yaml), "%s/imported.yaml", gateway->dir);
    snprintf(dir, sizeof(dir), "%s/credentials", gateway->dir);
    cr_assert_eq(mkdir(dir, 0700), 0);

    cr_assert_eq(ctl(gateway, out, "litellm %s --key-dir %s", source, dir), 0, "%s", out);
    cr_assert_not_null(strstr(out, "models:\n  gpt-4.1-mini:\n"), "%s", out);
    cr_assert_null(strstr(out, "canary"), "a secret is shown:\n%s", out);
    snprintf(key, sizeof(key), "%s/openai.key", dir);
    cr_assert_neq(access(key, F_OK), 0, "a dry run has written");

    cr_assert_eq(ctl(gateway, out, "litellm %s --key-dir %s --out %s", source, dir, yaml), 0, "%s",
                 out);
    cr_assert_null(strstr(out, "canary"));
    cr_assert_eq(mode_of(key), 0600);
    read_file(key, out);
    cr_assert_str_eq(out, "sk-provider-canary-0001");
    snprintf(words, sizeof(words), "config check %s", yaml);
    cr_assert_eq(gateway_ctl_raw(gateway, words, out, sizeof(out)), 0, "%s", out);

    cr_assert_eq(ctl(gateway, out, "litellm %s --key-dir %s --out %s", source, dir, yaml), 5);
    cr_assert_not_null(strstr(out, "never overwritten"), "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(import, keys_that_work_with_a_mapping_that_only_its_owner_reads, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    static const char begin[] = "name,old_last4,id,key\n\"ci, nightly\",aaaa,";
    char source[256], list[256], out[OUT_SIZE], mapping[256], again[300], key[128];

    write_file(gateway, "litellm.yaml", config, source);
    write_file(gateway, "keys.json", keys, list);
    snprintf(mapping, sizeof(mapping), "%s/mapping.csv", gateway->dir);

    cr_assert_eq(ctl(gateway, out, "litellm %s --keys %s", source, list), 0, "%s", out);
    cr_assert_not_null(strstr(out, "2 keys, none of which is made yet"), "%s", out);
    cJSON *none = gateway_ctl(gateway, "key list");
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(none, "keys")), 0, "a dry run makes none");
    cJSON_Delete(none);
    cr_assert_eq(ctl(gateway, out, "litellm %s --keys %s --apply", source, list), 2);

    cr_assert_eq(
        ctl(gateway, out, "litellm %s --keys %s --apply --mapping %s", source, list, mapping), 0,
        "%s", out);
    cr_assert_not_null(strstr(out, "2 keys made"), "%s", out);
    cr_assert_null(strstr(out, "sk-prod"), "a key is shown:\n%s", out);
    cr_assert_eq(mode_of(mapping), 0600);
    read_file(mapping, out);
    cr_assert_eq(strncmp(out, begin, strlen(begin)), 0, "%s", out);
    take_key(out, "\"ci, nightly\"", key);
    cr_expect_eq(status_of(gateway, key, "gpt-4.1-mini"), 200);
    cr_expect_eq(status_of(gateway, key, "flat"), 403);
    take_key(out, "stopped,bbbb", key);
    cr_expect_eq(status_of(gateway, key, "flat"), 401, "it was blocked there");

    cr_assert_eq(
        ctl(gateway, out, "litellm %s --keys %s --apply --mapping %s", source, list, mapping), 5,
        "the mapping is never overwritten");
    snprintf(again, sizeof(again), "%s.2", mapping);
    cr_assert_eq(
        ctl(gateway, out, "litellm %s --keys %s --apply --mapping %s", source, list, again), 0);
    cr_assert_not_null(strstr(out, "0 keys made, 2 names were taken"), "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

static void
make_database(const char *sql_path, const char *path)
{
    char sql[OUT_SIZE];
    sqlite3 *db;

    read_file(sql_path, sql);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(import, databases_of_new_api_and_one_api_become_configurations, .timeout = 100)
{
    static const char *const kinds[][2] = {{"new-api", "new_api"}, {"one-api", "one_api"}};
    struct gateway *gateway = gateway_start(NULL);
    char out[OUT_SIZE];

    for (size_t n = 0; n < 2; n++) {
        char sql[256], db[256], yaml[256], dir[256], words[1024];

        snprintf(sql, sizeof(sql), "tests/import/%s.sql", kinds[n][1]);
        snprintf(db, sizeof(db), "%s/%s.db", gateway->dir, kinds[n][1]);
        snprintf(yaml, sizeof(yaml), "%s/%s.yaml", gateway->dir, kinds[n][1]);
        snprintf(dir, sizeof(dir), "%s/%s.keys", gateway->dir, kinds[n][1]);
        cr_assert_eq(mkdir(dir, 0700), 0);
        make_database(sql, db);
        snprintf(words, sizeof(words), "import %s %s --out %s --key-dir %s", kinds[n][0], db, yaml,
                 dir);
        cr_assert_eq(gateway_ctl_raw(gateway, words, out, sizeof(out)), 0, "%s", out);
        snprintf(words, sizeof(words), "config check %s", yaml);
        cr_assert_eq(gateway_ctl_raw(gateway, words, out, sizeof(out)), 0, "%s", out);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
}
