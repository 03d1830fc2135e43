/* SPDX-License-Identifier: ISC
 *
 * What the console has done stands in the books: once, in order, sealed, and whoever of console and
 * ledger dies of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "browser.h"
#include "json.h"

static const struct gateway_options options = {
    .upstreams = "  left:\n    url: http://127.0.0.1:%d/v1\n    protocols: openai_chat\n"
                 "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n",
    .models = "  pair:\n    price: free\n    routes: [{upstream: left}]\n",
    .has_console = true};

struct successor {
    const char *role;
    pid_t pid; /* of the one before */
};

static bool
is_there(const struct gateway *gateway, void *data)
{
    const struct successor *awaited = data;
    pid_t pid;

    return gateway_pids(gateway, awaited->role, &pid, 1) == 1 && pid != awaited->pid;
}

static bool
answers(const struct gateway *gateway, void *data)
{
    (void)gateway;
    return browser_status(data, "GET /keys", NULL) == 200;
}

static void
kill_and_await(struct gateway *gateway, const char *role, struct browser *browser)
{
    struct successor dead = {.role = role};

    cr_assert_eq(gateway_pids(gateway, role, &dead.pid, 1), 1);
    cr_assert_eq(kill(dead.pid, SIGKILL), 0);
    cr_assert(gateway_wait(gateway, is_there, &dead), "there is no other %s", role);
    cr_assert(gateway_wait(gateway, answers, browser));
}

/* What it came to, and the error's code. */
static int
post(struct browser *browser, const char *line, const char *body, char code[64])
{
    cJSON *answer = browser_call(browser, line, "Idempotency-Key: one\r\n", body);

    snprintf(code, 64, "%s", json_text(answer, "error.code"));
    cJSON_Delete(answer);
    return browser->status;
}

Test(console_books, a_create_is_done_once_whoever_dies_meanwhile, .timeout = 100)
{
    static const struct {
        const char *line, *body, *table;
    } creates[] = {
        {"POST /keys", "{\"name\":\"ci\"}", "keys"},
        {"POST /users", "{\"name\":\"bob\",\"role\":\"member\"}", "user"},
        {"POST /admin-keys", "{\"name\":\"ci\",\"role\":\"operator\"}", "admin_key"},
        {"POST /keys/1/rotate", "{\"overlap_us\":0}", "keys"},
    };
    static const char *const roles[] = {"console", "ledger"};
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char code[64], sql[96];

    for (size_t i = 0; i < sizeof creates / sizeof creates[0]; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", creates[i].table);
        int64_t before = books_query(gateway, sql);

        cr_expect_lt(post(&admin, creates[i].line, creates[i].body, code), 300, "%s: %s",
                     creates[i].line, code);
        kill_and_await(gateway, roles[i % 2], &admin);
        if (i % 2 == 1) /* the console remembers its answer */
            kill_and_await(gateway, "console", &admin);
        cr_expect_eq(post(&admin, creates[i].line, creates[i].body, code), 409, "%s: %d",
                     creates[i].line, admin.status);
        cr_expect_str_eq(code, "idempotency_finished");
        cr_expect_eq(books_query(gateway, sql), before + 1, "%s", creates[i].line);
    }
    /* Not even when the name is free again. */
    cr_expect_eq(browser_status(&admin, "POST /keys/2/revoke", "{}"), 200);
    kill_and_await(gateway, "console", &admin);
    cr_expect_eq(post(&admin, "POST /keys", creates[0].body, code), 409);
    cr_expect_eq(post(&admin, "POST /keys", "{\"name\":\"other\"}", code), 422);
    cr_expect_str_eq(code, "idempotency_mismatch");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM keys"), 2);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_books, an_account_that_was_changed_meanwhile_is_not_changed, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char body[96], out[4096];

    cJSON *made =
        browser_call(&admin, "POST /users", NULL, "{\"name\":\"bob\",\"role\":\"member\"}");
    long long updated_us = json_int(made, "updated_us");
    cJSON_Delete(made);
    cr_expect_eq(gateway_ctl_raw(gateway, "user role bob operator", out, sizeof out), 0, "%s", out);
    snprintf(body, sizeof body, "{\"is_disabled\":true,\"updated_us\":%lld}", updated_us);
    cr_expect_eq(browser_status(&admin, "PATCH /users/2", body), 412, "%d", admin.status);
    cr_expect_eq(books_query(gateway, "SELECT is_disabled FROM user WHERE id = 2"), 0);
    cr_expect_eq(browser_status(&admin, "PATCH /users/2", "{\"is_disabled\":true}"), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

#define KEPT  32 /* by the master, at most */
#define DRAIN 41 /* an odd number: the route is drained in the end */

static bool
has_owned_up(const struct gateway *gateway, void *data)
{
    (void)data;
    return books_query(gateway, "SELECT count(*) FROM audit WHERE action = 'audit.lost'") == 1;
}

/* What the trail cannot have is counted there, and stands in the log. */
Test(console_books, changes_that_the_trail_could_not_be_told_are_counted, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    struct successor ledger = {.role = "ledger"};
    char sql[256], out[4096], command[400];

    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger.pid, 1), 1);
    cr_assert_eq(kill(ledger.pid, SIGSTOP), 0);
    for (int n = 0; n < DRAIN; n++)
        cr_assert_eq(gateway_ctl_raw(
                         gateway, n % 2 == 0 ? "route drain pair/left" : "route enable pair/left",
                         out, sizeof out),
                     0, "%s", out);
    cr_assert_eq(kill(ledger.pid, SIGKILL), 0);
    cr_assert(gateway_wait(gateway, has_owned_up, NULL));
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM audit WHERE action LIKE 'route.%'"),
                 KEPT);
    snprintf(sql, sizeof sql,
             "SELECT json_extract(detail, '$.n') FROM audit WHERE action ="
             " 'audit.lost' AND seq = (SELECT max(seq) FROM audit)");
    cr_expect_eq(books_query(gateway, sql), DRAIN - KEPT);
    snprintf(command, sizeof command, "test $(grep -c 'audit.change .*action=route' %s) -eq %d",
             gateway->log, DRAIN);
    cr_expect_eq(system(command), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "audit verify", out, sizeof out), 0, "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
