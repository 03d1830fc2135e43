/* SPDX-License-Identifier: ISC
 *
 * The console's API is what its tables, and so its OpenAPI document, say: live answers have those
 * members and no other, queries take those parameters and no other, and so do methods.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "browser.h"
#include "json.h"
#include "shape.h"

static const struct row {
    const char *method, *path, *handler;
} rows[] = {
#define API(METHOD, path, ROLE, handler, summary) {#METHOD, path, #handler},
#include "../../src/console/api.def"
};
static const struct answer {
    const char *handler;
    int status;
    const char *shape;
} answers[] = {
#define ANSWER(handler, status, shape) {#handler, status, shape},
#include "../../src/console/api.def"
};
static const struct query {
    const char *handler, *name, *type;
} queries[] = {
#define QUERY(handler, name, type, summary) {#handler, #name, type},
#include "../../src/console/api.def"
};
static const char *const any_query[] = {
#define ANY_QUERY(handler) #handler,
#include "../../src/console/api.def"
    "",
};
#define N(table) (sizeof(table) / sizeof((table)[0]))

/* A gateway in which each list has something, and what stands for {id} below each of them. */
struct scene {
    struct gateway *gateway;
    struct browser admin;
    char key[16], request[64], route[64], user[16], admin_key[16];
};

static void expect_one(const char *name, const struct tree *value, const char *shape);

static void
expect_shape(const char *name, const char *text, const char *shape)
{
    struct shape_type type = shape_type_of(shape);
    struct tree *answer = tree_parse(slice_str(text));
    const struct tree *data = tree_find(answer, "data"), *item;

    if (strcmp(type.base, "any") != 0 && !type.is_list)
        expect_one(name, answer, type.base);
    if (strcmp(type.base, "any") != 0 && type.is_list) {
        cr_expect(tree_is(data, TREE_ARRAY), "%s", name);
        cr_expect_not_null(tree_find(answer, "next"), "%s has no next", name);
        tree_each(item, data) expect_one(name, item, type.base);
    }
    tree_free(&answer);
}

static void
expect_one(const char *name, const struct tree *value, const char *shape)
{
    struct shape_fault fault;

    cr_expect(shape_check(shape, value, SHAPE_ANSWER, &fault), "%s: %s %s (%d)", name, fault.member,
              fault.field, fault.error);
}

static const struct answer *
answer_of(const struct row *row)
{
    size_t n = 0;

    while (n < N(answers) && strcmp(answers[n].handler, row->handler) != 0)
        n++;
    cr_assert_lt(n, N(answers), "%s has no ANSWER", row->handler);
    return &answers[n];
}

static const struct row *
row_of(const char *method, const char *path)
{
    size_t n = 0;

    while (n < N(rows) && (strcmp(rows[n].method, method) != 0 || strcmp(rows[n].path, path) != 0))
        n++;
    cr_assert_lt(n, N(rows), "%s %s", method, path);
    return &rows[n];
}

/* "GET /keys/1/audit" of a row, with the parameters that must be there. */
static void
line_of(const struct scene *scene, const struct row *row, char *out, size_t size)
{
    const char *brace = strchr(row->path, '{');
    const char *id = strncmp(row->path, "/keys", 5) == 0       ? scene->key
                     : strncmp(row->path, "/requests", 9) == 0 ? scene->request
                     : strncmp(row->path, "/routes", 7) == 0   ? scene->route
                     : strncmp(row->path, "/users", 6) == 0    ? scene->user
                                                               : scene->admin_key;

    if (brace == NULL)
        snprintf(out, size, "%s %s", row->method, row->path);
    else
        snprintf(out, size, "%s %.*s%s%s", row->method, (int)(brace - row->path), row->path, id,
                 strchr(brace, '}') + 1);
    for (size_t n = 0; n < N(queries); n++) {
        size_t len = strlen(out);

        if (strcmp(queries[n].handler, row->handler) == 0 && queries[n].type[0] != '?')
            snprintf(out + len, size - len, "%c%s=%s", strchr(out, '?') == NULL ? '?' : '&',
                     queries[n].name,
                     strcmp(queries[n].name, "model") == 0 ? "gpt-4.1-mini" : "ci");
    }
}

