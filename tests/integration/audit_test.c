/* SPDX-License-Identifier: ISC
 *
 * What a start does with books that do not agree (LI-05) and with bytes that are not what they were
 * (LI-10): it refuses and says why, or recovers and says what is gone. Never does it go on silently
 * with other figures.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define EXIT_START 4
#define FLIPS      24

static void
serve(const struct gateway *gateway, const char *key, int n)
{
    for (int i = 0; i < n; i++) {
        struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

        cr_assert_eq(reply->status, 200, "call %d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
    }
}

static void
change(const struct gateway *gateway, const char *sql)
{
    sqlite3 *db = NULL;

    cr_assert_eq(sqlite3_open_v2(gateway->database, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* A start that ends by itself, or is ended once it serves: then -1. What it said is in out. */
static int
start(const struct gateway *gateway, char *out, size_t size)
{
    char program[512];
    int ends[2], status = 0;
    size_t len = 0;
    ssize_t got;
    bool serves = false;

    gateway_program("relayosd", program, sizeof program);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();

    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("GATEWAY_CREDENTIAL", GATEWAY_CREDENTIAL, 1);
        execl(program, "relayosd", "-c", gateway->config, NULL);
        _exit(127);
    }
    close(ends[1]);
    while (len < size - 1 && (got = read(ends[0], out + len, size - 1 - len)) > 0) {
        len += (size_t)got;
        out[len] = '\0';
        if (!serves && strstr(out, " ready version=") != NULL) {
            serves = true;
            kill(pid, SIGTERM);
        }
    }
    out[len] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return serves ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
expect_refused(const struct gateway *gateway, const char *const parts[])
{
    char said[16384];
    int status = start(gateway, said, sizeof said);

    cr_expect_eq(status, EXIT_START, "%d: %s", status, said);
    for (; *parts != NULL; parts++)
        cr_expect_not_null(strstr(said, *parts), "\"%s\" is not in: %s", *parts, said);
}

/* Books that are closed, with a key that was used. */
static struct gateway *
stopped_gateway(int n_calls, char **out_key)
{
    struct gateway *gateway = gateway_start(NULL);

    *out_key = gateway_key(gateway, "--quota 10usd/month");
    serve(gateway, *out_key, n_calls);
    books_check(gateway);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    return gateway;
}

