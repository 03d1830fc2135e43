/* SPDX-License-Identifier: ISC
 *
 * The console as a browser meets it: its pages' files, signing in and out, and what keeps others
 * out; its end is nobody's matter.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "gateway.h"
#include "http.h"
#include "json.h"

#define PASSWORD "correct horse battery"

static const struct gateway_options with_console = {.has_console = true};

struct browser {
    const struct gateway *gateway;
    const char *host; /* of https; NULL: as it is reached on this machine */
    char cookie[512], csrf[128];
};

/* method, path, further header lines, body: as a page of ours would send it. */
static struct http_reply *
send_as(const struct browser *browser, const char *line, const char *headers, const char *body)
{
    char text[4096], host[128];
    int port = browser->gateway->console_port;

    snprintf(host, sizeof host, "127.0.0.1:%d", port);
    int len = snprintf(
        text, sizeof text,
        "%s HTTP/1.1\r\nHost: %s\r\nOrigin: %s://%s\r\n"
        "Content-Type: application/json\r\n%s%s%s%s%s%s%sContent-Length: %zu\r\n"
        "Connection: close\r\n\r\n%s",
        line, browser->host == NULL ? host : browser->host,
        browser->host == NULL ? "http" : "https", browser->host == NULL ? host : browser->host,
        browser->cookie[0] ? "Cookie: " : "", browser->cookie, browser->cookie[0] ? "\r\n" : "",
        browser->csrf[0] ? "X-CSRF-Token: " : "", browser->csrf, browser->csrf[0] ? "\r\n" : "",
        headers == NULL ? "" : headers, body == NULL ? 0 : strlen(body), body == NULL ? "" : body);

    cr_assert_lt(len, (int)sizeof text);
    return http_raw(port, text, (size_t)len);
}

static int
status_of(const struct browser *browser, const char *line, const char *headers, const char *body)
{
    struct http_reply *reply = send_as(browser, line, headers, body);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

/* error.code of the answer is this. */
static bool
is_refused(const struct browser *browser, const char *line, const char *headers, const char *body,
           int status, const char *code)
{
    struct http_reply *reply = send_as(browser, line, headers, body);
    cJSON *json = cJSON_Parse(reply->body);
    bool is_so = reply->status == status && strcmp(json_text(json, "error.code"), code) == 0 &&
                 json_text(json, "error.request_id")[0] != '\0' &&
                 json_text(json, "error.message")[0] != '\0';

    if (!is_so)
        fprintf(stderr, "%s: %d %s\n", line, reply->status, reply->body);
    cJSON_Delete(json);
    http_reply_free(&reply);
    return is_so;
}

static bool
is_there(const struct gateway *gateway, void *data)
{
    pid_t pid;

    (void)data;
    return gateway_pids(gateway, "console", &pid, 1) == 1;
}

static struct browser
open_browser(const struct gateway *gateway)
{
    cr_assert(gateway_wait(gateway, is_there, NULL), "there is no console");
    return (struct browser){.gateway = gateway};
}

/* The cookie and the token of an answer that signs in. */
static void
take_session(struct browser *browser, struct http_reply *reply)
{
    char cookie[512];
    cJSON *json = cJSON_Parse(reply->body);

    cr_assert_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    cr_assert(http_header(reply, "set-cookie", cookie, sizeof cookie));
    cr_assert(strstr(cookie, "; HttpOnly; SameSite=Strict") != NULL, "%s", cookie);
    cookie[strcspn(cookie, ";")] = '\0';
    snprintf(browser->cookie, sizeof browser->cookie, "%s", cookie);
    snprintf(browser->csrf, sizeof browser->csrf, "%s", json_text(json, "csrf"));
    cJSON_Delete(json);
    http_reply_free(&reply);
}

/* The first account, by the setup link. */
static struct browser
set_up_at(struct gateway *gateway, const char *host)
{
    struct browser browser = open_browser(gateway);
    cJSON *link = gateway_ctl(gateway, "user setup-link");
    char body[512];

    browser.host = host;
    cr_assert_not_null(link);
    const char *token = strchr(json_text(link, "url"), '#');
    cr_assert_not_null(token);
    snprintf(body, sizeof body,
             "{\"token\":\"%s\",\"name\":\"alice\",\"password\":\"" PASSWORD "\"}", token + 1);
    cJSON_Delete(link);
    take_session(&browser, send_as(&browser, "POST /api/v1/setup", NULL, body));
    cr_assert_eq(status_of(&(struct browser){.gateway = gateway, .host = host},
                           "POST /api/v1/setup", NULL, body),
                 409, "a link is good once");
    return browser;
}

static struct browser
set_up(struct gateway *gateway)
{
    return set_up_at(gateway, NULL);
}

static void
sign_in(struct browser *browser, const char *name)
{
    char body[256];

    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"" PASSWORD "\"}", name);
    take_session(browser, send_as(browser, "POST /api/v1/session", NULL, body));
}

