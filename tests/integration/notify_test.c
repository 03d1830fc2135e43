/* SPDX-License-Identifier: ISC
 *
 * What a service manager hears (sd_notify) in the life of a gateway, over a socket as systemd's.
 */
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway.h"

#define WATCHDOG "WATCHDOG=1"

static int manager_fd;

static void
listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 20};
    char path[64];
    int len = snprintf(path, sizeof path, "@relayos-notify-%d", (int)getpid());

    memcpy(address.sun_path + 1, path + 1, (size_t)len - 1);
    manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(manager_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    cr_assert_eq(bind(manager_fd, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                 0);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    unsetenv("WATCHDOG_PID");
}

/* The next datagram that is no sign of life must have these words. */
static void
expect_news(const char *first, const char *second)
{
    char got[1024] = WATCHDOG;

    while (strcmp(got, WATCHDOG) == 0) {
        ssize_t n = recv(manager_fd, got, sizeof got - 1, 0);

        cr_assert_geq(n, 0, "silence, where \"%s\" was expected", first);
        got[n] = '\0';
    }
    cr_assert(strstr(got, first) != NULL && strstr(got, second) != NULL,
              "no \"%s\" with \"%s\" in: %s", first, second, got);
}

static void
forget_what_was_said(void)
{
    char got[1024];

    while (recv(manager_fd, got, sizeof got, MSG_DONTWAIT) >= 0)
        ;
}

/* Only the first wait of recv() can be long: what is asked for comes twice a second. */
static bool
hears_life(void)
{
    char got[1024];
    ssize_t n = recv(manager_fd, got, sizeof got - 1, 0);

    got[n < 0 ? 0 : n] = '\0';
    return strcmp(got, WATCHDOG) == 0;
}

Test(notify, start_reload_refusal_and_stop_are_told, .timeout = 100)
{
    static const struct gateway_options usual;
    static const struct gateway_options broken = {.settings = "no_such_directive: 1\n"};
    static const struct gateway_options patient = {.settings = "stop_timeout: 40s\n"};

    listen_as_manager();
    struct gateway *gateway = gateway_start(&usual);
    expect_news("READY=1", "Serving on 127.0.0.1:");
    gateway_reconfigure(gateway, &patient);
    expect_news("RELOADING=1\nMONOTONIC_USEC=", "Reading the configuration");
    expect_news("READY=1", "configuration reloaded");
    gateway_reconfigure(gateway, &broken);
    expect_news("RELOADING=1", "MONOTONIC_USEC=");
    expect_news("READY=1", "no_such_directive");
    cr_expect_eq(gateway_stop(&gateway), 0);
    expect_news("STOPPING=1", "EXTEND_TIMEOUT_USEC=100000000");
}

Test(notify, a_silent_ledger_costs_the_sign_of_life_until_it_speaks, .timeout = 100)
{
    pid_t ledger;

    listen_as_manager();
    struct gateway *gateway = gateway_start(NULL);
    expect_news("READY=1", "");
    cr_expect(hears_life());
    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    kill(ledger, SIGSTOP);
    cr_expect(gateway_wait(gateway, gateway_logged, "watchdog.withheld ledger=0 worker=1"));
    forget_what_was_said();
    kill(ledger, SIGCONT);
    cr_expect(gateway_wait(gateway, gateway_logged, "child.speaks role=ledger"));
    cr_expect(hears_life());
    cr_expect_eq(gateway_stop(&gateway), 0);
}
