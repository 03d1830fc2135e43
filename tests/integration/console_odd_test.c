/* SPDX-License-Identifier: ISC
 *
 * Whatever is asked of the console's API, of each row of api.def: it answers, it does not blame
 * itself (500), and it is the same process afterwards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "gateway.h"
#include "http.h"
#include "json.h"

#define PASSWORD "correct horse battery"

static const struct row {
    const char *method, *path, *handler;
} rows[] = {
#define API(METHOD, path, ROLE, handler, summary) {#METHOD, path, #handler},
#include "../../src/console/api.def"
};
#define N_ROWS (sizeof rows / sizeof rows[0])

/* What each row takes, and one name that none does. */
static const struct named {
    const char *of, *name;
} queries[] = {
#define QUERY(handler, name, type, summary) {#handler, #name},
#define LIMIT(handler, usual, most)         {#handler, "limit"},
#include "../../src/console/api.def"
};
static const struct named bodies[] = {
#define BODY(handler, shape) {#handler, shape},
#include "../../src/console/api.def"
};
static const struct field {
    const char *of, *name, *type;
} fields[] = {
#define FIELD(shape, name, type, summary) {#shape, #name, type},
#include "../../src/console/shapes.def"
};
static const char *const query_values[] = {
    "",         "-1",
    "0",        "18446744073709551616",
    "x",        "%00",
    "%zz",      "%FF%FE",
    "'%22;--",  "1.5",
    "20261340", "a%20b",
    "day",      "019abc00-0000-7000-8000-000000000000",
};
static const char *const member_values[] = {
    "null",
    "true",
    "-1",
    "0",
    "1e300",
    "1.5",
    "9007199254740993",
    "\"\"",
    "\"x\"",
    "\"\\u00e9\\ud83d\\ude00\"",
    "[]",
    "[null]",
    "[[1]]",
    "[{}]",
    "[\"m\",\"m\"]",
    "[{\"unit\":\"usd\",\"amount\":-1}]",
    "[{\"unit\":{},\"amount\":[]}]",
    "{}",
    "{\"a\":{\"b\":[]}}",
    "\"../../etc/passwd\"",
    "\"a\\r\\nb: c\"",
};

struct visitor {
    struct gateway *gateway;
    char cookie[512], csrf[128];
    unsigned n_asked;
};

static struct http_reply *
ask(struct visitor *visitor, const char *method, const char *target, const char *body)
{
    char text[4096];
    int port = visitor->gateway->console_port;
    int len =
        snprintf(text, sizeof text,
                 "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
                 "Content-Type: application/json\r\nCookie: %s\r\nX-CSRF-Token: %s\r\n"
                 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                 method, target, port, port, visitor->cookie, visitor->csrf, strlen(body), body);

    cr_assert_lt(len, (int)sizeof text);
    visitor->n_asked++;
    return http_raw(port, text, (size_t)len);
}

static void
check(struct visitor *visitor, const struct row *row, const char *target, const char *body)
{
    struct http_reply *reply = ask(visitor, row->method, target, body);

    cr_assert(reply->status >= 200 && reply->status < 500, "%s %s %s: %d %s", row->method, target,
              body, reply->status, reply->body == NULL ? "" : reply->body);
    http_reply_free(&reply);
}

static void
sign_up(struct visitor *visitor)
{
    cJSON *link = gateway_ctl(visitor->gateway, "user setup-link");
    char body[512], cookie[512];

    cr_assert_not_null(link);
    snprintf(body, sizeof body,
             "{\"token\":\"%s\",\"name\":\"alice\",\"password\":\"" PASSWORD "\"}",
             strchr(json_text(link, "url"), '#') + 1);
    cJSON_Delete(link);
    struct http_reply *reply = ask(visitor, "POST", "/api/v1/setup", body);
    cJSON *json = cJSON_Parse(reply->body);
    cr_assert_eq(reply->status, 200, "%s", reply->body);
    cr_assert(http_header(reply, "set-cookie", cookie, sizeof cookie));
    cookie[strcspn(cookie, ";")] = '\0';
    snprintf(visitor->cookie, sizeof visitor->cookie, "%s", cookie);
    snprintf(visitor->csrf, sizeof visitor->csrf, "%s", json_text(json, "csrf"));
    cJSON_Delete(json);
    http_reply_free(&reply);
}

/* Signing out, and what makes others wait, is for other tests. */
static bool
is_door(const struct row *row)
{
    return strcmp(row->path, "/session") == 0 || strcmp(row->path, "/setup") == 0 ||
           strcmp(row->path, "/password") == 0;
}

static void
target_of(const struct row *row, const char *id, const char *query, char *out, size_t size)
{
    const char *brace = strchr(row->path, '{');

    if (brace == NULL)
        snprintf(out, size, "/api/v1%s%s", row->path, query);
    else
        snprintf(out, size, "/api/v1%.*s%s%s%s", (int)(brace - row->path), row->path, id,
                 strchr(brace, '}') + 1, query);
}

