/* SPDX-License-Identifier: ISC
 *
 * The examples of relayosctl(8), in the order of the page, as they stand there but for names of
 * files and of what a gateway cannot have made up: an id, an upstream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define TEXT_SIZE  262144
#define EXAMPLES   256
#define WORDS_SIZE 64

/* What stands in the page, and what it is here. */
struct substitute {
    const char *from;
    char to[512];
};

/* What an example needs that those before it have not left, and how it ends. */
static const struct need {
    const char *words, *before;
    int status;
} needs[] = {
    {"key rotate", "relayosctl key create --name ci", 0},
    {"explain", "relayosctl key create --name ci-bot", 0},
    {"ledger reconcile",
     "echo request_id,cost >usage-2026-11.csv; echo $ID,0.5 >>usage-2026-11.csv", 0},
    {"config rollback", "echo '# edited' >>$CONFIG", 0},
    {"credential seal", "echo sk-provider >openai.key", 0},
    {"doctor", ":", -1}, /* this machine may well have something to mend */
    {"import litellm", "rm -f new-keys.csv imported.yaml", 0},
    {"import one-api", "rm -f new-keys.csv; mv old-one-api.db one-api.db", 0},
    {"user add", "exec <password", 0},
    {"user passwd", "exec <password", 0},
    {"user role", "relayosctl user add bob <password", 0},
    {"user setup-link", ":", 5}, /* there are accounts by then */
    {"admin-key revoke",
     "relayosctl admin-key create --name a; relayosctl admin-key create --name b", 0},
};

struct example {
    char words[WORDS_SIZE]; /* its command */
    char *script;
};

static struct example examples[EXAMPLES];
static size_t n_examples;

static void
append(char **text, const char *more)
{
    size_t len = *text == NULL ? 0 : strlen(*text);

    *text = realloc(*text, len + strlen(more) + 2);
    memcpy(*text + len, more, strlen(more) + 1);
}

/* \(dq -> ", "\ " -> " ", \e -> \, and nothing else is used there. */
static void
unescape(char *text)
{
    char *out = text;

    for (const char *at = text; *at != '\0'; at++) {
        if (strncmp(at, "\\(dq", 4) == 0) {
            *out++ = '"';
            at += 3;
        } else if (at[0] == '\\' && at[1] == 'e') {
            *out++ = '\\';
            at++;
        } else if (at[0] == '\\' && at[1] == ' ') {
            *out++ = ' ';
            at++;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
}

/* A line that begins with a prompt is an example, one that does not goes on. */
static void
read_examples(void)
{
    FILE *page = fopen("man/relayosctl.8", "r");
    char line[1024], words[WORDS_SIZE] = "";

    cr_assert_not_null(page, "tests run in the root of the source");
    while (fgets(line, sizeof(line), page) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, ".Ss ", 4) == 0)
            snprintf(words, sizeof(words), "%s", line + 4);
        if (strncmp(line, ".Dl ", 4) != 0)
            continue;
        char *text = line + 4;
        unescape(text);
        bool is_new = strncmp(text, "$ ", 2) == 0 || strncmp(text, "# ", 2) == 0;
        if (is_new) {
            cr_assert_lt(n_examples, (size_t)EXAMPLES);
            memcpy(examples[n_examples].words, words, sizeof(words));
            n_examples++;
        }
        append(&examples[n_examples - 1].script, is_new ? text + 2 : text);
        append(&examples[n_examples - 1].script, "\n");
    }
    fclose(page);
    cr_assert_gt(n_examples, (size_t)50);
}

static void
substitute(char **text, const struct substitute *with, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (char *at; (at = strstr(*text, with[i].from)) != NULL;) {
            char *whole = NULL;

            *at = '\0';
            append(&whole, *text);
            append(&whole, with[i].to);
            append(&whole, at + strlen(with[i].from));
            free(*text);
            *text = whole;
        }
    }
}

static void
copy_file(const char *from, const char *dir, const char *name)
{
    char words[1024];

    snprintf(words, sizeof(words), "cp %s %s/%s", from, dir, name);
    cr_assert_eq(system(words), 0, "%s", words);
}

static void
make_database(const char *sql_path, const char *dir, const char *name)
{
    char path[256], *sql = calloc(1, TEXT_SIZE);
    FILE *file = fopen(sql_path, "r");
    sqlite3 *db;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    cr_assert_gt(fread(sql, 1, TEXT_SIZE - 1, file), (size_t)0);
    fclose(file);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    free(sql);
}

static bool
is_listed(const struct gateway *gateway, void *data)
{
    cJSON *list = gateway_ctl(gateway, "request list --limit 1");
    const char *id = json_text(list, "requests.0.request_id");

    if (id != NULL)
        snprintf(data, 64, "%s", id);
    cJSON_Delete(list);
    return id != NULL;
}

