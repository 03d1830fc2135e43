/* SPDX-License-Identifier: ISC
 *
 * The console's API: what each call answers, and that a member is told nothing of others' things
 * nor of how the gateway does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "browser.h"
#include "json.h"

static const struct gateway_options options = {.has_console = true, .workers = 1};

static char *
ask(const struct gateway *gateway, const char *secret)
{
    static const char body[] = "{\"model\":\"gpt-4.1-mini\",\"messages\":[{\"role\":\"user\","
                               "\"content\":\"hi\"}]}";
    char text[1024];
    int len =
        snprintf(text, sizeof text,
                 "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                 "Connection: close\r\n\r\n%s",
                 secret, strlen(body), body);
    struct http_reply *reply = http_raw(gateway->port, text, (size_t)len);
    char id[128] = "";

    cr_assert_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    cr_assert(http_header(reply, "x-request-id", id, sizeof id));
    http_reply_free(&reply);
    return strdup(id);
}

/* A key, made by somebody; its id, and its secret to be freed. */
static int
make_key(struct browser *browser, const char *body, char **secret)
{
    cJSON *answer = browser_call(browser, "POST /keys", NULL, body);
    int id = (int)json_int(answer, "key.id");

    cr_assert_eq(browser->status, 201);
    cr_assert(strncmp(json_text(answer, "secret"), "sk-", 3) == 0);
    if (secret != NULL)
        *secret = strdup(json_text(answer, "secret"));
    cJSON_Delete(answer);
    return id;
}

static size_t
count(struct browser *browser, const char *line)
{
    cJSON *answer = browser_call(browser, line, NULL, NULL);
    size_t n = (size_t)cJSON_GetArraySize(json_at(answer, "data"));

    cr_assert_eq(browser->status, 200, "%s: %d", line, browser->status);
    cJSON_Delete(answer);
    return n;
}

struct one_settled {
    struct browser *browser;
    const char *line;
    size_t n;
};

static bool
has_rows(const struct gateway *gateway, void *data)
{
    const struct one_settled *claim = data;

    (void)gateway;
    return count(claim->browser, claim->line) == claim->n;
}

Test(console_api, a_key_is_made_shown_changed_and_ended)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char line[64], etag[160];

    int id = make_key(&admin,
                      "{\"name\":\"ci\",\"tool\":\"script\",\"owner\":\"team\",\"quotas\":[{"
                      "\"unit\":\"usd\",\"period\":\"month\",\"amount\":5000000000}]}",
                      NULL);
    snprintf(line, sizeof line, "GET /keys/%d", id);
    cJSON *key = browser_call(&admin, line, NULL, NULL);
    cr_expect_str_eq(json_text(key, "name"), "ci");
    cr_expect_str_eq(json_text(key, "owner"), "team");
    cr_expect_eq(json_int(key, "limits.0.limit"), 5000000000);
    cr_expect(strstr(cJSON_PrintUnformatted(key), "\"secret\"") == NULL);
    cJSON_Delete(key);
    snprintf(etag, sizeof etag, "If-Match: %s\r\n", admin.etag);
    cr_expect_neq(admin.etag[0], '\0');

    snprintf(line, sizeof line, "PATCH /keys/%d", id);
    key = browser_call(&admin, line, etag, "{\"requests_per_minute\":60}");
    cr_expect_eq(admin.status, 200);
    cr_expect_eq(json_int(key, "requests_per_minute"), 60);
    cJSON_Delete(key);
    cJSON_Delete(browser_call(&admin, line, etag, "{\"requests_per_minute\":70}"));
    cr_expect_eq(admin.status, 412, "it was changed meanwhile");
    cr_expect_eq(browser_status(&admin, line, "{\"digest\":\"x\"}"), 400);
    cr_expect_eq(browser_status(&admin, line, "{\"quotas\":[{\"unit\":\"usd\",\"used\":0}]}"), 400);

    static const char *const steps[][3] = {{"disable", "disabled", ""},
                                           {"enable", "active", ""},
                                           {"revoke", "revoked", "{\"cut\":true}"}};
    for (size_t i = 0; i < 3; i++) {
        snprintf(line, sizeof line, "POST /keys/%d/%s", id, steps[i][0]);
        key = browser_call(&admin, line, NULL, steps[i][2]);
        cr_expect_eq(admin.status, 200);
        cr_expect_str_eq(json_text(key, "state"), steps[i][1]);
        cJSON_Delete(key);
    }
    snprintf(line, sizeof line, "GET /keys/%d/audit", id);
    cr_expect_eq(count(&admin, line), 5);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* More than a double can count: 9,007,199.254740993 dollars. */
