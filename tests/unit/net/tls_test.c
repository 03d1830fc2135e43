/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/inotify.h>

#include "client.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/net/fetch.h"

#define BODY_LEN 6

static char dir[] = "/tmp/relayos-tls-XXXXXX";
static char ca_path[64];
static int max_version;  /* of the provider */
static const char *cert; /* "good" or "wrong" */

static void
run(const char *format, ...)
{
    char command[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* A CA, a certificate for localhost and 127.0.0.1, one for another name, both signed by it. */
static void
set_up(void)
{
    static const struct {
        const char *name, *san;
    } certs[] = {{"good", "DNS:localhost,IP:127.0.0.1"},
                 {"wrong", "DNS:other.example,IP:127.0.0.9"}};

    cr_assert_not_null(mkdtemp(dir));
    snprintf(ca_path, sizeof ca_path, "%s/ca.pem", dir);
    run("cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=ca -keyout ca.key -out ca.pem 2>log",
        dir);
    for (int i = 0; i < 2; i++)
        run("cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x "
            "-keyout %s.key -out %s.csr 2>>log && echo subjectAltName=%s >%s.ext && "
            "openssl x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
            "-extfile %s.ext -out %s.pem 2>>log",
            dir, certs[i].name, certs[i].name, certs[i].san, certs[i].name, certs[i].name,
            certs[i].name, certs[i].name);
}

static void
tear_down(void)
{
    run("rm -rf %s", dir);
}

TestSuite(tls, .init = set_up, .fini = tear_down);

static void
answer_requests(SSL *ssl)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    static const char elsewhere[] = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
                                    "Content-Length: 0\r\n\r\n";
    char bytes[4096];
    int len = 0, n;

    while ((n = SSL_read(ssl, bytes + len, (int)sizeof bytes - 1 - len)) > 0) {
        bytes[len += n] = '\0';
        if (strstr(bytes, "abcdef") == NULL && strncmp(bytes, "GET ", 4) != 0)
            continue;
        if (strncmp(bytes, "GET /to ", 8) == 0)
            SSL_write(ssl, elsewhere, sizeof elsewhere - 1);
        else
            SSL_write(ssl, answer, sizeof answer - 1);
        len = 0;
    }
}

static void
serve_tls(int listener)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char path[128];

    SSL_CTX_set_max_proto_version(ctx, max_version);
    snprintf(path, sizeof path, "%s/%s.pem", dir, cert);
    SSL_CTX_use_certificate_chain_file(ctx, path);
    snprintf(path, sizeof path, "%s/%s.key", dir, cert);
    SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM);
    for (;;) {
        int fd = provider_accept(listener);
        SSL *ssl = SSL_new(ctx);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1)
            answer_requests(ssl);
        SSL_free(ssl);
        close(fd);
    }
}

static bool only_connects; /* call_with() */

static enum upstream_result
connect_once(struct loop *loop, struct upstream_pool *pool, const struct upstream_record *target)
{
    struct client client = {0};

    client.call = upstream_connect(pool, &(struct upstream_request){.target = target},
                                   &client_events, &client);
    while (client.n_ends == 0)
        loop_run_once(loop);
    return client.report.result;
}

static struct upstream_report
call_with(const char *host, const char *ca_file, int n_calls)
{
    struct provider provider = provider_start(serve_tls);
    struct upstream_record target = client_target(provider.port);
    struct loop *loop = loop_new();
    struct upstream_pool *pool = upstream_pool_new(loop);
    struct client client = {0};

    target.is_tls = 1;
    snprintf(target.host, sizeof target.host, "%s", host);
    snprintf(target.ca_file, sizeof target.ca_file, "%s", ca_file);
    for (int i = 0; i < n_calls; i++) {
        client = (struct client){0};
        if (!only_connects) {
            client_run(&client, loop, pool, &target);
            continue;
        }
        client.call = upstream_connect(pool, &(struct upstream_request){.target = &target},
                                       &client_events, &client);
        while (client.n_ends == 0)
            loop_run_once(loop);
    }
    upstream_pool_free(&pool);
    loop_free(&loop);
    provider_stop(&provider);
    return client.report;
}

