/* SPDX-License-Identifier: ISC */
#include "browser.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "json.h"

static bool is_there(const struct gateway *gateway, void *data);
static void take_session(struct browser *browser, cJSON *answer);

struct browser
browser_set_up(struct gateway *gateway)
{
    struct browser browser = {.gateway = gateway};
    char body[512];

    cr_assert(gateway_wait(gateway, is_there, NULL), "there is no console");
    cJSON *link = gateway_ctl(gateway, "user setup-link");
    cr_assert_not_null(link);
    const char *token = strchr(json_text(link, "url"), '#');
    cr_assert_not_null(token);
    snprintf(body, sizeof body,
             "{\"token\":\"%s\",\"name\":\"alice\",\"password\":\"" BROWSER_PASSWORD "\"}",
             token + 1);
    cJSON_Delete(link);
    take_session(&browser, browser_call(&browser, "POST /setup", NULL, body));
    return browser;
}

static bool
is_there(const struct gateway *gateway, void *data)
{
    pid_t pid;

    (void)data;
    return gateway_pids(gateway, "console", &pid, 1) == 1;
}

struct browser
browser_join(struct browser *admin, const char *name, const char *role)
{
    struct browser browser = {.gateway = admin->gateway};
    char body[256];

    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"role\":\"%s\",\"password\":\"" BROWSER_PASSWORD "\"}", name, role);
    cr_assert_eq(browser_status(admin, "POST /users", body), 201);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"password\":\"" BROWSER_PASSWORD "\"}", name);
    take_session(&browser, browser_call(&browser, "POST /session", NULL, body));
    return browser;
}

static void
take_session(struct browser *browser, cJSON *answer)
{
    cr_assert_eq(browser->status, 200);
    snprintf(browser->csrf, sizeof browser->csrf, "%s", json_text(answer, "csrf"));
    cJSON_Delete(answer);
}

cJSON *
browser_call(struct browser *browser, const char *line, const char *headers, const char *body)
{
    struct http_reply *reply = browser_send(browser, line, headers, body);
    cJSON *json = cJSON_Parse(reply->body);

    http_reply_free(&reply);
    return json;
}

struct http_reply *
browser_send(struct browser *browser, const char *line, const char *headers, const char *body)
{
    const char *path = strchr(line, ' ') + 1;
    char text[8192], cookie[512];
    int port = browser->gateway->console_port;
    int len = snprintf(
        text, sizeof text,
        "%.*s/api/v1%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\n"
        "Content-Type: application/json\r\nCookie: %s\r\nX-CSRF-Token: %s\r\n%s"
        "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
        (int)(path - line), line, path, port, port, browser->cookie, browser->csrf,
        headers == NULL ? "" : headers, body == NULL ? 0 : strlen(body), body == NULL ? "" : body);

    cr_assert_lt(len, (int)sizeof text);
    struct http_reply *reply = http_raw(port, text, (size_t)len);
    browser->status = reply->status;
    browser->etag[0] = '\0';
    (void)http_header(reply, "etag", browser->etag, sizeof browser->etag);
    if (http_header(reply, "set-cookie", cookie, sizeof cookie)) {
        cookie[strcspn(cookie, ";")] = '\0';
        snprintf(browser->cookie, sizeof browser->cookie, "%s", cookie);
    }
    return reply;
}

int
browser_status(struct browser *browser, const char *line, const char *body)
{
    cJSON_Delete(browser_call(browser, line, NULL, body));
    return browser->status;
}
