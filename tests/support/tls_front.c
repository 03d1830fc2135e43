/* SPDX-License-Identifier: ISC
 *
 * tls_front - see tls_front.h. A thread for each connection: few come.
 */
#include "tls_front.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "http.h"

#define MAX_LINKS  256
#define PATIENCE_S 60 /* patience, not a measure: machines are busy */

struct link {
    struct tls_front *front;
    pthread_t thread;
    int fd;       /* -1: closed */
    SSL_CTX *ctx; /* of what it meets; NULL: nothing, until another is shown */
    int n_shown;  /* when it came */
};

struct tls_front {
    int listener, port, to_port;
    bool is_at_home, is_over;
    pthread_t acceptor;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct certificate shown; /* pem NULL: none */
    int n_shown;              /* so many were before */
    struct link links[MAX_LINKS];
    int n_links;
};

static void take(struct tls_front *front, const struct certificate *certificate);
static void open_door(struct tls_front *front);
static void *accept_all(void *arg);
static void let_in(struct tls_front *front, int fd);
static void *serve(void *arg);
static SSL_CTX *context_of(const struct certificate *certificate);
static void carry(SSL_CTX *ctx, int fd, int to_port);
static void pass_all(SSL *ssl, int fd, int plain);
static bool pass_on(SSL *ssl, int fd);
static bool pass_back(SSL *ssl, int fd);

struct tls_front *
tls_front_start(const struct certificate *certificate, int to_port)
{
    struct tls_front *front = calloc(1, sizeof *front);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    front->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    front->to_port = to_port;
    cr_assert_eq(bind(front->listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(front->listener, (struct sockaddr *)&address, &len), 0);
    front->port = ntohs(address.sin_port);
    pthread_mutex_init(&front->lock, NULL);
    pthread_cond_init(&front->changed, NULL);
    if (certificate != NULL)
        tls_front_show(front, certificate);
    return front;
}

void
tls_front_show(struct tls_front *front, const struct certificate *certificate)
{
    pthread_mutex_lock(&front->lock);
    take(front, certificate);
    pthread_cond_broadcast(&front->changed);
    pthread_mutex_unlock(&front->lock);
    if (!front->is_at_home)
        open_door(front);
}

static void
take(struct tls_front *front, const struct certificate *certificate)
{
    free(front->shown.pem);
    free(front->shown.key);
    front->n_shown++;
    front->shown = (struct certificate){0};
    if (certificate != NULL)
        front->shown =
            (struct certificate){.pem = strdup(certificate->pem), .key = strdup(certificate->key)};
}

static void
open_door(struct tls_front *front)
{
    front->is_at_home = true;
    cr_assert_eq(listen(front->listener, 64), 0);
    cr_assert_eq(pthread_create(&front->acceptor, NULL, accept_all, front), 0);
}

int
tls_front_port(const struct tls_front *front)
{
    return front->port;
}

bool
tls_front_wait(struct tls_front *front, int n)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&front->lock);
    while (front->n_links < n && rc == 0)
        rc = pthread_cond_timedwait(&front->changed, &front->lock, &until);
    pthread_mutex_unlock(&front->lock);
    return rc == 0;
}

void
tls_front_stop(struct tls_front **front)
{
    struct tls_front *old = *front;

    pthread_mutex_lock(&old->lock);
    old->is_over = true;
    pthread_cond_broadcast(&old->changed);
    pthread_mutex_unlock(&old->lock);
    shutdown(old->listener, SHUT_RDWR);
    if (old->is_at_home)
        pthread_join(old->acceptor, NULL);
    pthread_mutex_lock(&old->lock);
    for (int n = 0; n < old->n_links; n++) {
        if (old->links[n].fd >= 0)
            shutdown(old->links[n].fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&old->lock);
    for (int n = 0; n < old->n_links; n++)
        pthread_join(old->links[n].thread, NULL);
    close(old->listener);
    take(old, NULL);
    free(old);
    *front = NULL;
}

static void *
accept_all(void *arg)
{
    struct tls_front *front = arg;
    int fd;

    while ((fd = accept4(front->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_mutex_lock(&front->lock);
        let_in(front, fd);
        pthread_cond_broadcast(&front->changed);
        pthread_mutex_unlock(&front->lock);
    }
    return NULL;
}

static void
let_in(struct tls_front *front, int fd)
{
    struct link *link = &front->links[front->n_links];

    if (front->n_links == MAX_LINKS) {
        close(fd);
        return;
    }
    *link = (struct link){.front = front, .fd = fd, .n_shown = front->n_shown};
    if (front->shown.pem != NULL)
        link->ctx = context_of(&front->shown);
    cr_assert_eq(pthread_create(&link->thread, NULL, serve, link), 0);
    front->n_links++;
}

static void *
serve(void *arg)
{
    struct link *link = arg;
    struct tls_front *front = link->front;
    sigset_t pipe_alone;

    sigemptyset(&pipe_alone);
    sigaddset(&pipe_alone, SIGPIPE); /* OpenSSL writes without MSG_NOSIGNAL */
    pthread_sigmask(SIG_BLOCK, &pipe_alone, NULL);
    if (link->ctx != NULL)
        carry(link->ctx, link->fd, front->to_port);
    SSL_CTX_free(link->ctx);
    pthread_mutex_lock(&front->lock);
    while (link->ctx == NULL && front->n_shown == link->n_shown && !front->is_over)
        pthread_cond_wait(&front->changed, &front->lock);
    close(link->fd);
    link->fd = -1;
    pthread_mutex_unlock(&front->lock);
    return NULL;
}

static SSL_CTX *
context_of(const struct certificate *certificate)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *pem = BIO_new_mem_buf(certificate->pem, -1), *key = BIO_new_mem_buf(certificate->key, -1);
    X509 *x509 = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

    SSL_CTX_use_certificate(ctx, x509);
    SSL_CTX_use_PrivateKey(ctx, private);
    X509_free(x509);
    EVP_PKEY_free(private);
    BIO_free(pem);
    BIO_free(key);
    return ctx;
}

/* Who is behind it hears only of those with whom hands were shaken. */
static void
carry(SSL_CTX *ctx, int fd, int to_port)
{
    SSL *ssl = SSL_new(ctx);

    SSL_set_fd(ssl, fd);
    int plain = SSL_accept(ssl) == 1 ? http_connect(to_port) : -1;
    if (plain >= 0) {
        pass_all(ssl, fd, plain);
        (void)SSL_shutdown(ssl);
        close(plain);
    }
    SSL_free(ssl);
}

static void
pass_all(SSL *ssl, int fd, int plain)
{
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = plain, .events = POLLIN}};

    while (SSL_pending(ssl) > 0 || poll(fds, 2, HTTP_PATIENCE_MS) > 0) {
        if ((SSL_pending(ssl) > 0 || fds[0].revents != 0) && !pass_on(ssl, plain))
            return;
        if (fds[1].revents != 0 && !pass_back(ssl, plain))
            return;
        fds[0].revents = fds[1].revents = 0;
    }
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
