/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/net/listener.h"

Test(listener, a_free_port_is_bound_with_all_flags_set)
{
    int fd, value = 0;
    uint16_t port = 0;
    socklen_t len = sizeof value;

    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &port, NULL), 0);
    cr_expect_neq(port, 0);
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    cr_expect_neq(value, 0);
    close(fd);
}

Test(listener, an_address_in_use_says_so)
{
    int fd, other;
    uint16_t port;
    struct errmsg why = {0};

    cr_assert_eq(listener_open("127.0.0.1", 0, &fd, &port, NULL), 0);
    cr_assert_eq(listener_open("127.0.0.1", port, &other, &port, &why), ERR_EXISTS);
    cr_expect_not_null(strstr(why.text, "Address already in use"), "%s", why.text);
    close(fd);
}

Test(listener, an_address_that_is_not_ours_says_so)
{
    int fd;
    uint16_t port;
    struct errmsg why = {0};

    cr_assert_eq(listener_open("192.0.2.1", 0, &fd, &port, &why), ERR_IO);
    cr_expect_not_null(strstr(why.text, "no such address"), "%s", why.text);
}