/* "/assets/0123456789abcdef/app.js" of the page. */
static void
find_asset(const struct http_reply *page, const char *name, char *out, size_t size)
{
    const char *at = strstr(page->body, "/assets/");

    cr_assert_not_null(at);
    snprintf(out, size, "GET %.*s%s", (int)(strlen("/assets/") + 17), at, name);
}

Test(console, every_page_is_served_with_its_guards_and_its_files_for_ever)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = open_browser(gateway);
    struct http_reply *page = send_as(&browser, "GET /keys/12?x=1", NULL, NULL), *file;
    char value[512], path[128], etag[160];

    cr_assert_eq(page->status, 200);
    cr_assert(http_header(page, "content-security-policy", value, sizeof value));
    cr_assert(strstr(value, "default-src 'none'") != NULL && strstr(value, "unsafe") == NULL);
    cr_assert(http_header(page, "x-content-type-options", value, sizeof value));
    cr_assert(http_header(page, "cache-control", value, sizeof value));
    cr_assert_str_eq(value, "no-cache");
    find_asset(page, "app.js", path, sizeof path);
    file = send_as(&browser, path, "Accept-Encoding: gzip, br\r\n", NULL);
    cr_assert_eq(file->status, 200);
    cr_assert(http_header(file, "cache-control", value, sizeof value));
    cr_assert(strstr(value, "immutable") != NULL);
    cr_assert(http_header(file, "content-encoding", value, sizeof value));
    cr_assert_str_eq(value, "gzip");
    cr_assert_eq(memcmp(file->body, "\x1f\x8b", 2), 0);
    cr_assert(http_header(file, "etag", value, sizeof value));
    snprintf(etag, sizeof etag, "If-None-Match: %.100s\r\n", value);
    cr_assert_eq(status_of(&browser, path, etag, NULL), 304);
    find_asset(page, "chart.js", path, sizeof path);
    cr_assert_eq(status_of(&browser, path, NULL, NULL), 200);
    cr_assert_eq(status_of(&browser, "GET /assets/0000000000000000/app.js", NULL, NULL), 404);
    cr_assert_eq(status_of(&browser, "POST /keys", NULL, NULL), 405);
    http_reply_free(&file);
    http_reply_free(&page);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, the_first_account_is_made_by_a_link_and_signs_in_and_out)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = open_browser(gateway), other = browser;
    struct http_reply *reply = send_as(&browser, "GET /api/v1/session", NULL, NULL);
    cJSON *json = cJSON_Parse(reply->body);

    cr_assert_eq(reply->status, 401);
    cr_assert(json_is_true(json, "error.setup_needed"));
    cJSON_Delete(json);
    http_reply_free(&reply);

    browser = set_up(gateway);
    reply = send_as(&browser, "GET /api/v1/session", NULL, NULL);
    json = cJSON_Parse(reply->body);
    cr_assert_eq(reply->status, 200);
    cr_assert_str_eq(json_text(json, "user.name"), "alice");
    cr_assert_str_eq(json_text(json, "user.role"), "admin");
    cr_assert_str_eq(json_text(json, "csrf"), browser.csrf);
    cJSON_Delete(json);
    http_reply_free(&reply);

    cr_assert(is_refused(&other, "POST /api/v1/session", NULL,
                         "{\"name\":\"alice\",\"password\":\"wrong\"}", 401, "bad_credentials"));
    cr_assert(is_refused(&other, "POST /api/v1/session", NULL,
                         "{\"name\":\"nobody\",\"password\":\"wrong\"}", 401, "bad_credentials"));
    sign_in(&other, "ALICE");
    cr_assert_str_neq(other.cookie, browser.cookie);
    cr_assert_eq(status_of(&other, "DELETE /api/v1/session", NULL, NULL), 200);
    cr_assert_eq(status_of(&other, "GET /api/v1/session", NULL, NULL), 401);
    cr_assert_eq(status_of(&browser, "GET /api/v1/session", NULL, NULL), 200,
                 "the other one stays");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* What a stolen or planted cookie was good for ends where another session begins. */
