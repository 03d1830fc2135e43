/* SPDX-License-Identifier: ISC
 *
 * The metrics of a running gateway: the same sums as its books, over all workers, and never less
 * than they were, whatever is killed or reloaded.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define TEXT_SIZE (1 << 20)

static struct gateway *gateway;
static char *key;
static char text[TEXT_SIZE], before[TEXT_SIZE];

static void
start(void)
{
    static const struct gateway_options options = {.workers = 2};

    gateway = gateway_start(&options);
    key = gateway_key(gateway, "--quota 100usd");
}

static void
stop(void)
{
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static int
ask(const char *with_key, const char *model, bool is_stream)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, model, is_stream, "hi");
    struct http_reply *reply = http_call(gateway->port, call->path, with_key, NULL, body);
    int status = reply->status;

    http_reply_free(&reply);
    free(body);
    return status;
}

static void
scrape(void)
{
    cr_assert_eq(gateway_ctl_raw(gateway, "metrics", text, sizeof text), 0, "%s", text);
}

/* Value of the series, or -1. */
static double
value(const char *from, const char *series)
{
    size_t len = strlen(series);

    for (const char *at = from; (at = strstr(at, series)) != NULL; at++) {
        if ((at == from || at[-1] == '\n') && at[len] == ' ')
            return strtod(at + len, NULL);
    }
    return -1;
}

struct wanted {
    const char *series;
    double value;
};

static bool
reaches(const struct gateway *of, void *data)
{
    const struct wanted *wanted = data;

    (void)of;
    scrape();
    return value(text, wanted->series) >= wanted->value;
}

static void
expect(const char *series, double n)
{
    cr_expect(gateway_wait(gateway, reaches, &(struct wanted){series, n}), "%s is %g", series,
              value(text, series));
    cr_expect_eq(value(text, series), n, "%s is %g", series, value(text, series));
}

/* Every counter of `before` is there still, and is no less. */
static void
expect_no_counter_went_back(const char *when)
{
    static char names[256][128];
    size_t n_names = 0;

    for (const char *at = before; (at = strstr(at, "# TYPE ")) != NULL; at++) {
        char type[32];

        cr_assert_eq(sscanf(at, "# TYPE %127s %31s", names[n_names], type), 2);
        n_names += strcmp(type, "gauge") != 0;
    }
    cr_assert_gt(n_names, 20);
    for (const char *at = before; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
        const char *space = strchr(at, '\n');
        char series[512];

        while (*space != ' ')
            space--;
        snprintf(series, sizeof series, "%.*s", (int)(space - at), at);
        for (size_t n = 0; *at != '#' && n < n_names; n++) {
            size_t len = strlen(names[n]);

            if (strncmp(series, names[n], len) != 0 ||
                (series[len] != '{' && series[len] != '\0' && series[len] != '_'))
                continue;
            cr_expect_geq(value(text, series), strtod(space, NULL), "%s: %s went back", when,
                          series);
            break;
        }
    }
}

Test(metrics, are_the_sums_of_all_workers, .init = start, .fini = stop, .timeout = 120)
{
    for (int n = 0; n < 20; n++)
        cr_assert_eq(ask(key, "flat", n % 2 == 0), 200);
    cr_assert_eq(ask("sk-prod-wrong", "flat", false), 401);
    expect("relayos_requests_total{endpoint=\"chat_completions\",outcome=\"ok\"}", 20);
    expect("relayos_requests_total{endpoint=\"chat_completions\",outcome=\"invalid_key\"}", 1);
    expect("relayos_request_duration_seconds_count{stream=\"1\"}", 10);
    expect("relayos_request_duration_seconds_bucket{stream=\"0\",le=\"+Inf\"}", 10);
    expect("relayos_first_token_seconds_count", 20);
    expect("relayos_model_requests_total{model=\"flat\"}", 20);
    expect("relayos_charge_nanousd_total{model=\"flat\"}", 20.0 * GATEWAY_FLAT_NUSD);
    expect("relayos_tokens_total{model=\"flat\",bucket=\"request\"}", 20);
    expect("relayos_settled_total", 20);
    expect("relayos_processes{role=\"worker\"}", 2);
    expect("relayos_processes{role=\"ledger\"}", 1);
    expect("relayos_admission_open", 1);
    expect("relayos_segment_used{table=\"keys\"}", 1);
    cr_expect_gt(value(text, "relayos_disk_free_bytes"), 0);
    cr_expect_gt(value(text, "relayos_process_start_time_seconds{role=\"worker\"}"), 1e9);
}

struct process {
    const char *role;
    pid_t pid;
};

static bool
is_replaced(const struct gateway *of, void *data)
{
    struct process *process = data;
    cJSON *status = gateway_ctl(of, "status");
    const cJSON *row;
    bool is_there = false;

    cJSON_ArrayForEach(row, json_at(status, "processes"))
    {
        if (strcmp(json_text(row, "role"), process->role) == 0 &&
            strcmp(json_text(row, "state"), "ready") == 0 && json_int(row, "pid") != process->pid)
            is_there = true;
        if (json_int(row, "pid") == process->pid)
            is_there = false;
    }
    cJSON_Delete(status);
    return is_there;
}

