/* SPDX-License-Identifier: ISC
 *
 * relayosctl route: what the operator sees of routes and says to them; it holds from the next
 * request on, without a restart.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define N_CALLS 12

static const struct gateway_options options = {
    .settings = "health: {breaker_failures: 2}\n",
    .upstreams = "  left:\n    url: http://127.0.0.1:%1/v1\n    protocols: openai_chat\n"
                 "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n"
                 "  right:\n    url: http://127.0.0.1:%2/v1\n    protocols: openai_chat\n"
                 "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n",
    .models =
        "  pair:\n    price: free\n    policy: weighted\n"
        "    routes: [{upstream: left}, {upstream: right}]\n"
        "  twice:\n    price: free\n"
        "    routes: [{upstream: left, model: x}, {upstream: left, model: y, disabled: true}]\n",
    .n_mocks = 2};

/* How many of N_CALLS were answered; where they went is counted at the mocks, from zero. */
static int
ask(const struct gateway *gateway, const char *key)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "pair", false, "hi");
    int n_ok = 0;

    for (int n = 1; n <= 2; n++)
        http_reply_free(&(struct http_reply *){
            http_call(gateway->mock_ports[n], "/mock/reset", NULL, NULL, "{}")});
    for (int i = 0; i < N_CALLS; i++) {
        struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

        n_ok += reply->status == 200;
        http_reply_free(&reply);
    }
    free(body);
    return n_ok;
}

static int
said(const struct gateway *gateway, int mock)
{
    return (int)gateway_mock_count_of(gateway, mock, "requests");
}

/* `state` of a route, as shown. */
static const char *
state_of(const struct gateway *gateway, const char *route)
{
    static char state[32];
    cJSON *shown = gateway_ctl(gateway, "route show %s", route);

    snprintf(state, sizeof state, "%s", json_text(shown, "route.state"));
    cJSON_Delete(shown);
    return state;
}

static void
say(const struct gateway *gateway, const char *what, const char *route)
{
    cJSON *answer = gateway_ctl(gateway, "route %s %s", what, route);

    cr_expect_not_null(answer, "route %s %s", what, route);
    cJSON_Delete(answer);
}

Test(route_command, the_list_names_each_and_show_takes_both_names, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    cJSON *list = gateway_ctl(gateway, "route list --model=pair");
    char out[4096], words[64];

    cr_assert_eq(cJSON_GetArraySize(json_at(list, "routes")), 2);
    cr_expect_str_eq(json_text(list, "routes.0.name"), "pair/left");
    cr_expect_str_eq(json_text(list, "routes.1.name"), "pair/right");
    cr_expect_str_eq(json_text(list, "routes.0.state"), "up");
    cJSON *shown = gateway_ctl(gateway, "route show %s", json_text(list, "routes.1.id"));

    cr_expect_str_eq(json_text(shown, "route.name"), "pair/right");
    snprintf(words, sizeof words, "route list");
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 0);
    cr_expect(strstr(out, "twice/left/x") != NULL && strstr(out, "disabled") != NULL, "%s", out);
    cr_expect_eq(gateway_ctl_raw(gateway, "route show pair/left", out, sizeof out), 0);
    cr_expect(strstr(out, "pair/left") != NULL && strstr(out, "CREDENTIAL") != NULL, "%s", out);
    cJSON_Delete(list);
    cJSON_Delete(shown);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(route_command, disable_drain_and_enable_hold_from_the_next_request_on, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    say(gateway, "disable", "pair/left");
    cr_expect_str_eq(state_of(gateway, "pair/left"), "disabled");
    cr_expect_eq(ask(gateway, key), N_CALLS);
    cr_expect_eq(said(gateway, 1), 0);
    cr_expect_eq(said(gateway, 2), N_CALLS);

    say(gateway, "enable", "pair/left");
    say(gateway, "drain", "pair/right");
    cr_expect_str_eq(state_of(gateway, "pair/right"), "drained");
    ask(gateway, key); /* conversations that lie there still go there: no more than before */
    say(gateway, "disable", "pair/right");
    cr_expect_eq(ask(gateway, key), N_CALLS);
    cr_expect_eq(said(gateway, 1), N_CALLS);
    cr_expect_eq(said(gateway, 2), 0);

    say(gateway, "disable", "pair/left");
    cr_expect_eq(ask(gateway, key), 0, "nothing is left");
    cr_expect_eq(said(gateway, 1) + said(gateway, 2), 0);
    say(gateway, "enable", "pair/right");
    cr_expect_eq(ask(gateway, key), N_CALLS);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(route_command, what_the_operator_said_outlives_reload_and_master_but_no_restart,
     .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char out[1024];

    say(gateway, "disable", "pair/left");
    cr_expect_eq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0, "%s", out);
    cr_expect_str_eq(state_of(gateway, "pair/left"), "disabled");
    gateway_end(gateway, SIGKILL);
    gateway_restart(gateway);
    cr_expect_str_eq(state_of(gateway, "pair/left"), "disabled");
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    gateway_restart(gateway);
    cr_expect_str_eq(state_of(gateway, "pair/left"), "up");
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(route_command, enable_forgets_a_breakers_pause_and_what_its_credentials_were_told,
     .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "");

    say(gateway, "disable", "pair/right");
    gateway_mock_control(gateway, 1, "* status=500\n");
    cr_expect_eq(ask(gateway, key), 0);
    cr_expect_str_neq(state_of(gateway, "pair/left"), "up");
    gateway_mock_control(gateway, 1, "");
    say(gateway, "enable", "pair/left");
    cr_expect_str_eq(state_of(gateway, "pair/left"), "up");
    cr_expect_eq(ask(gateway, key), N_CALLS);

    for (int i = 0; i < 2; i++) {
        gateway_mock_control(gateway, 1,
                             i == 0 ? "* status=401\n" : "* status=429,retry-after=60\n");
        cr_expect_eq(ask(gateway, key), 0);
        cr_expect_str_eq(state_of(gateway, "pair/left"), i == 0 ? "refused" : "cooling");
        gateway_mock_control(gateway, 1, "");
        say(gateway, "enable", "pair/left");
        cr_expect_str_eq(state_of(gateway, "pair/left"), "up");
        cr_expect_eq(ask(gateway, key), N_CALLS);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static const struct {
    const char *words;
    int exit_status;
    const char *says;
} refusals[] = {
    {"route show pair/lefft", 4, "did you mean pair/left?"},
    {"route disable pear/left", 4, "did you mean pair/left?"},
    {"route drain 00000000", 4, "route list"},
    {"route show twice/left", 5, "twice/left/x or twice/left/y"},
    {"route enable twice/left/y", 5, "disabled by the configuration"},
    {"route list --model=pairs", 4, "did you mean pair?"},
    {"route show", 2, "ROUTE"},
};

Test(route_command, what_cannot_be_is_refused_with_what_was_meant, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char out[1024];

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        cr_expect_eq(gateway_ctl_raw(gateway, refusals[i].words, out, sizeof out),
                     refusals[i].exit_status, "%s: %s", refusals[i].words, out);
        cr_expect_not_null(strstr(out, refusals[i].says), "%s: %s", refusals[i].words, out);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(route_command, the_log_says_who_changed_what, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char command[512];

    say(gateway, "drain", "pair/left");
    snprintf(command, sizeof command,
             "grep -q \"route.admin route=pair/left is=drained who=$(id -u)$\" %s", gateway->log);
    cr_expect_eq(system(command), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
