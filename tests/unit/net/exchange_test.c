/* SPDX-License-Identifier: ISC */
#include "fixture.h"

Test(exchange, good_requests_are_served_one_after_the_other_on_one_connection)
{
    struct fixture fixture = fixture_start(patient(), 0);
    static char answer[200000];
    static const char bytes[] =
        "POST /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\none"
        "GET /404 HTTP/1.1\r\n" H "\r\n"
        "HEAD /b HTTP/1.1\r\n" H "\r\n"
        "HEAD /two HTTP/1.1\r\n" H "\r\n"
        "GET /two HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n"
        "POST /c HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nend";

    /* Whole, and byte by byte. */
    for (size_t step = 1; step <= sizeof bytes - 1; step += sizeof bytes - 2) {
        int fd = peer_connect(fixture.port);
        for (size_t at = 0; at < sizeof bytes - 1; at += step)
            peer_send(fd, bytes + at, step);
        ssize_t n = peer_read_all(fd, answer, sizeof answer);
        close(fd);
        cr_expect_gt(n, 65536, "step %zu: %zd", step, n);
        cr_expect(strcmp(answer + n - 7, "\r\n\r\nend") == 0, "step %zu: %s", step,
                  answer + n - 100);
        cr_expect(strstr(answer, "HTTP/1.1 101") == NULL);
        cr_expect(strstr(answer, "\r\n\r\noneHTTP/1.1 404 Not Found") != NULL, "%s", answer);
        cr_expect(strstr(answer, "erver:") == NULL);
    }
    cr_expect_eq(fixture.tally->n_requests, 12);
    cr_expect_eq(fixture.tally->n_complete, 12);
    fixture_stop(&fixture);
}

Test(exchange, a_body_waits_for_100_continue_when_the_client_does)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[1024];
    int fd = peer_connect(fixture.port);

    peer_send(fd,
              B("POST / HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    cr_assert(peer_read_until(fd, "HTTP/1.1 100 Continue\r\n\r\n", answer, sizeof answer));
    peer_send(fd, B("hello"));
    cr_assert_gt(peer_read_all(fd, answer, sizeof answer), 0);
    cr_expect(strncmp(answer, "HTTP/1.1 200", 12) == 0 && strstr(answer, "hello") != NULL);
    close(fd);
    fixture_stop(&fixture);
}

/* It is the last answer, but no reset takes it back from a client that has more to say. */
Test(exchange, what_is_sent_behind_a_chunked_body_is_not_answered_and_resets_nothing)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[1024], *more = calloc(1, MIB);
    int fd = peer_connect(fixture.port);

    peer_send(fd, B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                    "5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" H "\r\n"));
    cr_expect(reaches(&fixture.tally->n_ended, 1));
    size_t n_sent = 0;
    while (n_sent < MIB && send(fd, more, 65536, MSG_NOSIGNAL) == 65536)
        n_sent += 65536;
    cr_expect_eq(n_sent, MIB, "%zu: %s", n_sent, strerror(errno));
    cr_expect(peer_read_until(fd, "hello", answer, sizeof answer));
    cr_expect_eq(recv(fd, answer, sizeof answer, 0), 0, "%s", strerror(errno));
    cr_expect_eq(fixture.tally->n_smuggled, 0);
    close(fd);
    free(more);
    fixture_stop(&fixture);
}

Test(exchange, a_body_of_32_MiB_is_kept_in_memory)
{
    struct server_conf conf = patient();
    conf.max_body_bytes = 32 * MIB;
    struct fixture fixture = fixture_start(conf, 0);
    size_t len = 32 * MIB;
    char *bytes = calloc(1, len), *answer = malloc(len + 1024);
    int fd = peer_connect(fixture.port);

    char head[256];
    int n = sprintf(head, "POST / HTTP/1.1\r\n" CLOSE "Content-Length: %zu\r\n\r\n", len);
    peer_send(fd, head, (size_t)n);
    peer_send(fd, bytes, len);
    cr_expect_gt(peer_read_all(fd, answer, len + 1024), (ssize_t)len);
    cr_expect_eq(fixture.tally->body_size, len);
    close(fd);
    free(bytes);
    free(answer);
    fixture_stop(&fixture);
}