Test(console_api, a_large_quota_is_kept_to_the_nano_dollar_and_a_network_as_it_is)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char line[64];
    int id =
        make_key(&admin,
                 "{\"name\":\"big\",\"allow_from\":[\"10.0.0.0/8\",\"192.0.2.7\"],\"quotas\":[{"
                 "\"unit\":\"usd\",\"period\":\"month\",\"amount\":9007199254740993}]}",
                 NULL);

    snprintf(line, sizeof line, "GET /keys/%d", id);
    struct http_reply *reply = browser_send(&admin, line, NULL, NULL);
    cr_expect(strstr(reply->body, "\"limit\":9007199254740993,") != NULL, "%s", reply->body);
    cr_expect(strstr(reply->body, "\"allow_from\":[\"10.0.0.0/8\",\"192.0.2.7/32\"]") != NULL, "%s",
              reply->body);
    http_reply_free(&reply);
    snprintf(line, sizeof line, "PATCH /keys/%d", id);
    cr_expect_eq(browser_status(&admin, line, "{\"allow_from\":[\"10.1.0.0/8\"]}"), 422);
    cJSON *answer =
        browser_call(&admin, "GET /explain?key=big&model=flat&address=198.51.100.1", NULL, NULL);
    cr_expect_str_eq(json_text(answer, "verdict.category"), "address_not_allowed");
    cr_expect_str_eq(json_text(answer, "key.allow_from.1"), "192.0.2.7/32");
    cJSON_Delete(answer);
    answer = browser_call(&admin, "GET /explain?key=big&model=flat&address=10.9.8.7", NULL, NULL);
    cr_expect(json_is_true(answer, "verdict.admitted"));
    cr_expect(json_is_true(answer, "key.lets_in"));
    cJSON_Delete(answer);
    cr_expect_eq(browser_status(&admin, "GET /explain?key=big&model=flat&address=x", NULL), 422);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, keys_come_in_pages_and_by_filter)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char body[128], line[96];
    int64_t next = 0, last_id = INT64_MAX;
    size_t n_seen = 0;

    for (int i = 0; i < 12; i++) {
        snprintf(body, sizeof body, "{\"name\":\"Key %d\",\"owner\":\"%s\"}", i,
                 i % 3 == 0 ? "anna" : "ben");
        make_key(&admin, body, NULL);
    }
    do {
        snprintf(line, sizeof line, "GET /keys?limit=5&cursor=%lld", (long long)next);
        cJSON *page = browser_call(&admin, line, NULL, NULL);
        for (int i = 0; i < cJSON_GetArraySize(json_at(page, "data")); i++, n_seen++) {
            int64_t id = json_int(cJSON_GetArrayItem(json_at(page, "data"), i), "id");
            cr_expect_lt(id, last_id);
            last_id = id;
        }
        next = cJSON_IsNull(json_at(page, "next")) ? 0 : json_int(page, "next");
        cJSON_Delete(page);
    } while (next != 0 && n_seen < 100);
    cr_expect_eq(n_seen, 12);
    cr_expect_eq(count(&admin, "GET /keys?owner=anna"), 4);
    cr_expect_eq(count(&admin, "GET /keys?q=kEy+1"), 3);
    cr_expect_eq(count(&admin, "GET /keys?state=disabled"), 0);
    cr_expect_eq(browser_status(&admin, "GET /keys?state=green", NULL), 400);
    cr_expect_eq(browser_status(&admin, "GET /keys?cursor=x", NULL), 400);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* The same words for what is not there and for what is not theirs. */
