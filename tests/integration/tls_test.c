/* SPDX-License-Identifier: ISC
 *
 * TLS listeners of the real binary: names, renewed certificates, clients' own, what is refused.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "memory.h"
#include "notary.h"
#include "tls_client.h"

#define ANSWER_SIZE (1 << 20)

/* Certificates in a directory of the test's own, and a port to serve them on. */
static char listeners[1024], answer[ANSWER_SIZE];
static struct notary notary;
static int port;

static void
set_up(void)
{
    notary_open(&notary);
    notary_sign(&notary, "a", "a.example,*.a.example", 90);
    notary_sign(&notary, "b", "b.example", 90);
    port = gateway_free_port();
    snprintf(listeners, sizeof listeners,
             "  - address: 127.0.0.1:%d\n    certificates:\n"
             "      - {cert: %s/a.pem, key: %s/a.key}\n      - {cert: %s/b.pem, key: %s/b.key}\n",
             port, notary.dir, notary.dir, notary.dir, notary.dir);
}

static void
tear_down(void)
{
    notary_close(&notary);
}

TestSuite(tls, .init = set_up, .fini = tear_down, .timeout = 100);

static struct tls_client *
visit(const char *name)
{
    return tls_client_open(
        port, &(struct tls_client_wish){.name = name, .authority = notary.authority.pem}, NULL);
}

Test(tls, a_client_reaches_a_model_under_each_name_and_refuses_a_wrong_one)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""), why[128] = "";
    struct tls_client *client;

    for (const char *const *name =
             (const char *const[]){"a.example", "x.a.example", "b.example", NULL};
         *name != NULL; name++) {
        client = visit(*name);
        cr_assert(client != NULL, "%s", *name);
        char *body = call_body(call, NULL, false, "hello");
        cr_expect_eq(tls_client_call(client, call->path, key, body, answer, ANSWER_SIZE), 200);
        free(body);
        body = call_body(call, NULL, true, "hello again !mock:chunks=50");
        cr_expect_eq(tls_client_call(client, call->path, key, body, answer, ANSWER_SIZE), 200);
        cr_expect(strstr(answer, "[DONE]") != NULL);
        free(body);
        cr_expect_eq(tls_client_call(client, "/nowhere", key, NULL, answer, ANSWER_SIZE), 404);
        tls_client_close(&client);
    }
    client = tls_client_open(
        port, &(struct tls_client_wish){.name = "c.example", .authority = notary.authority.pem},
        why);
    cr_expect(client == NULL && strstr(why, "certificate verify failed") != NULL, "%s", why);
    client = tls_client_open(port, &(struct tls_client_wish){.alpn = "\x02h2"}, why);
    cr_expect(client == NULL && strstr(why, "no application protocol") != NULL, "%s", why);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(tls, bodies_of_any_size_pass_and_what_is_too_large_is_answered)
{
    struct gateway *gateway = gateway_start(
        &(struct gateway_options){.listeners = listeners, .settings = "limits: {body: 1MiB}\n"});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""), *text = malloc(3 << 20);
    static const size_t sizes[] = {1, 4000, 16384, 65536, 400000, 2 << 20};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct tls_client *client = visit("a.example");

        memset(text, 'x', sizes[i]);
        text[sizes[i]] = '\0';
        char *body = call_body(call, NULL, false, text);
        cr_expect_eq(tls_client_call(client, call->path, key, body, answer, ANSWER_SIZE),
                     i == 5 ? 413 : 200, "%zu", sizes[i]);
        free(body);
        tls_client_close(&client);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(text);
    free(key);
}

/* As a network cuts them: handshake, head, body, and what comes on an idle connection. */
Test(tls, records_that_arrive_in_pieces_are_records)
{
    struct gateway *gateway = gateway_start(
        &(struct gateway_options){.listeners = listeners, .settings = "limits: {body_rate: 0}\n"});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""), text[3001];
    static const size_t pieces[] = {50, 400, 1460};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct tls_client *client = tls_client_open(
            port,
            &(struct tls_client_wish){
                .name = "a.example", .authority = notary.authority.pem, .piece = pieces[i]},
            NULL);

        cr_assert(client != NULL, "%zu", pieces[i]);
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (int n = 0; n < 2; n++) {
            char *body = call_body(call, NULL, false, text);
            cr_expect_eq(tls_client_call(client, call->path, key, body, answer, ANSWER_SIZE), 200,
                         "%zu, call %d", pieces[i], n);
            free(body);
        }
        tls_client_close(&client);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What a child that calls without pause has seen. */
struct load {
    _Atomic int n_good, n_bad, is_over;
};

