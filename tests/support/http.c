/* SPDX-License-Identifier: ISC
 *
 * http - see http.h.
 */
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes as they come, and how far they were understood. */
struct wire {
    char *bytes;
    size_t len, room;
    bool is_reset;
};

static bool wire_more(struct wire *wire, int fd, bool *out_is_silent);
static bool body_is_whole(const struct wire *wire, size_t head_len, const char *head);
static void body_take(struct http_reply *reply, const struct wire *wire, size_t head_len);

int
http_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool
http_send(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool
http_request(int fd, const char *path, const char *key, const char *headers, const char *body)
{
    char *text = NULL;
    int len = asprintf(
        &text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s%s%s%sContent-Length: %zu\r\n\r\n%s",
        body == NULL ? "GET" : "POST", path, key == NULL ? "" : "Authorization: Bearer ",
        key == NULL ? "" : key, key == NULL ? "" : "\r\n", headers == NULL ? "" : headers,
        body == NULL ? 0 : strlen(body), body == NULL ? "" : body);
    bool is_sent = len > 0 && http_send(fd, text, (size_t)len);

    free(text);
    return is_sent;
}

struct http_reply *
http_read(int fd)
{
    return http_read_until(fd, NULL);
}

struct http_reply *
http_read_until(int fd, const char *until)
{
    struct http_reply *reply = calloc(1, sizeof *reply);
    struct wire wire = {0};
    size_t head_len = 0;
    bool is_silent = false;

    reply->end = HTTP_END_COMPLETE;
    for (;;) {
        const char *end = wire.len == 0 ? NULL : memmem(wire.bytes, wire.len, "\r\n\r\n", 4);

        if (head_len == 0 && end != NULL) {
            head_len = (size_t)(end - wire.bytes) + 4;
            reply->head = strndup(wire.bytes, head_len);
            reply->status = (int)strtol(wire.bytes + strcspn(wire.bytes, " "), NULL, 10);
            if (reply->status == 100) { /* an interim answer: the real one follows */
                memmove(wire.bytes, wire.bytes + head_len, wire.len - head_len + 1);
                wire.len -= head_len;
                free(reply->head);
                head_len = 0;
                continue;
            }
        }
        if (head_len > 0 && body_is_whole(&wire, head_len, reply->head))
            break;
        if (head_len > 0 && until != NULL && strstr(wire.bytes + head_len, until) != NULL)
            break;
        if (!wire_more(&wire, fd, &is_silent)) {
            reply->end = is_silent       ? HTTP_END_SILENT
                         : wire.is_reset ? HTTP_END_RESET
                                         : HTTP_END_CLOSED;
            break;
        }
    }
    body_take(reply, &wire, head_len);
    free(wire.bytes);
    return reply;
}

static bool
wire_more(struct wire *wire, int fd, bool *out_is_silent)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    if (wire->room - wire->len < 65536) {
        wire->room = wire->room * 2 + 131072;
        wire->bytes = realloc(wire->bytes, wire->room);
    }
    if (poll(&poller, 1, HTTP_PATIENCE_MS) == 0) {
        *out_is_silent = true;
        return false;
    }
    ssize_t n = recv(fd, wire->bytes + wire->len, wire->room - wire->len - 1, 0);

    wire->is_reset = n < 0;
    if (n <= 0)
        return false;
    wire->len += (size_t)n;
    wire->bytes[wire->len] = '\0';
    return true;
}

static const char *
head_value(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 2 + len + 1 + strspn(line + 2 + len + 1, " \t");
    }
    return NULL;
}

static bool
is_chunked(const char *head)
{
    const char *value = head_value(head, "transfer-encoding");

    return value != NULL && strncasecmp(value, "chunked", 7) == 0;
}

/* Walk the chunks; true when the last one is whole. out NULL: only look. */
static bool
chunks_walk(const char *bytes, size_t len, struct http_reply *out)
{
    size_t at = 0;

    for (;;) {
        const char *eol = memmem(bytes + at, len - at, "\r\n", 2);

        if (eol == NULL)
            return false;
        size_t size = strtoul(bytes + at, NULL, 16), from = (size_t)(eol - bytes) + 2;

        if (size == 0)
            return memmem(eol, len - (size_t)(eol - bytes), "\r\n\r\n", 4) != NULL;
        size_t there = len - from < size ? len - from : size;

        if (out != NULL) {
            memcpy(out->body + out->body_len, bytes + from, there);
            out->body_len += there;
        }
        if (len < from + size + 2)
            return false;
        at = from + size + 2;
    }
}

static bool
body_is_whole(const struct wire *wire, size_t head_len, const char *head)
{
    const char *length = head_value(head, "content-length");
    int status = (int)strtol(head + strcspn(head, " "), NULL, 10);

    if (status == 204 || status == 304)
        return true;
    if (is_chunked(head))
        return chunks_walk(wire->bytes + head_len, wire->len - head_len, NULL);
    return length != NULL && wire->len - head_len >= strtoul(length, NULL, 10);
}

static void
body_take(struct http_reply *reply, const struct wire *wire, size_t head_len)
{
    reply->body = calloc(1, wire->len + 1);
    if (head_len == 0) {
        reply->head = reply->head == NULL ? strdup("") : reply->head;
        return;
    }
    if (is_chunked(reply->head)) {
        chunks_walk(wire->bytes + head_len, wire->len - head_len, reply);
    } else {
        memcpy(reply->body, wire->bytes + head_len, wire->len - head_len);
        reply->body_len = wire->len - head_len;
    }
}

char *
http_drain(int fd, const char *until)
{
    struct wire wire = {0};
    bool is_silent = false;

    while ((wire.len == 0 || strstr(wire.bytes, until) == NULL) && wire_more(&wire, fd, &is_silent))
        continue;
    wire.bytes[wire.len] = '\0';
    return wire.bytes;
}

void
http_reply_free(struct http_reply **reply)
{
    if (*reply == NULL)
        return;
    free((*reply)->head);
    free((*reply)->body);
    free(*reply);
    *reply = NULL;
}

struct http_reply *
http_call(int port, const char *path, const char *key, const char *headers, const char *body)
{
    int fd = http_connect(port);
    struct http_reply *reply;

    if (fd < 0)
        return calloc(1, sizeof *reply);
    http_request(fd, path, key, headers, body);
    reply = http_read(fd);
    close(fd);
    return reply;
}

struct http_reply *
http_raw(int port, const void *bytes, size_t len)
{
    int fd = http_connect(port);
    struct http_reply *reply;

    http_send(fd, bytes, len);
    reply = http_read(fd);
    close(fd);
    return reply;
}

bool
http_header(const struct http_reply *reply, const char *name, char *out, size_t size)
{
    const char *value = reply->head == NULL ? NULL : head_value(reply->head, name);

    snprintf(out, size, "%.*s", value == NULL ? 0 : (int)strcspn(value, "\r"),
             value == NULL ? "" : value);
    return value != NULL;
}

int
http_header_count(const struct http_reply *reply, const char *name)
{
    int n = 0;
    const char *at = reply->head == NULL ? NULL : head_value(reply->head, name);

    for (; at != NULL; n++)
        at = head_value(at, name);
    return n;
}

bool
http_is_quiet(int fd, int ms)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    return poll(&poller, 1, ms) == 0;
}

void
http_close(int fd, bool by_reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (by_reset)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(fd);
}
