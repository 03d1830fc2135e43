/* SPDX-License-Identifier: ISC
 *
 * handover - one SEQPACKET message with the descriptors as SCM_RIGHTS; an end without a message
 * means "not from me" (that worker drains and has closed them).
 */
#include "relayos/net/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"

#define BACKLOG     16
#define ASK_TRIES   100
#define ASK_STEP_MS 10
#define PATIENCE_S  2 /* for a worker that has a long turn */

/* The payload; descriptors without it come from something else. */
static const char greeting[] = "relayos listeners";

union rights {
    struct cmsghdr align;
    char space[CMSG_SPACE(LIMIT_HANDED * sizeof(int))];
};

static int address_of(const char *run_dir, const char *suffix, struct sockaddr_un *out);
static bool peer_is_one_of_us(int fd);
static int ask_once(const struct sockaddr_un *address);
static ssize_t receive(int fd, int *out_fds, size_t max);
static size_t take_rights(struct msghdr *message, int *out_fds, size_t max);

int
handover_open(const char *run_dir, int *out_fd, struct errmsg *why)
{
    struct sockaddr_un address;

    if (address_of(run_dir, "new", &address) != 0) {
        errmsg_set(why, "run_dir %s: too long for a socket's path", run_dir);
        return ERR_IO;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlink(address.sun_path);
    mode_t mask = umask(0177);
    bool is_bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    umask(mask);
    if (is_bound && listen(fd, BACKLOG) == 0) {
        *out_fd = fd;
        return 0;
    }
    errmsg_set(why, "%s: %s", address.sun_path, strerror(errno));
    fdio_close(&fd);
    return ERR_IO;
}

int
handover_publish(const char *run_dir, struct errmsg *why)
{
    struct sockaddr_un from, to;

    if (address_of(run_dir, "new", &from) == 0 && address_of(run_dir, "sock", &to) == 0 &&
        rename(from.sun_path, to.sun_path) == 0)
        return 0;
    errmsg_set(why, "%s: %s", to.sun_path, strerror(errno));
    return ERR_IO;
}

void
handover_unlink(const char *run_dir)
{
    struct sockaddr_un address;

    if (address_of(run_dir, "sock", &address) == 0)
        (void)unlink(address.sun_path);
}

static int
address_of(const char *run_dir, const char *suffix, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(out->sun_path, sizeof(out->sun_path), "%s/handover.%s", run_dir, suffix);

    return len > 0 && (size_t)len < sizeof(out->sun_path) ? 0 : ERR_TOO_LARGE;
}

void
handover_answer(int handover_fd, const int *listener_fds, size_t n)
{
    int fd = accept4(handover_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return; /* another worker was faster */
    if (n > 0 && n <= LIMIT_HANDED && peer_is_one_of_us(fd)) {
        union rights rights = {.space = {0}};
        struct iovec word = {.iov_base = (char *)greeting, .iov_len = sizeof(greeting)};
        struct msghdr message = {.msg_iov = &word,
                                 .msg_iovlen = 1,
                                 .msg_control = rights.space,
                                 .msg_controllen = CMSG_SPACE(n * sizeof(int))};
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(header), listener_fds, n * sizeof(int));
        (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    fdio_close(&fd);
}

/* For who answers: the process that asks. For who asks: the one that made the place, a master. */
static bool
peer_is_one_of_us(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

size_t
handover_ask(const char *run_dir, int *out_fds, size_t max)
{
    struct sockaddr_un address;

    if (address_of(run_dir, "sock", &address) != 0)
        return 0;
    for (int i = 0; i < ASK_TRIES; i++) {
        int fd = ask_once(&address);

        if (fd < 0)
            return 0;
        ssize_t n = receive(fd, out_fds, max);
        fdio_close(&fd);
        if (n != 0)
            return n < 0 ? 0 : (size_t)n;
        (void)poll(NULL, 0, ASK_STEP_MS); /* that one drains; the next time another may be first */
    }
    return 0;
}

static int
ask_once(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_S};

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)); /* connect's */
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        !peer_is_one_of_us(fd))
        fdio_close(&fd);
    return fd;
}

/* How many came; 0: it ended without; -1: nobody answers. */
static ssize_t
receive(int fd, int *out_fds, size_t max)
{
    char text[sizeof(greeting)] = "";
    union rights rights;
    struct iovec word = {.iov_base = text, .iov_len = sizeof(text)};
    struct msghdr message = {.msg_iov = &word,
                             .msg_iovlen = 1,
                             .msg_control = rights.space,
                             .msg_controllen = sizeof(rights.space)};
    ssize_t len;

    do
        len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (len < 0 && errno == EINTR);
    if (len == 0 || (len < 0 && errno == ECONNRESET))
        return 0;
    if (len < 0)
        return -1;
    bool is_ours = len == (ssize_t)sizeof(greeting) && memcmp(text, greeting, sizeof(text)) == 0;

    return (ssize_t)take_rights(&message, out_fds, is_ours ? max : 0);
}

/* What is more than max is closed: nothing received may stay open unnoticed. */
static size_t
take_rights(struct msghdr *message, int *out_fds, size_t max)
{
    size_t n = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n_here = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n_here; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
            if (n < max)
                out_fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}