/* By turns on a connection that stays, and on new ones. */
static pid_t
press(struct load *load, const char *key)
{
    const struct call *call = call_of(OPERATION_CHAT);
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    struct tls_client *lasting = visit("a.example");
    char *body = call_body(call, NULL, false, "hi !mock:in=1,out=1");
    while (load->is_over == 0) {
        struct tls_client *fresh = visit("b.example");

        for (int i = 0; i < 2; i++) {
            struct tls_client *client = i == 0 ? fresh : lasting;
            bool is_good = client != NULL && tls_client_call(client, call->path, key, body, answer,
                                                             ANSWER_SIZE) == 200;
            if (is_good)
                load->n_good++;
            else
                load->n_bad++;
        }
        tls_client_close(&fresh);
    }
    _exit(0);
}

static bool
is_served(const struct gateway *gateway, void *name)
{
    struct tls_client *client = visit("a.example");
    char common_name[64] = "";

    (void)gateway;
    if (client != NULL)
        tls_client_peer(client, common_name, sizeof common_name);
    tls_client_close(&client);
    return strcmp(common_name, name) == 0;
}

Test(tls, certificates_are_renewed_under_load_without_a_failed_request)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    struct load *load =
        mmap(NULL, sizeof *load, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *key = gateway_key(gateway, ""), name[64];
    pid_t pids[2] = {press(load, key), press(load, key)};

    for (int round = 0; round < 12; round++) {
        int before = load->n_good;

        snprintf(name, sizeof name, "renewed-%d.example", round);
        char names[128];
        snprintf(names, sizeof names, "%s,a.example", name);
        notary_sign(&notary, "a", names, 90);
        kill(gateway->pid, SIGHUP);
        cr_assert(gateway_wait(gateway, is_served, name), "round %d", round);
        while (load->n_good < before + 10 && load->n_bad == 0)
            usleep(1000);
    }
    load->is_over = 1;
    for (int i = 0; i < 2; i++)
        waitpid(pids[i], NULL, 0);
    cr_log_info("%d good", load->n_good);
    cr_expect_eq(load->n_bad, 0, "of %d", load->n_good + load->n_bad);
    cr_expect_eq(gateway_stop(&gateway), 0);
    munmap(load, sizeof *load);
    free(key);
}

