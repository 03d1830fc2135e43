/* SPDX-License-Identifier: ISC
 *
 * What must be nowhere: marks of the route in anything a caller sees (SE-06), callers' keys and the
 * upstream credential in anything that is stored or logged (SE-01, SE-05).
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

Test(leak, no_mark_of_the_route_reaches_a_caller_whatever_happens, .timeout = 250)
{
    static const char *const texts[] = {"hi",
                                        "!mock:comments",
                                        "!mock:chunked",
                                        "!mock:status=500",
                                        "!mock:status=400",
                                        "!mock:status=403",
                                        "!mock:status=404",
                                        "!mock:status=422",
                                        "!mock:status=429,retry-after=3",
                                        "!mock:status=529",
                                        "!mock:status=400,code=context_length_exceeded",
                                        "!mock:status=500,html",
                                        "!mock:redirect",
                                        "!mock:error-200",
                                        "!mock:error-event",
                                        "!mock:error-event=5",
                                        "!mock:garbage=5",
                                        "!mock:cut=5",
                                        "!mock:big-head",
                                        "!mock:reasoning=3"};
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), port[16];
    const struct call *call;

    snprintf(port, sizeof port, "%d", gateway->mock_port);
    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        for (size_t i = 0; i < 2 * (sizeof texts / sizeof *texts); i++) {
            if (i % 2 == 1 && !call->can_stream)
                continue;
            struct http_reply *reply = call_make(gateway, call, key, i % 2 == 1, texts[i / 2]);

            cr_expect_neq(reply->status, 0, "%s %s", call->name, texts[i / 2]);
            cr_expect(strcasestr(reply->head, "canary") == NULL, "%s %s: %s", call->name,
                      texts[i / 2], reply->head);
            cr_expect(strcasestr(reply->body, "canary") == NULL, "%s %s: %s", call->name,
                      texts[i / 2], reply->body);
            cr_expect(strstr(reply->body, port) == NULL, "%s %s: %s", call->name, texts[i / 2],
                      reply->body);
            http_reply_free(&reply);
        }
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Files below the directory that hold the text; the test's own config is not one of them. */
static int
n_files_with(const struct gateway *gateway, const char *text)
{
    char command[512];
    int n = -1;

    snprintf(command, sizeof command,
             "grep -rlaF -e '%s' %s /dev/shm/relayos.* 2>/dev/null | wc -l", text, gateway->dir);
    FILE *pipe = popen(command, "r");

    cr_assert(pipe != NULL && fscanf(pipe, "%d", &n) == 1);
    pclose(pipe);
    return n;
}

static void
expect_nowhere(const struct gateway *gateway, const char *secret)
{
    cr_expect_eq(n_files_with(gateway, secret), 0, "%.12s... is in a file", secret);
}

Test(leak, keys_and_credentials_are_stored_and_logged_nowhere, .timeout = 120)
{
    static const struct gateway_options options = {.settings = "log: {level: debug}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), wrong[64], command[256];
    const struct call *call = call_of(OPERATION_CHAT);
    pid_t pids[8];

    snprintf(wrong, sizeof wrong, "%.40sWRONG", key);
    for (size_t i = 0; i < 4; i++) {
        struct http_reply *reply = call_make(gateway, call, i == 0 ? wrong : key, i == 1,
                                             i == 3 ? "!mock:status=401" : "hi");

        cr_expect(strstr(reply->body, key) == NULL && strstr(reply->head, key) == NULL);
        http_reply_free(&reply);
    }
    struct http_reply *reply =
        http_call(gateway->port, call->path, NULL, "Authorization: Bearer\r\n", "{}");

    http_reply_free(&reply);
    /* A secret where names belong: of a call that is refused, and of one that is served. */
    for (int i = 0; i < 2; i++) {
        char *body = call_body(call, i == 0 ? "sk-stray0secret" : NULL, false, "hi");

        reply = http_call(gateway->port, call->path, key,
                          "User-Agent: tool sk-stray0secret\r\nX-Request-Id: sk-stray0secret\r\n",
                          body);
        cr_expect_eq(reply->status, i == 0 ? 404 : 200);
        http_reply_free(&reply);
        free(body);
    }
    books_check(gateway);
    expect_nowhere(gateway, key);
    expect_nowhere(gateway, key + strlen("sk-prod-")); /* the secret part alone */
    expect_nowhere(gateway, wrong);
    expect_nowhere(gateway, GATEWAY_CREDENTIAL);
    int n = gateway_pids(gateway, "worker", pids, 8);

    for (int i = 0; i < n; i++) {
        snprintf(command, sizeof command, "grep -qaF %s /proc/%d/cmdline", GATEWAY_CREDENTIAL,
                 pids[i]);
        cr_expect_neq(system(command), 0, "the credential is on a command line");
    }
    /* Only now is all written: lines of the access log wait a little. */
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    expect_nowhere(gateway, "stray0secret");
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
