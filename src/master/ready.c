/* SPDX-License-Identifier: ISC */
#include "ready.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/master/daemon.h"
#include "state.h"

static void write_pid_file(const struct master *master);
static void notify_manager(const char *state);

void
ready_announce(struct master *master)
{
    const struct conf_listener *first = &master->boot->listeners[0];

    write_pid_file(master);
    notify_manager("READY=1");
    log_info("ready", "version=%s listen=%s port=%u workers=%u config=%s", RELAYOS_VERSION,
             first->text, master->listener_ports[0], master->n_workers,
             master->options.config_file == NULL ? "built-in" : master->options.config_file);
    if (master->options.launcher_fd >= 0)
        daemon_report(&master->options.launcher_fd, MASTER_EXIT_OK);
}

static void
write_pid_file(const struct master *master)
{
    struct errmsg why;
    char text[32];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    if (fdio_replace_file(master->boot->pid_file, slice_of(text, (size_t)len), 0644, &why) != 0)
        log_error("pid_file.not_written", "reason=\"%s\"", why.text);
}

/* sd_notify(3), which is one datagram: a service manager that asked for it waits for this. */
static void
notify_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = path == NULL ? 0 : strlen(path);

    if (len < 2 || len >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* abstract */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0)
        log_warn("notify.failed", "reason=\"%s\"", strerror(errno));
    fdio_close(&fd);
}

void
ready_withdraw(const struct master *master)
{
    (void)unlink(master->boot->pid_file);
}
