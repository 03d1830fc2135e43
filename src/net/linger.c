/* SPDX-License-Identifier: ISC */
#include "linger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "relayos/base/mem.h"

#define LINGER_MAX       256
#define LINGER_US        2000000
#define LINGER_BYTES_MAX (64 * 1024 * 1024)

struct linger_conn {
    struct linger_list *list;
    struct loop *loop;
    h2o_socket_t *sock;
    size_t n_bytes;
    struct timer timer;
    struct linger_conn *prev, *next;
};

static void linger_on_read(h2o_socket_t *sock, const char *err);
static void linger_on_timeout(struct timer *timer);
static void linger_free(struct linger_conn *linger);

void
linger_start(struct linger_list *list, struct loop *loop, int fd)
{
    int copy = list->n >= LINGER_MAX ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy == -1)
        return;
    shutdown(copy, SHUT_WR);

    struct linger_conn *linger = mem_zalloc(sizeof *linger);
    linger->list = list;
    linger->loop = loop;
    linger->sock = h2o_evloop_socket_create(loop->evloop, copy, H2O_SOCKET_FLAG_DONT_READ);
    linger->sock->data = linger;
    linger->next = list->first;
    if (list->first != NULL)
        list->first->prev = linger;
    list->first = linger;
    list->n++;
    timer_set(loop, &linger->timer, loop_now_us(loop) + LINGER_US, linger_on_timeout);
    h2o_socket_read_start(linger->sock, linger_on_read);
}

void
linger_close_all(struct linger_list *list)
{
    while (list->first != NULL)
        linger_free(list->first);
}

static void
linger_on_read(h2o_socket_t *sock, const char *err)
{
    struct linger_conn *linger = sock->data;
    char dropped[16384];
    ssize_t n = recv(h2o_socket_get_fd(sock), dropped, sizeof dropped, 0);

    (void)err; /* none with DONT_READ */
    if (n > 0)
        linger->n_bytes += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
        linger->n_bytes > LINGER_BYTES_MAX)
        linger_free(linger);
}

static void
linger_on_timeout(struct timer *timer)
{
    linger_free(H2O_STRUCT_FROM_MEMBER(struct linger_conn, timer, timer));
}

static void
linger_free(struct linger_conn *linger)
{
    assert(linger->list->n > 0);
    if (linger->prev != NULL)
        linger->prev->next = linger->next;
    else
        linger->list->first = linger->next;
    if (linger->next != NULL)
        linger->next->prev = linger->prev;
    linger->list->n--;
    timer_unset(linger->loop, &linger->timer);
    h2o_socket_close(linger->sock);
    free(linger);
}
