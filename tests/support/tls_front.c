/* SPDX-License-Identifier: ISC
 *
 * tls_front - see tls_front.h. A process for each connection: few come.
 */
#include "tls_front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "http.h"

static SSL_CTX *context_of(const struct certificate *certificate);
static void carry(SSL_CTX *ctx, int fd, int to_port);
static bool pass_on(SSL *ssl, int fd);
static bool pass_back(SSL *ssl, int fd);

pid_t
tls_front_start(const struct certificate *certificate, int to_port, int *out_port)
{
    return tls_front_start_all(certificate, 1, to_port, out_port);
}

pid_t
tls_front_start_all(const struct certificate *certificates, int n, int to_port, int *out_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 64) == 0);
    getsockname(listener, (struct sockaddr *)&address, &len);
    *out_port = ntohs(address.sin_port);

    pid_t pid = fork();
    if (pid != 0) {
        close(listener);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    int at = 0;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0; close(fd)) {
        const struct certificate *certificate = &certificates[at < n ? at++ : n - 1];

        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            carry(context_of(certificate), fd, to_port);
            _exit(0);
        }
    }
    _exit(1);
}

static SSL_CTX *
context_of(const struct certificate *certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *pem = BIO_new_mem_buf(certificate->pem, -1), *key = BIO_new_mem_buf(certificate->key, -1);

    SSL_CTX_use_certificate(ctx, PEM_read_bio_X509(pem, NULL, NULL, NULL));
    SSL_CTX_use_PrivateKey(ctx, PEM_read_bio_PrivateKey(key, NULL, NULL, NULL));
    BIO_free(pem);
    BIO_free(key);
    return ctx;
}

static void
carry(SSL_CTX *ctx, int fd, int to_port)
{
    SSL *ssl = SSL_new(ctx);
    int plain = http_connect(to_port);
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = plain, .events = POLLIN}};

    SSL_set_fd(ssl, fd);
    if (plain < 0 || SSL_accept(ssl) != 1)
        return;
    while (SSL_pending(ssl) > 0 || poll(fds, 2, HTTP_PATIENCE_MS) > 0) {
        if ((SSL_pending(ssl) > 0 || fds[0].revents != 0) && !pass_on(ssl, plain))
            break;
        if (fds[1].revents != 0 && !pass_back(ssl, plain))
            break;
        fds[0].revents = fds[1].revents = 0;
    }
    (void)SSL_shutdown(ssl);
}

static bool
pass_on(SSL *ssl, int fd)
{
    char bytes[16384];
    int n = SSL_read(ssl, bytes, sizeof bytes);

    return n > 0 && http_send(fd, bytes, (size_t)n);
}

static bool
pass_back(SSL *ssl, int fd)
{
    char bytes[16384];
    ssize_t n = recv(fd, bytes, sizeof bytes, 0);

    return n > 0 && SSL_write(ssl, bytes, (int)n) == n;
}
