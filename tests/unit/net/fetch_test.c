/* SPDX-License-Identifier: ISC
 *
 * Fetches against a host of files on 127.0.0.1, which the guard lets through, and a trap on
 * 127.0.0.2, which it does not: nobody may ever connect to that. Names are resolved by a
 * getaddrinfo() of our own, which the library finds before the real one.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "client.h"
#include "relayos/base/address.h"
#include "relayos/base/mem.h"
#include "relayos/net/fetch.h"

#define PICTURE   "\x89PNG\r\n\x1a\n picture"
#define FILE_MAX  100000
#define B(s)      s, sizeof(s) - 1
#define PATIENT_S 8

static struct loop *loop;
static struct fetcher *fetcher;
static struct provider host;
static int trap;
static atomic_uint n_lookups;
static unsigned n_ends;
static size_t left;

/* ---- the resolver: "x.files.example" is the host, "x.trap.example" the trap ---- */

static struct addrinfo *
entry(const char *address, const char *service, struct addrinfo *next)
{
    struct addrinfo *info = mem_zalloc(sizeof *info);
    struct sockaddr_in *sockaddr = mem_zalloc(sizeof *sockaddr);

    sockaddr->sin_family = AF_INET;
    sockaddr->sin_port = htons((uint16_t)strtoul(service, NULL, 10));
    inet_pton(AF_INET, address, &sockaddr->sin_addr);
    *info = (struct addrinfo){.ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM,
                              .ai_addrlen = sizeof *sockaddr,
                              .ai_addr = (struct sockaddr *)sockaddr,
                              .ai_next = next};
    return info;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
            struct addrinfo **out)
{
    bool is_first = atomic_fetch_add(&n_lookups, 1) == 0;

    (void)hints;
    if (strcmp(node, "files.example") == 0 || strcmp(node, "127.0.0.1") == 0 ||
        (strcmp(node, "rebind.example") == 0 && is_first))
        *out = entry("127.0.0.1", service, NULL);
    else if (strcmp(node, "both.example") == 0)
        *out = entry("127.0.0.2", service, entry("127.0.0.1", service, NULL));
    else if (strcmp(node, "none.example") != 0)
        *out = entry("127.0.0.2", service, NULL);
    else
        return EAI_NONAME;
    return 0;
}

void
freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info->ai_addr);
        free(info);
        info = next;
    }
}

/* ---- the host ---- */