Test(tls, a_broken_certificate_changes_nothing_and_says_why)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    char said[2048], path[128];

    snprintf(path, sizeof path, "%s/a.key", notary.dir);
    notary_sign(&notary, "other", "a.example", 90);
    char other[128];
    snprintf(other, sizeof other, "%s/other.key", notary.dir);
    cr_assert_eq(rename(other, path), 0);
    cr_expect_neq(gateway_ctl_raw(gateway, "reload", said, sizeof said), 0);
    cr_expect(strstr(said, "a.pem: the key is of another certificate") != NULL, "%s", said);
    cr_expect(is_served(gateway, "a.example"));

    cr_assert_eq(chmod(path, 0644), 0);
    cr_expect_neq(gateway_ctl_raw(gateway, "reload", said, sizeof said), 0);
    cr_expect(strstr(said, "chmod 600") != NULL, "%s", said);

    notary_sign(&notary, "a", "mended.example,a.example", 90);
    cr_expect_eq(gateway_ctl_raw(gateway, "reload", said, sizeof said), 0, "%s", said);
    cr_expect(strstr(said, "certificates: changed") != NULL, "%s", said);
    cr_expect(is_served(gateway, "mended.example"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(tls, certificates_that_end_soon_are_in_the_log_and_the_status)
{
    notary_sign(&notary, "a", "a.example", 12);
    notary_sign(&notary, "b", "b.example", -3);

    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    cJSON *status = gateway_ctl(gateway, "status");
    char said[4096];

    cr_expect(gateway_wait(gateway, gateway_logged, "warn .* certificate.expiring .*a.pem"));
    cr_expect(gateway_wait(gateway, gateway_logged, "error .* certificate.expired .*b.pem"));
    cr_expect_str_eq(json_text(status, "certificates.0.names"), "a.example");
    cr_expect(json_is_true(status, "certificates.0.warns"));
    cr_expect_eq(gateway_ctl_raw(gateway, "status", said, sizeof said), 0);
    cr_expect(strstr(said, "RENEW IT") != NULL && strstr(said, "EXPIRED") != NULL, "%s", said);
    cJSON_Delete(status);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(tls, clients_without_a_certificate_are_turned_away_where_one_is_required)
{
    struct certificate mine = certificate_new(
        &(struct certificate_wish){.names = "me", .days = 9, .issuer = &notary.authority});
    struct certificate foreign =
        certificate_new(&(struct certificate_wish){.names = "me", .days = 9});
    size_t len = strlen(listeners);

    snprintf(listeners + len, sizeof listeners - len, "    client_ca: %s/ca.pem\n", notary.dir);

    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    const struct certificate *const shown[] = {&mine, NULL, &foreign};

    for (int i = 0; i < 3; i++) {
        struct tls_client *client =
            tls_client_open(port, &(struct tls_client_wish){.certificate = shown[i]}, NULL);
        /* With TLS 1.3 a client learns of it when it reads. */
        int status = client == NULL
                         ? 0
                         : tls_client_call(client, "/healthz", NULL, NULL, answer, ANSWER_SIZE);

        cr_expect_eq(status, i == 0 ? 200 : 0, "%d", i);
        tls_client_close(&client);
    }
    cr_expect(gateway_wait(gateway, gateway_logged, "listener.refused"));
    cr_expect_eq(gateway_stop(&gateway), 0);
    certificate_free(&mine);
    certificate_free(&foreign);
}

Test(tls, sessions_are_resumed_at_whichever_worker_answers)
{
    struct gateway *gateway =
        gateway_start(&(struct gateway_options){.listeners = listeners, .workers = 3});
    struct tls_client *first = visit("a.example");
    int n_resumed = 0;

    cr_assert_eq(tls_client_call(first, "/healthz", NULL, NULL, answer, ANSWER_SIZE), 200);
    for (int i = 0; i < 20; i++) {
        struct tls_client *next = tls_client_open(
            port, &(struct tls_client_wish){.name = "a.example", .resumes = first}, NULL);

        n_resumed += next != NULL && tls_client_is_resumed(next) &&
                     tls_client_call(next, "/healthz", NULL, NULL, answer, ANSWER_SIZE) == 200;
        tls_client_close(&next);
    }
    cr_expect_eq(n_resumed, 20);
    tls_client_close(&first);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(tls, slow_and_silent_handshakes_are_cut_and_plain_http_is_not_served)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){
        .listeners = listeners, .settings = "limits: {handshake_timeout: 300ms}\n"});
    static const char hello[] = "\x16\x03\x01\x02";
    int silent = http_connect(port), slow = http_connect(port);

    cr_assert(http_send(slow, hello, sizeof hello - 1));
    char *said = http_drain(silent, NULL);
    cr_expect_str_eq(said, "");
    free(said);
    said = http_drain(slow, NULL);
    cr_expect_str_eq(said, "");
    free(said);
    struct http_reply *reply = http_call(port, "/healthz", NULL, NULL, NULL);
    cr_expect_eq(reply->status, 400);
    cr_expect_not_null(strstr(reply->body, "use https://"), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect(gateway_wait(gateway, gateway_logged, "listener.refused .*too slow"));
    http_close(silent, false);
    http_close(slow, false);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* Each is refused with an alert that has to wait for a reader: before a request, and while one that
 * is long is answered. */
Test(tls, who_asks_for_handshakes_without_end_is_cut_before_that_costs_memory)
{
    struct gateway *gateway =
        gateway_start(&(struct gateway_options){.listeners = listeners, .workers = 1});
    const struct call *call = call_of(OPERATION_CHAT);
    char *key = gateway_key(gateway, ""), *body = call_body(call, NULL, true, "!mock:stall=3");
    char *request = NULL;
    pid_t worker;

    cr_assert_eq(gateway_pids(gateway, "worker", &worker, 1), 1);
    cr_assert_gt(asprintf(&request,
                          "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          call->path, key, strlen(body), body),
                 0);
    for (int i = 0; i < 2; i++) {
        struct tls_client *client = tls_client_open(
            port,
            &(struct tls_client_wish){
                .name = "a.example", .authority = notary.authority.pem, .is_1_2 = true},
            NULL);

        cr_assert_not_null(client);
        if (i == 1)
            cr_assert(tls_client_put(client, request));
        int64_t before = memory_resident(worker);
        cr_expect(!tls_client_renegotiate(client, 3 * MEMORY_SLACK), "%d: it goes on", i);
        cr_expect(!MEMORY_IS_TELLING || memory_peak(worker) < before + MEMORY_SLACK, "%d", i);
        tls_client_close(&client);
    }
    struct tls_client *other = visit("a.example");
    cr_expect_eq(tls_client_call(other, "/healthz", NULL, NULL, answer, ANSWER_SIZE), 200);
    tls_client_close(&other);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(request);
    free(body);
    free(key);
}

Test(tls, a_new_master_goes_on_where_a_killed_one_left)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.listeners = listeners});
    struct tls_client *lasting = visit("a.example");

    cr_assert_eq(tls_client_call(lasting, "/healthz", NULL, NULL, answer, ANSWER_SIZE), 200);
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    struct tls_client *meanwhile = visit("b.example");
    cr_expect(meanwhile != NULL, "its workers serve");
    tls_client_close(&meanwhile);
    notary_sign(&notary, "a", "renewed.example,a.example", 90);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, is_served, "renewed.example"));
    tls_client_close(&lasting);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
