/* SPDX-License-Identifier: ISC */
#include "relayos/net/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "relayos/base/fdio.h"

#define BACKLOG 4096

static struct addrinfo *resolve(const char *host, uint16_t port, struct errmsg *why);
static int listen_on(const struct addrinfo *address);
static uint16_t bound_port(int fd);
static void explain(struct errmsg *why, const char *host, uint16_t port, int error);

int
listener_open(const char *host, uint16_t port, int *out_fd, uint16_t *out_port, struct errmsg *why)
{
    struct addrinfo *found = resolve(host, port, why);

    if (found == NULL)
        return ERR_IO;
    int fd = listen_on(found);
    int error = errno;
    freeaddrinfo(found);
    if (fd == -1) {
        explain(why, host, port, error);
        return error == EADDRINUSE ? ERR_EXISTS : ERR_IO;
    }
    *out_fd = fd;
    *out_port = bound_port(fd);
    return 0;
}

static struct addrinfo *
resolve(const char *host, uint16_t port, struct errmsg *why)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];

    snprintf(service, sizeof service, "%u", (unsigned)port);
    int status = getaddrinfo(host, service, &hints, &found);
    if (status == 0)
        return found;
    errmsg_set(why, "cannot listen on \"%s\": %s", host, gai_strerror(status));
    return NULL;
}

static int
listen_on(const struct addrinfo *address)
{
    const int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd == -1)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;

    int error = errno;
    fdio_close(&fd);
    errno = error;
    return -1;
}

static uint16_t
bound_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

bool
listener_is_at(int fd, const char *host, uint16_t port, uint16_t *out_port)
{
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound, len = sizeof(int);
    int is_listening = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0)
        return false;
    *out_port = bound_port(fd);
    struct addrinfo *found = resolve(host, port == 0 ? *out_port : port, NULL);
    bool is_same =
        found != NULL && found->ai_addrlen == size && memcmp(found->ai_addr, &bound, size) == 0;
    if (found != NULL)
        freeaddrinfo(found);
    return is_same;
}

static void
explain(struct errmsg *why, const char *host, uint16_t port, int error)
{
    const char *advice = "";

    if (error == EADDRINUSE)
        advice = ": another program listens there; stop it or choose another port";
    else if (error == EACCES)
        advice = ": ports below 1024 need root (or CAP_NET_BIND_SERVICE)";
    else if (error == EADDRNOTAVAIL)
        advice = ": this machine has no such address";
    errmsg_set(why, "cannot listen on %s port %u: %s%s", host, (unsigned)port, strerror(error),
               advice);
}
