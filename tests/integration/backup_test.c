/* SPDX-License-Identifier: ISC
 *
 * A backup of a gateway at work, and what is restored from it.
 */
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

/* Calls one after the other until told to stop. */
struct load {
    pthread_t thread;
    const struct gateway *gateway;
    const char *key;
    atomic_bool is_over;
    int64_t n_ok, n_other;
};

static void *
load_run(void *data)
{
    struct load *load = data;

    while (!atomic_load(&load->is_over)) {
        struct http_reply *reply =
            call_make(load->gateway, call_of(OPERATION_CHAT), load->key, false, "hi !mock:slow=2");

        load->n_ok += reply->status == 200;
        load->n_other += reply->status != 200;
        http_reply_free(&reply);
    }
    return NULL;
}

/* As relayosd(8) says: another data_dir, the copy and the pepper in it. */
static void
restore(const struct gateway *gateway, const char *file)
{
    char command[1400];
    const char *dir = gateway->dir;

    snprintf(command, sizeof command,
             "mv %s/data %s/lost && mkdir -m 0700 %s/data && cp -p %s %s/data/relayos.db &&"
             " cp -p %s/lost/pepper %s/data/",
             dir, dir, dir, file, dir, dir, dir);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* Traces of requests that never were, so that a copy takes more than one part. */
static void
fatten(const struct gateway *gateway)
{
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open_v2(gateway->database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    cr_assert_eq(
        sqlite3_exec(db,
                     "CREATE TEMP TABLE one AS SELECT * FROM trace LIMIT 1;"
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 60000)"
                     " INSERT INTO trace (request_id, key_id, model, endpoint, protocol, is_stream,"
                     " is_refusal, status, category, accepted_us, key_checked_us, quota_checked_us,"
                     " route_selected_us, dispatched_us, first_byte_us, first_token_us,"
                     " completed_us, settled_us, bytes_in, bytes_out, n_events, client_address,"
                     " client_request_id, user_agent, is_over_quota) SELECT randomblob(16), "
                     "key_id, model, endpoint, protocol,"
                     " is_stream, is_refusal, status, category, accepted_us, key_checked_us,"
                     " quota_checked_us, route_selected_us, dispatched_us, first_byte_us,"
                     " first_token_us, completed_us, settled_us, bytes_in, bytes_out, n_events,"
                     " client_address, client_request_id, hex(randomblob(60)), is_over_quota"
                     " FROM one, n;",
                     NULL, NULL, NULL),
        SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

static int
count_files(const char *dir, const char *beginning)
{
    DIR *entries = opendir(dir);
    const struct dirent *entry;
    int n = 0;

    cr_assert_not_null(entries);
    while ((entry = readdir(entries)) != NULL)
        n += strncmp(entry->d_name, beginning, strlen(beginning)) == 0;
    closedir(entries);
    return n;
}

Test(backup, made_under_load_restores_keys_and_books, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1000usd"), file[200], words[300], out[8192];
    struct load load = {.gateway = gateway, .key = key};
    struct stat st;

    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

    http_reply_free(&reply);
    books_check(gateway);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    fatten(gateway);
    gateway_restart(gateway);

    cr_assert_eq(pthread_create(&load.thread, NULL, load_run, &load), 0);
    snprintf(file, sizeof file, "%s/nightly.db", gateway->dir);
    snprintf(words, sizeof words, "backup %s", file);
    int64_t before = books_query(gateway, "SELECT count(*) FROM ledger");
    int status = gateway_ctl_raw(gateway, words, out, sizeof out);

    atomic_store(&load.is_over, true);
    pthread_join(load.thread, NULL);
    cr_assert_eq(status, 0, "%s", out);
    cr_expect_not_null(strstr(out, "checked and durable"), "%s", out);
    cr_expect_not_null(strstr(out, "pepper"), "%s", out);
    cr_expect_gt(load.n_ok, 0);
    cr_expect_eq(load.n_other, 0, "a call failed for the backup");
    cr_assert_eq(stat(file, &st), 0);
    cr_expect_eq(st.st_mode & 07777, 0600, "mode %o", st.st_mode);
    cr_expect_gt(st.st_size, 8 << 20, "of several parts");
    cr_expect_eq(count_files(gateway->dir, "nightly.db"), 1, "something is left beside it");
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 5, "%s", out);
    cr_expect_not_null(strstr(out, "there is such a file already"), "%s", out);
    snprintf(words, sizeof words, "ledger verify --full --database %s", file);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 0, "%s", out);
    cr_expect_eq(count_files(gateway->dir, "nightly.db"), 1, "a reader left something beside it");

    /* Into a new data_dir, with the pepper; the segment of a clean stop is gone. */
    books_check(gateway);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    restore(gateway, file);
    gateway_restart(gateway);
    int64_t rows = books_query(gateway, "SELECT count(*) FROM ledger");

    cr_expect(rows >= before && rows <= load.n_ok + 1, "%" PRId64 " rows", rows);
    cr_expect_eq(gateway_ctl_raw(gateway, "ledger verify --full", out, sizeof out), 0, "%s", out);
    books_check(gateway);
    reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    cr_expect_eq(reply->status, 200, "the key is not valid any more");
    http_reply_free(&reply);
    cr_expect_eq(books_n_rows(gateway), rows + 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(backup, that_cannot_be_made_says_why_and_leaves_nothing, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char words[300], out[4096];

    snprintf(words, sizeof words, "backup %s/no/such/dir/file.db", gateway->dir);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 1);
    cr_expect_not_null(strstr(out, "No such file or directory"), "%s", out);
    snprintf(words, sizeof words, "backup %s/relayos.yaml", gateway->dir);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 5);
    snprintf(words, sizeof words, "backup /proc/relayos.db");
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 1, "%s", out);
    cr_expect_not_null(strstr(out, "below data_dir and backup_dir"), "%s", out);
    cJSON *made = gateway_ctl(gateway, "backup %s/good.db", gateway->dir);

    cr_expect_eq(json_int(made, "rows"), 0);
    cJSON_Delete(made);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
