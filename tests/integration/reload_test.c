/* SPDX-License-Identifier: ISC
 *
 * SIGHUP: models, routes and prices change between two requests; a broken file changes nothing.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static int
status_of(const struct gateway *gateway, const char *key, const char *model)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, model, false, "hi !mock:in=10,out=0");
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);
    int status = reply->status;

    http_reply_free(&reply);
    free(body);
    return status;
}

struct wanted {
    const char *key, *model;
    int status;
};

static bool
has_status(const struct gateway *gateway, void *data)
{
    struct wanted *wanted = data;

    return status_of(gateway, wanted->key, wanted->model) == wanted->status;
}

Test(reload, models_and_prices_follow_the_file, .timeout = 100)
{
    static const struct gateway_options before = {
        .models = "  extra:\n    price: {input: 1.00, output: 1.00}\n"
                  "    routes: [{upstream: canary-openai}]\n"};
    static const struct gateway_options after = {
        .models = "  extra:\n    price: {input: 3.00, output: 1.00}\n"
                  "    routes: [{upstream: canary-openai}]\n"
                  "  another:\n    price: free\n    routes: [{upstream: canary-openai}]\n"};
    struct gateway *gateway = gateway_start(&before);
    char *key = gateway_key(gateway, "");

    cr_expect_eq(status_of(gateway, key, "extra"), 200);
    cr_expect_eq(status_of(gateway, key, "another"), 404);
    cr_expect_eq(books_charged_nusd(gateway), 10 * 1000);
    gateway_reconfigure(gateway, &after);
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){key, "another", 200}));
    cr_expect_eq(status_of(gateway, key, "extra"), 200);
    cr_expect_eq(books_charged_nusd(gateway), 10 * 1000 + 10 * 3000);
    gateway_reconfigure(gateway, &(struct gateway_options){0});
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){key, "extra", 404}));
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Of an edit that was never loaded, of a change that was, and of the undoing itself. */
Test(reload, a_rollback_takes_back_what_was_done_last, .timeout = 100)
{
    static const struct gateway_options with_extra = {
        .models = "  extra:\n    price: free\n    routes: [{upstream: canary-openai}]\n"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), command[600], out[1024];

    cr_expect_eq(gateway_ctl_raw(gateway, "config rollback", out, sizeof out), 4, "%s", out);
    cr_expect_eq(gateway_ctl_raw(gateway, "config diff", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "would change nothing"), "%s", out);
    gateway_reconfigure(gateway, &with_extra);
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){key, "extra", 200}));

    snprintf(command, sizeof command, "echo 'nonsense: 1' >> %s", gateway->config);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "config rollback", out, sizeof out), 0, "%s", out);
    cr_expect_not_null(strstr(out, "is what holds again"), "%s", out);
    cr_expect_eq(status_of(gateway, key, "extra"), 200);

    cr_expect_eq(gateway_ctl_raw(gateway, "config rollback", out, sizeof out), 0, "%s", out);
    cr_expect_eq(status_of(gateway, key, "extra"), 404);
    cr_expect_eq(gateway_ctl_raw(gateway, "config rollback", out, sizeof out), 0, "%s", out);
    cr_expect_eq(status_of(gateway, key, "extra"), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* The next start would fail of it. */
Test(reload, a_user_that_there_is_not_is_refused, .timeout = 100)
{
    char command[600], out[1024];

    if (geteuid() != 0)
        cr_skip_test("only root can become another");
    struct gateway *gateway = gateway_start(NULL);

    snprintf(command, sizeof command, "echo 'user: no-such-user' >> %s", gateway->config);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 1, "%s", out);
    cr_expect_not_null(strstr(out, "'user': there is no user no-such-user"), "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(reload, a_running_stream_is_charged_at_the_price_it_began_with, .timeout = 100)
{
    static const struct gateway_options before = {
        .models = "  extra:\n    price: {input: 1.00, output: 1.00}\n"
                  "    routes: [{upstream: canary-openai}]\n"};
    static const struct gateway_options after = {
        .models = "  extra:\n    price: {input: 9.00, output: 9.00}\n"
                  "    routes: [{upstream: canary-openai}]\n"
                  "  another:\n    price: free\n    routes: [{upstream: canary-openai}]\n"};
    struct gateway *gateway = gateway_start(&before);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "extra", true, "!mock:pace=200,in=10,out=10");
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, call->path, key, NULL, body));
    struct http_reply *reply = http_read_until(fd, "content\":\"You");

    http_reply_free(&reply);
    gateway_reconfigure(gateway, &after);
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){key, "another", 200}));
    free(http_drain(fd, "[DONE]"));
    http_close(fd, false);
    cr_expect_eq(books_charged_nusd(gateway), 20 * 1000);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(body);
    free(key);
}

Test(reload, a_broken_file_changes_nothing_and_says_where, .timeout = 100)
{
    static const struct gateway_options broken = {.settings = "wrokers: 3\n"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), out[4096], program[512], command[2048];

    gateway_reconfigure(gateway, &broken);
    cr_expect_neq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0);
    cr_expect(strstr(out, "relayos.yaml:") != NULL && strstr(out, "workers") != NULL, "%s", out);
    cr_expect_eq(status_of(gateway, key, "flat"), 200);
    cJSON *status = gateway_ctl(gateway, "status");
    cr_expect(json_is_true(status, "last_reload.is_refused"));
    cJSON_Delete(status);
    cr_expect(gateway_logged(gateway, "wrokers"), "the log says nothing of it");
    gateway_program("relayosctl", program, sizeof program);
    snprintf(command, sizeof command, "%s -c %s status 2>&1 | grep -q '^  admission'", program,
             gateway->config);
    cr_expect_eq(system(command), 0, "it is not reached by the file that is broken");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
