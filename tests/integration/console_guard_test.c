/* SPDX-License-Identifier: ISC
 *
 * Who attacks the console: what a member is told in whatever way they ask, who tells apart one who
 * guesses, whose rights a key has, and what is left for one who takes the process over.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "browser.h"
#include "json.h"
#include "memory.h"

static const struct gateway_options plain = {.has_console = true, .workers = 1};
static const struct gateway_options behind_proxy = {
    .has_console = true, .workers = 1, .console = ", trusted_proxies: [127.0.0.1]"};

/* ---- what a member is told ---- */

static const struct row {
    const char *method, *path;
    bool is_members;
} rows[] = {
#define MEMBER                                    true
#define OPERATOR                                  false
#define ADMIN                                     false
#define NOBODY                                    true
#define API(METHOD, path, ROLE, handler, summary) {#METHOD, path, ROLE},
#include "../../src/console/api.def"
#undef API
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static const char *const queries[] = {
    "",         "?by=key", "?by=model", "?by=owner", "?by=tool",       "?by=hour",
    "?limit=1", "?key=1",  "?owner=",   "?q=",       "?status=failed",
};

/* Members that tell how, by whom and for how much the gateway does it. */
static const char *const hidden[] = {
    "cost_nusd", "route",  "route_id",   "routes", "upstream",   "upstream_model", "attempts",
    "choices",   "policy", "n_attempts", "worker", "n_unlisted", "credential",     "credentials",
    "score",     "tier",   "weight",     "note",   "is_pinned",
};

static bool
tells(const cJSON *tree)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, tree)
    {
        for (size_t n = 0; member->string != NULL && n < sizeof hidden / sizeof hidden[0]; n++) {
            if (strcmp(member->string, hidden[n]) == 0)
                return true;
        }
        if (tells(member))
            return true;
    }
    return false;
}

static void
look(struct browser *member, const char *line, const char *body)
{
    struct http_reply *reply = browser_send(member, line, NULL, body);
    cJSON *json = cJSON_Parse(reply->body);
    bool is_document = strstr(line, "/openapi.json") != NULL; /* the same for everybody */

    cr_expect(strstr(reply->head, "canary") == NULL && strstr(reply->body, "canary") == NULL,
              "%s: %s%s", line, reply->head, reply->body);
    cr_expect(is_document || !tells(json), "%s: %s", line, reply->body);
    cr_expect_lt(reply->status, 500, "%s: %d", line, reply->status);
    cJSON_Delete(json);
    http_reply_free(&reply);
}

static void
look_at_row(struct browser *member, const struct row *row, const char *id, const char *body)
{
    const char *place = strstr(row->path, "{id}");
    int len = place == NULL ? (int)strlen(row->path) : (int)(place - row->path);
    size_t n_queries = strcmp(row->method, "GET") == 0 ? sizeof queries / sizeof queries[0] : 1;
    char line[256];

    for (size_t n = 0; n < n_queries; n++) {
        snprintf(line, sizeof line, "%s %.*s%s%s%s", row->method, len, row->path,
                 place == NULL ? "" : id, place == NULL ? "" : place + 4, queries[n]);
        look(member, line, body);
    }
}

/* A request with a key; its id. */
static void
ask(const struct gateway *gateway, const char *secret, const char *model, char id[64])
{
    char body[256];

    snprintf(body, sizeof body,
             "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", model);
    struct http_reply *reply = http_call(gateway->port, "/v1/chat/completions", secret, NULL, body);
    cr_assert(http_header(reply, "x-request-id", id, 64), "%d %s", reply->status, reply->body);
    http_reply_free(&reply);
}

static bool
is_settled(const struct gateway *gateway, void *data)
{
    return books_query(gateway, "SELECT count(*) FROM trace") >= *(int *)data;
}

