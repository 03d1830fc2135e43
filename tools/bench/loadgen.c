/* SPDX-License-Identifier: ISC
 *
 * loadgen - the load generator of `make bench`: keep-alive connections, one request in flight on
 * each, every answer checked (status, framing, number of events). One process, one epoll loop.
 *
 *     loadgen -p PORT -c CONNECTIONS (-s SECONDS | -n REQUESTS) -t json|sse|big|hold
 *             [-k KEY | -K FILE of keys] [-m MODEL | -m MODEL-%03d -M COUNT] [-r RATE a second
 * [-w]]
 *
 * Prints one line of name=value. Beside the load it samples a speed gauge every 10 ms: the CPU time
 * of 24 messages of 1 KB over a private loopback pair. The machine's speed drifts by the second;
 * the ratio of a gateway's CPU time to the gauge of the same run does not.
 *
 * With -r it looks without a pause for what is to be done next. -w: it sleeps until then, so that a
 * machine of few CPUs is left to the gateway, and a request's time begins when it was due.
 *
 * -t hold opens streams that stall after their fourth event, prints "held" when all have it, and
 * keeps them until its stdin is closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 10000,
    MAX_KEYS = 200000,
    KEY_SIZE = 96,
    MAX_LATENCIES = 4000000,
    GAUGE_MESSAGES = 24,
    GAUGE_BYTES = 1024,
    GAUGE_EVERY_US = 10000,
    BIG_BODY = 200000,
    MAX_EVENTS = 512,
};

struct conn {
    int fd;
    char *in; /* the answer so far */
    size_t in_len, in_size;
    char *out;
    size_t out_len, out_sent;
    int64_t sent_us;
    bool is_busy, is_held;
};

struct load {
    const char *kind, *model;
    int port, n_conns, n_models, epoll_fd;
    double seconds, rate;
    bool waits;
    int64_t start_us;
    long n_wanted;

    char (*keys)[KEY_SIZE];
    int n_keys;
    char *big; /* filler of a 200 KB prompt */

    struct conn *conns;
    long n_started, n_done, n_errors, n_events, n_held;
    uint32_t *latencies_us;
    long n_latencies;

    int gauge[2];
    double gauge_us;
    long n_gauges;
};

static void options_read(struct load *load, int argc, char **argv);
static void keys_read(struct load *load, const char *path);
static void gauge_open(struct load *load);
static void gauge_sample(struct load *load);
static void conn_open(struct load *load, struct conn *conn);
static void conn_start(struct load *load, struct conn *conn);
static void conn_write(struct load *load, struct conn *conn);
static void conn_read(struct load *load, struct conn *conn);
static int answer_is_whole(struct load *load, struct conn *conn);
static int64_t due_us(const struct load *load);
static int wait_events(const struct load *load, struct epoll_event events[MAX_EVENTS]);
static void run(struct load *load);
static void report(struct load *load, double seconds);

static int64_t
now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void __attribute__((noreturn)) die(const char *what)
{
    fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
    exit(1);
}

int
main(int argc, char **argv)
{
    static struct load load;
    options_read(&load, argc, argv);
    load.conns = calloc((size_t)load.n_conns, sizeof *load.conns);
    load.latencies_us = malloc(MAX_LATENCIES * sizeof *load.latencies_us);
    load.big = malloc(BIG_BODY + 1);
    if (load.conns == NULL || load.latencies_us == NULL || load.big == NULL)
        die("memory");
    memset(load.big, 'x', BIG_BODY);
    load.big[BIG_BODY] = '\0';
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    gauge_open(&load);
    for (int i = 0; i < load.n_conns; i++)
        conn_open(&load, &load.conns[i]);
    int64_t start = now_us(CLOCK_MONOTONIC);
    run(&load);
    report(&load, (double)(now_us(CLOCK_MONOTONIC) - start) / 1e6);
    return load.n_errors == 0 ? 0 : 1;
}

static void
options_read(struct load *load, int argc, char **argv)
{
    *load = (struct load){.kind = "json", .model = "bench", .n_conns = 16, .n_models = 1};
    load->keys = calloc(MAX_KEYS, KEY_SIZE);
    if (load->keys == NULL)
        die("memory");
    for (int option; (option = getopt(argc, argv, "p:c:s:n:t:k:K:m:M:r:w")) != -1;) {
        switch (option) {
        case 'p':
            load->port = (int)strtol(optarg, NULL, 10);
            break;
        case 'c':
            load->n_conns = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            load->seconds = strtod(optarg, NULL);
            break;
        case 'n':
            load->n_wanted = strtol(optarg, NULL, 10);
            break;
        case 't':
            load->kind = optarg;
            break;
        case 'k':
            snprintf(load->keys[load->n_keys++], KEY_SIZE, "%s", optarg);
            break;
        case 'K':
            keys_read(load, optarg);
            break;
        case 'm':
            load->model = optarg;
            break;
        case 'M':
            load->n_models = (int)strtol(optarg, NULL, 10);
            break;
        case 'r':
            load->rate = strtod(optarg, NULL);
            break;
        case 'w':
            load->waits = true;
            break;
        default:
            exit(2);
        }
    }
    if ((load->waits && load->rate <= 0) || load->port == 0 || load->n_conns < 1 ||
        load->n_conns > MAX_CONNECTIONS)
        exit(2);
    if (load->n_keys == 0)
        snprintf(load->keys[load->n_keys++], KEY_SIZE, "none");
}

