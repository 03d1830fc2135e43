/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#define SMUGGLED "GET /smuggled HTTP/1.1\r\n" CLOSE "\r\n"
#define CHUNKED  "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

/* Each is one request at most; the one behind it is never served. */
static const struct {
    const char *bytes;
    size_t len;
    int status;
} corpus[] = {
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n" SMUGGLED),
     400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"
       "0\r\n\r\n" SMUGGLED),
     400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 40\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0, 0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: +0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0x0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length : 0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n 40\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
     400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n" SMUGGLED),
     400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n" SMUGGLED),
     400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding:\vchunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.1\r\n" H "Transfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {B("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\nHost: a\n\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H "X: a\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H H "\r\n" SMUGGLED), 400},
    {B("G(T / HTTP/1.1\r\n" H "\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.9\r\n" H "\r\n" SMUGGLED), 400},
    {B("GET / HTTP/2.0\r\n" H "\r\n" SMUGGLED), 400},
    {B("GET http://a/ HTTP/1.1\r\n" H "\r\n" SMUGGLED), 400},
    {B("GET / HTTP/1.1\r\n" H "no colon\r\n\r\n" SMUGGLED), 400},
    {B("GET /\r\n\r\n" SMUGGLED), 400},
    {B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400},
    {B("TRACE / HTTP/1.1\r\n" H "\r\n" SMUGGLED), 405},
    {B("CONNECT a:443 HTTP/1.1\r\n" H "\r\n" SMUGGLED), 405},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 4\r\nExpect: 200-maybe\r\n\r\n" SMUGGLED), 417},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 1048577\r\n\r\n"), 413},
    {B("POST / HTTP/1.1\r\n" H "Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n"), 413},
    {B(CHUNKED "0x5\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "5 x\r\nhello\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "5;a=b\r\nhello\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "5\nhello\n0\n\n" SMUGGLED), 400},
    {B(CHUNKED "5\r\nhelloX\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "00000000000000005\r\nhello\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "-1\r\nhello\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "\r\n0\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "0\r\nX: a\nb\r\n\r\n" SMUGGLED), 400},
    {B(CHUNKED "5\r\nhello\r\n0\r\n\r\n" SMUGGLED), 200}, /* nothing follows a chunked body */
    {B(CHUNKED "0\r\nTrailer: 1\r\n\r\n" SMUGGLED), 200},
};

Test(interpose, each_smuggling_form_is_refused_in_json_and_the_connection_closed)
{
    struct fixture fixture = fixture_start(patient(), 0);
    unsigned n_refused = 0;

    for (size_t i = 0; i < sizeof corpus / sizeof corpus[0]; i++) {
        char answer[4096], expected[32];
        unsigned n_requests = fixture.tally->n_requests;
        ssize_t n = talk(&fixture, corpus[i].bytes, corpus[i].len, answer, sizeof answer);
        sprintf(expected, "HTTP/1.1 %d ", corpus[i].status);
        cr_expect(n > 0 && strncmp(answer, expected, strlen(expected)) == 0, "case %zu: %zd %s", i,
                  n, answer);
        cr_expect(strstr(answer, "Connection: close") != NULL, "case %zu: %s", i, answer);
        bool is_refused = corpus[i].status != 200;
        n_refused += is_refused;
        if (is_refused)
            cr_expect(strstr(answer, "application/json") != NULL &&
                          strstr(answer, "\r\nx-request-id: 7\r\n") != NULL &&
                          strstr(answer, "{\"error\":") != NULL,
                      "case %zu: %s", i, answer);
        cr_expect_eq(fixture.tally->n_requests, n_requests + !is_refused, "case %zu", i);
        cr_expect_eq(fixture.tally->n_refused, n_refused, "case %zu", i);
    }
    cr_expect_eq(fixture.tally->n_smuggled, 0);
    fixture_stop(&fixture);
}

Test(interpose, heads_past_the_limits_are_refused_with_431)
{
    struct fixture fixture = fixture_start(patient(), 0);
    static char head[70000];
    char answer[1024];
    int n = sprintf(head, "GET / HTTP/1.1\r\n" H);

    for (int i = 0; i < 64; i++)
        n += sprintf(head + n, "x%d: 1\r\n", i);
    n += sprintf(head + n, "\r\n");
    talk(&fixture, head, (size_t)n, answer, sizeof answer);
    cr_expect(strncmp(answer, "HTTP/1.1 431", 12) == 0, "%s", answer);
    n = sprintf(head, "GET /%0*d", 33 * 1024, 0);
    talk(&fixture, head, (size_t)n, answer, sizeof answer);
    cr_expect(strncmp(answer, "HTTP/1.1 431", 12) == 0, "%s", answer);
    fixture_stop(&fixture);
}

Test(interpose, a_refused_upload_still_gets_its_answer)
{
    struct fixture fixture = fixture_start(patient(), 0);
    char answer[1024];
    size_t len = 8 * MIB;
    char *bytes = calloc(1, len);
    int head = sprintf(bytes, "POST / HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", len);

    cr_assert_gt(head, 0);
    for (int i = 0; i < 20; i++) {
        talk(&fixture, bytes, len, answer, sizeof answer);
        cr_expect(strncmp(answer, "HTTP/1.1 413", 12) == 0, "try %d: %s", i, answer);
    }
    free(bytes);
    fixture_stop(&fixture);
}