static void
expect_hidden(struct browser *member, const char *call, int theirs, const char *what)
{
    char texts[2][1024], line[128];

    for (int i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "%s/keys/%d%s", call, i == 0 ? theirs : 4711, what);
        struct http_reply *reply =
            browser_send(member, line, NULL, strncmp(line, "GET", 3) == 0 ? NULL : "{}");
        cr_expect_eq(reply->status, 404, "%s: %d %s", line, reply->status, reply->body);
        char *id = strstr(reply->body, "\"request_id\"");
        cr_assert_not_null(id);
        *id = '\0'; /* the answer's own, which is another each time */
        snprintf(texts[i], sizeof texts[i], "%s", reply->body);
        http_reply_free(&reply);
    }
    cr_expect_str_eq(texts[0], texts[1]);
}

Test(console_api, a_member_sees_their_own_and_nothing_of_how_it_is_done)
{
    static const char *const hidden[] = {"cost_nusd",  "attempts", "n_attempts", "choices",
                                         "n_unlisted", "policy",   "worker",     "route_id"};
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    struct browser carol = browser_join(&admin, "carol", "member");
    char *theirs, *own, line[128];

    int other = make_key(&admin, "{\"name\":\"other\"}", &theirs);
    int mine = make_key(&admin, "{\"name\":\"mine\",\"owner\":\"carol\"}", &own);
    char *other_request = ask(gateway, theirs), *my_request = ask(gateway, own);
    struct one_settled all = {&admin, "GET /requests", 2};
    cr_assert(gateway_wait(gateway, has_rows, &all));

    cr_expect_eq(count(&carol, "GET /keys"), 1);
    cr_expect_eq(count(&carol, "GET /keys?owner=alice"), 1, "whatever owner is asked for");
    cr_expect_eq(count(&carol, "GET /requests"), 1);
    cr_expect_eq(count(&carol, "GET /requests?key=other"), 0);
    snprintf(line, sizeof line, "GET /requests?request_id=%s", other_request);
    cr_expect_eq(count(&carol, line), 0);
    cr_expect_eq(count(&carol, "GET /usage?by=key"), 1);
    cr_expect_eq(count(&carol, "GET /usage?by=owner&key=other"), 0);
    expect_hidden(&carol, "GET ", other, "");
    expect_hidden(&carol, "GET ", other, "/audit");
    expect_hidden(&carol, "PATCH ", other, "");
    expect_hidden(&carol, "POST ", other, "/revoke");
    expect_hidden(&carol, "POST ", other, "/rotate");
    snprintf(line, sizeof line, "GET /requests/%s", other_request);
    cr_expect_eq(browser_status(&carol, line, NULL), 404);
    cr_expect_eq(browser_status(&carol, "POST /keys", "{\"name\":\"x\"}"), 403);

    char lines[][96] = {
        "GET /keys",         "", "GET /requests", "", "GET /usage", "GET /usage.csv", "GET /models",
        "GET /requests/live"};
    snprintf(lines[1], sizeof lines[1], "GET /keys/%d", mine);
    snprintf(lines[3], sizeof lines[3], "GET /requests/%s", my_request);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct http_reply *reply = browser_send(&carol, lines[i], NULL, NULL);
        cr_expect_eq(reply->status, 200, "%s", lines[i]);
        for (size_t n = 0; n < sizeof hidden / sizeof hidden[0]; n++)
            cr_expect(strstr(reply->body, hidden[n]) == NULL, "%s says %s", lines[i], hidden[n]);
        http_reply_free(&reply);
    }
    snprintf(line, sizeof line, "GET /requests/%s", my_request);
    cJSON *request = browser_call(&admin, line, NULL, NULL);
    cr_expect_gt(json_int(request, "cost_nusd"), 0);
    cr_expect_eq(json_int(request, "n_attempts"), 1);
    cr_expect_not_null(json_at(request, "choices"));
    cJSON_Delete(request);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(theirs), free(own), free(other_request), free(my_request);
}