static void
answer(int fd, const char *path, const char *request)
{
    char text[8192];

    if (strncmp(path, "/to?", 4) == 0) {
        int len = snprintf(text, sizeof text,
                           "HTTP/1.1 302 Found\r\nLocation: %.*s\r\nContent-Length: 4\r\n\r\naway",
                           (int)strcspn(path + 4, " "), path + 4);
        peer_send(fd, text, (size_t)len);
    } else if (strncmp(path, "/head", 5) == 0) {
        int len = snprintf(text, sizeof text,
                           "HTTP/1.1 200 OK\r\nContent-Type: Text/Plain; charset=utf-8\r\n"
                           "Content-Length: %zu\r\n\r\n%s",
                           strlen(request), request);
        peer_send(fd, text, (size_t)len);
    } else if (strncmp(path, "/long", 5) == 0) {
        peer_send(fd, B("HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n"));
    } else if (strncmp(path, "/endless", 8) == 0) {
        peer_send(fd, B("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
        while (send(fd, B("8\r\n12345678\r\n"), MSG_NOSIGNAL) > 0)
            continue;
    } else if (strncmp(path, "/gzip", 5) == 0) {
        peer_send(fd,
                  B("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx"));
    } else if (strncmp(path, "/cut", 4) == 0) {
        peer_send(fd, B("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nxx"));
    } else if (strncmp(path, "/none", 5) == 0) {
        peer_send(fd, B("HTTP/1.1 404 None\r\nContent-Length: 9\r\n\r\nnot found"));
    } else if (strncmp(path, "/nowhere", 8) == 0) {
        peer_send(fd, B("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"));
    } else if (strncmp(path, "/silent", 7) == 0) {
        provider_read_request(fd, 0);
    } else {
        peer_send(
            fd,
            B("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 16\r\n\r\n" PICTURE));
    }
}

static void
serve(int listener)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not stop it */
    for (;;) {
        char request[8192];
        size_t len = 0;
        int fd = provider_accept(listener);

        while (len < sizeof request - 1) {
            ssize_t n = recv(fd, request + len, sizeof request - 1 - len, 0);
            if (n <= 0)
                break;
            len += (size_t)n;
            request[len] = '\0';
            if (strstr(request, "\r\n\r\n") != NULL) {
                answer(fd, request + strlen("GET "), request);
                break;
            }
        }
        close(fd);
    }
}

/* ---- the gateway ---- */

static bool
may_connect(void *ctx, const struct sockaddr *address, bool is_tls)
{
    const uint8_t *bytes;

    (void)ctx, (void)is_tls;
    return address_bytes(address, &bytes) == 4 && bytes[3] == 1;
}

static bool
takes_name(struct slice name)
{
    return !slice_eq_str(name, "shut.example");
}

static struct fetcher *
fetcher_of(size_t max_bytes, uint32_t max_running)
{
    const struct fetcher_conf conf = {.loop = loop,
                                      .guard = may_connect,
                                      .takes_name = takes_name,
                                      .ca_file = "",
                                      .max_bytes = max_bytes,
                                      .max_running = max_running};

    return fetcher_new(&conf);
}

static void
set_up(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    host = provider_start(serve);
    address.sin_port = htons(host.port);
    inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
    trap = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(trap, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(trap, 64), 0);
    loop = loop_new();
    fetcher = fetcher_of(10 * FILE_MAX, 8);
    left = 2 * FILE_MAX;
    n_ends = 0;
    n_lookups = 0;
}

/* Whatever a test does, the trap is empty. */
static void
tear_down(void)
{
    cr_expect(accept(trap, NULL, NULL) == -1 && errno == EAGAIN, "somebody was in the trap");
    fetcher_free(&fetcher);
    loop_free(&loop);
    close(trap);
    provider_stop(&host);
}

TestSuite(fetch, .init = set_up, .fini = tear_down);

static void
on_fetched(void *data)
{
    (void)data;
    n_ends++;
}

/* "$" stands for the port. */
static struct fetch *
begin(const char *text, int64_t timeout_us)
{
    char url[8192] = "";

    for (size_t len = 0; *text != '\0'; text++) {
        if (*text == '$')
            len += (size_t)snprintf(url + len, sizeof url - len, "%u", host.port);
        else
            url[len++] = *text;
    }
    const struct fetch_request request = {.url = slice_str(url),
                                          .max_bytes = FILE_MAX,
                                          .left = &left,
                                          .deadline_us = clock_mono_us() + timeout_us,
                                          .on_end = on_fetched};
    return fetch_start(fetcher, &request);
}

static struct fetch *
run(const char *url)
{
    struct fetch *fetch = begin(url, PATIENT_S * 1000000);

    n_ends = 0;
    if (fetch_result(fetch) == FETCH_RUNNING)
        cr_assert(client_run_until(loop, &n_ends), "%s does not end", url);
    cr_expect_neq(fetch_result(fetch), FETCH_RUNNING);
    return fetch;
}

static enum fetch_result
result_of(const char *url)
{
    struct fetch *fetch = run(url);
    enum fetch_result result = fetch_result(fetch);

    fetch_free(&fetch);
    return result;
}

/* ---- tests ---- */

Test(fetch, a_file_comes_with_its_type)
{
    static const char *const urls[] = {
        "http://127.0.0.1:$/a.png",
        "http://files.example:$/a.png",
        "http://files.example:$",
        "http://files.example:$?a=b",
        "http://both.example:$/a.png",
        "http://files.example:$/to?/a.png",
        "http://files.example:$/to?//files.example:$/a.png",
        "http://files.example:$/to?http://127.0.0.1:$/a.png",
        "http://files.example:$/to?/to?/to?/a.png",
    };

    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct fetch *fetch = run(urls[i]);

        cr_assert_eq(fetch_result(fetch), FETCH_OK, "%s: %s", urls[i],
                     fetch_result_name(fetch_result(fetch)));
        cr_expect(slice_eq(fetch_bytes(fetch), slice_of(PICTURE, 16)));
        cr_expect_str_eq(fetch_type(fetch), "image/png");
        fetch_free(&fetch);
    }
}

Test(fetch, nothing_goes_out_but_the_url)
{
    struct fetch *fetch = run("http://files.example:$/head?a=%20b#secret");
    char expected[256];

    cr_assert_eq(fetch_result(fetch), FETCH_OK);
    snprintf(expected, sizeof expected,
             "GET /head?a=%%20b HTTP/1.1\r\nhost: files.example:%u\r\nuser-agent: RelayOS\r\n"
             "accept: */*\r\naccept-encoding: identity\r\nconnection: close\r\n\r\n",
             host.port);
    cr_expect(slice_eq_str(fetch_bytes(fetch), expected), "%.*s", (int)fetch_bytes(fetch).len,
              fetch_bytes(fetch).ptr);
    cr_expect_str_eq(fetch_type(fetch), "text/plain");
    fetch_free(&fetch);
}

