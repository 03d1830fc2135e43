/* SPDX-License-Identifier: ISC */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "state.h"

#define TEXT_SIZE 512

static bool take_address(struct notify *notify, const char *path);
static int64_t take_watchdog(void);
static void tell(const struct notify *notify, const char *text);
static bool child_is_well(const struct master *master, const struct child *child);

void
notify_init(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");

    *notify = (struct notify){.fd = -1};
    if (path == NULL || !take_address(notify, path))
        return;
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd < 0)
        log_warn("notify.failed", "reason=\"socket: %s\"", strerror(errno));
    else
        notify->watchdog_us = take_watchdog();
}

static bool
take_address(struct notify *notify, const char *path)
{
    size_t len = strlen(path);

    if (len < 2 || len >= sizeof(notify->address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return false;
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, len);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0'; /* abstract */
    notify->address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

static int64_t
take_watchdog(void)
{
    const char *interval = getenv("WATCHDOG_USEC");
    const char *whose = getenv("WATCHDOG_PID");

    /* It may be meant for a process that has started us for something else. */
    if (interval == NULL || (whose != NULL && strtol(whose, NULL, 10) != getpid()))
        return 0;

    long long us = strtoll(interval, NULL, 10);
    return us > 0 && us < INT64_MAX / 2 ? us : 0;
}

void
notify_fini(struct notify *notify)
{
    fdio_close(&notify->fd);
}

void
notify_ready(const struct notify *notify, const char *status)
{
    char text[TEXT_SIZE];
    int line = (int)strcspn(status, "\n"); /* further ones would be variables of their own */

    snprintf(text, sizeof(text), "READY=1\nSTATUS=%.*s", line, status);
    tell(notify, text);
}

void
notify_reloading(const struct notify *notify, const char *status)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=%s",
             (long long)clock_mono_us(), status);
    tell(notify, text);
}

void
notify_stopping(const struct notify *notify, int64_t limit_us)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text),
             "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\nSTATUS=Requests have %lld s to end",
             (long long)limit_us, (long long)(limit_us / 1000000));
    tell(notify, text);
}

static void
tell(const struct notify *notify, const char *text)
{
    if (notify->fd >= 0 &&
        sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
               (const struct sockaddr *)&notify->address, notify->address_size) < 0)
        log_warn("notify.failed", "reason=\"%s\"", strerror(errno));
}

/* ---- the watchdog ---- */

void
notify_work(struct master *master, int64_t now_us)
{
    struct notify *notify = &master->notify;
    struct notify_health health = {
        .is_serving = master->has_served && master->phase < MASTER_WORKERS_DRAIN,
        .workers_are_off = master->workers_are_off,
        .has_ledger = child_is_well(master, &master->ledger),
    };

    if (notify_wake_us(notify) > now_us)
        return;
    for (uint32_t n = 0; n < master->n_workers && !health.has_worker; n++)
        health.has_worker = child_is_well(master, &master->workers[n]);
    /* Twice in the time that is allowed: late for once is not dead. */
    notify->next_us = now_us + notify->watchdog_us / 2;
    bool is_deserved = notify_deserves_life(&health);
    if (is_deserved)
        tell(notify, "WATCHDOG=1");
    else if (!notify->is_withheld)
        log_error("watchdog.withheld", "ledger=%d worker=%d limit_s=%lld", health.has_ledger,
                  health.has_worker, (long long)(notify->watchdog_us / 1000000));
    notify->is_withheld = !is_deserved;
}

bool
notify_deserves_life(const struct notify_health *health)
{
    if (!health->is_serving)
        return true; /* start and stop have limits of their own */
    return health->has_ledger && (health->has_worker || health->workers_are_off);
}

int64_t
notify_wake_us(const struct notify *notify)
{
    return notify->fd >= 0 && notify->watchdog_us > 0 ? notify->next_us : INT64_MAX;
}

static bool
child_is_well(const struct master *master, const struct child *child)
{
    return child->pid != 0 && child->is_ready && !master->vigils[child->slot].is_reported;
}
