/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "response.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct http_header headers[] = {
    {SLICE_LIT("content-type"), SLICE_LIT("text/event-stream")},
    {SLICE_LIT("x-empty"), SLICE_LIT("")},
};

/* Into memory of exactly the promised size: a sanitizer sees a write behind it. */
static void
expect_head(const struct response *response, const char *expected)
{
    size_t max = response_head_max(response);
    char *out = malloc(max);
    size_t len = response_head_write(response, out);

    cr_assert_leq(len, max);
    cr_assert(slice_eq_str(slice_of(out, len), expected), "%.*s", (int)len, out);
    free(out);
}

Test(response, a_head_says_how_long_its_body_is)
{
    struct response response = {.status = 200,
                                .headers = headers,
                                .n_headers = 2,
                                .date = DATE,
                                .is_persistent = true,
                                .content_length = 1234567890123};

    expect_head(&response, "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nConnection: keep-alive\r\n"
                           "Content-Length: 1234567890123\r\ncontent-type: text/event-stream\r\n"
                           "x-empty: \r\n\r\n");
    response.framing = RESPONSE_CHUNKED;
    expect_head(&response, "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nConnection: keep-alive\r\n"
                           "content-type: text/event-stream\r\nx-empty: \r\n"
                           "transfer-encoding: chunked\r\n\r\n");
    response = (struct response){.status = 431, .date = DATE, .framing = RESPONSE_BARE};
    expect_head(&response, "HTTP/1.1 431 Request Header Fields Too Large\r\nDate: " DATE
                           "\r\nConnection: close\r\n\r\n");
}

Test(response, the_longest_head_fits)
{
    struct response response = {
        .status = 431, .date = DATE, .is_persistent = true, .content_length = INT64_MAX};
    char out[512];

    cr_assert_leq(response_head_write(&response, out), response_head_max(&response));
}

Test(response, a_chunk_begins_with_its_size_in_hex)
{
    char out[RESPONSE_CHUNK_SIZE_MAX], expected[32];

    for (unsigned bit = 0; bit < 64; bit++) {
        for (size_t around = 0; around < 3; around++) {
            size_t len = (SIZE_MAX >> bit) - 1 + around; /* wraps to 0 and 1 at the top */
            int n = snprintf(expected, sizeof expected, "%zx\r\n", len);
            cr_assert_eq(response_chunk_size(len, out), (size_t)n);
            cr_assert_eq(memcmp(out, expected, (size_t)n), 0, "%zx", len);
        }
    }
}
