/* SPDX-License-Identifier: ISC */
#include "prober.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/proc.h"
#include "relayos/control/command.h"

#define READ_SIZE        4096
#define WIRE_SIZE        65536 /* of what the master may ask at a time */
#define BEAT_INTERVAL_US INT64_C(1000000)
#define FIRST_ROUND_US   INT64_C(2000000) /* nothing is known yet: the first one does not dawdle */

static int set_up(struct prober *prober, const struct heritage *heritage, struct errmsg *why);
static void tear_down(struct prober *prober);
static void on_signal(void *ctx, int fd);
static void leave(struct prober *prober);
static bool is_telling(const struct prober *prober);
static void on_control(void *ctx, int fd);
static void take_requests(struct prober *prober);
static void carry_out(struct prober *prober, const struct frame_value *root);
static void begin_round(struct prober *prober, int64_t id, int64_t interval_us);
static bool send_replies(struct prober *prober);
static void on_beat(struct timer *timer);

int
prober_main(const struct heritage *heritage)
{
    struct prober *prober = mem_zalloc(sizeof(*prober));
    struct errmsg why = {0};

    if (set_up(prober, heritage, &why) != 0) {
        log_error("prober.start", "reason=\"%s\"", why.text);
        return EXIT_FAILURE;
    }
    heritage_tell_ready(heritage);
    log_info("prober.ready", "generation=%u", heritage->generation);
    while (!prober->is_over) {
        loop_run_once(prober->loop);
        prober->is_over = prober->is_over || (prober->is_leaving && !is_telling(prober));
    }
    log_info("prober.end", "generation=%u", heritage->generation);
    tear_down(prober);
    free(prober);
    return EXIT_SUCCESS;
}

static int
set_up(struct prober *prober, const struct heritage *heritage, struct errmsg *why)
{
    *prober = (struct prober){
        .heritage = heritage, .segment = heritage->segment, .catalog = heritage->catalog};
    buf_init(&prober->in, WIRE_SIZE);
    buf_init(&prober->out, WIRE_SIZE);
    prober->writer = frame_out_new();
    if (heritage_claim(heritage, why) != 0)
        return ERR_CONFLICT;
    proc_no_dumps(); /* credentials pass through here */
    prober->loop = loop_new();
    prober->pool = upstream_pool_new(prober->loop);
    accepted_init(&prober->accepted,
                  LIMIT_ALL_CREDENTIALS(segment_capacity(prober->segment)->upstreams));
    round_init(&prober->round, prober);
    fdio_set_nonblocking(heritage->control_fd);
    loop_watch_fd(prober->loop, heritage->control_fd, on_control, prober);
    int signal_fd = heritage_watch_signals(why);
    if (signal_fd < 0)
        return ERR_IO;
    loop_watch_fd(prober->loop, signal_fd, on_signal, prober);
    prober->reading.conf = heritage->conf;
    prober->alerts = alerts_new(prober);
    prober->otlp = otlp_new(prober);
    on_beat(&prober->heartbeat);
    return 0;
}

static void
tear_down(struct prober *prober)
{
    otlp_free(&prober->otlp);
    alerts_free(&prober->alerts);
    reading_fini(&prober->reading);
    round_fini(&prober->round);
    accepted_fini(&prober->accepted);
    upstream_pool_free(&prober->pool);
    timer_unset(prober->loop, &prober->heartbeat);
    loop_free(&prober->loop);
    frame_out_free(&prober->writer);
    buf_fini(&prober->in);
    buf_fini(&prober->out);
}

static void
on_signal(void *ctx, int fd)
{
    struct prober *prober = ctx;

    for (int signo; (signo = heritage_next_signal(fd)) != 0;) {
        if (signo == SIGTERM)
            prober->is_over = true;
        else if (signo == SIGQUIT)
            leave(prober);
        else if (signo == SIGUSR1)
            heritage_reopen_log(prober->heritage);
    }
}

static void
leave(struct prober *prober)
{
    prober->is_leaving = true;
    if (prober->alerts != NULL)
        alerts_hold(prober->alerts);
}

/* Where it is not known yet whether it was taken. */
static bool
is_telling(const struct prober *prober)
{
    return (prober->alerts != NULL && alerts_are_under_way(prober->alerts)) ||
           (prober->otlp != NULL && otlp_is_under_way(prober->otlp));
}

/* ---- the master ---- */

/* Its end is ours: the next master starts a prober of its own. */
static void
on_control(void *ctx, int fd)
{
    struct prober *prober = ctx;
    char *room = buf_reserve(&prober->in, READ_SIZE);
    ssize_t n = room == NULL ? 0 : read(fd, room, READ_SIZE);

    if (n > 0) {
        buf_commit(&prober->in, (size_t)n);
        take_requests(prober);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        prober->is_over = true;
    }
}

static void
take_requests(struct prober *prober)
{
    struct frame_in *in = NULL;
    int rc;

    while ((rc = frame_in_take(&prober->in, &in)) == 0) {
        carry_out(prober, frame_root(in));
        frame_in_free(&in);
    }
    if (rc != ERR_INCOMPLETE || !send_replies(prober))
        prober->is_over = true;
}

static void
carry_out(struct prober *prober, const struct frame_value *root)
{
    int64_t id = frame_get_int(root, "id", 0);
    int64_t interval_us = frame_get_int(frame_get(root, "args"), "interval_us", 0);
    enum command command;
    struct errmsg why;

    if (command_find(frame_get_str(root, "cmd"), &command) == 0 && command == COMMAND_PROBE &&
        interval_us > 0) {
        begin_round(prober, id, interval_us);
        return;
    }
    errmsg_set(&why, "that is not for the prober");
    command_reply_error(prober->writer, id, ERR_MISSING, &why, &prober->out);
}

static void
begin_round(struct prober *prober, int64_t id, int64_t interval_us)
{
    uint32_t n_probes = 0;

    if (!prober->has_begun && interval_us > FIRST_ROUND_US)
        interval_us = FIRST_ROUND_US;
    prober->has_begun = true;
    bool has_begun = round_begin(&prober->round, interval_us, &n_probes);
    command_reply_begin(prober->writer, id);
    frame_int(prober->writer, "probes", n_probes);
    frame_bool(prober->writer, "is_under_way", !has_begun);
    command_reply_end(prober->writer, &prober->out);
}

/* A reply a round: a master that leaves that many unread is not one. */
static bool
send_replies(struct prober *prober)
{
    ssize_t n = send(prober->heritage->control_fd, prober->out.ptr, prober->out.len, MSG_NOSIGNAL);
    bool is_sent = n == (ssize_t)prober->out.len;

    buf_clear(&prober->out);
    return is_sent;
}

/* ---- signs of life ---- */

static void
on_beat(struct timer *timer)
{
    struct prober *prober = (struct prober *)((char *)timer - offsetof(struct prober, heartbeat));
    int64_t now_us = clock_mono_us();

    if (!heritage_beat(prober->heritage, now_us)) {
        prober->is_over = true;
        return;
    }
    timer_set(prober->loop, timer, now_us + BEAT_INTERVAL_US, on_beat);
}
