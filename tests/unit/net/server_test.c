/* SPDX-License-Identifier: ISC */
#include "fixture.h"

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

/* Who keeps a connection for its next request cannot know of the drain: it may be sending now. */
Test(server, a_drain_answers_who_asks_again_on_a_connection_that_was_idle)
{
    struct fixture fixture = fixture_start(patient(), 0);
    int idle = peer_connect(fixture.port), status;
    char answer[4096];

    peer_send(idle, B("GET /ping HTTP/1.1\r\n" H "\r\n"));
    cr_assert(peer_read_until(idle, "\r\n\r\n", answer, sizeof answer));
    cr_expect_null(strcasestr(answer, "connection: close"));
    fixture.tally->is_draining = 1;
    for (int fd; (fd = peer_connect(fixture.port)) >= 0;) /* until nobody listens any more */
        close(fd);
    peer_send(idle, B("GET /ping HTTP/1.1\r\n" H "\r\n"));
    cr_assert_gt(peer_read_all(idle, answer, sizeof answer), 0, "closed under its request");
    cr_expect(strstr(answer, "HTTP/1.1 200 ") != NULL);
    cr_expect(strcasestr(answer, "connection: close") != NULL);
    close(idle);
    cr_expect_eq(waitpid(fixture.pid, &status, 0), fixture.pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}