Test(console, signing_in_again_takes_the_place_of_the_session_that_was)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway), planted = browser;

    sign_in(&browser, "alice");
    cr_assert_str_neq(browser.cookie, planted.cookie);
    cr_assert_eq(status_of(&planted, "GET /api/v1/session", NULL, NULL), 401);
    cr_assert_eq(status_of(&browser, "GET /api/v1/status", NULL, NULL), 200);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, status_is_what_relayosctl_says)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway), nobody = {.gateway = gateway};
    struct http_reply *reply = send_as(&browser, "GET /api/v1/status", NULL, NULL);
    cJSON *json = cJSON_Parse(reply->body), *said = gateway_ctl(gateway, "status");

    cr_assert_eq(reply->status, 200, "%s", reply->body);
    cr_assert_str_eq(json_text(json, "console_url"), json_text(said, "console_url"));
    cr_assert_eq(json_int(json, "pid"), json_int(said, "pid"));
    cr_assert_gt(json_int(json, "disk.total_bytes"), 0);
    cr_assert_eq(http_header_count(reply, "x-request-id"), 1);
    cr_assert(is_refused(&nobody, "GET /api/v1/status", NULL, NULL, 401, "signed_out"));
    cJSON_Delete(json);
    cJSON_Delete(said);
    http_reply_free(&reply);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, a_change_that_another_page_sends_is_refused)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway), forged = browser;
    const char *line = "POST /api/v1/password";
    const char *body = "{\"old_password\":\"" PASSWORD "\",\"new_password\":\"another password\"}";
    char text[2048];

    forged.csrf[0] = '\0';
    cr_assert(is_refused(&forged, line, NULL, body, 403, "csrf"));
    snprintf(forged.csrf, sizeof forged.csrf, "%0*d", (int)strlen(browser.csrf), 0);
    cr_assert(is_refused(&forged, line, NULL, body, 403, "csrf"));
    /* As the first header of that name counts, the origin is said by hand. */
    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://evil.example\r\nCookie: %s\r\n"
             "X-CSRF-Token: %s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
             "Connection: close\r\n\r\n{}",
             line, gateway->console_port, browser.cookie, browser.csrf);
    struct http_reply *reply = http_raw(gateway->console_port, text, strlen(text));
    cr_assert_eq(reply->status, 403, "%s", reply->body);
    http_reply_free(&reply);
    snprintf(text, sizeof text,
             "GET /api/v1/session HTTP/1.1\r\nHost: evil.example:%d\r\nConnection: close\r\n\r\n",
             gateway->console_port);
    reply = http_raw(gateway->console_port, text, strlen(text));
    cr_assert_eq(reply->status, 421, "a name that was pointed at us");
    http_reply_free(&reply);
    cr_assert_eq(status_of(&browser, line, NULL, body), 200, "and the true one is not");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, what_is_not_asked_for_is_not_taken)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = open_browser(gateway);
    const char *line = "POST /api/v1/session";

    cr_assert(is_refused(&browser, line, NULL,
                         "{\"name\":\"a\",\"password\":\"b\",\"role\":\"admin\"}", 400,
                         "unknown_field"));
    cr_assert(is_refused(&browser, line, NULL, "{\"name\":\"a\"}", 400, "missing_field"));
    cr_assert(
        is_refused(&browser, line, NULL, "{\"name\":1,\"password\":\"b\"}", 400, "wrong_type"));
    cr_assert(is_refused(&browser, line, NULL, "[]", 400, "bad_json"));
    cr_assert(is_refused(&browser, line, NULL, "{\"name\":\"a\\u0000\",\"password\":\"b\"}", 400,
                         "bad_json"));
    cr_assert(is_refused(&browser, "GET /api/v1/nothing", NULL, NULL, 404, "not_found"));
    cr_assert(is_refused(&browser, "PUT /api/v1/session", NULL, NULL, 405, "method"));
    cr_assert(is_refused(&browser, "GET /api/v1/session", "Authorization: Bearer sk-prod-x\r\n",
                         NULL, 401, "bad_key"));
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, who_guesses_has_to_wait)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = open_browser(gateway);
    const char *body = "{\"name\":\"alice\",\"password\":\"guess\"}";
    struct http_reply *reply = send_as(&browser, "POST /api/v1/session", NULL, body);
    int n_tried = 1;

    /* However slow the machine is: the waits outgrow what an attempt takes. */
    for (; reply->status == 401 && n_tried < 16; n_tried++) {
        http_reply_free(&reply);
        reply = send_as(&browser, "POST /api/v1/session", NULL, body);
    }
    cr_assert_eq(reply->status, 429);
    cr_assert_gt(n_tried, 5, "some failures are free");
    cr_assert_eq(http_header_count(reply, "retry-after"), 1);
    http_reply_free(&reply);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

