/* SPDX-License-Identifier: ISC */
#include "guard_selftest.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

#define TURNS_MAX 20
#define TURN_MS   50

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

/* Each was served twice, or at all, by the library as shipped. */
static const struct {
    const char *name, *bytes;
} smuggles[] = {
    {"Content-Length and Transfer-Encoding",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
     "0\r\n\r\n" SMUGGLED},
    {"two lengths",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 37\r\n\r\n" SMUGGLED},
    {"Transfer-Encoding in HTTP/1.0",
     "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED},
    {"chunk size 0x5", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "0x5\r\n\r\n" SMUGGLED},
    {"bare LF", "GET / HTTP/1.1\nHost: a\n\n" SMUGGLED},
    {"folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n" SMUGGLED},
};

struct tally {
    unsigned n_requests, n_refused;
};

static bool is_refused(struct server *server, const char *bytes, struct tally *tally);
static bool answers_a_plain_request(struct server *server, struct tally *tally);
static size_t converse(struct server *server, const char *bytes, char *answer, size_t size);
static void selftest_on_request(void *ctx, struct exchange *exchange,
                                const struct http_request *request);
static void selftest_on_refused(void *ctx, enum err_category category, const char *detail,
                                const char *client_address, struct buf *out_body,
                                struct slice *out_headers);

int
guard_selftest_run(struct server *server, struct errmsg *why)
{
    struct tally tally = {0};
    struct server_handler handler = server->conf.handler;
    uint64_t n_refused = server->n_refused;
    const char *failed = NULL;

    server->conf.handler = (struct server_handler){
        .ctx = &tally, .on_request = selftest_on_request, .on_refused = selftest_on_refused};
    for (size_t i = 0; i < sizeof smuggles / sizeof smuggles[0] && failed == NULL; i++) {
        if (!is_refused(server, smuggles[i].bytes, &tally))
            failed = smuggles[i].name;
    }
    if (failed == NULL && !answers_a_plain_request(server, &tally))
        failed = "a plain request is not answered";
    server->conf.handler = handler;
    server->n_refused = n_refused;
    if (failed == NULL)
        return 0;
    errmsg_set(why,
               "the HTTP framing guard is not in force (%s): this build of libh2o does not let the "
               "program replace its parsers; use the packaged libh2o-evloop 2.2.5",
               failed);
    return ERR_UNSAFE;
}

static bool
is_refused(struct server *server, const char *bytes, struct tally *tally)
{
    struct tally before = *tally;
    char answer[512];
    size_t len = converse(server, bytes, answer, sizeof answer);

    return tally->n_requests == before.n_requests && tally->n_refused == before.n_refused + 1 &&
           len > 12 && memcmp(answer, "HTTP/1.1 400", 12) == 0;
}

/* The other overrides: reading goes on while a request is handled. */
static bool
answers_a_plain_request(struct server *server, struct tally *tally)
{
    struct tally before = *tally;
    uint64_t n_read_stops = conn_n_read_stops();
    char answer[512];
    size_t len = converse(server, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer,
                          sizeof answer);

    return tally->n_requests == before.n_requests + 1 && conn_n_read_stops() > n_read_stops &&
           len > 12 && memcmp(answer, "HTTP/1.1 200", 12) == 0;
}

/* One connection over a socket pair, until the server closes it. */
static size_t
converse(struct server *server, const char *bytes, char *answer, size_t size)
{
    int pair[2];
    size_t len = 0;
    ssize_t n = -1;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    if (write(pair[1], bytes, strlen(bytes)) == (ssize_t)strlen(bytes)) {
        conn_open(server, NULL, pair[0], &(struct conn_peer){.text = "local"});
        for (int turn = 0; turn < TURNS_MAX && n != 0; turn++) {
            loop_run_bounded(server->loop, TURN_MS);
            while ((n = read(pair[1], answer + len, size - len)) > 0)
                len += (size_t)n;
        }
    } else {
        close(pair[0]);
    }
    close(pair[1]);
    return n == 0 ? len : 0;
}

static void
selftest_on_request(void *ctx, struct exchange *exchange, const struct http_request *request)
{
    struct tally *tally = ctx;

    (void)request;
    tally->n_requests++;
    exchange_respond(exchange, 200, NULL, 0, SLICE_LIT("ok"));
}

static void
selftest_on_refused(void *ctx, enum err_category category, const char *detail,
                    const char *client_address, struct buf *out_body, struct slice *out_headers)
{
    struct tally *tally = ctx;

    (void)category, (void)detail, (void)client_address, (void)out_headers;
    tally->n_refused++;
    buf_append_str(out_body, "{}");
}