static void
check_repair(const char *tamper, const char *const parts[])
{
    char *key;
    struct gateway *gateway = stopped_gateway(5, &key);
    int64_t charge = books_query(gateway, "SELECT sum(charge_nusd) FROM ledger");

    change(gateway, tamper);
    expect_refused(gateway, parts);
    gateway->option = "--repair";
    gateway_restart(gateway);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT sum(charge_nusd) FROM usage"), charge);
    cr_expect_eq(books_query(gateway, "SELECT sum(charge_nusd) FROM day_total"), charge);
    cr_expect(gateway_logged(gateway, "ledger.repaired.*rows=5"),
              "it does not say what it repaired");
    serve(gateway, key, 1);
    books_check(gateway);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    gateway->option = NULL;
    gateway_restart(gateway); /* and is sound */
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(audit, a_sum_that_was_changed_refuses_the_start_until_it_is_repaired, .timeout = 100)
{
    check_repair("UPDATE usage SET charge_nusd = charge_nusd - 1",
                 (const char *const[]){"key 1, model gpt-4.1-mini: charge_nusd is ", "the rows say",
                                       "relayosd --repair", NULL});
}

Test(audit, a_sum_that_is_gone_refuses_the_start_until_it_is_repaired, .timeout = 100)
{
    check_repair("DELETE FROM usage",
                 (const char *const[]){"requests is 0, the rows say 5", "relayosd --repair", NULL});
}

Test(audit, a_models_sum_that_was_changed_refuses_the_start_until_it_is_repaired, .timeout = 100)
{
    check_repair("UPDATE usage_day SET output = output + 1",
                 (const char *const[]){"model gpt-4.1-mini: output of all keys is ",
                                       "the usage sums say", "relayosd --repair", NULL});
}

Test(audit, a_sum_of_nothing_refuses_the_start_until_it_is_repaired, .timeout = 100)
{
    check_repair("INSERT INTO usage SELECT 77, day, model, n_requests, n_failed, input, cache_read,"
                 " cache_write, output, reasoning, quota_tokens, charge_nusd, cost_nusd, last_us"
                 " FROM usage",
                 (const char *const[]){"key 77", "the rows say 0", "relayosd --repair", NULL});
}

Test(audit, a_day_that_was_changed_refuses_the_start_until_it_is_repaired, .timeout = 100)
{
    check_repair("UPDATE day_total SET n_rows = n_rows + 1",
                 (const char *const[]){"the total of rows is 6, the rows say 5", NULL});
}

/* A row that was changed: what it says now and what the sums say. Rows are never mended. */
Test(audit, a_ledger_row_that_was_changed_or_taken_is_seen, .timeout = 100)
{
    char *key, out[4096];
    struct gateway *gateway = stopped_gateway(5, &key);

    change(gateway, "DROP TRIGGER ledger_is_never_updated;"
                    "UPDATE ledger SET charge_nusd = 0 WHERE seq = 3");
    expect_refused(gateway, (const char *const[]){"charge_nusd is ", "--repair", NULL});
    change(gateway,
           "UPDATE ledger SET charge_nusd = (SELECT charge_nusd FROM ledger WHERE seq = 4)"
           " WHERE seq = 3;"
           "DROP TRIGGER ledger_is_never_deleted_from; DELETE FROM ledger WHERE seq = 2;"
           "UPDATE usage SET n_requests = 4, input = input * 4 / 5, output = output * 4 / 5,"
           " quota_tokens = quota_tokens * 4 / 5, charge_nusd = charge_nusd * 4 / 5,"
           " cost_nusd = cost_nusd * 4 / 5;"
           "UPDATE usage_day SET n_requests = 4, input = input * 4 / 5, output = output * 4 / 5,"
           " charge_nusd = charge_nusd * 4 / 5, cost_nusd = cost_nusd * 4 / 5;"
           "UPDATE day_total SET n_rows = 4, quota_tokens = quota_tokens * 4 / 5,"
           " charge_nusd = charge_nusd * 4 / 5, cost_nusd = cost_nusd * 4 / 5;"
           "UPDATE meta SET value = value * 4 / 5 WHERE name LIKE 'mark_%'"
           " AND name <> 'mark_seq'");
    /* Somebody who knows all of it: the running number tells. */
    gateway_restart(gateway);
    cr_expect_eq(gateway_ctl_raw(gateway, "ledger verify --full", out, sizeof out), 1);
    cr_expect_not_null(strstr(out, "rows are missing"), "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* ---- LI-10 ---- */

/* What the ledger says, in one number: every row with every figure that is money. */
static int64_t
figures_of(const struct gateway *gateway)
{
    return books_query(gateway,
                       "SELECT coalesce(sum((seq * 1000003 + charge_nusd * 31 + cost_nusd * 17 +"
                       " quota_tokens * 7 + day + key_id) % 1000000007), -1) FROM ledger");
}

static void
copy(const char *from, const char *to)
{
    char command[1400];

    snprintf(command, sizeof command, "if [ -e %s ]; then cp %s %s; else rm -f %s; fi", from, from,
             to, to);
    cr_assert_eq(system(command), 0);
}

/* The database and its log as a crash leaves them: saved, and put back before each flip. */
static void
place(const struct gateway *gateway, bool is_save)
{
    static const char *const suffixes[] = {"", "-wal", "-seq"};
    char live[300], saved[300];

    for (size_t n = 0; n < 3; n++) {
        snprintf(live, sizeof live, "%s%s", gateway->database, suffixes[n]);
        snprintf(saved, sizeof saved, "%s/saved%s", gateway->dir, suffixes[n]);
        copy(is_save ? live : saved, is_save ? saved : live);
    }
    snprintf(live, sizeof live, "rm -f %s-shm", gateway->database);
    cr_assert_eq(system(live), 0);
}

/* A byte that says something: most of a small database is zeros that nobody reads. */
static off_t
flip(const struct gateway *gateway, const char *suffix, uint64_t *seed)
{
    char path[300];
    struct stat st;
    uint8_t byte;

    snprintf(path, sizeof path, "%s%s", gateway->database, suffix);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    cr_assert(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0, "%s", path);
    off_t at;

    do {
        *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        at = (off_t)((*seed >> 20) % (uint64_t)st.st_size);
        cr_assert_eq(pread(fd, &byte, 1, at), 1);
    } while (byte == 0);
    byte ^= (uint8_t)(1u << (*seed >> 60 & 7));
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
    return at;
}

static void
check_flips(const char *suffix, bool is_log_kept)
{
    char *key, said[65536], out[4096];
    struct gateway *gateway = gateway_start(NULL);
    uint64_t seed = 20261125;
    int n_refused = 0, n_reported = 0, n_same = 0;
    pid_t ledger = 0;

    key = gateway_key(gateway, "--quota 10usd/month");
    serve(gateway, key, 40);
    books_check(gateway);
    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    int64_t figures = figures_of(gateway);

    if (is_log_kept) { /* at a clean stop it is moved into the database */
        place(gateway, true);
        cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    } else {
        cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
        place(gateway, true);
    }
    place(gateway, false);
    cr_assert_eq(start(gateway, said, sizeof said), -1, "without a flip: %s", said);
    cr_assert_null(strstr(said, "ledger.rows_lost"), "%s", said);
    for (int n = 0; n < FLIPS; n++) {
        place(gateway, false);
        off_t at = flip(gateway, suffix, &seed);
        int status = start(gateway, said, sizeof said);

        if (status != -1) {
            cr_expect_eq(status, EXIT_START, "byte %ld: %d: %s", (long)at, status, said);
            cr_expect_not_null(strstr(said, "ledger.start"), "byte %ld: no reason: %s", (long)at,
                               said);
            n_refused++;
            continue;
        }
        bool is_reported = strstr(said, "ledger.rows_lost") != NULL;
        char words[400];

        snprintf(words, sizeof words, "ledger verify --full --database %s", gateway->database);
        bool is_seen = gateway_ctl_raw(gateway, words, out, sizeof out) != 0;
        bool is_same = figures_of(gateway) == figures;

        cr_expect(is_reported || is_seen || is_same, "byte %ld: other figures, silently: %s",
                  (long)at, said);
        n_reported += is_reported || is_seen;
        n_same += !(is_reported || is_seen);
    }
    cr_log_info("%d refused, %d reported, %d harmless\n", n_refused, n_reported, n_same);
    cr_expect_gt(n_refused + n_reported, 0, "no flip was met");
    place(gateway, false);
    gateway_restart(gateway);
    cr_expect_eq(figures_of(gateway), figures);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(audit, flipped_bytes_in_the_database_are_never_passed_over, .timeout = 200)
{
    check_flips("", false);
}

Test(audit, flipped_bytes_in_its_log_are_never_passed_over, .timeout = 200)
{
    check_flips("-wal", true);
}