/* The gateway's upstreams, their credential and the operator's words have "canary" in them. */
Test(console_guard, a_member_is_told_nothing_of_how_it_is_done_whatever_they_ask)
{
    struct gateway *gateway = gateway_start(&plain);
    struct browser admin = browser_set_up(gateway);
    struct browser member = browser_join(&admin, "carol", "member");
    char secret[128], words[256], key_id[32], ids[3][64];
    int n_requests = 3;

    cJSON *made = browser_call(&admin, "POST /keys", NULL,
                               "{\"name\":\"cli\",\"owner\":\"carol\",\"policy\":\"cheapest\"}");
    cr_assert_eq(admin.status, 201);
    snprintf(secret, sizeof secret, "%s", json_text(made, "secret"));
    snprintf(key_id, sizeof key_id, "%d", (int)json_int(made, "key.id"));
    cJSON_Delete(made);
    ask(gateway, secret, "gpt-4.1-mini", ids[0]);
    gateway_mock_control(gateway, 0, "* * status=500\n");
    ask(gateway, secret, "flat", ids[1]);
    ask(gateway, secret, "claude-sonnet-4", ids[2]);
    cr_assert(gateway_wait(gateway, is_settled, &n_requests));
    snprintf(words, sizeof words,
             "ledger adjust --key %s --amount +1usd --cost +2usd --reason late", key_id);
    cJSON_Delete(gateway_ctl(gateway, "%s", words));
    snprintf(words, sizeof words, "ledger adjust %s --amount +1usd --cost +2usd --reason late",
             ids[0]);
    cJSON_Delete(gateway_ctl(gateway, "%s", words));
    cr_assert_eq(books_query(gateway, "SELECT count(*) FROM audit WHERE action = 'ledger.adjust'"),
                 2);

    snprintf(words, sizeof words, "{\"secret\":\"%s\",\"model\":\"flat\"}", secret);
    look(&member, "POST /quickstart/test", words);
    for (size_t n = 0; n < N_ROWS; n++) {
        bool is_end = strstr(rows[n].path, "revoke") != NULL ||
                      (strcmp(rows[n].method, "DELETE") == 0 && rows[n].is_members);

        if (is_end)
            continue;
        look_at_row(&member, &rows[n], key_id, "{}");
        for (int i = 0; i < 3 && strstr(rows[n].path, "/requests/") != NULL; i++)
            look_at_row(&member, &rows[n], ids[i], "{}");
    }
    snprintf(words, sizeof words, "PATCH /keys/%s", key_id);
    look(&member, words, "{\"name\":\"other\"}");
    snprintf(words, sizeof words, "POST /keys/%s/revoke", key_id);
    look(&member, words, "{\"cut\":true}");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* ---- who was not let in ---- */

struct wanted {
    struct browser *admin;
    const char *query;
    int n;
};

static bool
has_entries(const struct gateway *gateway, void *data)
{
    const struct wanted *wanted = data;
    cJSON *list = browser_call(wanted->admin, wanted->query, NULL, NULL);
    int n = cJSON_GetArraySize(json_at(list, "data"));

    (void)gateway;
    cJSON_Delete(list);
    return n >= wanted->n;
}

static int
try(struct browser *browser, const char *address, const char *name, const char *password)
{
    char headers[128], body[256];

    snprintf(headers, sizeof headers, "X-Forwarded-For: %s\r\n", address);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"%s\"}", name, password);
    cJSON_Delete(browser_call(browser, "POST /session", headers, body));
    return browser->status;
}