/* A call that must do; its answer, of the shape that is said. */
static cJSON *
call(struct scene *scene, const char *method, const char *path, const char *body)
{
    const struct row *row = row_of(method, path);
    char line[256];

    line_of(scene, row, line, sizeof line);
    struct http_reply *reply = browser_send(&scene->admin, line, NULL, body);
    cr_assert_eq(reply->status, answer_of(row)->status, "%s: %d", line, reply->status);
    expect_shape(line, reply->body, answer_of(row)->shape);
    cJSON *answer = cJSON_Parse(reply->body);
    http_reply_free(&reply);
    return answer;
}

static bool
has_settled(const struct gateway *gateway, void *data)
{
    struct scene *scene = data;
    cJSON *answer = browser_call(&scene->admin, "GET /requests", NULL, NULL);
    bool is_there = cJSON_GetArraySize(json_at(answer, "data")) > 0;

    (void)gateway;
    snprintf(scene->request, sizeof scene->request, "%s", json_text(answer, "data.0.request_id"));
    cJSON_Delete(answer);
    return is_there;
}

static struct scene
begin(void)
{
    static const struct gateway_options options = {.has_console = true, .workers = 1};
    struct scene scene = {.gateway = gateway_start(&options)};
    char body[512];

    scene.admin = browser_set_up(scene.gateway);
    cJSON *key = call(&scene, "POST", "/keys",
                      "{\"name\":\"ci\",\"models\":[\"gpt-4.1-mini\"],\"quotas\":[{\"unit\":"
                      "\"usd\",\"period\":\"month\",\"amount\":5000000000}]}");
    snprintf(scene.key, sizeof scene.key, "%d", (int)json_int(key, "key.id"));
    snprintf(body, sizeof body, "{\"secret\":\"%s\",\"model\":\"gpt-4.1-mini\"}",
             json_text(key, "secret"));
    cJSON_Delete(key);
    cJSON_Delete(call(&scene, "POST", "/quickstart/test", body));
    cr_assert(gateway_wait(scene.gateway, has_settled, &scene));
    cJSON *user = call(&scene, "POST", "/users", "{\"name\":\"dan\",\"role\":\"member\"}");
    snprintf(scene.user, sizeof scene.user, "%d", (int)json_int(user, "id"));
    cJSON_Delete(user);
    cJSON *made = call(&scene, "POST", "/admin-keys", "{\"name\":\"ci\",\"role\":\"admin\"}");
    snprintf(scene.admin_key, sizeof scene.admin_key, "%d", (int)json_int(made, "admin_key.id"));
    cJSON_Delete(made);
    cJSON *routes = call(&scene, "GET", "/routes", NULL);
    snprintf(scene.route, sizeof scene.route, "%s", json_text(routes, "data.0.id"));
    cJSON_Delete(routes);
    return scene;
}

