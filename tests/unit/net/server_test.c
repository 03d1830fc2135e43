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