Test(fetch, no_way_leads_into_the_trap)
{
    static const struct {
        const char *url;
        enum fetch_result result;
    } cases[] = {
        {"http://127.0.0.2:$/", FETCH_FORBIDDEN},
        {"http://trap.example:$/", FETCH_FORBIDDEN},
        {"http://[::ffff:127.0.0.2]:$/", FETCH_FORBIDDEN},
        {"http://[::1]:$/", FETCH_FORBIDDEN},
        {"http://shut.example:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?http://127.0.0.2:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?http://trap.example:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?//trap.example:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?//shut.example:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?/to?//127.0.0.2:$/", FETCH_FORBIDDEN},
        {"http://files.example:$/to?http://2130706434:$/", FETCH_BAD_URL},
        {"http://files.example:$/to?http://0x7f.2:$/", FETCH_BAD_URL},
        {"http://files.example:$/to?http://a@127.0.0.2:$/", FETCH_BAD_URL},
        {"http://files.example:$/to?file:///etc/passwd", FETCH_BAD_URL},
        {"http://files.example:$/to?gopher://127.0.0.2:$/", FETCH_BAD_URL},
        {"http://2130706434:$/", FETCH_BAD_URL},
        {"http://127.0.0.1:$@127.0.0.2:$/", FETCH_BAD_URL},
        {"http://127.0.0.2:$\\@127.0.0.1:$/", FETCH_BAD_URL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(result_of(cases[i].url), cases[i].result, "%s", cases[i].url);
}

/* One look-up is what is checked and what is connected to. */
Test(fetch, a_name_that_changes_its_address_gains_nothing)
{
    cr_expect_eq(result_of("http://rebind.example:$/to?http://rebind.example:$/a.png"), FETCH_OK);
    cr_expect_eq(n_lookups, 1);
    fetcher_free(&fetcher);
    fetcher = fetcher_of(FILE_MAX, 8);
    cr_expect_eq(result_of("http://rebind.example:$/a.png"), FETCH_FORBIDDEN);
    cr_expect_eq(n_lookups, 2);
}

Test(fetch, each_ending_has_its_result)
{
    static const struct {
        const char *url;
        enum fetch_result result;
    } cases[] = {
        {"http://none.example:$/", FETCH_UNREACHABLE},
        {"http://127.0.0.1:1/", FETCH_UNREACHABLE},
        {"https://files.example:$/", FETCH_UNREACHABLE}, /* which speaks no TLS */
        {"http://files.example:$/none", FETCH_BAD_STATUS},
        {"http://files.example:$/nowhere", FETCH_BAD_STATUS},
        {"http://files.example:$/gzip", FETCH_BAD_ANSWER},
        {"http://files.example:$/cut", FETCH_BAD_ANSWER},
        {"http://files.example:$/long", FETCH_TOO_LARGE},
        {"http://files.example:$/endless", FETCH_TOO_LARGE},
        {"http://files.example:$/to?/to?/to?/to?/a.png", FETCH_REDIRECTS},
        {"http://files.example:$/to?a.png", FETCH_BAD_URL},
        {"", FETCH_BAD_URL},
        {"data:image/png;base64,AAAA", FETCH_BAD_URL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        left = 2 * FILE_MAX;
        cr_expect_eq(result_of(cases[i].url), cases[i].result, "%s", cases[i].url);
    }
}

Test(fetch, time_is_bounded)
{
    struct fetch *fetch = begin("http://files.example:$/silent", 200000);

    cr_assert(client_run_until(loop, &n_ends));
    cr_expect_eq(fetch_result(fetch), FETCH_TIMEOUT);
    fetch_free(&fetch);
}

Test(fetch, what_several_may_have_together_is_bounded)
{
    left = 40;
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_OK);
    cr_expect_eq(left, 24);
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_OK);
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_TOO_LARGE);
}

Test(fetch, what_is_held_is_bounded_and_given_back)
{
    fetcher_free(&fetcher);
    fetcher = fetcher_of(40, 8);
    struct fetch *one = run("http://files.example:$/a.png");
    struct fetch *two = run("http://files.example:$/a.png");

    cr_expect_eq(fetch_result(two), FETCH_OK);
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_NO_ROOM);
    fetch_free(&one);
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_OK);
    fetch_free(&two);
}

Test(fetch, how_many_run_is_bounded_and_stopped_ones_do_not_count)
{
    fetcher_free(&fetcher);
    fetcher = fetcher_of(FILE_MAX, 2);
    struct fetch *one = begin("http://files.example:$/silent", 5000000);
    struct fetch *two = begin("http://other.files.example:$/", 5000000); /* being looked up */

    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_NO_ROOM);
    fetch_free(&one);
    fetch_free(&two);
    cr_expect_eq(n_ends, 0);
    /* The host is busy with the first one, until it notices. */
    cr_expect_eq(result_of("http://files.example:$/a.png"), FETCH_OK);
}

Test(fetch, every_result_has_its_words)
{
    for (int i = FETCH_OK + 1; i < FETCH_N_RESULTS; i++)
        cr_expect_neq(fetch_result_text((enum fetch_result)i)[0], '\0');
    cr_expect_str_eq(fetch_result_text(FETCH_FORBIDDEN), fetch_result_text(FETCH_UNREACHABLE));
}
