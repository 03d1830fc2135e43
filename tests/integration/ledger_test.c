/* SPDX-License-Identifier: ISC
 *
 * The operator's side of the books: verify, adjust, export, reconcile.
 */
#include <inttypes.h>
#include <signal.h>
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

#define OUTPUT_SIZE (4 << 20)

static void
serve(const struct gateway *gateway, const char *key, int n)
{
    for (int i = 0; i < n; i++) {
        struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

        cr_assert_eq(reply->status, 200, "call %d: %d %s", i, reply->status, reply->body);
        http_reply_free(&reply);
        if (i % 200 == 199)
            books_check(gateway); /* else the flights could all wait for their settlement */
    }
}

/* What relayosctl prints, and that it ends with this status. Free it. */
static char *
output_of(const struct gateway *gateway, int status, const char *words)
{
    char *out = malloc(OUTPUT_SIZE);
    int got = gateway_ctl_raw(gateway, words, out, OUTPUT_SIZE);

    cr_expect_eq(got, status, "%s: %d, %s", words, got, out);
    return out;
}

static void
check_output(const struct gateway *gateway, int status, const char *words, const char *part)
{
    char *out = output_of(gateway, status, words);

    cr_expect_not_null(strstr(out, part), "%s: \"%s\" is not in: %s", words, part, out);
    free(out);
}

/* A text value by SQL. Free it. */
static char *
query_text(const struct gateway *gateway, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;

    cr_assert_eq(sqlite3_open_v2(gateway->database, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(query), SQLITE_ROW);
    char *text = strdup((const char *)sqlite3_column_text(query, 0));

    sqlite3_finalize(query);
    sqlite3_close(db);
    return text;
}

/* "019ac0de-..." of the n-th newest row that is no correction. Free it. */
static char *
request_id(const struct gateway *gateway, int n)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT lower(hex(request_id)) FROM ledger WHERE corrects IS NULL"
             " ORDER BY seq DESC LIMIT 1 OFFSET %d",
             n);
    char *hex = query_text(gateway, sql), *id = malloc(37);

    snprintf(id, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    free(hex);
    return id;
}

static int64_t
used_of(const struct gateway *gateway, const char *key_name)
{
    cJSON *key = gateway_ctl(gateway, "key show %s", key_name);
    int64_t used = json_int(key, "key.limits.0.used");

    cJSON_Delete(key);
    return used;
}

Test(ledger, sound_books_verify_and_what_was_compared_is_said, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 10usd/month --quota 1Mtok/day --quota 5usd:flat");

    serve(gateway, key, 12);
    books_check(gateway);
    cJSON *report = gateway_ctl(gateway, "ledger verify --full");

    cr_assert_not_null(report);
    cr_expect(json_is_true(report, "is_sound"));
    cr_expect(json_is_true(report, "full"));
    cr_expect_eq(json_int(report, "rows"), 12);
    cr_expect_eq(json_int(report, "sums"), 1);
    cr_expect_eq(json_int(report, "cells"), 6, "%" PRId64, json_int(report, "cells"));
    cr_expect_eq(json_int(report, "charge_nusd"), books_charged_nusd(gateway));
    cJSON_Delete(report);
    check_output(gateway, 0, "ledger verify", "No differences.");
    check_output(gateway, 0, "ledger verify --from 2020-01-01", "rows         12, 0 of them");
    check_output(gateway, 2, "ledger verify --from yesterday", "is not a day");
    check_output(gateway, 1, "ledger verify --database no-such-file", "No such file");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(ledger, a_correction_is_a_row_and_quotas_follow_at_once, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 10usd/month"), words[300];

    serve(gateway, key, 3);
    books_check(gateway);
    int64_t before = used_of(gateway, "test-1");
    char *id = request_id(gateway, 0);

    snprintf(words, sizeof words, "ledger adjust %s --amount +1.25usd --reason ticket-17", id);
    free(output_of(gateway, 0, words));
    cr_expect_eq(used_of(gateway, "test-1"), before + 1250000000);
    snprintf(words, sizeof words, "ledger adjust %s --amount -0.25usd --tokens +5 --reason x", id);
    free(output_of(gateway, 0, words));
    cr_expect_eq(used_of(gateway, "test-1"), before + 1000000000);
    snprintf(words, sizeof words, "ledger show %s", id);
    check_output(gateway, 0, words, "ticket-17");
    check_output(gateway, 0, words, "in all");
    snprintf(words, sizeof words, "request show %s", id);
    check_output(gateway, 0, words, "corrected    $1.25; cost $0.00 (");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE corrects IS NOT NULL"), 2);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM adjustment WHERE who <> ''"), 2);

    /* What would fall below zero is refused, and changes nothing. */
    snprintf(words, sizeof words, "ledger adjust %s --amount -2usd --reason too-much", id);
    check_output(gateway, 5, words, "below zero");
    snprintf(words, sizeof words, "ledger adjust %s --amount -2usd", id);
    check_output(gateway, 2, words, "--reason");
    snprintf(words, sizeof words, "ledger adjust %s --amount 2usd --reason x", id);
    check_output(gateway, 2, words, "+1.25usd");
    check_output(gateway, 4,
                 "ledger adjust 019ac0de-1234-7abc-8def-0123456789ab --amount +1usd --reason x",
                 "no ledger row");
    cr_expect_eq(used_of(gateway, "test-1"), before + 1000000000);

    /* Of a key's day; to take away, the model it was charged for is named. */
    free(output_of(gateway, 0, "ledger adjust --key test-1 --amount +2usd --reason fee"));
    check_output(gateway, 1, "ledger adjust --key test-1 --amount -1usd --reason fee", "the model");
    cr_expect_eq(used_of(gateway, "test-1"), before + 3000000000);
    free(output_of(gateway, 0,
                   "ledger adjust --key test-1 --model gpt-4.1-mini --amount -1usd --reason back"));
    cr_expect_eq(used_of(gateway, "test-1"), before + 2000000000);
    books_check(gateway);
    check_output(gateway, 0, "ledger verify --full", "4 of them corrections");

    /* And it stays so. */
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    gateway_restart(gateway);
    cr_expect_eq(used_of(gateway, "test-1"), before + 2000000000);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(id);
    free(key);
}

