/* SPDX-License-Identifier: ISC
 *
 * Who is told of alerts and traces changes by SIGHUP: another receiver hears of what stands, the
 * same one hears nothing twice, and no trace is lost or sent again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "receiver.h"

static struct gateway *gateway;
static struct receiver *first, *second;

/* What stands before and after a receiver's port. */
struct section {
    const char *before, *after;
};

static const struct section all = {"alerts: {url: ", "/hook'"};
static const struct section some = {"alerts: {url: ", "/hook', kinds: [quota_near, quota_used_up]"};
static const struct section few = {"alerts: {url: ", "/hook', kinds: [quota_used_up]"};
static const struct section traces = {"otlp: {endpoint: ", "', interval: 100ms"};

static const struct gateway_options *
to(const struct section *section, const struct receiver *receiver)
{
    static struct gateway_options options;
    static char settings[512];

    snprintf(settings, sizeof settings, "%s'http://127.0.0.1:%d%s}\n", section->before,
             receiver_port(receiver), section->after);
    options.settings = settings;
    return &options;
}

static void
start(const struct section *section)
{
    first = receiver_start();
    second = receiver_start();
    gateway = gateway_start(to(section, first));
}

static void
stop(void)
{
    cr_expect_eq(gateway_stop(&gateway), 0);
    receiver_stop(&first);
    receiver_stop(&second);
}

static int
ask(const char *key)
{
    return call_status(gateway, key, "flat", false, "hi");
}

static void
load(const struct section *section, const struct receiver *receiver)
{
    char out[1024];

    gateway_reconfigure(gateway, to(section, receiver));
    cr_expect_eq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0, "%s", out);
    cr_expect_null(strstr(out, "restart"), "%s", out);
}

#define NEAR "\"kind\":\"quota_near\""

Test(alerts_reload, another_receiver_hears_what_stands_and_the_same_one_nothing_twice, .fini = stop,
     .timeout = 100)
{
    start(&all);
    char *key = gateway_key(gateway, "--quota 0.10usd");

    for (int n = 0; n < 9; n++)
        cr_assert_eq(ask(key), 200);
    cr_assert_not_null(receiver_wait(first, NEAR, 0));
    load(&all, second);
    cr_assert_not_null(receiver_wait(second, NEAR, 0), "what stands");
    cr_assert_eq(ask(key), 200);
    cr_assert_eq(ask(key), 429);
    load(&some, second);
    cr_assert_not_null(receiver_wait(second, "\"kind\":\"quota_used_up\"", 0));
    cr_expect_eq(receiver_count(second, NEAR), 1, "told once");
    cr_expect_eq(receiver_count(first, "\"kind\""), 1, "the first one hears no more");
    load(&few, second);
    cr_assert_not_null(receiver_wait(second, "\"is_resolved\":true", 0),
                       "of a kind not wanted now");
    cr_expect_eq(receiver_count(second, NEAR), 2, "that one");
    free(key);
}

#define ROOT "\"name\":\"chat flat\",\"kind\":2"

Test(alerts_reload, traces_go_on_to_another_receiver_where_they_were, .fini = stop, .timeout = 100)
{
    start(&traces);
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.begin"));
    char *key = gateway_key(gateway, "--quota 10usd");

    cr_assert_eq(ask(key), 200);
    cr_assert_not_null(receiver_wait(first, "chat flat", 0));
    receiver_answer(first, 503);
    for (int n = 0; n < 3; n++)
        cr_assert_eq(ask(key), 200);
    cr_assert_not_null(receiver_wait(first, "chat flat", 1));
    load(&traces, second);
    cr_assert_not_null(receiver_wait(second, "chat flat", 0));
    cr_expect_eq(receiver_n_taken(first, ROOT), 1);
    cr_assert_eq(ask(key), 200);
    for (int n = 1; receiver_n_taken(second, ROOT) < 4 && n < 5; n++)
        (void)receiver_wait(second, "chat flat", n);
    cr_expect_eq(receiver_n_taken(second, ROOT), 4, "all that the first did not take, once");
    free(key);
}