static pid_t
pid_of(const char *role)
{
    cJSON *status = gateway_ctl(gateway, "status");
    const cJSON *row;
    pid_t pid = 0;

    cJSON_ArrayForEach(row, json_at(status, "processes"))
    {
        if (strcmp(json_text(row, "role"), role) == 0)
            pid = (pid_t)json_int(row, "pid");
    }
    cJSON_Delete(status);
    return pid;
}

Test(metrics, no_counter_goes_back_whoever_is_killed, .init = start, .fini = stop, .timeout = 180)
{
    static const char *const roles[] = {"worker", "ledger", "prober", "worker"};

    for (int n = 0; n < 10; n++)
        cr_assert_eq(ask(key, "flat", true), 200);
    expect("relayos_settled_total", 10);
    for (size_t n = 0; n < sizeof roles / sizeof roles[0]; n++) {
        struct process process = {roles[n], pid_of(roles[n])};

        scrape();
        memcpy(before, text, sizeof before);
        cr_assert_eq(kill(process.pid, SIGKILL), 0);
        cr_assert(gateway_wait(gateway, is_replaced, &process), "no new %s", roles[n]);
        scrape();
        expect_no_counter_went_back(roles[n]);
        cr_expect_eq(value(text, "relayos_child_crashes_total"), (double)n + 1);
    }
    for (int n = 0; n < 4; n++)
        cr_assert_eq(ask(key, "flat", false), 200);
    expect("relayos_requests_total{endpoint=\"chat_completions\",outcome=\"ok\"}", 14);
    expect("relayos_model_requests_total{model=\"flat\"}", 14);
}

Test(metrics, tell_whether_the_last_reload_held, .init = start, .fini = stop, .timeout = 120)
{
    char words[256];

    expect("relayos_config_reloads_total", 0);
    cr_expect_eq(value(text, "relayos_config_last_reload_time_seconds"), -1, "there was none");
    cJSON_Delete(gateway_ctl(gateway, "reload"));
    expect("relayos_config_reloads_total", 1);
    FILE *config = fopen(gateway->config, "a");
    cr_assert_not_null(config);
    fputs("nonsense: 1\n", config);
    fclose(config);
    snprintf(words, sizeof words, "reload");
    cr_expect_neq(gateway_ctl_raw(gateway, words, before, sizeof before), 0);
    expect("relayos_config_reloads_refused_total", 1);
    expect("relayos_config_last_reload_failed", 1);
    cr_expect_gt(value(text, "relayos_config_last_reload_time_seconds"), 1e9);
}

/* Status of GET /metrics; the body in text. */
static int
get(const char *with_key)
{
    struct http_reply *reply = http_call(gateway->console_port, "/metrics", with_key, NULL, NULL);
    int status = reply->status;
    char type[64] = "";

    snprintf(text, sizeof text, "%s", reply->body);
    if (status == 200) {
        cr_expect(http_header(reply, "content-type", type, sizeof type));
        cr_expect_str_eq(type, "text/plain; version=0.0.4; charset=utf-8");
    }
    http_reply_free(&reply);
    return status;
}

static char *
admin_key(const char *role)
{
    cJSON *made = gateway_ctl(gateway, "admin-key create --name of-%s --role %s", role, role);
    char *secret = strdup(json_text(made, "secret"));

    cr_assert_eq(strncmp(secret, "sk-admin-", 9), 0);
    cJSON_Delete(made);
    return secret;
}

static void
start_with_console(void)
{
    static const struct gateway_options options = {.has_console = true};

    gateway = gateway_start(&options);
    key = gateway_key(gateway, "--quota 1usd");
}

Test(metrics, over_http_are_for_who_may_read_them, .init = start_with_console, .fini = stop,
     .timeout = 120)
{
    char *member = admin_key("member"), *operator= admin_key("operator");

    cr_expect_eq(get(NULL), 401);
    cr_expect_eq(get("sk-admin-of-nobody"), 401);
    cr_expect_eq(get(key), 401, "a caller's key is none");
    cr_expect_eq(get(member), 403);
    cr_assert_eq(get(operator), 200);
    cr_expect_eq(value(text, "relayos_admission_open"), 1);
    cr_expect_null(strstr(text, key));
    free(member);
    free(operator);
}

static void
start_open(void)
{
    static const struct gateway_options options = {.has_console = true,
                                                   .console = ", metrics_from: 127.0.0.0/8"};

    gateway = gateway_start(&options);
    key = gateway_key(gateway, "--quota 1usd");
}

Test(metrics, from_where_the_operator_says_need_no_key, .init = start_open, .fini = stop,
     .timeout = 120)
{
    struct http_reply *status;

    cr_expect_eq(get(NULL), 200);
    cr_expect_eq(value(text, "relayos_processes{role=\"console\"}"), 1);
    status = http_call(gateway->console_port, "/api/v1/status", NULL, NULL, NULL);
    cr_expect_eq(status->status, 401, "nothing else is open");
    http_reply_free(&status);
    status = http_call(gateway->port, "/metrics", NULL, NULL, NULL);
    cr_expect_neq(status->status, 200, "nor is it where callers are");
    http_reply_free(&status);
}