Test(tls, a_certificate_is_accepted_for_its_own_names_only_in_both_versions)
{
    static const struct {
        const char *host, *cert;
        enum upstream_result result;
    } cases[] = {
        {"localhost", "good", UPSTREAM_OK},
        {"127.0.0.1", "good", UPSTREAM_OK},
        {"localhost", "wrong", UPSTREAM_TLS},
        {"127.0.0.1", "wrong", UPSTREAM_TLS},
    };
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int v = 0; v < 2; v++) {
            cert = cases[i].cert;
            max_version = versions[v];
            struct upstream_report report = call_with(cases[i].host, ca_path, 1);
            cr_expect_eq(report.result, cases[i].result, "%s %s TLS 1.%d: %s", cases[i].host,
                         cases[i].cert, v + 2, upstream_result_name(report.result));
            cr_expect_eq(report.was_sent, cases[i].result == UPSTREAM_OK);
        }
    }
}

Test(tls, a_connection_is_used_again)
{
    cert = "good";
    max_version = TLS1_3_VERSION;
    struct upstream_report report = call_with("localhost", ca_path, 3);
    cr_expect_eq(report.result, UPSTREAM_OK);
    cr_expect(report.is_reused);
    cr_expect_eq(report.n_redials, 0);
}

Test(tls, to_connect_is_to_shake_hands_and_to_look_at_the_certificate)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    only_connects = true;
    for (int v = 0; v < 2; v++) {
        max_version = versions[v];
        cert = "good";
        cr_expect_eq(call_with("localhost", ca_path, 3).result, UPSTREAM_OK);
        cert = "wrong";
        cr_expect_eq(call_with("localhost", ca_path, 1).result, UPSTREAM_TLS);
    }
}

Test(tls, an_unknown_authority_is_refused)
{
    cert = "good";
    max_version = TLS1_3_VERSION;
    cr_expect_eq(call_with("localhost", "", 1).result, UPSTREAM_TLS);
    cr_expect_eq(call_with("localhost", "/nonexistent.pem", 1).result, UPSTREAM_TLS);
}

/* One that cannot be read leaves those of before. */
Test(tls, authorities_are_those_that_their_file_has_now)
{
    static const struct {
        const char *change;
        enum upstream_result result;
    } steps[] = {
        {"echo none >now.pem", UPSTREAM_TLS},   {"cp ca.pem now.pem", UPSTREAM_OK},
        {"echo none >now.pem", UPSTREAM_OK},    {"rm now.pem", UPSTREAM_OK},
        {"cp wrong.pem now.pem", UPSTREAM_TLS}, {"cp ca.pem x && mv x now.pem", UPSTREAM_OK}};

    cert = "good";
    max_version = TLS1_3_VERSION;
    struct provider provider = provider_start(serve_tls);
    struct upstream_record target = client_target(provider.port);
    struct loop *loop = loop_new();
    struct upstream_pool *pool = upstream_pool_new(loop);
    target.is_tls = 1;
    snprintf(target.host, sizeof target.host, "127.0.0.1");
    snprintf(target.ca_file, sizeof target.ca_file, "%s/now.pem", dir);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        run("cd %s && %s", dir, steps[i].change);
        cr_expect_eq(connect_once(loop, pool, &target), steps[i].result, "%s", steps[i].change);
    }
    upstream_pool_free(&pool);
    loop_free(&loop);
    provider_stop(&provider);
}

/* Since it was asked last. */
static bool
was_opened(int watch)
{
    struct inotify_event events[32];

    return read(watch, events, sizeof events) > 0;
}

static unsigned
n_logged(const char *path)
{
    struct buf text;
    unsigned n = 0;

    buf_init(&text, 1 << 20);
    cr_assert_eq(fdio_read_file(path, &text, NULL), 0);
    buf_append(&text, "", 1);
    for (const char *at = text.ptr; (at = strstr(at, "upstream.ca_unreadable")) != NULL; at++)
        n++;
    buf_fini(&text);
    return n;
}

