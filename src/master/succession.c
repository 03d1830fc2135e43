/* SPDX-License-Identifier: ISC */
#include "relayos/master/succession.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/log.h"

#define VARIABLE "RELAYOS_SUCCESSION"

static bool parse(const char *text, struct succession *out);
static void parse_listeners(const char *text, struct succession *out);
static const char *take_line(const char *text, char *out, size_t size);
static void write_text(const struct succession *hand, char *out, size_t size);
static void set_inheritable(const struct succession *hand, bool is_inheritable);
static void set_cloexec(int fd, bool is_cloexec);

void
succession_take(struct succession *out)
{
    const char *text = getenv(VARIABLE);

    if (text == NULL || !parse(text, out))
        *out = (struct succession){.lock_fd = -1, .conf_fd = -1, .old_fd = -1};
    else
        set_inheritable(out, false);
    (void)unsetenv(VARIABLE);
}

/* PID LOCK CONF OLD WAY-BACK MIGRATES VERSION FD,FD,... then a line each for who and why. */
static bool
parse(const char *text, struct succession *out)
{
    int pid, is_way_back, migrates, len = 0;

    *out = (struct succession){.is_there = true};
    if (sscanf(text, "%d %d %d %d %d %d %31s %n", &pid, &out->lock_fd, &out->conf_fd, &out->old_fd,
               &is_way_back, &migrates, out->version, &len) != 7 ||
        len == 0 || pid != getpid())
        return false;
    out->is_way_back = is_way_back != 0;
    out->migrates = migrates != 0;
    parse_listeners(text + len, out);
    text = strchr(text, '\n');
    if (text == NULL)
        return false;
    text = take_line(text + 1, out->who, sizeof(out->who));
    (void)take_line(text, out->reason, sizeof(out->reason));
    return true;
}

static void
parse_listeners(const char *text, struct succession *out)
{
    char *end;

    while (*text >= '0' && *text <= '9' && out->n_listeners < LIMIT_HANDED) {
        out->listener_fds[out->n_listeners++] = (int)strtol(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
}

/* Returns where the next line begins. */
static const char *
take_line(const char *text, char *out, size_t size)
{
    size_t len = strcspn(text, "\n");

    snprintf(out, size, "%.*s", (int)len, text);
    return text[len] == '\n' ? text + len + 1 : text + len;
}

int
succession_exec(const struct succession *hand, const char *program, int program_fd,
                char *const *argv)
{
    char text[2048];

    write_text(hand, text, sizeof(text));
    if (setenv(VARIABLE, text, 1) != 0)
        return -errno;
    set_inheritable(hand, true);
    (void)fflush(NULL);
    if (program != NULL)
        (void)execve(program, argv, environ);
    else
        (void)fexecve(program_fd, argv, environ);
    int error = errno;
    set_inheritable(hand, false);
    (void)unsetenv(VARIABLE);
    return -error;
}

static void
write_text(const struct succession *hand, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%d %d %d %d %d %d %s ", (int)getpid(), hand->lock_fd,
                                  hand->conf_fd, hand->old_fd, hand->is_way_back, hand->migrates,
                                  hand->version);

    for (size_t n = 0; n < hand->n_listeners; n++)
        len += (size_t)snprintf(out + len, size - len, "%d,", hand->listener_fds[n]);
    snprintf(out + len, size - len, "\n%s\n%s", hand->who, hand->reason);
}

void
succession_go_back(const struct succession *from, char *const *argv, const char *reason)
{
    struct succession hand = *from;

    if (from->old_fd < 0)
        return;
    log_error("upgrade.failed", "reason=\"%s\" action=\"relayosd %s takes its place again\"",
              reason, from->version);
    hand.is_way_back = true;
    hand.old_fd = -1;
    snprintf(hand.version, sizeof(hand.version), "%s", RELAYOS_VERSION);
    snprintf(hand.reason, sizeof(hand.reason), "%s", reason);
    int rc = succession_exec(&hand, NULL, from->old_fd, argv);
    log_error("upgrade.no_way_back", "reason=\"%s\"", strerror(-rc));
}

int
succession_read_conf(const struct succession *from, struct buf *out)
{
    ssize_t n;

    if (!from->is_way_back || from->conf_fd < 0 || lseek(from->conf_fd, 0, SEEK_SET) != 0)
        return ERR_MISSING;
    do {
        char *room = buf_reserve(out, 4096);

        n = room == NULL ? -1 : read(from->conf_fd, room, 4096);
        if (n > 0)
            buf_commit(out, (size_t)n);
    } while (n > 0);
    return n == 0 ? 0 : ERR_IO;
}

static void
set_inheritable(const struct succession *hand, bool is_inheritable)
{
    set_cloexec(hand->lock_fd, !is_inheritable);
    set_cloexec(hand->conf_fd, !is_inheritable);
    set_cloexec(hand->old_fd, !is_inheritable);
    for (size_t n = 0; n < hand->n_listeners; n++)
        set_cloexec(hand->listener_fds[n], !is_inheritable);
}

static void
set_cloexec(int fd, bool is_cloexec)
{
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, is_cloexec ? FD_CLOEXEC : 0);
}

void
succession_drop(struct succession *succession)
{
    for (size_t n = 0; n < succession->n_listeners; n++)
        fdio_close(&succession->listener_fds[n]);
    succession->n_listeners = 0;
    fdio_close(&succession->conf_fd);
    fdio_close(&succession->old_fd);
}
