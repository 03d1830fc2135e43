/* SPDX-License-Identifier: ISC
 *
 * mockprovider - mock providers for `make run`, tests and benchmarks: OpenAI, Azure, Anthropic and
 * Google (its own protocol and its OpenAI-compatible endpoint) on one port, deterministic, with
 * faults on request.
 *
 *     mockprovider [-p PORT] [-d] [-s] [-j JOURNAL]
 *
 * -p 0 (the default) takes a free port. -d: end when the parent process ends. -j: write down what
 * is served (journal.h): by that, books are proven right. Prints "listening
 * 127.0.0.1:PORT" once it serves. -s: refuse what the real providers refuse (validate.h). Paths:
 * /openai/v1/..., /gemini/v1/..., /gemini/v1beta/models/..., /anthropic/v1/..., or without the
 * first part; /azure/openai/... (azure.h). Faults: fault.h. Rules of answers and usage: ask.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ask.h"
#include "journal.h"
#include "server.h"

static int mock_listen(in_port_t port, in_port_t *out_port);

int
main(int argc, char **argv)
{
    struct rlimit files;
    in_port_t port = 0;
    int option;

    while ((option = getopt(argc, argv, "p:dsj:")) != -1) {
        if (option == 'p') {
            port = (in_port_t)strtoul(optarg, NULL, 10);
        } else if (option == 'd') {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
        } else if (option == 's') {
            ask_be_strict();
        } else if (option != 'j' || !journal_open(optarg)) {
            fprintf(stderr, "usage: mockprovider [-p PORT] [-d] [-s] [-j JOURNAL]\n");
            return 2;
        }
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int fd = mock_listen(port, &port);

    if (fd < 0) {
        perror("mockprovider: listen");
        return 1;
    }
    printf("listening 127.0.0.1:%u\n", port);
    fflush(stdout);
    server_run(fd);
}

static int
mock_listen(in_port_t port, in_port_t *out_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* inherited by what is accepted */
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return -1;
    *out_port = ntohs(address.sin_port);
    return fd;
}
