/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#define LOCKED    "POST /locked?a=b HTTP/1.1\r\n" H
#define GOOD      "X-Key: good\r\n"
#define CLOSE_KEY "Connection: close\r\n" GOOD
#define EXPECT    "Expect: 100-continue\r\n"
#define CHUNKED   "Transfer-Encoding: chunked\r\n"
#define SMUGGLED  "GET /smuggled HTTP/1.1\r\n" H "\r\n"
#define WITHHELD  "\r\n\r\nwithheld"

static const struct {
    const char *name, *bytes;
} unwelcome[] = {
    {"large", LOCKED "Content-Length: 1000000\r\n\r\n"},
    {"large, begun", LOCKED "Content-Length: 1000000\r\n\r\n" SMUGGLED},
    {"small, not here", LOCKED "Content-Length: 5\r\n\r\nfour"},
    {"over the limit", LOCKED "Content-Length: 999999999999\r\n\r\n" SMUGGLED},
    {"chunked", LOCKED CHUNKED "\r\n"},
    {"chunked, begun", LOCKED CHUNKED "\r\n25\r\n" SMUGGLED},
    {"chunked, whole", LOCKED CHUNKED "\r\n0\r\n\r\n" SMUGGLED},
    {"expected", LOCKED EXPECT "Content-Length: 5\r\n\r\n"},
    {"expected, here", LOCKED EXPECT "Content-Length: 5\r\n\r\nabcde" SMUGGLED},
    {"expected, chunked", LOCKED EXPECT CHUNKED "\r\n"},
};

Test(conn_body, what_the_handler_does_not_want_is_answered_unread_and_the_connection_closed)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[4096];
    size_t n_cases = sizeof unwelcome / sizeof unwelcome[0];

    for (size_t i = 0; i < n_cases; i++) {
        const char *bytes = unwelcome[i].bytes;
        ssize_t n = talk(&fixture, bytes, strlen(bytes), answer, sizeof answer);

        cr_expect_gt(n, 0, "%s: %zd", unwelcome[i].name, n);
        cr_expect(strncmp(answer, "HTTP/1.1 503", 12) == 0, "%s: %s", unwelcome[i].name, answer);
        cr_expect(strstr(answer, "close\r\n") != NULL, "%s: %s", unwelcome[i].name, answer);
        cr_expect(n > 0 && strcmp(answer + n - 12, WITHHELD) == 0, "%s: %s", unwelcome[i].name,
                  answer);
        cr_expect_eq(fixture.tally->n_requests, i + 1);
    }
    cr_expect_eq(fixture.tally->n_withheld, n_cases);
    cr_expect_eq(fixture.tally->n_smuggled, 0);
    cr_expect_eq(fixture.tally->n_body_bytes, 0);
    fixture_stop(&fixture);
}

/* Without a reset, which would take the answer with it on the way of others. */
Test(conn_body, a_client_that_sends_all_of_it_first_reads_the_answer)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[1024], *body = calloc(1, MIB);
    int fd = peer_connect(fixture.port);

    peer_send(fd, B(LOCKED "Content-Length: 1048576\r\n\r\n"));
    cr_expect(reaches(&fixture.tally->n_ended, 1));
    size_t n_sent = 0;
    while (n_sent < MIB && send(fd, body, 65536, MSG_NOSIGNAL) == 65536)
        n_sent += 65536;
    cr_expect_eq(n_sent, MIB, "%zu: %s", n_sent, strerror(errno));
    cr_expect(peer_read_until(fd, WITHHELD, answer, sizeof answer));
    cr_expect_eq(recv(fd, answer, sizeof answer, 0), 0, "%s", strerror(errno));
    close(fd);
    free(body);
    fixture_stop(&fixture);
}

Test(conn_body, a_wanted_body_is_read_and_one_that_came_whole_is_not_asked_about)
{
    static const char *const wanted[] = {
        LOCKED CLOSE_KEY "Content-Length: 5\r\n\r\nhello",
        LOCKED CLOSE_KEY CHUNKED "\r\n5\r\nhello\r\n0\r\n\r\n",
        LOCKED CLOSE_KEY EXPECT "Content-Length: 5\r\n\r\nhello",
    };
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[1024];

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        ssize_t n = talk(&fixture, wanted[i], strlen(wanted[i]), answer, sizeof answer);
        cr_expect(n > 5 && strcmp(answer + n - 5, "hello") == 0, "%zu: %s", i, answer);
        cr_expect_eq(fixture.tally->n_heads, i);
    }
    cr_expect_eq(fixture.tally->n_withheld, 0);
    fixture_stop(&fixture);
}

/* ---- memory ---- */

static struct server_conf
narrow(void)
{
    struct server_conf conf = patient();

    conf.max_body_bytes = 4 * MIB;
    conf.max_body_memory = 4 * MIB;
    return conf;
}

/* Begin a request of this length and send part of it. */
static int
begin(const struct fixture *fixture, const char *path, size_t length, size_t n_sent)
{
    char head[256], *body = calloc(1, n_sent + 1);
    int fd = peer_connect(fixture->port);
    int n = length > 0 ? sprintf(head, "POST %s HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", path,
                                 length)
                       : sprintf(head, "POST %s HTTP/1.1\r\n" H CHUNKED "\r\n%zx\r\n", path,
                                 (size_t)4 * MIB - 1);

    peer_send(fd, head, (size_t)n);
    peer_send(fd, body, n_sent);
    free(body);
    return fd;
}