static void
keys_read(struct load *load, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        die(path);
    while (load->n_keys < MAX_KEYS && fscanf(file, "%95s", load->keys[load->n_keys]) == 1)
        load->n_keys++;
    fclose(file);
}

/* ---- the gauge ---- */

static void
gauge_open(struct load *load)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    load->gauge[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0 ||
        connect(load->gauge[0], (struct sockaddr *)&at, len) != 0)
        die("gauge");
    load->gauge[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    int on = 1;
    setsockopt(load->gauge[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void
gauge_sample(struct load *load)
{
    char bytes[GAUGE_BYTES] = {0};
    int64_t start = now_us(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < GAUGE_MESSAGES; i++) {
        if (write(load->gauge[0], bytes, sizeof bytes) != sizeof bytes ||
            recv(load->gauge[1], bytes, sizeof bytes, MSG_WAITALL) != sizeof bytes)
            die("gauge");
    }
    load->gauge_us += (double)(now_us(CLOCK_THREAD_CPUTIME_ID) - start);
    load->n_gauges++;
}

/* ---- one connection ---- */

static void
conn_open(struct load *load, struct conn *conn)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)load->port)};
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&at, sizeof at) != 0)
        die("connect");
    int on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = conn};
    if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0)
        die("epoll");
}

static void
conn_start(struct load *load, struct conn *conn)
{
    bool is_big = strcmp(load->kind, "big") == 0;
    bool is_hold = strcmp(load->kind, "hold") == 0;
    bool is_stream = is_hold || strcmp(load->kind, "sse") == 0;
    char model[128];
    size_t size = is_big ? BIG_BODY + 2048 : 2048;
    char *body = malloc(size);
    conn->out = realloc(conn->out, size + 1024);
    if (body == NULL || conn->out == NULL)
        die("memory");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the pattern is the operator's own -m */
    snprintf(model, sizeof model, load->model, (int)(load->n_started % load->n_models));
#pragma GCC diagnostic pop
    /* About 0.8 KB of plain request, as a short chat would be; 200 KB with the filler. */
    int len =
        snprintf(body, size,
                 "{\"model\":\"%s\",\"messages\":[{\"role\":\"system\",\"content\":\"You are a "
                 "careful assistant. %.500s\"},{\"role\":\"user\",\"content\":\"%s"
                 "Say hello.%s\"}],\"max_tokens\":64,\"temperature\":0.2%s}",
                 model, load->big, is_big ? load->big : "",
                 is_hold     ? " !mock:chunks=20,stall=4"
                 : is_stream ? " !mock:chunks=20,pace=10"
                             : " !mock:size=300",
                 is_stream ? ",\"stream\":true" : "");
    conn->out_len = (size_t)sprintf(conn->out,
                                    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                    "Authorization: Bearer %s\r\nContent-Type: application/json\r\n"
                                    "Content-Length: %d\r\n\r\n",
                                    load->keys[load->n_started % load->n_keys], len);
    memcpy(conn->out + conn->out_len, body, (size_t)len);
    conn->out_len += (size_t)len;
    free(body);
    conn->out_sent = conn->in_len = 0;
    conn->is_busy = true;
    conn->sent_us = load->waits ? due_us(load) : now_us(CLOCK_MONOTONIC);
    load->n_started++;
    conn_write(load, conn);
}

static void
conn_write(struct load *load, struct conn *conn)
{
    while (conn->out_sent < conn->out_len) {
        ssize_t n = write(conn->fd, conn->out + conn->out_sent, conn->out_len - conn->out_sent);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            load->n_errors++;
            die("write");
        }
        conn->out_sent += (size_t)n;
    }
}

static void
conn_read(struct load *load, struct conn *conn)
{
    for (;;) {
        if (conn->in_size - conn->in_len < 4096) {
            conn->in_size = conn->in_size == 0 ? 8192 : conn->in_size * 2;
            conn->in = realloc(conn->in, conn->in_size);
            if (conn->in == NULL)
                die("memory");
        }
        size_t room = conn->in_size - conn->in_len - 1;
        ssize_t n = read(conn->fd, conn->in + conn->in_len, room);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            fprintf(stderr, "loadgen: %s after %zu bytes of answer %ld\n",
                    n < 0 ? strerror(errno) : "connection closed", conn->in_len, load->n_done + 1);
            exit(1);
        }
        conn->in_len += (size_t)n;
        conn->in[conn->in_len] = '\0';
        if (conn->is_busy && answer_is_whole(load, conn)) {
            conn->is_busy = false;
            load->n_done++;
            if (load->n_latencies < MAX_LATENCIES)
                load->latencies_us[load->n_latencies++] =
                    (uint32_t)(now_us(CLOCK_MONOTONIC) - conn->sent_us);
        }
        if ((size_t)n < room)
            return; /* a short read: nothing more is there */
    }
}

