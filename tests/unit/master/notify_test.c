/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"

/* A manager's socket, at an abstract address of our own. */
static int
manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[64];
    int len = snprintf(path, sizeof(path), "@relayos-notify-test-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(address.sun_path + 1, path + 1, (size_t)len - 1);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                 0);
    setenv("NOTIFY_SOCKET", path, 1);
    return fd;
}

static void
expect(int fd, const char *text)
{
    char got[1024];
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

    cr_assert_geq(n, 0, "nothing, where \"%s\" was expected", text);
    got[n] = '\0';
    cr_expect_str_eq(got, text);
}

static void
expect_nothing(int fd)
{
    char got[1024];

    cr_expect_lt(recv(fd, got, sizeof(got), 0), 0);
}

Test(notify, life_is_deserved_while_the_ledger_and_one_worker_live)
{
    for (int bits = 0; bits < 16; bits++) {
        struct notify_health health = {
            .is_serving = bits & 1,
            .workers_are_off = bits & 2,
            .has_ledger = bits & 4,
            .has_worker = bits & 8,
        };
        bool is_deserved = !(bits & 1) || ((bits & 4) && (bits & (2 | 8)));

        cr_expect_eq(notify_deserves_life(&health), is_deserved, "case %d", bits);
    }
}

Test(notify, without_a_manager_nothing_is_sent_and_nothing_is_due)
{
    struct notify notify;

    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000000", 1);
    notify_init(&notify);
    cr_expect_lt(notify.fd, 0);
    cr_expect_eq(notify_wake_us(&notify), INT64_MAX);
    notify_ready(&notify, "Serving");
    setenv("NOTIFY_SOCKET", "relative/path", 1);
    notify_init(&notify);
    cr_expect_lt(notify.fd, 0);
}

Test(notify, each_state_is_one_datagram)
{
    struct notify notify;
    int fd = manager();

    notify_init(&notify);
    notify_ready(&notify, "Serving on [::1]:8080\nMAINPID=1");
    expect(fd, "READY=1\nSTATUS=Serving on [::1]:8080");
    clock_fake_set(1234567, 0);
    notify_reloading(&notify, "Taking over");
    clock_fake_stop();
    expect(fd, "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=Taking over");
    notify_stopping(&notify, 70000000);
    expect(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=70000000\nSTATUS=Requests have 70 s to end");
    notify_fini(&notify);
    notify_ready(&notify, "");
    expect_nothing(fd);
    fdio_close(&fd);
}

static int64_t
watchdog_of(const char *interval, long pid)
{
    struct notify notify;
    char text[32];

    snprintf(text, sizeof(text), "%ld", pid);
    setenv("WATCHDOG_USEC", interval, 1);
    setenv("WATCHDOG_PID", text, 1);
    notify_init(&notify);
    notify_fini(&notify);
    return notify.watchdog_us;
}

Test(notify, a_watchdog_may_be_somebody_elses)
{
    int fd = manager();

    cr_expect_eq(watchdog_of("3000000", (long)getpid()), 3000000);
    cr_expect_eq(watchdog_of("3000000", (long)getppid()), 0);
    cr_expect_eq(watchdog_of("-5", (long)getpid()), 0);
    cr_expect_eq(watchdog_of("soon", (long)getpid()), 0);
    fdio_close(&fd);
}
