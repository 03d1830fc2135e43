/* SPDX-License-Identifier: ISC */
#include "relayos/net/listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"

#define BACKLOG 4096

static struct addrinfo *resolve(const char *host, uint16_t port, struct errmsg *why);
static int listen_on(const struct addrinfo *address);
static uint16_t bound_port(int fd);
static bool name_first(const char *path, struct sockaddr_un *out);
static bool is_taken(const char *path);
static int find_owner(const char *owner, uid_t *out_uid, gid_t *out_gid, struct errmsg *why);
static bool is_bound_to_path(const struct sockaddr_storage *bound, socklen_t size,
                             const char *path);
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
    if (address->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
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
    if (address.ss_family == AF_UNIX)
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
    if (host[0] == '/' || bound.ss_family == AF_UNIX)
        return is_bound_to_path(&bound, size, host);
    struct addrinfo *found = resolve(host, port == 0 ? *out_port : port, NULL);
    bool is_same =
        found != NULL && found->ai_addrlen == size && memcmp(found->ai_addr, &bound, size) == 0;
    if (found != NULL)
        freeaddrinfo(found);
    return is_same;
}

/* ---- UNIX sockets ---- */

int
listener_open_unix(const char *path, uint32_t mode, const char *owner, int *out_fd,
                   struct errmsg *why)
{
    struct sockaddr_un address;
    uid_t uid;
    gid_t gid;

    if (find_owner(owner, &uid, &gid, why) != 0)
        return ERR_CONFIG;
    if (!name_first(path, &address)) {
        errmsg_set(why, "cannot listen on unix:%s: the path is too long", path);
        return ERR_IO;
    }
    if (is_taken(path)) {
        errmsg_set(why,
                   "cannot listen on unix:%s: another program listens there, or it is no "
                   "socket",
                   path);
        return ERR_EXISTS;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlink(address.sun_path);
    mode_t mask = umask(0777);
    bool is_bound = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    umask(mask);
    if (is_bound && chown(address.sun_path, uid, gid) == 0 && chmod(address.sun_path, mode) == 0 &&
        listen(fd, BACKLOG) == 0 && rename(address.sun_path, path) == 0) {
        *out_fd = fd;
        return 0;
    }
    errmsg_set(why, "cannot listen on unix:%s: %s", path, strerror(errno));
    if (is_bound)
        (void)unlink(address.sun_path);
    fdio_close(&fd);
    return ERR_IO;
}

/* Bound under another name, so that nobody finds it before it is ready. */
static bool
name_first(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(out->sun_path, sizeof(out->sun_path), "%s.new", path);

    return len > 0 && (size_t)len < sizeof(out->sun_path);
}

static bool
is_taken(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;

    if (lstat(path, &file) != 0)
        return false;
    if (!S_ISSOCK(file.st_mode))
        return true;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_refused =
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED;
    fdio_close(&fd);
    return !is_refused;
}

static int
find_owner(const char *owner, uid_t *out_uid, gid_t *out_gid, struct errmsg *why)
{
    size_t len = strcspn(owner, ":");
    char name[LIMIT_NAME];

    *out_uid = (uid_t)-1;
    *out_gid = (gid_t)-1;
    snprintf(name, sizeof(name), "%.*s", (int)len, owner);
    const struct passwd *user = len == 0 ? NULL : getpwnam(name);
    if (user != NULL)
        *out_uid = user->pw_uid;
    const struct group *group = owner[len] == ':' ? getgrnam(owner + len + 1) : NULL;
    if (group != NULL)
        *out_gid = group->gr_gid;
    if ((len == 0 || user != NULL) && (owner[len] == '\0' || group != NULL))
        return 0;
    errmsg_set(why, "listen: owner: there is no %s %s", len > 0 && user == NULL ? "user" : "group",
               len > 0 && user == NULL ? name : owner + len + 1);
    return ERR_CONFIG;
}

static bool
is_bound_to_path(const struct sockaddr_storage *bound, socklen_t size, const char *path)
{
    const struct sockaddr_un *at = (const struct sockaddr_un *)bound;
    struct sockaddr_un wanted;

    return at->sun_family == AF_UNIX && size > offsetof(struct sockaddr_un, sun_path) &&
           name_first(path, &wanted) &&
           strncmp(at->sun_path, wanted.sun_path, sizeof(at->sun_path)) == 0;
}

static void
explain(struct errmsg *why, const char *host, uint16_t port, int error)
{
    const char *advice = "";

    if (error == EADDRINUSE)
        advice = ": another program listens there; stop it, or choose another port: listen in the "
                 "configuration, RELAYOS_PORT without one";
    else if (error == EACCES)
        advice = ": ports below 1024 need root (or CAP_NET_BIND_SERVICE)";
    else if (error == EADDRNOTAVAIL)
        advice = ": this machine has no such address";
    errmsg_set(why, "cannot listen on %s port %u: %s%s", host, (unsigned)port, strerror(error),
               advice);
}