/* 1 when the answer is complete; counts its events and its errors. */
static int
answer_is_whole(struct load *load, struct conn *conn)
{
    char *body = strstr(conn->in, "\r\n\r\n");
    if (body == NULL)
        return 0;
    body += 4;
    size_t have = conn->in_len - (size_t)(body - conn->in);
    char *length = strcasestr(conn->in, "\r\ncontent-length:");
    if (length != NULL && length < body) {
        if (have < strtoul(length + 17, NULL, 10))
            return 0;
    } else if (strcmp(load->kind, "hold") == 0) {
        if (!conn->is_held && strstr(body, "data: ") != NULL) {
            conn->is_held = true;
            load->n_held++;
        }
        return 0;
    } else if (have < 5 || memcmp(conn->in + conn->in_len - 5, "0\r\n\r\n", 5) != 0) {
        return 0;
    }
    if (strncmp(conn->in, "HTTP/1.1 200", 12) != 0) {
        if (load->n_errors++ < 3)
            fprintf(stderr, "loadgen: %.300s\n", conn->in);
        return 1;
    }
    if (strcmp(load->kind, "sse") == 0) {
        long events = 0;
        for (char *at = body; (at = strstr(at, "data: ")) != NULL; at += 6)
            events++;
        if (events < 20 || strstr(body, "[DONE]") == NULL)
            load->n_errors++;
        load->n_events += events;
    }
    return 1;
}

/* ---- the run ---- */

/* When the next request is to be sent. */
static int64_t
due_us(const struct load *load)
{
    return load->start_us + (int64_t)((double)load->n_started * 1e6 / load->rate);
}

static int
wait_events(const struct load *load, struct epoll_event events[MAX_EVENTS])
{
    if (!load->waits)
        return epoll_wait(load->epoll_fd, events, MAX_EVENTS, load->rate > 0 ? 0 : 10);
    int64_t left_us = due_us(load) - now_us(CLOCK_MONOTONIC);
    if (left_us < 0)
        left_us = 0;
    struct timespec left = {.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000};
    return epoll_pwait2(load->epoll_fd, events, MAX_EVENTS, &left, NULL);
}

static void
run(struct load *load)
{
    struct epoll_event events[MAX_EVENTS];
    int64_t start = load->start_us = now_us(CLOCK_MONOTONIC);
    int64_t next_gauge = start;
    bool is_over = false;
    int n_busy = 0;

    for (;;) {
        int64_t now = now_us(CLOCK_MONOTONIC);
        if (now >= next_gauge) {
            gauge_sample(load);
            next_gauge = now + GAUGE_EVERY_US;
        }
        is_over = load->n_wanted > 0 ? load->n_started >= load->n_wanted
                                     : (double)(now - start) / 1e6 >= load->seconds;
        n_busy = 0;
        /* In turn when there is little to do: a server closes what is idle for long. */
        long first = load->waits ? load->n_started : 0;
        for (int i = 0; i < load->n_conns; i++) {
            struct conn *conn = &load->conns[(first + i) % load->n_conns];
            double due = load->rate > 0 ? (double)(now - start) / 1e6 * load->rate : 1e18;
            bool may_start = load->n_wanted > 0 ? load->n_started < load->n_wanted : !is_over;
            if (!conn->is_busy && may_start && (double)load->n_started < due)
                conn_start(load, conn);
            n_busy += conn->is_busy;
        }
        if (strcmp(load->kind, "hold") == 0 && load->n_held == load->n_conns) {
            printf("held\n");
            fflush(stdout);
            while (getchar() != EOF)
                ;
            exit(0);
        }
        if (n_busy == 0 && is_over)
            return;
        int n = wait_events(load, events);
        for (int i = 0; i < n; i++) {
            struct conn *conn = events[i].data.ptr;
            if ((events[i].events & EPOLLOUT) != 0 && conn->is_busy)
                conn_write(load, conn);
            if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
                conn_read(load, conn);
        }
    }
}

static int
compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void
report(struct load *load, double seconds)
{
    long n = load->n_latencies;
    qsort(load->latencies_us, (size_t)n, sizeof *load->latencies_us, compare_u32);
    printf("requests=%ld errors=%ld events=%ld seconds=%.3f p50_us=%u p90_us=%u p99_us=%u "
           "gauge_us=%.2f\n",
           load->n_done, load->n_errors, load->n_events, seconds,
           n > 0 ? load->latencies_us[n / 2] : 0, n > 0 ? load->latencies_us[n * 9 / 10] : 0,
           n > 0 ? load->latencies_us[n * 99 / 100] : 0,
           load->n_gauges > 0 ? load->gauge_us / (double)load->n_gauges : 0);
}