Test(console_guard, who_is_not_let_in_stands_in_the_audit_trail)
{
    struct gateway *gateway = gateway_start(&behind_proxy);
    struct browser admin = browser_set_up(gateway), thief = {.gateway = gateway};
    struct wanted known = {&admin, "GET /audit?action=session.refused&target=user%20alice", 1};
    struct wanted unknown = {&admin, "GET /audit?action=session.refused&target=console", 2};

    cr_assert_eq(try(&thief, "192.0.2.1", "alice", "guess"), 401);
    cr_assert_eq(try(&thief, "192.0.2.2", "my-secret-canary", "guess"), 401);
    cJSON_Delete(
        browser_call(&thief, "GET /keys", "Authorization: Bearer sk-admin-canary\r\n", NULL));
    cr_assert_eq(thief.status, 401);
    cr_assert(gateway_wait(gateway, has_entries, &known));
    cr_assert(gateway_wait(gateway, has_entries, &unknown));
    cJSON *list = browser_call(&admin, known.query, NULL, NULL);
    cr_expect_str_eq(json_text(list, "data.0.detail.address"), "192.0.2.1");
    cr_expect_str_eq(json_text(list, "data.0.detail.reason"), "wrong password");
    cr_expect_eq(json_int(list, "data.0.detail.attempts"), 1);
    cr_expect_str_eq(json_text(list, "data.0.who"), "somebody unknown");
    cJSON_Delete(list);
    cr_assert_eq(books_query(gateway, "SELECT count(*) FROM audit WHERE detail LIKE '%canary%'"), 0,
                 "who types a password for a name has not published it");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console_guard, no_flood_of_guesses_fills_the_audit_trail)
{
    struct gateway *gateway = gateway_start(&behind_proxy);
    struct browser admin = browser_set_up(gateway), thief = {.gateway = gateway};
    struct wanted some = {&admin, "GET /audit?action=session.refused", 20};
    char address[32];

    for (int n = 0; n < 60; n++) {
        snprintf(address, sizeof address, "192.0.2.%d", n);
        (void)try(&thief, address, n % 2 == 0 ? "alice" : "nobody", "guess");
    }
    cr_assert(gateway_wait(gateway, has_entries, &some));
    cr_assert_leq(
        books_query(gateway, "SELECT count(*) FROM audit WHERE action = 'session.refused'"), 21);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* From where they are known, whatever others do meanwhile. */
Test(console_guard, nobody_is_kept_out_by_who_guesses_their_password)
{
    struct gateway *gateway = gateway_start(&behind_proxy);
    struct browser admin = browser_set_up(gateway), alice = {.gateway = gateway}, thief = alice;
    char address[32];
    int status = 401;

    cr_assert_eq(try(&alice, "198.51.100.7", "alice", BROWSER_PASSWORD), 200);
    alice.cookie[0] = alice.csrf[0] = '\0';
    for (int n = 0; n < 20 && status == 401; n++) {
        snprintf(address, sizeof address, "192.0.2.%d", n);
        status = try(&thief, address, "alice", "guess");
    }
    cr_assert_eq(status, 429);
    cr_assert_eq(try(&thief, "203.0.113.9", "alice", BROWSER_PASSWORD), 429);
    cr_assert_eq(try(&alice, "198.51.100.7", "alice", BROWSER_PASSWORD), 200);
    (void)admin;
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* A proxy may add a line of its own below the one that the client made up. */
Test(console_guard, the_address_is_what_our_proxy_wrote)
{
    static const struct {
        const char *lines, *address;
    } cases[] = {
        {"X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1"},
        {"X-Forwarded-For: 6.6.6.6, 192.0.2.2\r\n", "192.0.2.2"},
        {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.3\r\n", "192.0.2.3"},
        {"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.4, 127.0.0.1\r\n", "192.0.2.4"},
        {"X-Forwarded-For: 192.0.2.5\r\nX-Forwarded-For: 127.0.0.1\r\n", "192.0.2.5"},
        {"X-Forwarded-For: 192.0.2.6, x\\\" who=alice\r\n", "127.0.0.1"},
        {"X-Forwarded-For: ,\r\n", "127.0.0.1"},
        {"", "127.0.0.1"},
    };
    struct gateway *gateway = gateway_start(&behind_proxy);
    struct browser admin = browser_set_up(gateway);
    char query[256];

    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        struct browser browser = {.gateway = gateway};

        cJSON_Delete(browser_call(&browser, "POST /session", cases[n].lines,
                                  "{\"name\":\"alice\",\"password\":\"" BROWSER_PASSWORD "\"}"));
        cr_assert_eq(browser.status, 200);
        snprintf(query, sizeof query,
                 "SELECT count(*) FROM session WHERE address = '%s' AND created_us ="
                 " (SELECT max(created_us) FROM session)",
                 cases[n].address);
        cr_expect_eq(books_query(gateway, query), 1, "%s", cases[n].lines);
    }
    (void)admin;
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* ---- keys of the API ---- */

static int
status_with(const struct gateway *gateway, const char *secret, const char *line, const char *body)
{
    struct browser browser = {.gateway = gateway};
    char headers[256];

    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", secret);
    cJSON_Delete(browser_call(&browser, line, headers, body));
    return browser.status;
}

Test(console_guard, an_admin_key_is_worth_no_more_than_who_made_it)
{
    struct gateway *gateway = gateway_start(&plain);
    struct browser admin = browser_set_up(gateway);
    struct browser dave = browser_join(&admin, "dave", "admin");
    static const char *const changes[] = {"{\"role\":\"operator\"}", "{\"role\":\"admin\"}",
                                          "{\"is_disabled\":true}"};
    static const int worth[] = {401, 200, 401};
    char secret[128], line[64];

    cJSON *made = browser_call(&dave, "POST /admin-keys", NULL,
                               "{\"name\":\"k\",\"role\":\"admin\",\"expires_us\":0}");
    cr_assert_eq(dave.status, 201);
    snprintf(secret, sizeof secret, "%s", json_text(made, "secret"));
    cJSON_Delete(made);
    cr_assert_eq(status_with(gateway, secret, "GET /users", NULL), 200);
    cr_assert_eq(status_with(gateway, secret, "POST /admin-keys",
                             "{\"name\":\"l\",\"role\":\"admin\",\"expires_us\":0}"),
                 403, "one that leaked lives on in no other");
    cJSON *users = browser_call(&admin, "GET /users", NULL, NULL);
    snprintf(line, sizeof line, "PATCH /users/%d", (int)json_int(users, "data.1.id"));
    cr_assert_str_eq(json_text(users, "data.1.name"), "dave");
    cJSON_Delete(users);
    for (size_t n = 0; n < sizeof changes / sizeof changes[0]; n++) {
        cr_assert_eq(browser_status(&admin, line, changes[n]), 200);
        cr_expect_eq(status_with(gateway, secret, "GET /users", NULL), worth[n], "%s", changes[n]);
    }
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console_guard, of_two_cookies_of_one_name_neither_counts)
{
    struct gateway *gateway = gateway_start(&plain);
    struct browser alice = browser_set_up(gateway), nobody = {.gateway = gateway};

    for (int n = 0; n < 2; n++) {
        static const char planted[] = "relayos=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

        snprintf(nobody.cookie, sizeof nobody.cookie, "%.100s; %.100s",
                 n == 0 ? planted : alice.cookie, n == 0 ? alice.cookie : planted);
        cr_assert_eq(browser_status(&nobody, "GET /session", NULL), 401);
    }
    cr_assert_eq(browser_status(&alice, "GET /session", NULL), 200);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* What is refused before anybody looks at who asks, and what is served, alike. */
Test(console_guard, every_answer_has_its_guards_what_was_sent_be_what_it_may)
{
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n",
        "GET /api/v1/session HTTP/1.1\r\nHost: evil.example\r\n",
        "GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n",
        "GET /api/v1/session HTTP/1.1\r\nHost: localhost.\r\n",
        "GET /assets/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n",
        "GET /assets/%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n",
        "GET /%0d%0aset-cookie:x=y HTTP/1.1\r\nHost: localhost\r\n",
        "TRACE / HTTP/1.1\r\nHost: localhost\r\n",
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n",
        "OPTIONS /api/v1/keys HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n",
        "HEAD /api/v1/session HTTP/1.1\r\nHost: localhost\r\n",
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n",
        "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        "Transfer-Encoding: chunked\r\n",
        "PRI * HTTP/2.0\r\n",
        "\001\002\r\n",
    };
    static const char *const guards[] = {
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "x-frame-options",
        "cache-control",
    };
    struct gateway *gateway = gateway_start(&plain);
    struct browser admin = browser_set_up(gateway);
    char text[1024];

    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        int len = snprintf(text, sizeof text, "%sConnection: close\r\n\r\n", lines[n]);
        struct http_reply *reply = http_raw(gateway->console_port, text, (size_t)len);

        cr_expect_neq(reply->status, 0, "%s", lines[n]);
        for (size_t i = 0; i < sizeof guards / sizeof guards[0]; i++)
            cr_expect_eq(http_header_count(reply, guards[i]), 1, "%s: %s", lines[n], guards[i]);
        cr_expect_eq(http_header_count(reply, "set-cookie"), 0, "%s", lines[n]);
        cr_expect_eq(http_header_count(reply, "access-control-allow-origin"), 0, "%s", lines[n]);
        cr_expect_eq(http_header_count(reply, "server"), 0, "%s", lines[n]);
        http_reply_free(&reply);
    }
    (void)admin;
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* ---- who takes the process over ---- */

Test(console_guard, no_credential_of_an_upstream_is_in_reach_of_the_console)
{
    struct gateway *gateway = gateway_start(&plain);
    struct browser admin = browser_set_up(gateway);
    pid_t worker, console;

    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    cr_assert_eq(gateway_pids(gateway, "console", &console, 1), 1);
    int n = memory_count(worker, GATEWAY_CREDENTIAL);
    if (n >= 0) { /* not dumpable: root alone may look */
        cr_assert_gt(n, 0, "it is found where it must be");
        cr_assert_eq(memory_count(console, GATEWAY_CREDENTIAL), 0);
    }
    cr_assert_eq(browser_status(&admin, "GET /prices", NULL), 200);
    cr_assert_eq(browser_status(&admin, "GET /models", NULL), 200);
    cr_assert_eq(gateway_stop(&gateway), 0);
}
