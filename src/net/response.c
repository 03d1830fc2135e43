/* SPDX-License-Identifier: ISC */
#include "response.h"

#include <assert.h>

#include "http.h"
#include "relayos/base/text.h"

#define FIXED_MAX 256 /* all but the caller's headers */

static inline char *put(char *at, struct slice s);
static char *put_status(char *at, int status);

size_t
response_head_max(const struct response *response)
{
    size_t n = FIXED_MAX;

    for (size_t i = 0; i < response->n_headers; i++)
        n += response->headers[i].name.len + response->headers[i].value.len + sizeof ": \r\n" - 1;
    return n;
}

size_t
response_head_write(const struct response *response, char *out)
{
    char *at = put_status(out, response->status);

    at = put(at, SLICE_LIT("\r\nDate: "));
    at = put(at, slice_of(response->date, RESPONSE_DATE_LEN));
    at = put(at, response->is_persistent ? SLICE_LIT("\r\nConnection: keep-alive\r\n")
                                         : SLICE_LIT("\r\nConnection: close\r\n"));
    if (response->framing == RESPONSE_LENGTH) {
        at = put(at, SLICE_LIT("Content-Length: "));
        at += text_int_format((int64_t)response->content_length, at);
        at = put(at, SLICE_LIT("\r\n"));
    }
    for (size_t i = 0; i < response->n_headers; i++) {
        at = put(at, response->headers[i].name);
        at = put(at, SLICE_LIT(": "));
        at = put(at, response->headers[i].value);
        at = put(at, SLICE_LIT("\r\n"));
    }
    if (response->framing == RESPONSE_CHUNKED)
        at = put(at, SLICE_LIT("transfer-encoding: chunked\r\n"));
    return (size_t)(put(at, SLICE_LIT("\r\n")) - out);
}

static char *
put_status(char *at, int status)
{
    assert(status >= 100 && status <= 999);
    at = put(at, SLICE_LIT("HTTP/1.1 000 "));
    at[-4] = (char)(at[-4] + status / 100);
    at[-3] = (char)(at[-3] + status / 10 % 10);
    at[-2] = (char)(at[-2] + status % 10);
    return put(at, slice_str(http_status_text(status)));
}

static inline char *
put(char *at, struct slice s)
{
    memcpy(at, s.ptr, s.len);
    return at + s.len;
}

size_t
response_chunk_size(size_t len, char out[RESPONSE_CHUNK_SIZE_MAX])
{
    size_t n_digits = 1;

    while (n_digits < 16 && len >> 4 * n_digits != 0)
        n_digits++;
    for (size_t i = 0; i < n_digits; i++)
        out[i] = "0123456789abcdef"[len >> 4 * (n_digits - 1 - i) & 0xf];
    memcpy(out + n_digits, "\r\n", 2);
    return n_digits + 2;
}
