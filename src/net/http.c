/* SPDX-License-Identifier: ISC */
#include "http.h"

struct slice
http_header_find_name(const struct http_request *request, struct slice name)
{
    for (size_t i = 0; i < request->n_headers; i++) {
        if (slice_eq(request->headers[i].name, name))
            return request->headers[i].value;
    }
    return (struct slice){0};
}

size_t
http_header_count(const struct http_request *request, const char *name)
{
    struct slice wanted = slice_str(name);
    size_t n = 0;

    for (size_t i = 0; i < request->n_headers; i++)
        n += slice_eq(request->headers[i].name, wanted);
    return n;
}

void
http_split_target(struct http_request *request)
{
    const char *mark = memchr(request->target.ptr, '?', request->target.len);

    if (mark == NULL) {
        request->path = request->target;
        request->query = SLICE_LIT("");
        return;
    }
    size_t len = (size_t)(mark - request->target.ptr);
    request->path = slice_sub(request->target, 0, len);
    request->query = slice_sub(request->target, len + 1, request->target.len);
}

const char *
http_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {402, "Payment Required"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
        {529, "Overloaded"},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].status == status)
            return table[i].text;
    }
    return status < 300 ? "Success" : "Error";
}
