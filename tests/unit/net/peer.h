/* SPDX-License-Identifier: ISC
 *
 * peer - plain sockets on 127.0.0.1 for the tests of net/, with a time limit on each read.
 */
#ifndef TESTS_NET_PEER_H
#define TESTS_NET_PEER_H

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PEER_LIMIT_S 10 /* a read that takes longer has failed */

static inline int
peer_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = PEER_LIMIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static inline void
peer_send(int fd, const void *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = send(fd, (const char *)bytes + at, len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the other side has had enough: what it says counts */
        at += (size_t)n;
    }
}

/* Until end-of-file or reset; out is NUL-terminated. -1: it was still open at the limit. */
static inline ssize_t
peer_read_all(int fd, char *out, size_t size)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n > 0)
            len += (size_t)n;
        out[len] = '\0';
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return -1;
        if (n <= 0)
            return (ssize_t)len;
    }
}

/* Until the text has come. */
static inline bool
peer_read_until(int fd, const char *text, char *out, size_t size)
{
    size_t len = 0;

    while (len < size - 1) {
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        out[len] = '\0';
        if (strstr(out, text) != NULL)
            return true;
    }
    return false;
}

static inline void *
peer_shared(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

#endif
