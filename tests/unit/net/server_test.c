/* SPDX-License-Identifier: ISC */
#include <poll.h>

#include "fixture.h"

Test(server, out_of_descriptors_it_pauses_instead_of_spinning_and_recovers)
{
    struct fixture fixture = fixture_start(patient(), 30);
    char answer[512];
    int fds[60];

    cr_assert_gt(talk(&fixture, B("GET / HTTP/1.1\r\n" CLOSE "\r\n"), answer, sizeof answer), 0);
    for (int i = 0; i < 60; i++)
        fds[i] = peer_connect(fixture.port);
    cr_assert(reaches(&fixture.tally->n_connections, 15));
    unsigned n_turns = fixture.tally->n_turns;
    poll(NULL, 0, 1000); /* the thing itself: what it does in a second of nothing */
    cr_expect_lt(fixture.tally->n_turns - n_turns, 30, "%u turns",
                 fixture.tally->n_turns - n_turns);
    for (int i = 0; i < 60; i++)
        close(fds[i]);
    cr_expect_gt(talk(&fixture, B("GET / HTTP/1.1\r\n" CLOSE "\r\n"), answer, sizeof answer), 0);
    fixture_stop(&fixture);
}

Test(server, at_the_cap_new_connections_wait_until_one_closes)
{
    struct server_conf conf = patient();
    conf.max_connections = 2;
    struct fixture fixture = fixture_start(conf, 0);
    char answer[512];
    int first = peer_connect(fixture.port), second = peer_connect(fixture.port);
    int third = peer_connect(fixture.port);

    cr_assert(reaches(&fixture.tally->n_connections, 2));
    peer_send(third, B("GET / HTTP/1.1\r\n" CLOSE "\r\n"));
    cr_expect_eq(recv(third, answer, sizeof answer, MSG_DONTWAIT), -1);
    close(first);
    cr_expect_gt(peer_read_all(third, answer, sizeof answer), 0);
    close(second);
    close(third);
    fixture_stop(&fixture);
}

Test(server, a_drain_closes_idle_connections_and_finishes_the_others)
{
    struct fixture fixture = fixture_start(patient(), 0);
    static char answer[1 << 20];
    int idle = peer_connect(fixture.port), busy = peer_connect(fixture.port), status;
    size_t total = 0;
    ssize_t n;

    peer_send(busy, B("GET /big HTTP/1.1\r\n" H "\r\n"));
    peer_send(idle, B("GET / HTTP/1.1\r\n" H "\r\n"));
    cr_assert(reaches(&fixture.tally->n_requests, 2));
    fixture.tally->is_draining = 1;
    while ((n = recv(busy, answer, sizeof answer, 0)) > 0)
        total += (size_t)n;
    cr_expect_eq(n, 0);
    cr_expect_gt(total, 64u * MIB);
    cr_expect_geq(peer_read_all(idle, answer, sizeof answer), 0);
    close(idle);
    close(busy);
    cr_expect_eq(waitpid(fixture.pid, &status, 0), fixture.pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}