#define PROXY ", public_url: \"https://console.example\", trusted_proxies: 127.0.0.1"

/* The cookie is one that no other host can set, and who guesses behind the proxy waits alone. */
Test(console, behind_a_tls_proxy_it_goes_by_what_the_proxy_says)
{
    static const struct gateway_options behind = {.has_console = true, .console = PROXY};
    struct gateway *gateway = gateway_start(&behind);
    struct browser browser = open_browser(gateway);
    char body[128];
    int status = 401;

    browser.host = "console.example";
    for (int n = 0; status == 401 && n < 16; n++) {
        snprintf(body, sizeof body, "{\"name\":\"user%d\",\"password\":\"guess\"}", n);
        status = status_of(&browser, "POST /api/v1/session",
                           "X-Forwarded-For: 192.0.2.1, 203.0.113.9\r\n", body);
    }
    cr_assert_eq(status, 429);
    cr_assert_eq(
        status_of(&browser, "POST /api/v1/session", "X-Forwarded-For: 192.0.2.1\r\n", body), 401,
        "what the guesser made up is nobody's address");
    browser = set_up_at(gateway, "console.example");
    cr_assert(strncmp(browser.cookie, "__Host-relayos=", strlen("__Host-relayos=")) == 0, "%s",
              browser.cookie);
    cr_assert_eq(status_of(&browser, "GET /api/v1/session", NULL, NULL), 200);
    browser.host = "console.example.evil";
    cr_assert(is_refused(&browser, "GET /api/v1/session", NULL, NULL, 421, "wrong_host"));
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* As an hour or half a day later. */
static void
age_sessions(const struct gateway *gateway, const char *set)
{
    char sql[128];
    sqlite3 *db;

    snprintf(sql, sizeof sql, "UPDATE session SET %s", set);
    cr_assert_eq(sqlite3_open(gateway->database, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, HTTP_PATIENCE_MS);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

Test(console, a_session_ends_by_itself)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway);

    age_sessions(gateway, "seen_us = seen_us - 29 * 60000000");
    cr_assert_eq(status_of(&browser, "GET /api/v1/status", NULL, NULL), 200);
    age_sessions(gateway, "seen_us = seen_us - 31 * 60000000");
    cr_assert_eq(status_of(&browser, "GET /api/v1/status", NULL, NULL), 401, "nobody was there");
    sign_in(&browser, "alice");
    age_sessions(gateway, "created_us = created_us - 12 * 3600000000");
    cr_assert_eq(status_of(&browser, "GET /api/v1/status", NULL, NULL), 401, "half a day is over");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

Test(console, a_new_password_ends_all_other_sessions)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway), other = {.gateway = gateway};
    const char *line = "POST /api/v1/password";

    sign_in(&other, "alice");
    cr_assert(is_refused(&browser, line, NULL,
                         "{\"old_password\":\"wrong\",\"new_password\":\"another password\"}", 422,
                         "bad_password"));
    cr_assert(is_refused(&browser, line, NULL,
                         "{\"old_password\":\"" PASSWORD "\",\"new_password\":\"short\"}", 422,
                         "weak_password"));
    cr_assert_eq(status_of(&browser, line, NULL,
                           "{\"old_password\":\"" PASSWORD
                           "\",\"new_password\":\"another password\"}"),
                 200);
    cr_assert_eq(status_of(&browser, "GET /api/v1/session", NULL, NULL), 200);
    cr_assert_eq(status_of(&other, "GET /api/v1/session", NULL, NULL), 401);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* Through the gateway itself: it is metered and traced as any other. */
Test(console, a_test_request_is_answered_by_the_model_and_leaves_a_trace)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway);
    char *key = gateway_key(gateway, ""), body[256];

    for (int n = 0; n < 2; n++) {
        snprintf(body, sizeof body, "{\"secret\":\"%s\",\"model\":\"%s\",\"protocol\":\"%s\"}", key,
                 n == 0 ? "gpt-4.1-mini" : "claude-sonnet-4", n == 0 ? "openai" : "anthropic");
        struct http_reply *reply = send_as(&browser, "POST /api/v1/quickstart/test", NULL, body);
        cJSON *json = cJSON_Parse(reply->body);
        cr_assert_eq(reply->status, 200, "%s", reply->body);
        cr_assert(json_is_true(json, "ok"), "%s", reply->body);
        cr_assert_gt(strlen(json_text(json, "text")), 0);
        cr_assert_gt(json_int(json, "latency_us"), 0);
        cJSON *trace = gateway_ctl(gateway, "request show %s", json_text(json, "request_id"));
        cr_assert_not_null(trace);
        cJSON_Delete(trace);
        cJSON_Delete(json);
        http_reply_free(&reply);
    }
    key[strlen(key) - 1] ^= 1;
    snprintf(body, sizeof body, "{\"secret\":\"%s\",\"model\":\"gpt-4.1-mini\"}", key);
    cr_assert(is_refused(&browser, "POST /api/v1/quickstart/test", NULL, body, 422, "no_key"));
    free(key);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* However deep it is, it is refused and the end of nothing. */