static struct visitor
come(void)
{
    static const struct gateway_options with_console = {.has_console = true, .workers = 1};
    struct visitor visitor = {.gateway = gateway_start(&with_console)};

    /* One key and one request, so that there is something to find. */
    char *key = gateway_key(visitor.gateway, "");
    struct http_reply *reply =
        http_call(visitor.gateway->port, "/v1/chat/completions", key, NULL,
                  "{\"model\":\"flat\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    cr_assert_eq(reply->status, 200);
    http_reply_free(&reply);
    free(key);
    return visitor;
}

static bool
has_console(const struct gateway *gateway, void *data)
{
    return gateway_pids(gateway, "console", data, 1) == 1;
}

Test(console_odd, no_query_makes_it_fail)
{
    struct visitor visitor = come();
    char target[512], query[256];
    pid_t pid, after;

    cr_assert(gateway_wait(visitor.gateway, has_console, &pid));
    sign_up(&visitor);
    for (size_t n = 0; n < N_ROWS; n++) {
        if (strcmp(rows[n].method, "GET") != 0)
            continue;
        for (size_t q = 0; q < sizeof queries / sizeof queries[0]; q++) {
            bool is_its = strcmp(queries[q].of, rows[n].handler) == 0;

            for (size_t v = 0; is_its && v < sizeof query_values / sizeof query_values[0]; v++) {
                snprintf(query, sizeof query, "?%s=%s", queries[q].name, query_values[v]);
                target_of(&rows[n], "1", query, target, sizeof target);
                check(&visitor, &rows[n], target, "");
            }
        }
        for (size_t v = 0; v < sizeof query_values / sizeof query_values[0]; v++) {
            snprintf(query, sizeof query, "?no_such_name=%s", query_values[v]);
            target_of(&rows[n], "1", query, target, sizeof target);
            check(&visitor, &rows[n], target, "");
        }
        static const char *const ids[] = {"0", "-1", "99999999999999999999", "x", "%2e%2e", "a%00"};
        for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
            target_of(&rows[n], ids[i], "", target, sizeof target);
            check(&visitor, &rows[n], target, "");
        }
    }
    cr_assert(gateway_wait(visitor.gateway, has_console, &after));
    cr_assert_eq(after, pid);
    cr_assert_gt(visitor.n_asked, 1000u);
    cr_assert_eq(gateway_stop(&visitor.gateway), 0);
}

/* An object of that shape, with one member's value as it is given: as the row would take it. */
static void
write_body(const char *shape, const struct field *odd, const char *value, unsigned n, char *out,
           size_t size)
{
    int len = snprintf(out, size, "{");

    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        const struct field *field = &fields[f];
        bool is_needed = field->type[0] != '?' || strcmp(field->name, "name") == 0;
        char plain[64] = "1";

        if (strcmp(field->of, shape) != 0 || (field != odd && !is_needed))
            continue;
        if (strstr(field->type, "text") != NULL)
            snprintf(plain, sizeof plain, "\"member%u\"", n);
        if (strstr(field->type, "bool") != NULL)
            snprintf(plain, sizeof plain, "true");
        len += snprintf(out + len, size - (size_t)len, "%s\"%s\":%s", len > 1 ? "," : "",
                        field->name, field == odd ? value : plain);
    }
    snprintf(out + len, size - (size_t)len, "}");
}

static void
ask_bodies(struct visitor *visitor, const struct row *row, const char *target)
{
    const char *shape = NULL;
    char body[1024];

    for (size_t n = 0; n < sizeof bodies / sizeof bodies[0]; n++)
        shape = strcmp(bodies[n].of, row->handler) == 0 ? bodies[n].name : shape;
    for (size_t f = 0; shape != NULL && f < sizeof fields / sizeof fields[0]; f++) {
        if (strcmp(fields[f].of, shape) != 0)
            continue;
        for (size_t v = 0; v < sizeof member_values / sizeof member_values[0]; v++) {
            snprintf(body, sizeof body, "{\"%s\":%s}", fields[f].name, member_values[v]);
            check(visitor, row, target, body);
            write_body(shape, &fields[f], member_values[v], visitor->n_asked, body, sizeof body);
            check(visitor, row, target, body);
        }
    }
}

Test(console_odd, no_body_makes_it_fail)
{
    struct visitor visitor = come();
    char target[512];
    pid_t pid, after;

    cr_assert(gateway_wait(visitor.gateway, has_console, &pid));
    sign_up(&visitor);
    for (size_t n = 0; n < N_ROWS; n++) {
        if (strcmp(rows[n].method, "GET") == 0 || is_door(&rows[n]))
            continue;
        target_of(&rows[n], "1", "", target, sizeof target);
        check(&visitor, &rows[n], target, "");
        check(&visitor, &rows[n], target, "{\"name\":\"\\uD800\"}");
        check(&visitor, &rows[n], target, "{\"no_such_member\":[[1]]}");
        ask_bodies(&visitor, &rows[n], target);
    }
    cr_assert(gateway_wait(visitor.gateway, has_console, &after));
    cr_assert_eq(after, pid);
    cr_assert_gt(visitor.n_asked, 500u);
    cr_assert_eq(gateway_stop(&visitor.gateway), 0);
}
