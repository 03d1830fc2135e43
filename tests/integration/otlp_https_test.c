/* SPDX-License-Identifier: ISC
 *
 * Traces over https to a receiver that is not as it should be: it hears nothing before its
 * certificate is good, the trouble is told by its name and counted, and what was settled meanwhile
 * comes once the receiver is mended.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "notary.h"
#include "receiver.h"
#include "tls_front.h"

#define ROOT "\"name\":\"chat flat\",\"kind\":2" /* one a request */

static struct notary notary;
static struct certificate good;
static struct receiver *receiver;
static struct tls_front *front;
static struct gateway *gateway;
static char *key;

/* shown: NULL, nobody is at home yet. */
static void
start(const struct certificate *shown)
{
    static char settings[512];

    receiver = receiver_start();
    front = tls_front_start(shown, receiver_port(receiver));
    snprintf(settings, sizeof settings,
             "otlp: {endpoint: 'https://localhost:%d', ca_file: %s/ca.pem, interval: 100ms}\n",
             tls_front_port(front), notary.dir);
    gateway = gateway_start(&(struct gateway_options){.settings = settings});
    key = gateway_key(gateway, "--quota 10usd");
    /* The first prober of all begins with what is settled from then on. */
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.begin"));
}

static void
open_notary(void)
{
    notary_open(&notary);
    good = certificate_new(
        &(struct certificate_wish){.names = "localhost", .days = 9, .issuer = &notary.authority});
}

static void
start_well(void)
{
    open_notary();
    start(&good);
}

static void
stop(void)
{
    cr_expect_eq(gateway_stop(&gateway), 0);
    tls_front_stop(&front);
    receiver_stop(&receiver);
    certificate_free(&good);
    notary_close(&notary);
    free(key);
}

static void
ask(int n)
{
    while (n-- > 0)
        cr_assert_eq(call_status(gateway, key, "flat", false, "hi"), 200);
}

static bool
has_taken(const struct gateway *of, void *n)
{
    (void)of;
    return receiver_n_taken(receiver, ROOT) >= *(int *)n;
}

/* All of n requests, each once. */
static void
expect_taken(int n)
{
    cr_assert(gateway_wait(gateway, has_taken, &n), "%d of %d came",
              receiver_n_taken(receiver, ROOT), n);
    cr_expect_eq(receiver_n_taken(receiver, ROOT), n);
}

struct figure {
    const char *name;
    long n;
};

static bool
is_counted(const struct gateway *of, void *data)
{
    static char text[1 << 20];
    const struct figure *figure = data;
    char line[128];

    snprintf(line, sizeof line, "\nrelayos_traces_%s_total %ld\n", figure->name, figure->n);
    return gateway_ctl_raw(of, "metrics", text, sizeof text) == 0 && strstr(text, line) != NULL;
}

static void
expect_counted(const char *name, long n)
{
    struct figure figure = {name, n};

    cr_expect(gateway_wait(gateway, is_counted, &figure), "not %ld are %s", n, name);
}

static long
n_logged(const char *text)
{
    char command[512], answer[32] = "";

    snprintf(command, sizeof command, "grep -c '%s' %s", text, gateway->log);
    FILE *pipe = popen(command, "r");
    cr_assert_not_null(pipe);
    cr_assert_not_null(fgets(answer, sizeof answer, pipe));
    (void)pclose(pipe);
    return strtol(answer, NULL, 10);
}

/* The receiver is good now: what was settled before and after comes, and every failure was told and
 * counted. */
static void
expect_mended(int n_before)
{
    tls_front_show(front, &good);
    receiver_say(receiver, NULL);
    ask(1);
    expect_taken(n_before + 1);
    expect_counted("sent", n_before + 1);
    expect_counted("failed", n_logged("otlp.not_taken"));
    expect_counted("dropped", 0);
}

static void
meet(const struct certificate_wish *wish)
{
    struct certificate wrong = certificate_new(wish);

    start(&wrong);
    certificate_free(&wrong);
    ask(3);
    cr_assert(gateway_wait(gateway, gateway_logged,
                           "otlp.not_taken status=0 reason=tls failures=1 again_ms="));
    cr_expect_eq(receiver_count(receiver, "POST"), 0, "not to a stranger");
    expect_mended(3);
    cr_expect_eq(n_logged("otlp.not_taken"), n_logged("otlp.not_taken status=0 reason=tls "));
}

