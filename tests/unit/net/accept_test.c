/* SPDX-License-Identifier: ISC */
#include <poll.h>

#include "accept.h"
#include "fixture.h"

#define GET "GET / HTTP/1.1\r\n"

static bool
is_served(const struct fixture *fixture)
{
    char answer[512];

    return talk(fixture, B(GET CLOSE "\r\n"), answer, sizeof answer) > 0;
}

/* One answer on a connection that stays open. */
static int
open_idle(const struct fixture *fixture, const char *request)
{
    char answer[1024];
    int fd = peer_connect(fixture->port);

    peer_send(fd, request, strlen(request));
    cr_assert_gt(recv(fd, answer, sizeof answer, 0), 0);
    return fd;
}

/* Closed by the server, or about to be served: by what comes within ten seconds. */
static bool
is_closed(int fd)
{
    char byte;
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 10000) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

static bool
is_open(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1 && errno == EAGAIN;
}

static void
hold(const struct fixture *fixture, int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        fds[i] = peer_connect(fixture->port);
        peer_send(fds[i], B("GET /hold HTTP/1.1\r\n" H "\r\n"));
    }
}

Test(accept, descriptors_are_short_from_nine_tenths_on)
{
    cr_expect(!accept_is_short(899, 1000));
    cr_expect(accept_is_short(900, 1000));
    cr_expect(!accept_is_short(224, 256));
    cr_expect(accept_is_short(225, 256));
}

Test(accept, idle_connections_make_room_the_oldest_first)
{
    struct server_conf conf = patient();
    conf.max_connections = 8;
    struct fixture fixture = fixture_start(conf, 0);
    int fds[8];

    for (int i = 0; i < 8; i++)
        fds[i] = open_idle(&fixture, GET H "\r\n");
    for (int i = 0; i < 3; i++) {
        int fd = open_idle(&fixture, GET H "\r\n");

        cr_expect(is_closed(fds[i]), "connection %d is the oldest", i);
        cr_expect(is_open(fds[i + 1]));
        close(fds[i]);
        fds[i] = fd;
    }
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    fixture_stop(&fixture);
}

Test(accept, silence_and_dripping_heads_hold_up_nobody)
{
    struct server_conf conf = patient();
    conf.max_connections = 16;
    struct fixture fixture = fixture_start(conf, 0);
    int fds[200];

    for (int i = 0; i < 200; i++) {
        fds[i] = peer_connect(fixture.port);
        if (i % 2 == 0)
            peer_send(fds[i], B("GET / HTTP/1.1\r\nHo"));
        if (i % 20 == 19)
            cr_expect(is_served(&fixture), "after %d of them", i + 1);
    }
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    fixture_stop(&fixture);
}

Test(accept, who_has_shown_a_key_stays_while_strangers_wait)
{
    struct server_conf conf = patient();
    conf.max_connections = 8;
    struct fixture fixture = fixture_start(conf, 0);
    int known = open_idle(&fixture, GET "X-Key: good\r\n" H "\r\n"), fds[40];

    for (int i = 0; i < 40; i++)
        fds[i] = open_idle(&fixture, GET H "\r\n");
    cr_expect(is_open(known), "the oldest of all, but no stranger");
    for (int i = 0; i < 40; i++)
        close(fds[i]);
    close(known);
    fixture_stop(&fixture);
}

Test(accept, while_all_are_served_new_ones_wait_until_one_is_done)
{
    struct server_conf conf = patient();
    conf.max_connections = 2;
    struct fixture fixture = fixture_start(conf, 0);
    char answer[512];
    int busy[2], third;

    hold(&fixture, busy, 2);
    cr_assert(reaches(&fixture.tally->n_requests, 2));
    third = peer_connect(fixture.port);
    peer_send(third, B(GET CLOSE "\r\n"));
    cr_expect_eq(recv(third, answer, sizeof answer, MSG_DONTWAIT), -1);
    cr_expect(is_open(busy[0]) && is_open(busy[1]));
    close(busy[0]);
    cr_expect_gt(peer_read_all(third, answer, sizeof answer), 0);
    close(busy[1]);
    close(third);
    fixture_stop(&fixture);
}

Test(accept, an_address_has_so_many_strangers_and_known_ones_are_not_among_them)
{
    struct server_conf conf = patient();
    conf.max_client_strangers = 3;
    struct fixture fixture = fixture_start(conf, 0);
    int known[4], held[3], extra;

    for (int i = 0; i < 4; i++)
        known[i] = open_idle(&fixture, GET "X-Key: good\r\n" H "\r\n");
    extra = open_idle(&fixture, GET H "\r\n");
    hold(&fixture, held, 3);
    cr_expect(is_closed(extra), "it made room for the third");
    cr_assert(reaches(&fixture.tally->n_requests, 8));
    cr_expect(!is_served(&fixture), "none of them waits");
    for (int i = 0; i < 4; i++)
        cr_expect(is_open(known[i]));
    close(held[0]);
    bool is_back = false;
    for (int i = 0; i < 1000 && !is_back; i++)
        is_back = is_served(&fixture);
    cr_expect(is_back);
    fixture_stop(&fixture);
}

Test(accept, an_address_has_so_many_connections)
{
    struct server_conf conf = patient();
    conf.max_client_connections = 2;
    struct fixture fixture = fixture_start(conf, 0);
    int known[2];

    for (int i = 0; i < 2; i++)
        known[i] = open_idle(&fixture, GET "X-Key: good\r\n" H "\r\n");
    cr_expect(!is_served(&fixture));
    cr_expect(is_open(known[0]) && is_open(known[1]));
    fixture_stop(&fixture);
}

/* OV-04, in small. */
Test(accept, without_descriptors_idle_ones_make_room)
{
    struct fixture fixture = fixture_start(patient(), 30);
    int fds[60];

    for (int i = 0; i < 60; i++)
        fds[i] = peer_connect(fixture.port);
    for (int i = 0; i < 10; i++)
        cr_expect(is_served(&fixture));
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    fixture_stop(&fixture);
}

Test(accept, without_descriptors_and_all_being_served_it_does_not_spin_and_recovers)
{
    struct fixture fixture = fixture_start(patient(), 30);
    int fds[60];

    hold(&fixture, fds, 60);
    cr_assert(reaches(&fixture.tally->n_requests, 8));
    unsigned n_turns = fixture.tally->n_turns;
    poll(NULL, 0, 1000); /* the thing itself: what it does in a second of nothing */
    cr_expect_lt(fixture.tally->n_turns - n_turns, 60, "%u turns",
                 fixture.tally->n_turns - n_turns);
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    cr_expect(is_served(&fixture));
    fixture_stop(&fixture);
}
