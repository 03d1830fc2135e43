/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

Test(listener, both_families_have_the_same_port_side_by_side)
{
    int v4, v6;
    uint16_t port = 0, same;

    cr_assert_eq(listener_open("::", 0, &v6, &port, NULL), 0);
    cr_expect_eq(listener_open("0.0.0.0", port, &v4, &same, NULL), 0);
    cr_expect_eq(same, port);
    cr_expect(listener_is_at(v6, "::", port, &same) && !listener_is_at(v4, "::", port, &same));
    close(v4);
    close(v6);
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

Test(listener, a_unix_socket_has_its_mode_and_takes_the_place_of_one_that_nobody_serves)
{
    char dir[] = "/tmp/relayos-listener-XXXXXX", path[64], file[64];
    struct errmsg why = {0};
    struct stat found;
    uint16_t port;
    int fd, other;

    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/api.sock", dir);
    snprintf(file, sizeof(file), "%s/file", dir);
    cr_assert_eq(listener_open_unix(path, 0620, "", &fd, &why), 0, "%s", why.text);
    cr_assert_eq(stat(path, &found), 0);
    cr_expect(S_ISSOCK(found.st_mode) && (found.st_mode & 0777) == 0620);
    cr_expect(listener_is_at(fd, path, 0, &port) && !listener_is_at(fd, file, 0, &port));
    cr_expect(!listener_is_at(fd, "127.0.0.1", 0, &port));
    int client = connect_to(path);
    cr_expect_neq(client, -1);
    close(client);

    cr_expect_eq(listener_open_unix(path, 0620, "", &other, &why), ERR_EXISTS, "it is served");
    close(fd);
    cr_expect_eq(connect_to(path), -1);
    cr_assert_eq(listener_open_unix(path, 0600, "", &fd, &why), 0, "%s", why.text);
    close(fd);

    cr_assert_neq(other = open(file, O_CREAT | O_RDWR, 0600), -1);
    close(other);
    cr_expect_eq(listener_open_unix(file, 0600, "", &fd, &why), ERR_EXISTS, "a file stays");
    cr_expect_eq(listener_open_unix(path, 0600, "nobody-of-that-name", &fd, &why), ERR_CONFIG);
    cr_expect_not_null(strstr(why.text, "no user nobody-of-that-name"), "%s", why.text);
    unlink(file);
    unlink(path);
    cr_expect_eq(rmdir(dir), 0, "nothing else is left");
}