Test(console, a_body_of_many_levels_is_no_trouble)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway);
    char body[256], opened[64] = "", closed[64] = "";
    pid_t pid, after;

    cr_assert_eq(gateway_pids(gateway, "console", &pid, 1), 1);
    for (int depth = 1; depth < 63; depth++) {
        opened[depth - 1] = '[';
        closed[depth - 1] = ']';
        snprintf(body, sizeof body, "{\"name\":\"deep\",\"quotas\":%s1%s}", opened, closed);
        int status = status_of(&browser, "POST /api/v1/keys", NULL, body);
        cr_assert(status == 422 || status == 400, "%d levels: %d", depth, status);
    }
    cr_assert_eq(gateway_pids(gateway, "console", &after, 1), 1);
    cr_assert_eq(after, pid, "it ended and was started again");
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* One key is made, and its secret is in both answers: the first may have been lost. */
Test(console, a_create_that_is_sent_twice_happens_once)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway);
    const char *line = "POST /api/v1/keys", *once = "Idempotency-Key: abc\r\n";
    const char *body = "{\"name\":\"mine\",\"tool\":\"other\"}";
    struct http_reply *first = send_as(&browser, line, once, body);
    struct http_reply *second = send_as(&browser, line, once, body);

    cr_assert_eq(first->status, 201, "%s", first->body);
    cr_assert_eq(second->status, 201, "%s", second->body);
    cr_assert_str_eq(first->body, second->body);
    cr_assert_eq(http_header_count(first, "idempotent-replayed"), 0);
    cr_assert_eq(http_header_count(second, "idempotent-replayed"), 1);
    cr_assert(is_refused(&browser, line, once, "{\"name\":\"other\",\"tool\":\"other\"}", 422,
                         "idempotency_mismatch"));
    cr_assert_eq(status_of(&browser, line, "Idempotency-Key: def\r\n", body), 409,
                 "the name is taken");
    http_reply_free(&first);
    http_reply_free(&second);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

