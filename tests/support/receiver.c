/* SPDX-License-Identifier: ISC */
#include "receiver.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define MAX_REQUESTS 1024
#define MAX_BYTES    (4 * 1024 * 1024)
#define PATIENCE_S   60 /* patience, not a measure: machines are busy */

struct receiver {
    int fd, port, status;
    const char *words; /* NULL: a whole answer with that status */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t came;
    int n;
    char *requests[MAX_REQUESTS];
    bool is_taken[MAX_REQUESTS];
};

static void *serve(void *arg);
static bool answer(const struct receiver *receiver, int fd);
static char *read_request(int fd);
static bool is_whole(const char *text, size_t len);
static const char *find(struct receiver *receiver, const char *text, int n);

struct receiver *
receiver_start(void)
{
    struct receiver *receiver = calloc(1, sizeof(*receiver));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    receiver->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    receiver->status = 200;
    cr_assert_eq(bind(receiver->fd, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(receiver->fd, 64), 0);
    cr_assert_eq(getsockname(receiver->fd, (struct sockaddr *)&address, &len), 0);
    receiver->port = ntohs(address.sin_port);
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->came, NULL);
    cr_assert_eq(pthread_create(&receiver->thread, NULL, serve, receiver), 0);
    return receiver;
}

void
receiver_stop(struct receiver **receiver)
{
    struct receiver *old = *receiver;

    shutdown(old->fd, SHUT_RDWR);
    pthread_join(old->thread, NULL);
    close(old->fd);
    for (int n = 0; n < old->n; n++)
        free(old->requests[n]);
    free(old);
    *receiver = NULL;
}

int
receiver_port(const struct receiver *receiver)
{
    return receiver->port;
}

void
receiver_answer(struct receiver *receiver, int status)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->status = status;
    pthread_mutex_unlock(&receiver->lock);
}

void
receiver_say(struct receiver *receiver, const char *bytes)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->words = bytes;
    pthread_mutex_unlock(&receiver->lock);
}

static void *
serve(void *arg)
{
    struct receiver *receiver = arg;
    int fd;

    while ((fd = accept4(receiver->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        char *request = read_request(fd);

        pthread_mutex_lock(&receiver->lock);
        bool is_taken = answer(receiver, fd);
        if (request != NULL && receiver->n < MAX_REQUESTS) {
            receiver->is_taken[receiver->n] = is_taken;
            receiver->requests[receiver->n++] = request;
        } else {
            free(request);
        }
        pthread_cond_broadcast(&receiver->came);
        pthread_mutex_unlock(&receiver->lock);
        close(fd);
    }
    return NULL;
}

/* Whether with 2xx, as far as its head goes. */
static bool
answer(const struct receiver *receiver, int fd)
{
    char text[128];

    if (receiver->words != NULL) {
        (void)!send(fd, receiver->words, strlen(receiver->words), MSG_NOSIGNAL);
        return strncmp(receiver->words, "HTTP/1.1 2", strlen("HTTP/1.1 2")) == 0 &&
               strstr(receiver->words, "\r\n\r\n") != NULL;
    }
    if (receiver->status == 0)
        return false;
    int len = snprintf(text, sizeof(text),
                       "HTTP/1.1 %d X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
                       receiver->status);
    (void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
    return receiver->status / 100 == 2;
}

static char *
read_request(int fd)
{
    char *text = malloc(MAX_BYTES + 1);
    size_t len = 0;
    ssize_t n = 1;

    text[0] = '\0';
    while (n > 0 && len < MAX_BYTES && !is_whole(text, len)) {
        n = read(fd, text + len, MAX_BYTES - len);
        len += n > 0 ? (size_t)n : 0;
        text[len] = '\0';
    }
    if (is_whole(text, len))
        return realloc(text, len + 1);
    free(text);
    return NULL;
}

static bool
is_whole(const char *text, size_t len)
{
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "content-length: ");

    return end != NULL && length != NULL &&
           len >= (size_t)(end + 4 - text) + strtoul(length + strlen("content-length: "), NULL, 10);
}

const char *
receiver_wait(struct receiver *receiver, const char *text, int n)
{
    struct timespec until;
    const char *found;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&receiver->lock);
    while ((found = find(receiver, text, n)) == NULL &&
           pthread_cond_timedwait(&receiver->came, &receiver->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&receiver->lock);
    return found;
}

static const char *
find(struct receiver *receiver, const char *text, int n)
{
    for (int i = 0; i < receiver->n; i++) {
        if (strstr(receiver->requests[i], text) != NULL && n-- == 0)
            return receiver->requests[i];
    }
    return NULL;
}

int
receiver_count(struct receiver *receiver, const char *text)
{
    int n = 0;

    pthread_mutex_lock(&receiver->lock);
    while (find(receiver, text, n) != NULL)
        n++;
    pthread_mutex_unlock(&receiver->lock);
    return n;
}

int
receiver_n_taken(struct receiver *receiver, const char *text)
{
    int n = 0;

    pthread_mutex_lock(&receiver->lock);
    for (int i = 0; i < receiver->n; i++) {
        for (const char *at = receiver->requests[i];
             receiver->is_taken[i] && (at = strstr(at, text)) != NULL; at++)
            n++;
    }
    pthread_mutex_unlock(&receiver->lock);
    return n;
}