/* A large one takes its time, and that is the loop's: of all who are served. */
Test(tls, authorities_that_are_no_good_are_read_and_told_of_once)
{
    char now_path[96], log_path[96];
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    cert = "good";
    max_version = TLS1_3_VERSION;
    struct provider provider = provider_start(serve_tls);
    struct upstream_record target = client_target(provider.port);
    struct loop *loop = loop_new();
    struct upstream_pool *pool = upstream_pool_new(loop);
    snprintf(now_path, sizeof now_path, "%s/once.pem", dir);
    snprintf(log_path, sizeof log_path, "%s/log", dir);
    cr_assert_eq(log_open(log_path), 0);
    target.is_tls = 1;
    target.max_idle_connections = 0;
    snprintf(target.host, sizeof target.host, "127.0.0.1");
    snprintf(target.ca_file, sizeof target.ca_file, "%s", now_path);

    run("cd %s && cp ca.pem once.pem", dir);
    cr_expect_eq(connect_once(loop, pool, &target), UPSTREAM_OK);
    cr_expect_eq(n_logged(log_path), 0);
    for (unsigned change = 1; change <= 2; change++) {
        run("cd %s && echo none %u >once.pem", dir, change + 8);
        cr_assert_geq(inotify_add_watch(watch, now_path, IN_OPEN), 0);
        for (int i = 0; i < 3; i++) {
            cr_expect_eq(connect_once(loop, pool, &target), UPSTREAM_OK);
            cr_expect_eq(was_opened(watch), i == 0);
        }
        cr_expect_eq(n_logged(log_path), change);
        run("cd %s && rm once.pem", dir);
        (void)was_opened(watch); /* that it is gone */
    }
    run("cd %s && cp ca.pem once.pem", dir);
    cr_expect_eq(connect_once(loop, pool, &target), UPSTREAM_OK);
    cr_expect_eq(n_logged(log_path), 2);
    close(watch);
    upstream_pool_free(&pool);
    loop_free(&loop);
    provider_stop(&provider);
}

Test(tls, older_versions_are_refused)
{
    cert = "good";
    max_version = TLS1_1_VERSION;
    cr_expect_eq(call_with("localhost", ca_path, 1).result, UPSTREAM_TLS);
}

static unsigned n_plain; /* connections that were asked for */

static bool
may_connect(void *ctx, const struct sockaddr *address, bool with_tls)
{
    (void)ctx, (void)address;
    n_plain += !with_tls;
    return with_tls;
}

static bool
takes_name(struct slice name)
{
    (void)name;
    return true;
}

static void
on_fetched(void *data)
{
    ++*(unsigned *)data;
}

static enum fetch_result
fetch_with(const char *ca_file, const char *path)
{
    struct provider provider = provider_start(serve_tls);
    struct loop *loop = loop_new();
    const struct fetcher_conf conf = {.loop = loop,
                                      .guard = may_connect,
                                      .takes_name = takes_name,
                                      .ca_file = ca_file,
                                      .max_bytes = 100,
                                      .max_running = 1};
    struct fetcher *fetcher = fetcher_new(&conf);
    unsigned n_ends = 0;
    size_t left = 100;
    char url[64];

    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", provider.port, path);
    const struct fetch_request request = {.url = slice_str(url),
                                          .max_bytes = 100,
                                          .left = &left,
                                          .deadline_us = clock_mono_us() + 8000000,
                                          .on_end = on_fetched,
                                          .data = &n_ends};
    struct fetch *fetch = fetch_start(fetcher, &request);
    cr_expect(client_run_until(loop, &n_ends));
    enum fetch_result result = fetch_result(fetch);
    fetch_free(&fetch);
    fetcher_free(&fetcher);
    loop_free(&loop);
    provider_stop(&provider);
    return result;
}

Test(tls, a_file_is_fetched_from_whom_the_certificate_names)
{
    max_version = TLS1_3_VERSION;
    cert = "good";
    cr_expect_eq(fetch_with(ca_path, "/"), FETCH_OK);
    cr_expect_eq(fetch_with("", "/"), FETCH_UNREACHABLE);
    cert = "wrong";
    cr_expect_eq(fetch_with(ca_path, "/"), FETCH_UNREACHABLE);
}

Test(tls, a_file_that_was_asked_for_over_https_is_not_looked_for_over_http)
{
    max_version = TLS1_3_VERSION;
    cert = "good";
    cr_expect_eq(fetch_with(ca_path, "/to"), FETCH_BAD_URL);
    cr_expect_eq(n_plain, 0);
}
