/* SPDX-License-Identifier: ISC */
#include "ready.h"

#include <stdio.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/master/daemon.h"
#include "state.h"

static void write_pid_file(const struct master *master);

void
ready_announce(struct master *master)
{
    const struct conf_listener *first = &master->boot->listeners[0];

    write_pid_file(master);
    ready_notify(master, "");
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

void
ready_notify(const struct master *master, const char *news)
{
    char status[512];

    snprintf(status, sizeof(status), "Serving on %s%s%s", master->boot->listeners[0].text,
             news[0] == '\0' ? "" : "; ", news);
    notify_ready(&master->notify, status);
}

void
ready_withdraw(const struct master *master)
{
    (void)unlink(master->boot->pid_file);
}
