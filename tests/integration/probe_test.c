/* SPDX-License-Identifier: ISC
 *
 * The prober: what is wrong with an upstream is known before a request finds out; it costs the
 * upstream little; and its own end is nobody's matter.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define SETTINGS                                                                                   \
    "health: {probe_interval: 1s, probes_per_minute: 0, breaker_failures: 2, open_time: 5m}\n"
#define BESIDE                                                                                     \
    "  beside:\n    url: http://127.0.0.1:%1/v1\n    protocols: openai_chat\n"                     \
    "    key_env: GATEWAY_CREDENTIAL\n"
#define PROBED                                                                                     \
    "  probed:\n    price: free\n    routes: [{upstream: canary-openai}, {upstream: beside}]\n"

static const struct gateway_options two_upstreams = {
    .settings = SETTINGS, .upstreams = BESIDE, .models = PROBED, .n_mocks = 1};

/* Each time another conversation: none is bound to a route. */
static int
ask(const struct gateway *gateway, const char *key, const char *model)
{
    static unsigned n_asked;
    const struct call *call = call_of(OPERATION_CHAT);
    char text[32];

    snprintf(text, sizeof text, "hi %u", ++n_asked);
    char *body = call_body(call, model, false, text);
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);
    int status = reply->status;

    http_reply_free(&reply);
    free(body);
    return status;
}

struct wanted {
    const char *path, *text; /* of `route show probed/beside` */
};

static bool
shows(const struct gateway *gateway, void *data)
{
    const struct wanted *wanted = data;
    cJSON *shown = gateway_ctl(gateway, "route show probed/beside");
    bool is_so = strcmp(json_text(shown, wanted->path), wanted->text) == 0;

    cJSON_Delete(shown);
    return is_so;
}

static bool
wait_for(const struct gateway *gateway, const char *path, const char *text)
{
    return gateway_wait(gateway, shows, &(struct wanted){path, text});
}

static bool
has_probed_so_often(const struct gateway *gateway, void *data)
{
    return gateway_total(gateway, "probes") >= *(int64_t *)data;
}

/* So many from now on. */
static bool
wait_for_probes(const struct gateway *gateway, int64_t n)
{
    n += gateway_total(gateway, "probes");
    return gateway_wait(gateway, has_probed_so_often, &n);
}

static bool
is_up_after_a_request(const struct gateway *gateway, void *data)
{
    cr_expect_eq(ask(gateway, data, "probed"), 200);
    return shows(gateway, &(struct wanted){"route.state", "up"});
}