Test(exchange, an_abort_breaks_the_connection_and_ends_the_exchange_once)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[256];

    cr_expect_eq(talk(&fixture, B("GET /abort HTTP/1.1\r\n" H "\r\n"), answer, sizeof answer), 0);
    cr_expect_eq(fixture.tally->n_ended, 1);
    cr_expect_eq(fixture.tally->n_complete, 0);
    fixture_stop(&fixture);
}

/* The answer with its date, which is checked for its form, made the same for all days. */
static void
expect_bytes(const struct fixture *fixture, const char *request, const char *expected)
{
    static const char mark[] = "\r\nDate: ", form[] = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    static char answer[200000];

    cr_assert_gt(talk(fixture, request, strlen(request), answer, sizeof answer), 0);
    for (char *at = strstr(answer, mark); at != NULL; at = strstr(at + 1, mark)) {
        char *date = at + sizeof mark - 1;
        for (size_t i = 0; i < sizeof form - 1; i++) {
            bool is_digit = date[i] >= '0' && date[i] <= '9';
            cr_assert(form[i] == '0'   ? is_digit
                      : form[i] != 'a' ? true
                                       : date[i] >= 'a',
                      "%s", date);
        }
        memcpy(date, form, sizeof form - 1);
    }
    cr_expect_str_eq(answer, expected, "%s", request);
}

#define HEAD(status, connection, framing)                                                          \
    "HTTP/1.1 " status "\r\nDate: Aaa, 00 Aaa 0000 00:00:00 GMT\r\nConnection: " connection        \
    "\r\n" framing

/* As the library would write it. */
Test(exchange, a_response_has_these_bytes)
{
    struct fixture fixture = fixture_start(patient(), 0);

    expect_bytes(
        &fixture,
        "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nok"
        "HEAD / HTTP/1.1\r\n" CLOSE "\r\n",
        HEAD("200 OK", "keep-alive", "Content-Length: 2\r\ncontent-type: text/plain\r\n\r\nok")
            HEAD("200 OK", "close", "Content-Length: 0\r\ncontent-type: text/plain\r\n\r\n"));
    expect_bytes(&fixture, "GET /short HTTP/1.1\r\n" CLOSE "\r\n",
                 HEAD("200 OK", "close",
                      "content-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
                      "3\r\none\r\n13\r\ntwo, of nineteen...\r\n0\r\n\r\n"));
    expect_bytes(&fixture, "HEAD /short HTTP/1.1\r\n" CLOSE "\r\n",
                 HEAD("200 OK", "close", "content-type: text/plain\r\n\r\n"));
    expect_bytes(&fixture, "GET /short HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n",
                 HEAD("200 OK", "close",
                      "content-type: text/plain\r\n\r\n"
                      "onetwo, of nineteen..."));
    expect_bytes(&fixture, "GET /404 HTTP/1.0\r\n" H "\r\n",
                 HEAD("404 Not Found", "close",
                      "Content-Length: 4\r\ncontent-type: text/plain\r\n\r\nnone"));
    expect_bytes(&fixture,
                 "GET /404 HTTP/1.0\r\n" H "Connection: Keep-Alive\r\n\r\n"
                 "GET /404 HTTP/1.0\r\n" H "\r\n",
                 HEAD("404 Not Found", "keep-alive",
                      "Content-Length: 4\r\ncontent-type: text/plain\r\n\r\nnone")
                     HEAD("404 Not Found", "close",
                          "Content-Length: 4\r\ncontent-type: text/plain\r\n\r\nnone"));
    fixture_stop(&fixture);
}