static int
count_lines(const char *text)
{
    int n = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        n++;
    return n;
}

Test(ledger, an_export_is_all_rows_page_by_page, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");
    int64_t sum = 0;

    serve(gateway, other, 7);
    serve(gateway, key, 1013); /* more than one page */
    books_check(gateway);
    char *id = request_id(gateway, 0), words[200];

    snprintf(words, sizeof words, "ledger adjust %s --amount +1.5usd --reason a,\"b\"", id);
    free(output_of(gateway, 0, words));
    char *csv = output_of(gateway, 0, "ledger export"),
         *jsonl = output_of(gateway, 0, "ledger export --format jsonl");

    cr_expect_eq(count_lines(csv), 1 + 1021);
    cr_expect_eq(count_lines(jsonl), 1021);
    cr_expect_eq(strncmp(csv, "seq,request_id,corrects,accepted,day,key_id,key_name,model,", 59),
                 0);
    cr_expect_not_null(strstr(csv, ",1.50,1500000000,"), "decimal and exact amounts");
    cr_expect_not_null(strstr(csv, "\"a,\"\"b\"\"\""), "quoted as RFC 4180 says");
    for (char *rest = jsonl, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        cJSON *row = cJSON_Parse(line);

        cr_assert_not_null(row, "%s", line);
        sum += json_int(row, "charge_nusd");
        cJSON_Delete(row);
    }
    cr_expect_eq(sum, books_query(gateway, "SELECT sum(charge_nusd) FROM ledger"));
    free(csv);
    free(jsonl);
    csv = output_of(gateway, 0, "ledger export --key test-2");
    cr_expect_eq(count_lines(csv), 1 + 7);
    free(csv);
    csv = output_of(gateway, 0, "ledger export --from 2020-01-01 --to 2020-12-31");
    cr_expect_eq(count_lines(csv), 1);
    free(csv);
    check_output(gateway, 2, "ledger export --format xml", "csv or jsonl");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(id);
    free(key);
    free(other);
}