Test(console_shape, whatever_is_read_has_the_members_that_are_said)
{
    struct scene scene = begin();

    for (size_t n = 0; n < N(rows); n++) {
        const struct answer *answer = answer_of(&rows[n]);

        if (strcmp(rows[n].method, "GET") == 0 && answer->status == 200 &&
            strcmp(answer->shape, "csv") != 0 && strcmp(answer->shape, "text") != 0)
            cJSON_Delete(call(&scene, "GET", rows[n].path, NULL));
    }
    for (size_t n = 0; n < 6; n++) {
        static const char *const by[] = {"day", "hour", "key", "model", "tool", "owner"};
        char line[64];

        snprintf(line, sizeof line, "GET /usage?by=%s", by[n]);
        struct http_reply *reply = browser_send(&scene.admin, line, NULL, NULL);
        cJSON *usage = cJSON_Parse(reply->body);
        cr_expect_eq(cJSON_GetArraySize(json_at(usage, "data")), 1, "%s", line);
        expect_shape(line, reply->body, "[usage]");
        cJSON_Delete(usage);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}

Test(console_shape, what_is_changed_is_answered_with_the_members_that_are_said)
{
    static const char *const steps[][3] = {
        {"PATCH", "/keys/{id}", "{\"name\":\"renamed\"}"},
        {"POST", "/keys/{id}/disable", "{}"},
        {"POST", "/keys/{id}/enable", "{}"},
        {"POST", "/keys/{id}/rotate", "{\"overlap_us\":60000000}"},
        {"POST", "/keys/{id}/revoke", "{\"cut\":true}"},
        {"POST", "/routes/{id}/drain", "{}"},
        {"POST", "/routes/{id}/disable", "{}"},
        {"POST", "/routes/{id}/enable", "{}"},
        {"POST", "/config/check", "{}"},
        {"POST", "/reload", "{}"},
        {"PATCH", "/users/{id}", "{\"role\":\"operator\"}"},
        {"POST", "/users/{id}/password", "{\"password\":\"" BROWSER_PASSWORD "\"}"},
        {"DELETE", "/admin-keys/{id}", "{}"},
        {"POST", "/audit/verify", "{}"},
        {"GET", "/audit", NULL},
    };
    struct scene scene = begin();

    for (size_t n = 0; n < N(steps); n++)
        cJSON_Delete(call(&scene, steps[n][0], steps[n][1], steps[n][2]));
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}

Test(console_shape, what_is_added_while_pages_are_read_shifts_nothing)
{
    struct scene scene = begin();
    int64_t seen[8] = {0};
    size_t n_seen = 0;
    char line[96] = "GET /keys?limit=1", body[64];

    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof body, "{\"name\":\"before %d\"}", i);
        cJSON_Delete(call(&scene, "POST", "/keys", body));
    }
    for (int i = 0; i < 8 && line[0] != '\0'; i++) {
        cJSON *page = browser_call(&scene.admin, line, NULL, NULL);

        if (cJSON_GetArraySize(json_at(page, "data")) == 1)
            seen[n_seen++] = json_int(page, "data.0.id");
        line[0] = '\0';
        if (!cJSON_IsNull(json_at(page, "next")))
            snprintf(line, sizeof line, "GET /keys?limit=1&cursor=%lld",
                     (long long)json_int(page, "next"));
        cJSON_Delete(page);
        snprintf(body, sizeof body, "{\"name\":\"meanwhile %d\"}", i);
        cJSON_Delete(call(&scene, "POST", "/keys", body));
    }
    cr_expect_eq(n_seen, 4);
    for (size_t i = 1; i < n_seen; i++)
        cr_expect_lt(seen[i], seen[i - 1]);
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}

Test(console_shape, whatever_can_be_changed_has_a_version_and_a_change_of_another_is_refused)
{
    struct scene scene = begin();
    char line[256], headers[192];
    size_t n_patches = 0;

    for (size_t n = 0; n < N(rows); n++) {
        struct row read = {"GET", rows[n].path, ""};

        if (strcmp(rows[n].method, "PATCH") != 0)
            continue;
        line_of(&scene, &read, line, sizeof line);
        cr_expect_eq(browser_status(&scene.admin, line, NULL), 200);
        cr_expect_neq(scene.admin.etag[0], '\0', "%s", line);
        snprintf(headers, sizeof headers, "If-Match: %s\r\n", scene.admin.etag);
        line_of(&scene, &rows[n], line, sizeof line);
        cJSON_Delete(browser_call(&scene.admin, line, headers, "{}"));
        cr_expect_eq(scene.admin.status, 200, "%s", line);
        cr_expect_neq(scene.admin.etag[0], '\0', "%s", line);
        cJSON_Delete(browser_call(&scene.admin, line, headers, "{}"));
        cr_expect_eq(scene.admin.status, 412, "%s", line);
        n_patches++;
    }
    cr_expect_geq(n_patches, 2);
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}