static bool
is_another(const struct gateway *gateway, void *data)
{
    pid_t pid;

    return gateway_pids(gateway, "console", &pid, 1) == 1 && pid != *(pid_t *)data;
}

/* What has lost its master comes to us (gateway_start): a zombie until it is waited for. */
static bool
has_ended(const struct gateway *gateway, void *data)
{
    (void)gateway;
    return waitpid(*(pid_t *)data, NULL, WNOHANG) != 0;
}

static bool
runs_last(const struct gateway *gateway, void *data)
{
    (void)gateway;
    return sched_getscheduler(*(pid_t *)data) == SCHED_IDLE;
}

/* The thread that answers; the one for passwords is not to wait for an idle machine. */
Test(console, gives_way_to_whoever_calls_a_model)
{
    struct gateway *gateway = gateway_start(&with_console);
    pid_t pid, worker;

    cr_assert(gateway_wait(gateway, is_there, NULL));
    cr_assert_eq(gateway_pids(gateway, "console", &pid, 1), 1);
    cr_assert_geq(gateway_pids(gateway, "worker", &worker, 1), 1);
    cr_expect(gateway_wait(gateway, runs_last, &pid));
    cr_expect_neq(sched_getscheduler(worker), SCHED_IDLE);
    cr_assert_eq(gateway_stop(&gateway), 0);
}

/* Sessions are the store's: they outlive it. */
Test(console, one_that_ends_is_followed_by_another_and_nobody_is_signed_out)
{
    struct gateway *gateway = gateway_start(&with_console);
    struct browser browser = set_up(gateway);
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "console", &pid, 1), 1);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert(gateway_wait(gateway, is_another, &pid));
    cr_assert_eq(gateway_pids(gateway, "console", &pid, 1), 1);
    cr_assert_eq(status_of(&browser, "GET /api/v1/session", NULL, NULL), 200);

    /* Who comes while there is neither master nor console waits in the socket that workers hold. */
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    cr_assert(gateway_wait(gateway, has_ended, &pid), "it ends with its master");
    int fd = http_connect(gateway->console_port);
    cr_assert_geq(fd, 0);
    cr_assert(http_request(fd, "/keys", NULL, NULL, NULL));
    gateway_restart(gateway);
    struct http_reply *reply = http_read(fd);
    cr_assert_eq(reply->status, 200);
    http_reply_free(&reply);
    http_close(fd, false);
    cr_assert(gateway_wait(gateway, is_there, NULL));
    cr_assert_eq(status_of(&browser, "GET /api/v1/session", NULL, NULL), 200);
    cr_assert_eq(gateway_stop(&gateway), 0);
}