/* A provider's list as SQL makes it of our own attempts, changed as the test wants it. */
static void
write_list(const struct gateway *gateway, const char *path, const char *header, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *query = NULL;
    FILE *file = fopen(path, "w");

    cr_assert(file != NULL);
    fprintf(file, "%s", header);
    cr_assert_eq(sqlite3_open_v2(gateway->database, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    while (sqlite3_step(query) == SQLITE_ROW)
        fprintf(file, "%s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    sqlite3_close(db);
    cr_assert_eq(fclose(file), 0);
}

static void
check_figures(const struct gateway *gateway, const char *words, const int64_t wanted[5])
{
    static const char *const names[] = {"equal", "different", "resolved", "only_ours",
                                        "only_theirs"};
    char *out = output_of(gateway, 0, words);
    cJSON *report = cJSON_Parse(out);

    for (int n = 0; n < 5; n++)
        cr_expect_eq(json_int(report, names[n]), wanted[n], "%s: %s is %" PRId64, words, names[n],
                     json_int(report, names[n]));
    cJSON_Delete(report);
    free(out);
}

#define ROW_OF_ATTEMPT                                                                             \
    "SELECT printf('%s,%d,%d,%.9f' || char(13, 10), upstream_request_id, input, output,"

Test(ledger, a_providers_list_is_set_against_ours_and_applied_once, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100usd"), list[200], words[400];

    serve(gateway, key, 10);
    books_check(gateway);
    int64_t cost = books_query(gateway, "SELECT sum(cost_nusd) FROM ledger"),
            charge = books_charged_nusd(gateway);

    cr_assert_eq(books_query(gateway, "SELECT count(DISTINCT upstream_request_id) FROM attempt"
                                      " WHERE upstream_request_id <> ''"),
                 10, "the mock names each answer");
    snprintf(list, sizeof list, "%s/usage-2026-11.csv", gateway->dir);
    /* The same for six; one costs more; one is missing between them; one is unknown to us. */
    write_list(gateway, list, "\xef\xbb\xbfRequest ID,Input Tokens,Output Tokens,Cost USD\r\n",
               ROW_OF_ATTEMPT
               " (cost_nusd + (n = 3) * 1000000) / 1e9) FROM (SELECT *,"
               " row_number() OVER (ORDER BY request_id) AS n FROM attempt) WHERE n <> 5"
               " UNION ALL SELECT 'req_unknown,10,10,0.5' || char(10)");
    snprintf(words, sizeof words, "ledger reconcile %s --json", list);
    check_figures(gateway, words, (int64_t[]){8, 1, 0, 1, 1});
    snprintf(words, sizeof words, "ledger reconcile %s", list);
    check_output(gateway, 0, words, "8 equal, 1 different");
    check_output(gateway, 0, words, "req_unknown");

    snprintf(words, sizeof words, "ledger reconcile %s --apply", list);
    check_output(gateway, 2, words, "--yes");
    snprintf(words, sizeof words, "ledger reconcile %s --apply --yes", list);
    check_output(gateway, 0, words, "1 corrections written, 0 refused");
    cr_expect_eq(books_query(gateway, "SELECT sum(cost_nusd) FROM ledger"), cost + 1000000);
    cr_expect_eq(books_charged_nusd(gateway), charge, "callers pay nothing for it");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM adjustment WHERE reason LIKE"
                                      " 'reconcile usage-2026-11.csv: %'"),
                 1);
    /* Once more: it is as they say now. */
    check_output(gateway, 0, words, "9 equal, 0 different");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM adjustment"), 1);
    check_output(gateway, 0, "ledger verify --full", "No differences.");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static bool
has_dispatched(const struct gateway *gateway, void *data)
{
    cJSON *top = gateway_ctl(gateway, "top");
    bool is_there = strcmp(json_text(top, "flights.0.state"), "dispatched") == 0;

    (void)data;
    cJSON_Delete(top);
    return is_there;
}

Test(ledger, what_was_indeterminate_is_resolved_by_our_own_id, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100usd"), list[200], words[400];
    pid_t workers[8];

    serve(gateway, key, 2);
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "hi !mock:slow=20000");

    /* Sent, and its worker is killed: nobody knows what the provider did. */
    cr_assert(gateway_wait(gateway, has_dispatched, NULL));
    int n = gateway_pids(gateway, "worker", workers, 8);

    for (int i = 0; i < n; i++)
        kill(workers[i], SIGKILL);
    http_close(fd, false);
    books_check(gateway);
    cr_assert_eq(
        books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'indeterminate'"), 1);
    char *id = request_id(gateway, 0);

    snprintf(list, sizeof list, "%s/list.jsonl", gateway->dir);
    FILE *file = fopen(list, "w");

    fprintf(file,
            "{\"tag\": \"%s\", \"prompt_tokens\": 100, \"completion_tokens\": 50,"
            " \"usd\": 6.5e-04}\n",
            id);
    cr_assert_eq(fclose(file), 0);
    snprintf(words, sizeof words, "ledger reconcile %s --id-column tag --cost-column usd --json",
             list);
    check_figures(gateway, words, (int64_t[]){0, 0, 1, 0, 0});
    int64_t used = used_of(gateway, "test-1");

    snprintf(words, sizeof words,
             "ledger reconcile %s --id-column tag --cost-column usd --apply --yes --charge", list);
    check_output(gateway, 0, words, "1 corrections written");
    cr_expect_eq(used_of(gateway, "test-1"), used + 650000);
    check_output(gateway, 0, words, "1 equal");
    cr_expect_eq(used_of(gateway, "test-1"), used + 650000, "twice is once");
    check_output(gateway, 0, "ledger verify --full", "No differences.");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(id);
    free(key);
}
