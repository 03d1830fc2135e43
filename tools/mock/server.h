/* SPDX-License-Identifier: ISC
 *
 * server - one epoll loop: HTTP/1.1 requests in, scripts played out. One request at a time per
 * connection; a connection that waits keeps no buffer, so tens of thousands may be held.
 */
#ifndef MOCK_SERVER_H
#define MOCK_SERVER_H

/* Serve on a listening socket until the process ends. */
void server_run(int listen_fd) __attribute__((noreturn));

#endif
