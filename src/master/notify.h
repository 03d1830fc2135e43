/* SPDX-License-Identifier: ISC
 *
 * notify - what the service manager is told, if one asked to be: sd_notify(3), whose protocol is
 * lines of NAME=VALUE in one datagram to NOTIFY_SOCKET. Without a manager nothing is sent.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct master;

struct notify {
    int fd; /* -1: there is no manager */
    struct sockaddr_un address;
    socklen_t address_size;
    int64_t watchdog_us; /* how often it wants a sign of life; 0 = it does not */
    int64_t next_us;     /* of those signs */
    bool is_withheld;    /* the last one was due, and not deserved */
};

/* What the watchdog's sign of life speaks for. Pure: the function on it decides. */
struct notify_health {
    bool is_serving;      /* ready was announced, and nobody asked to stop */
    bool workers_are_off; /* as an operator wished */
    bool has_ledger;      /* ready, and not silent */
    bool has_worker;      /* one at least */
};
bool notify_deserves_life(const struct notify_health *health);

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. */
void notify_init(struct notify *notify);
void notify_fini(struct notify *notify);

void notify_ready(const struct notify *notify, const char *status);
/* Whatever comes next, notify_ready() follows. */
void notify_reloading(const struct notify *notify, const char *status);
/* limit_us: how long it may take; the manager's own limit is for shorter ways to end. */
void notify_stopping(const struct notify *notify, int64_t limit_us);

/* The work list's entry, and when it has something to do without an event: the sign of life. */
void notify_work(struct master *master, int64_t now_us);
int64_t notify_wake_us(const struct notify *notify);

#endif