/* What a connection says before its end. */
static void
expect_answer(int fd, const char *start, const char *end)
{
    char answer[1024];
    ssize_t n = peer_read_all(fd, answer, sizeof answer);

    cr_expect(n > 0 && strncmp(answer, start, strlen(start)) == 0, "%zd: %s", n, answer);
    cr_expect(n > 0 && strstr(answer, end) != NULL, "%zd: %s", n, answer);
    close(fd);
}

static bool
holds(const struct fixture *fixture, size_t n_bytes)
{
    int64_t limit_us = clock_mono_us() + 10000000;

    while (fixture->tally->n_body_bytes != n_bytes && clock_mono_us() < limit_us)
        close(peer_connect(fixture->port)); /* a turn of the loop */
    return fixture->tally->n_body_bytes == n_bytes;
}

Test(conn_body, memory_is_counted_as_it_comes_and_given_back)
{
    struct fixture fixture = fixture_start(narrow(), 0);
    int promised[8], begun = -1;

    /* Promises take nothing. */
    for (size_t i = 0; i < 8; i++)
        promised[i] = begin(&fixture, "/", 4 * MIB, 0);
    begun = begin(&fixture, "/", 3 * MIB, 2 * MIB);
    cr_expect(holds(&fixture, 2 * MIB), "%zu", fixture.tally->n_body_bytes);
    /* While it is handled, too. */
    int held = begin(&fixture, "/hold", MIB, MIB);
    cr_expect(holds(&fixture, 3 * MIB), "%zu", fixture.tally->n_body_bytes);
    close(held);
    cr_expect(holds(&fixture, 2 * MIB), "%zu", fixture.tally->n_body_bytes);
    /* A stream has let go of it. */
    int stream = begin(&fixture, "/stream", MIB, MIB);
    char answer[1024];
    cr_expect(peer_read_until(stream, "first", answer, sizeof answer));
    cr_expect(holds(&fixture, 2 * MIB), "%zu", fixture.tally->n_body_bytes);
    /* An idle connection has nothing. */
    int idle = begin(&fixture, "/404", MIB, MIB);
    cr_expect(peer_read_until(idle, "none", answer, sizeof answer));
    cr_expect(holds(&fixture, 2 * MIB), "%zu", fixture.tally->n_body_bytes);
    close(idle);
    close(stream);
    close(begun);
    cr_expect(holds(&fixture, 0), "%zu", fixture.tally->n_body_bytes);
    for (size_t i = 0; i < 8; i++)
        close(promised[i]);
    fixture_stop(&fixture);
}

Test(conn_body, what_does_not_fit_is_refused_by_its_length_or_when_it_has_come)
{
    struct fixture fixture = fixture_start(narrow(), 0);
    int held = begin(&fixture, "/hold", 3 * MIB, 3 * MIB);

    cr_expect(holds(&fixture, 3 * MIB));
    expect_answer(begin(&fixture, "/", 2 * MIB, 0), "HTTP/1.1 503", WITHHELD);
    expect_answer(begin(&fixture, "/", 0, 2 * MIB), "HTTP/1.1 503", WITHHELD);
    /* Both fitted when they began. */
    int first = begin(&fixture, "/hold", MIB, MIB - 70000), second = begin(&fixture, "/", MIB, 0);
    cr_expect(holds(&fixture, 4 * MIB - 70000));
    char *body = calloc(1, MIB);
    peer_send(second, body, MIB);
    expect_answer(second, "HTTP/1.1 503", WITHHELD);
    /* Small ones always fit. */
    cr_expect(holds(&fixture, 4 * MIB - 70000));
    peer_send(first, body, 70000);
    cr_expect(holds(&fixture, 4 * MIB));
    int small = begin(&fixture, "/?", 65536, 65535);
    cr_expect(holds(&fixture, 4 * MIB + 65535), "%zu", fixture.tally->n_body_bytes);
    close(small);
    close(first);
    close(held);
    cr_expect(holds(&fixture, 0), "%zu", fixture.tally->n_body_bytes);
    /* And there is room again. */
    int again = begin(&fixture, "/hold", 4 * MIB, 4 * MIB);
    cr_expect(holds(&fixture, 4 * MIB));
    close(again);
    free(body);
    fixture_stop(&fixture);
}

/* The clients never read: what they are told cannot keep what they sent. */
Test(conn_body, a_refused_body_is_freed_before_its_answer_is_read)
{
    struct fixture fixture = fixture_start(narrow(), 0);
    int held = begin(&fixture, "/hold", 4 * MIB, 4 * MIB), refused[4];

    cr_expect(holds(&fixture, 4 * MIB));
    for (size_t i = 0; i < 4; i++)
        refused[i] = begin(&fixture, "/hold", 0, MIB);
    cr_expect(reaches(&fixture.tally->n_withheld, 4));
    cr_expect(holds(&fixture, 4 * MIB), "%zu", fixture.tally->n_body_bytes);
    for (size_t i = 0; i < 4; i++)
        close(refused[i]);
    close(held);
    cr_expect(holds(&fixture, 0));
    fixture_stop(&fixture);
}