Test(otlp_https, nothing_goes_to_a_certificate_of_an_unknown_authority, .init = open_notary,
     .fini = stop, .timeout = 180)
{
    meet(&(struct certificate_wish){.names = "localhost", .days = 9});
}

Test(otlp_https, nothing_goes_to_a_certificate_of_another_name, .init = open_notary, .fini = stop,
     .timeout = 180)
{
    meet(&(struct certificate_wish){
        .names = "other.example", .days = 9, .issuer = &notary.authority});
}

/* The receiver is as it should be, but ca_file names another authority: what is in the file counts,
 * without a reload. */
Test(otlp_https, authorities_are_mended_in_their_file, .init = open_notary, .fini = stop,
     .timeout = 180)
{
    struct certificate other = certificate_new(
        &(struct certificate_wish){.names = "authority", .days = 99, .is_authority = true});

    certificate_write(&other, notary.dir, "ca");
    certificate_free(&other);
    start(&good);
    ask(2);
    cr_assert(
        gateway_wait(gateway, gateway_logged, "otlp.not_taken status=0 reason=tls failures=1 "));
    certificate_write(&notary.authority, notary.dir, "ca");
    expect_mended(2);
}

/* None was ever taken: how far it has come is known all the same. */
Test(otlp_https, what_was_settled_before_the_receiver_ever_answered_outlives_the_prober,
     .init = open_notary, .fini = stop, .timeout = 180)
{
    pid_t prober = 0;

    start(NULL);
    ask(3);
    cr_assert(gateway_wait(gateway, gateway_logged,
                           "otlp.not_taken status=0 reason=connect failures=1 "));
    cr_assert_eq(gateway_pids(gateway, "prober", &prober, 1), 1);
    cr_assert_eq(kill(prober, SIGKILL), 0);
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.begin after_row=0 rows_behind=3"));
    tls_front_show(front, &good);
    expect_taken(3);
    expect_counted("sent", 3);
}

/* It is nobody's business but the prober's. */
Test(otlp_https, a_receiver_that_does_not_shake_hands_holds_up_nothing, .init = start_well,
     .fini = stop, .timeout = 180)
{
    tls_front_show(front, NULL);
    ask(2);
    cr_assert(tls_front_wait(front, 1));
    ask(2);
    tls_front_show(front, &good);
    /* Closed, or given up where the machine was that slow. */
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.not_taken status=0 reason=tls"));
    cr_expect_eq(receiver_n_taken(receiver, ROOT), 0);
    expect_mended(4);
}

Test(otlp_https, an_answer_cut_in_its_head_is_none, .init = start_well, .fini = stop,
     .timeout = 180)
{
    receiver_say(receiver, "HTTP/1.1 200 O");
    ask(2);
    cr_assert(
        gateway_wait(gateway, gateway_logged, "otlp.not_taken status=0 reason=reset failures=1 "));
    expect_mended(2);
}

/* A first failure is otherwise followed by another try within a second. */
Test(otlp_https, a_receiver_that_says_when_to_come_again_is_heard, .init = start_well, .fini = stop,
     .timeout = 180)
{
    receiver_say(receiver, "HTTP/1.1 503 X\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n");
    ask(2);
    cr_assert(
        gateway_wait(gateway, gateway_logged,
                     "otlp.not_taken status=503 reason=ok failures=1 again_ms=2[0-9][0-9][0-9]$"));
    expect_mended(2);
}

/* One that says no means it, and one that says yes too, whatever becomes of its other words. */
Test(otlp_https, a_batch_that_is_answered_is_done_with, .init = start_well, .fini = stop,
     .timeout = 180)
{
    receiver_answer(receiver, 400);
    ask(1);
    cr_assert(gateway_wait(gateway, gateway_logged, "otlp.refused status=400 traces=1"));
    expect_counted("dropped", 1);
    receiver_say(receiver, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"partial");
    ask(1);
    expect_taken(1);
    expect_counted("sent", 1);
    receiver_say(receiver, NULL);
    receiver_answer(receiver, 200);
    ask(1);
    expect_taken(2);
    expect_counted("sent", 2);
    expect_counted("failed", 0);
    cr_expect_eq(receiver_count(receiver, ROOT), 3, "each came once");
}