Test(probe, a_dead_upstream_is_out_before_any_request_and_back_by_itself, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&two_upstreams);
    char *key = gateway_key(gateway, "");

    gateway_mock_kill(gateway, 1);
    cr_expect(wait_for(gateway, "route.state", "open"));
    cr_expect_eq(gateway_total(gateway, "requests"), gateway_total(gateway, "requests_ok"));
    cr_expect(gateway_logged(gateway, "probe.failed upstream=beside"));
    cr_expect_eq(ask(gateway, key, "probed"), 200);
    cr_expect_eq(gateway_total(gateway, "upstream_failed"), 0, "no worker was sent there");
    gateway_mock_revive(gateway, 1);
    cr_expect(wait_for(gateway, "route.state", "trial"), "five minutes are cut short");
    cr_expect(gateway_logged(gateway, "probe.healed upstream=beside"));
    cr_expect(gateway_wait(gateway, is_up_after_a_request, key));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(probe, a_refused_credential_is_an_alarm_and_is_healed_by_a_probe, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = SETTINGS,
        .upstreams =
            "  beside:\n    url: http://127.0.0.1:%1/v1\n    protocols: openai_chat\n"
            "    keys: [{name: good, env: GATEWAY_CREDENTIAL}, {name: bad, env: PROBE_BAD}]\n",
        .models = PROBED,
        .n_mocks = 1};

    setenv("PROBE_BAD", "sk-canary-of-the-second-key", 1);
    struct gateway *gateway = gateway_start(&options);

    for (int i = 0; i < 2; i++) {
        cr_expect(wait_for_probes(gateway, 4), "both were accepted");
        cr_expect(wait_for(gateway, "route.credentials.1.state", "ok"));
        gateway_mock_control(gateway, 1,
                             i == 0 ? "key:sk-canary-of-the-second-key status=401\n"
                                    : "key:sk-canary-of-the-second-key status=403\n");
        cr_expect(wait_for(gateway, "route.credentials.1.state", "refused"));
        cr_expect(wait_for(gateway, "route.credentials.0.state", "ok"));
        cr_expect(wait_for(gateway, "route.state", "up"), "it has another");
        gateway_mock_control(gateway, 1, "");
        cr_expect(wait_for(gateway, "route.credentials.1.state", "ok"));
    }
    cr_expect(gateway_logged(gateway,
                             "error prober .*credential.refused upstream=beside credential=bad"));
    cr_expect(gateway_logged(gateway, "credential.accepted upstream=beside credential=bad"));
    cr_expect_not(gateway_logged(gateway, "sk-canary"), "no key in the log");
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(probe, a_key_that_never_might_list_models_goes_on_serving, .timeout = 100)
{
    static const struct gateway_options without = {.settings = SETTINGS, .n_mocks = 1};
    struct gateway *gateway = gateway_start(&without);
    char *key = gateway_key(gateway, "");

    gateway_mock_control(gateway, 1, "/v1/models status=403\n");
    gateway_reconfigure(gateway, &two_upstreams);
    cr_expect(wait_for(gateway, "route.state", "up"));
    cr_expect(wait_for_probes(gateway, 3));
    cr_expect(wait_for(gateway, "route.credentials.0.state", "ok"));
    cr_expect(gateway_logged(gateway, "credential.refused upstream=beside"), "but is told of");
    cJSON_Delete(gateway_ctl(gateway, "route disable probed/canary-openai"));
    for (int i = 0; i < 10; i++)
        cr_expect_eq(ask(gateway, key, "probed"), 200);
    cr_expect_eq(gateway_mock_count_of(gateway, 1, "requests"), 10);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static bool
mock_was_probed(const struct gateway *gateway, void *data)
{
    return gateway_mock_count_of(gateway, 1, "probes") >= *(int64_t *)data;
}

/* Three upstreams a second are asked for; the budget lets one through. */
Test(probe, the_budget_bounds_what_upstreams_see, .timeout = 100)
{
    static const struct gateway_options options = {
        .settings = "health: {probe_interval: 1s, probes_per_minute: 60}\n",
        .upstreams = "  a: {url: \"http://127.0.0.1:%1/v1\", protocols: openai_chat, auth: none}\n"
                     "  b: {url: \"http://127.0.0.1:%1/v1\", protocols: openai_chat, auth: none}\n"
                     "  c: {url: \"http://127.0.0.1:%1/v1\", protocols: openai_chat, auth: none}\n",
        .n_mocks = 1};
    struct timespec start, end;
    int64_t wanted = 4;

    clock_gettime(CLOCK_MONOTONIC, &start);
    struct gateway *gateway = gateway_start(&options);

    cr_expect(gateway_wait(gateway, mock_was_probed, &wanted));
    int64_t n_seen = gateway_mock_count_of(gateway, 1, "probes");

    clock_gettime(CLOCK_MONOTONIC, &end);
    cr_expect_leq(n_seen, end.tv_sec - start.tv_sec + 2, "%d probes in %d s", (int)n_seen,
                  (int)(end.tv_sec - start.tv_sec));
    cr_expect_eq(gateway_mock_count_of(gateway, 1, "requests"), 0, "nothing that costs");
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(probe, to_connect_is_enough_where_the_configuration_says_so, .timeout = 100)
{
    static const struct gateway_options options = {.settings = SETTINGS,
                                                   .upstreams = BESIDE "    probe: connect\n",
                                                   .models = PROBED,
                                                   .n_mocks = 1};
    struct gateway *gateway = gateway_start(&options);

    cr_expect(wait_for(gateway, "route.probe.kind", "connect"));
    cr_expect(wait_for_probes(gateway, 2));
    cr_expect_eq(gateway_mock_count_of(gateway, 1, "probes"), 0);
    cr_expect_eq(gateway_total(gateway, "probes_failed"), 0);
    gateway_mock_kill(gateway, 1);
    cr_expect(wait_for(gateway, "route.state", "open"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

static bool
has_another_prober(const struct gateway *gateway, void *data)
{
    pid_t pid;

    return gateway_pids(gateway, "prober", &pid, 1) == 1 && pid != *(pid_t *)data;
}

Test(probe, a_killed_prober_is_nobodys_matter_and_comes_back, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&two_upstreams);
    char *key = gateway_key(gateway, "");
    pid_t pid = 0;

    for (int round = 0; round < 3; round++) {
        cr_assert(gateway_wait(gateway, has_another_prober, &pid));
        cr_assert_eq(gateway_pids(gateway, "prober", &pid, 1), 1);
        cr_expect_eq(kill(pid, SIGKILL), 0);
        for (int i = 0; i < 20; i++)
            cr_expect_eq(ask(gateway, key, "probed"), 200);
    }
    cr_expect(gateway_wait(gateway, has_another_prober, &pid));
    cr_expect(wait_for_probes(gateway, 1), "and does its work");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(probe, a_stopped_prober_holds_up_neither_requests_nor_the_end, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&two_upstreams);
    char *key = gateway_key(gateway, "");
    pid_t pid = 0;

    cr_assert(gateway_wait(gateway, has_another_prober, &pid));
    cr_assert_eq(gateway_pids(gateway, "prober", &pid, 1), 1);
    cr_expect_eq(kill(pid, SIGSTOP), 0);
    for (int i = 0; i < 20; i++)
        cr_expect_eq(ask(gateway, key, "probed"), 200);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Without a master it is ours: this process collects what loses its parent. */
Test(probe, it_ends_with_its_master_and_the_next_one_has_its_own, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&two_upstreams);
    pid_t pid = 0;
    int status = -1;

    cr_assert(gateway_wait(gateway, has_another_prober, &pid));
    cr_assert_eq(gateway_pids(gateway, "prober", &pid, 1), 1);
    gateway_end(gateway, SIGKILL);
    cr_expect_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, has_another_prober, &pid));
    cr_expect(wait_for(gateway, "route.state", "up"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}
