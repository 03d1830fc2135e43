/* SPDX-License-Identifier: ISC
 *
 * http - a raw HTTP/1.1 client for tests: what is sent is said byte by byte, what comes back is
 * kept whole. Nothing here waits longer than HTTP_PATIENCE_MS.
 */
#ifndef SUPPORT_HTTP_H
#define SUPPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_PATIENCE_MS 20000

enum http_end {
    HTTP_END_COMPLETE, /* by length or final chunk */
    HTTP_END_CLOSED,   /* the connection ended: after the answer (no length), or in the middle */
    HTTP_END_RESET,
    HTTP_END_SILENT, /* nothing came any more */
};

struct http_reply {
    int status; /* 0 = no head came */
    char *head; /* status line and headers, NUL-terminated */
    char *body; /* chunks joined, NUL-terminated */
    size_t body_len;
    enum http_end end;
};

/* A connected socket, or -1. */
int http_connect(int port);
bool http_send(int fd, const void *bytes, size_t len);
/*
 * POST with a JSON body, or GET when body is NULL. headers: further lines, each ending in CRLF, or
 * NULL; key: sent as Bearer, or NULL.
 */
bool http_request(int fd, const char *path, const char *key, const char *headers, const char *body);
/* One answer off a connection that is used for one request at a time. */
struct http_reply *http_read(int fd);
/* The same, but only until the body holds `until` (a stream that is still going). */
struct http_reply *http_read_until(int fd, const char *until);
/* What else comes, as raw bytes: until they hold `until` or the connection ends. Free it. */
char *http_drain(int fd, const char *until);
void http_reply_free(struct http_reply **reply);

/* Connect, request, read, close. */
struct http_reply *http_call(int port, const char *path, const char *key, const char *headers,
                             const char *body);
/* Send raw bytes on a new connection and read one answer. */
struct http_reply *http_raw(int port, const void *bytes, size_t len);
/* Value of a header copied into out (empty if absent); true if it was there. */
bool http_header(const struct http_reply *reply, const char *name, char *out, size_t size);
/* The header is there exactly so often. */
int http_header_count(const struct http_reply *reply, const char *name);
/* Nothing to read and not closed within ms. */
bool http_is_quiet(int fd, int ms);
void http_close(int fd, bool by_reset);

#endif