/* The code and the field of an error; its status is answered. */
static int
refuse(struct scene *scene, const char *line, const char *body, const char *code, const char *field)
{
    cJSON *answer = browser_call(&scene->admin, line, NULL, body);

    cr_expect_str_eq(json_text(answer, "error.code"), code, "%s %s", line, body);
    cr_expect_str_eq(json_text(answer, "error.field"), field, "%s %s", line, body);
    cr_expect_eq(strlen(json_text(answer, "error.request_id")), 36, "%s", line);
    cJSON_Delete(answer);
    return scene->admin.status;
}

static bool
takes_any(const struct row *row)
{
    bool takes = false;

    for (size_t n = 0; n < N(any_query); n++)
        takes = takes || strcmp(any_query[n], row->handler) == 0;
    return takes;
}

Test(console_shape, a_parameter_or_member_that_is_not_said_is_refused_by_each_call)
{
    struct scene scene = begin();
    char line[256], query[280];

    for (size_t n = 0; n < N(rows); n++) {
        if (takes_any(&rows[n]))
            continue;
        line_of(&scene, &rows[n], line, sizeof line);
        snprintf(query, sizeof query, "%s%cno_such_name=1", line,
                 strchr(line, '?') == NULL ? '?' : '&');
        cr_expect_eq(refuse(&scene, query, "{}", "unknown_parameter", "no_such_name"), 400);
        if (strcmp(rows[n].method, "GET") != 0)
            cr_expect_eq(refuse(&scene, line, "{\"no_such\":1}", "unknown_field", "no_such"), 400);
    }
    cr_expect_eq(refuse(&scene, "GET /keys?q=a&q=b", NULL, "bad_request", "q"), 400);
    cr_expect_eq(refuse(&scene, "GET /explain?key=ci", NULL, "missing_parameter", "model"), 400);
    cr_expect_eq(refuse(&scene, "GET /keys?limit=0", NULL, "bad_request", "limit"), 400);
    cr_expect_eq(refuse(&scene, "GET /keys?limit=201", NULL, "bad_request", "limit"), 400);
    cr_expect_eq(refuse(&scene, "POST /keys",
                        "{\"quotas\":[{\"unit\":\"usd\",\"period\":\"day\"}]}", "missing_field",
                        "quotas"),
                 400);
    cr_expect_eq(refuse(&scene, "POST /keys", "{\"name\":\"x\",\"models\":[\"no-such-model\"]}",
                        "invalid", "models"),
                 422);
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}

Test(console_shape, what_else_may_be_done_with_a_path_is_told)
{
    struct scene scene = begin();
    char line[256], allow[128];

    for (size_t n = 0; n < N(rows); n++) {
        static const char *const methods[] = {"OPTIONS", "PUT"};

        for (size_t m = 0; m < N(methods); m++) {
            struct row row = {methods[m], rows[n].path, ""};

            line_of(&scene, &row, line, sizeof line);
            struct http_reply *reply = browser_send(&scene.admin, line, NULL, NULL);
            cr_expect_eq(reply->status, m == 0 ? 204 : 405, "%s: %d", line, reply->status);
            cr_assert(http_header(reply, "allow", allow, sizeof allow), "%s", line);
            cr_expect_not_null(strstr(allow, rows[n].method), "%s: %s", line, allow);
            http_reply_free(&reply);
        }
    }
    struct browser nobody = {.gateway = scene.gateway};
    struct http_reply *reply = browser_send(&nobody, "GET /keys", NULL, NULL);
    cr_expect_eq(reply->status, 401);
    cr_expect(http_header(reply, "www-authenticate", allow, sizeof allow));
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&scene.gateway), 0);
}