Test(console_api, a_member_ends_a_key_and_names_it_but_gives_it_nothing)
{
    static const char *const gifts[] = {
        "{\"owner\":\"alice\"}",
        "{\"policy\":\"cheapest\"}",
        "{\"models\":[]}",
        "{\"requests_per_minute\":0}",
        "{\"expires_us\":0}",
        "{\"strict\":false}",
        "{\"allow_from\":[]}",
        "{\"quotas\":[{\"unit\":\"usd\",\"period\":\"month\",\"amount\":0}]}"};
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    struct browser carol = browser_join(&admin, "carol", "member");
    char line[96];
    int id = make_key(&admin, "{\"name\":\"mine\",\"owner\":\"carol\"}", NULL);

    snprintf(line, sizeof line, "PATCH /keys/%d", id);
    for (size_t i = 0; i < sizeof gifts / sizeof gifts[0]; i++)
        cr_expect_eq(browser_status(&carol, line, gifts[i]), 403, "%s", gifts[i]);
    cr_expect_eq(browser_status(&carol, line, "{\"name\":\"renamed\"}"), 200);
    cr_expect_eq(browser_status(&carol, line, "{\"id\":7}"), 400);
    snprintf(line, sizeof line, "POST /keys/%d/disable", id);
    cr_expect_eq(browser_status(&carol, line, "{}"), 200);
    snprintf(line, sizeof line, "POST /keys/%d/enable", id);
    cr_expect_eq(browser_status(&carol, line, "{}"), 403);
    cr_expect_eq(browser_status(&admin, line, "{}"), 200);
    snprintf(line, sizeof line, "POST /keys/%d/rotate", id);
    cJSON *made = browser_call(&carol, line, NULL, "{\"overlap_us\":60000000}");
    cr_expect_eq(carol.status, 201);
    cr_expect_str_eq(json_text(made, "key.owner"), "carol");
    cr_expect(json_at(made, "key.policy") == NULL);
    cr_expect_eq(json_int(made, "old.id"), id);
    snprintf(line, sizeof line, "POST /keys/%d/revoke", (int)json_int(made, "key.id"));
    cJSON_Delete(made);
    cr_expect_eq(browser_status(&carol, line, "{}"), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, requests_are_found_by_what_they_are)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    char *secret, line[160], next[64] = "";
    size_t n_seen = 0;

    make_key(&admin, "{\"name\":\"ci\"}", &secret);
    for (int i = 0; i < 7; i++)
        free(ask(gateway, secret));
    struct one_settled all = {&admin, "GET /requests", 7};
    cr_assert(gateway_wait(gateway, has_rows, &all));
    for (int i = 0; i < 9; i++) {
        snprintf(line, sizeof line,
                 "GET /requests?key=ci&status=ok&model=gpt-4.1-mini&limit=3"
                 "&cursor=%s",
                 next);
        cJSON *page = browser_call(&admin, line, NULL, NULL);
        n_seen += (size_t)cJSON_GetArraySize(json_at(page, "data"));
        snprintf(next, sizeof next, "%s", json_text(page, "next"));
        cJSON_Delete(page);
        if (next[0] == '\0')
            break;
    }
    cr_expect_eq(n_seen, 7);
    cr_expect_eq(count(&admin, "GET /requests?status=failed"), 0);
    cr_expect_eq(count(&admin, "GET /requests?key=no-such-key"), 0);
    cr_expect_eq(count(&admin, "GET /requests?request_id=yesterday"), 0);
    cr_expect_eq(browser_status(&admin, "GET /requests?status=green", NULL), 400);
    cr_expect_eq(browser_status(&admin, "GET /requests?cursor=green", NULL), 400);

    cJSON *usage = browser_call(&admin, "GET /usage?by=model", NULL, NULL);
    cr_expect_eq(json_int(usage, "data.0.requests"), 7);
    cr_expect_str_eq(json_text(usage, "data.0.model"), "gpt-4.1-mini");
    cJSON_Delete(usage);
    for (size_t i = 0; i < 4; i++) {
        static const char *const by[] = {"day", "hour", "tool", "owner"};
        snprintf(line, sizeof line, "GET /usage?by=%s", by[i]);
        usage = browser_call(&admin, line, NULL, NULL);
        cr_expect_eq(json_int(usage, "data.0.requests"), 7, "%s", by[i]);
        cJSON_Delete(usage);
    }
    struct http_reply *csv = browser_send(&admin, "GET /usage.csv?by=key", NULL, NULL);
    cr_expect(strstr(csv->body, "key_id,key_name,requests,") == csv->body, "%s", csv->body);
    cr_expect(strstr(csv->body, "\r\n1,\"ci\",7,0,") != NULL, "%s", csv->body);
    http_reply_free(&csv);
    cr_expect_eq(browser_status(&admin, "GET /usage?from=20261302", NULL), 400);
    cr_expect_eq(browser_status(&admin, "GET /usage?by=colour", NULL), 400);
    free(secret);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, the_operators_room_shows_routes_prices_and_the_configuration)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    struct browser bob = browser_join(&admin, "bob", "operator");
    char line[96];

    cJSON *routes = browser_call(&bob, "GET /routes", NULL, NULL);
    cr_assert_gt(cJSON_GetArraySize(json_at(routes, "data")), 0);
    snprintf(line, sizeof line, "POST /routes/%s/drain", json_text(routes, "data.0.id"));
    cJSON *route = browser_call(&bob, line, NULL, "{}");
    cr_expect_str_eq(json_text(route, "admin"), "drained");
    cJSON_Delete(route);
    snprintf(line, sizeof line, "POST /routes/%s/enable", json_text(routes, "data.0.id"));
    route = browser_call(&bob, line, NULL, "{}");
    cr_expect_str_eq(json_text(route, "admin"), "enabled");
    cJSON_Delete(route);
    snprintf(line, sizeof line, "GET /routes/%s/history", json_text(routes, "data.0.id"));
    cr_expect_eq(browser_status(&bob, line, NULL), 200);
    cJSON_Delete(routes);
    cr_expect_eq(browser_status(&bob, "GET /routes/ffffffff", NULL), 404);

    cJSON *prices = browser_call(&bob, "GET /prices", NULL, NULL);
    cr_expect_str_eq(json_text(prices, "data.0.price.state"), "known");
    cr_expect_eq(cJSON_GetArraySize(json_at(prices, "data.0.changes")), 0);
    cr_expect_str_neq(json_text(prices, "data.0.routes.0.route_id"), "");
    cJSON_Delete(prices);
    cJSON *models = browser_call(&bob, "GET /models", NULL, NULL);
    cr_expect_str_eq(json_text(models, "data.0.status"), "up");
    cJSON_Delete(models);
    cJSON *config = browser_call(&bob, "GET /config", NULL, NULL);
    cr_expect_not_null(strstr(json_text(config, "yaml"), "gpt-4.1-mini"));
    cr_expect(strstr(json_text(config, "yaml"), GATEWAY_CREDENTIAL) == NULL);
    cJSON_Delete(config);
    cr_expect_eq(browser_status(&bob, "GET /status", NULL), 200);
    cr_expect_eq(browser_status(&bob, "GET /users", NULL), 403);
    cr_expect_eq(browser_status(&bob, "GET /audit", NULL), 403);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, a_configuration_is_checked_before_it_is_loaded)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    FILE *file = fopen(gateway->config, "a");

    cr_assert_not_null(file);
    fputs("failover:\n  attempts: 2\n", file);
    fclose(file);
    cJSON *checked = browser_call(&admin, "POST /config/check", NULL, "{}");
    cr_expect(json_is_true(checked, "is_ok"), "%s", json_text(checked, "error"));
    cr_expect_eq(json_int(checked, "n_changes"), 1);
    cJSON_Delete(checked);
    cr_expect_eq(browser_status(&admin, "POST /reload", "{}"), 200);
    file = fopen(gateway->config, "a");
    cr_assert_not_null(file);
    fputs("no_such_directive: 1\n", file);
    fclose(file);
    checked = browser_call(&admin, "POST /config/check", NULL, "{}");
    cr_expect_eq(admin.status, 200);
    cr_expect_not(json_is_true(checked, "is_ok"));
    cr_expect_not_null(strstr(json_text(checked, "error"), "no_such_directive"), "%s",
                       json_text(checked, "error"));
    cJSON_Delete(checked);
    cr_expect_eq(browser_status(&admin, "POST /reload", "{}"), 422);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, admins_make_accounts_and_keys_of_the_api_and_all_of_it_is_in_the_trail)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    struct browser carol = browser_join(&admin, "carol", "member");
    char line[96], headers[256];

    cr_expect_eq(browser_status(&admin, "POST /users", "{\"name\":\"carol\",\"role\":\"member\"}"),
                 409);
    cr_expect_eq(browser_status(&admin, "POST /users",
                                "{\"name\":\"dan\",\"role\":\"member\",\"password\":\"short\"}"),
                 422);
    cr_expect_eq(count(&admin, "GET /users?q=CAR"), 1);
    cJSON *made = browser_call(&admin, "POST /admin-keys", NULL,
                               "{\"name\":\"grafana\",\"role\":\"operator\"}");
    cr_expect_eq(admin.status, 201);
    struct browser script = {.gateway = gateway};
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", json_text(made, "secret"));
    cJSON_Delete(browser_call(&script, "GET /routes", headers, NULL));
    cr_expect_eq(script.status, 200);
    cJSON_Delete(browser_call(&script, "GET /users", headers, NULL));
    cr_expect_eq(script.status, 403);
    snprintf(line, sizeof line, "DELETE /admin-keys/%d", (int)json_int(made, "admin_key.id"));
    cJSON_Delete(made);
    cr_expect_eq(browser_status(&admin, line, NULL), 200);
    cJSON_Delete(browser_call(&script, "GET /routes", headers, NULL));
    cr_expect_eq(script.status, 401);

    cr_expect_eq(browser_status(&admin, "PATCH /users/2", "{\"is_disabled\":true}"), 200);
    cr_expect_eq(browser_status(&carol, "GET /keys", NULL), 401);
    cr_expect_eq(browser_status(&admin, "PATCH /users/2", "{\"password\":\"x\"}"), 400);
    cr_expect_geq(count(&admin, "GET /audit?who=alice"), 5);
    cr_expect_eq(count(&admin, "GET /audit?action=adminkey.revoke"), 1);
    cJSON *verdict = browser_call(&admin, "POST /audit/verify", NULL, "{}");
    cr_expect(json_is_true(verdict, "is_ok"));
    cr_expect_geq(json_int(verdict, "checked"), 7);
    cJSON_Delete(verdict);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(console_api, its_own_document_is_json_and_has_every_call)
{
    struct gateway *gateway = gateway_start(&options);
    struct browser admin = browser_set_up(gateway);
    cJSON *document = browser_call(&admin, "GET /openapi.json", NULL, NULL);

    cr_assert_not_null(document);
    cr_expect_str_eq(json_text(document, "openapi"), "3.1.0");
    const cJSON *paths = json_at(document, "paths"), *path, *method;
    cr_expect_geq(cJSON_GetArraySize(paths), 30);
    cJSON_ArrayForEach(path, paths)
    {
        cJSON_ArrayForEach(method, path)
        {
            cr_expect_not_null(json_at(method, "responses.default"), "%s", path->string);
            cr_expect_str_neq(json_text(method, "summary"), "");
        }
    }
    cr_expect_str_eq(json_text(cJSON_GetObjectItem(paths, "/keys/{id}"), "get.parameters.0.in"),
                     "path");
    cJSON_Delete(document);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