/* A request of a dollar's cent, settled; its id. */
static void
make_request(struct gateway *gateway, char id[64])
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""), *body = call_body(call, "flat", false, "hi");
    cJSON_Delete(gateway_ctl(gateway, "key update test-1 --capture 1h"));
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

    cr_assert_eq(reply->status, 200);
    http_reply_free(&reply);
    cr_assert(gateway_wait(gateway, is_listed, id), "the request is never listed");
    free(body);
    free(key);
}

/* Files that examples read, in their directory. */
static void
lay_out(const char *dir)
{
    char path[256];
    FILE *file;

    cr_assert_eq(mkdir(dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/keys", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/password", dir);
    file = fopen(path, "w");
    fputs("correct horse battery staple\n", file);
    fclose(file);
    copy_file("tests/import/litellm.yaml", dir, "config.yaml");
    copy_file("tests/import/litellm_prices.json", dir, "prices.json");
    copy_file("tests/import/litellm_keys.json", dir, "keys.json");
    make_database("tests/import/new_api.sql", dir, "one-api.db");
    make_database("tests/import/one_api.sql", dir, "old-one-api.db");
}

static int
run(const char *setting, const char *before, const char *script, const char *dir)
{
    char path[256], words[512];

    snprintf(path, sizeof(path), "%s/example.sh", dir);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "cd %s || exit 99\n%s\n{ %s; } >before 2>&1 </dev/null || exit 98\n", dir,
            setting, before);
    fprintf(file, "%s%s", strncmp(before, "exec ", 5) == 0 ? before : ":", "\n");
    fprintf(file, "%s", script);
    fclose(file);
    snprintf(words, sizeof(words), "sh %s >%s/out 2>&1 </dev/null", path, dir);
    int status = system(words);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
show_output(const char *dir, char out[1024])
{
    char path[256];

    snprintf(path, sizeof(path), "%s/out", dir);
    FILE *file = fopen(path, "r");
    out[file == NULL ? 0 : fread(out, 1, 1023, file)] = '\0';
    if (file != NULL)
        fclose(file);
}

Test(manual_examples, each_does_what_the_page_says, .timeout = 300)
{
    static const struct gateway_options options = {
        .has_console = true,
        .models = "  gpt-4o: {price: free, routes: [{upstream: canary-openai}]}\n"
                  "  claude: {price: free, routes: [{upstream: canary-anthropic}]}\n"};
    struct gateway *gateway = gateway_start(&options);
    char dir[160], id[64] = "", program[512], setting[2048];

    read_examples();
    snprintf(dir, sizeof(dir), "%s/examples", gateway->dir);
    lay_out(dir);
    make_request(gateway, id);
    gateway_program("relayosctl", program, sizeof(program));
    snprintf(setting, sizeof(setting),
             "export ID=%s CONFIG=%s GATEWAY_CREDENTIAL=x\nrelayosctl() { \"$(readlink -f %s)\" -s "
             "%s \"$@\"; }",
             id, gateway->config, program, gateway->control);

    struct substitute with[] = {
        {"019ac0de-1234-7abc-8def-0123456789ab", ""},
        {"--out /etc/relayos/relayos.yaml", "--out imported.yaml"},
        {"/etc/relayos/relayos.yaml", ""},
        {"/etc/relayos/", ""},
        {"/var/backups/relayos/", ""},
        {"/var/lib/node_exporter/", ""},
        {"claude-sonnet-4/anthropic", "claude-sonnet-4/canary-anthropic"},
        {"-0.10usd", "-0.001usd"}, /* of a request of a cent */
        {"relayosctl import litellm config.yaml --keys keys.json --apply",
         "relayosctl import litellm config.yaml --prices prices.json --keys keys.json --apply"},
    };
    snprintf(with[0].to, sizeof(with[0].to), "%s", id);
    snprintf(with[2].to, sizeof(with[2].to), "%s", gateway->config);
    snprintf(with[4].to, sizeof(with[4].to), "%s/", gateway->dir);
    for (size_t n = 0; n < n_examples; n++) {
        struct need need = {examples[n].words, ":", 0};
        char out[1024];

        for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
            if (strcmp(needs[i].words, need.words) == 0)
                need = needs[i];
        }
        substitute(&examples[n].script, with, sizeof(with) / sizeof(with[0]));
        int status = run(setting, need.before, examples[n].script, dir);
        show_output(dir, out);
        if (need.status >= 0)
            cr_expect_eq(status, need.status, "%s: status %d\n%s\n%s", need.words, status,
                         examples[n].script, out);
        else
            cr_expect(status == 0 || status == 1, "%s: status %d\n%s", need.words, status, out);
        free(examples[n].script);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
}
