/* SPDX-License-Identifier: ISC */
#include "console.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "answer.h"
#include "dispatch.h"
#include "oidc.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/period.h"
#include "relayos/base/proc.h"
#include "relayos/net/upstream.h"
#include "relayos/store/store_reader.h"
#include "relayos/store/store_trail.h"
#include "trial.h"

#define BEAT_INTERVAL_US INT64_C(1000000)
#define WARM_INTERVAL_US INT64_C(50000)
#define WARM_DAYS        32
#define HASHER_NICE      15
#define MAX_CONNECTIONS  512
#define MAX_BODY_MEMORY  (16 * 1024 * 1024)

static int set_up(struct console *console, const struct heritage *heritage, struct errmsg *why);
static int open_server(struct console *console, struct errmsg *why);
static void set_origin(struct console *console);
static void tear_down(struct console *console);
static void on_signal(void *ctx, int fd);
static void on_master_end(void *ctx);
static void on_beat(struct timer *timer);
static void on_look(struct timer *timer);
static void on_warm(struct timer *timer);

int
console_main(const struct heritage *heritage)
{
    struct console *console = mem_zalloc(sizeof(*console));
    struct errmsg why = {0};

    if (set_up(console, heritage, &why) != 0) {
        log_error("console.start", "reason=\"%s\"", why.text);
        return EXIT_FAILURE;
    }
    heritage_tell_ready(heritage);
    log_info("console.ready", "generation=%u", heritage->generation);
    while (!console->is_over)
        loop_run_once(console->loop);
    log_info("console.end", "generation=%u", heritage->generation);
    tear_down(console);
    free(console);
    return EXIT_SUCCESS;
}

static int
set_up(struct console *console, const struct heritage *heritage, struct errmsg *why)
{
    *console = (struct console){.heritage = heritage,
                                .conf = heritage->conf,
                                .segment = heritage->segment,
                                .catalog = heritage->catalog};
    if (heritage_claim(heritage, why) != 0)
        return ERR_CONFLICT;
    proc_no_dumps(); /* passwords and new keys pass through here */
    (void)proc_raise_nofile();
    set_origin(console);
    console->pepper = hash_hmac_new(heritage->pepper);
    console->trail_seal = store_trail_seal_new(heritage->pepper);
    console->writer = frame_out_new();
    console->throttle = throttle_new();
    console->history = history_new(console->segment, console->catalog);
    console->usage = store_usage_cache_new();
    console->repeats = repeat_new();
    console->refusals = refusals_new(&console->link);
    console->loop = loop_new();
    console->pool = upstream_pool_new(console->loop);
    console->oidc = oidc_new(console);
    console->link.on_end = on_master_end;
    console->link.ctx = console;
    link_open(&console->link, console->loop, heritage->control_fd);
    (void)!nice(HASHER_NICE);
    if (hasher_new(console->loop, &console->hasher) != 0) {
        errmsg_set(why, "no thread for passwords");
        return ERR_IO;
    }
    /* Whoever browses may wait; whoever calls a model may not. Not so the thread for passwords:
     * it has much to do, and signing in must not take half a minute when all CPUs are busy. */
    proc_run_last();
    /* The server's self-test runs the loop: a signal must not find half a console. */
    int signal_fd = -1;
    if (open_server(console, why) != 0 || (signal_fd = heritage_watch_signals(why)) < 0)
        return ERR_IO;
    loop_watch_fd(console->loop, signal_fd, on_signal, console);
    on_beat(&console->heartbeat);
    on_look(&console->look);
    on_warm(&console->warm);
    return 0;
}

/* Without a path, as browsers say it. */
static void
set_origin(struct console *console)
{
    const char *url = console->conf->console_url;
    const char *authority = strstr(url, "://");
    size_t len = authority == NULL ? 0 : (size_t)(authority - url) + 3;

    len += strcspn(url + len, "/");
    snprintf(console->origin, sizeof(console->origin), "%.*s", (int)len, url);
}

static int
open_server(struct console *console, struct errmsg *why)
{
    const struct conf *conf = console->conf;
    const struct server_way way = heritage_way(&conf->console);
    const struct server_conf server_conf = {
        .loop = console->loop,
        .handler = {.ctx = console, .on_request = dispatch_request, .on_refused = answer_refused},
        .max_body_bytes = CALL_MAX_BODY,
        .max_body_memory = MAX_BODY_MEMORY,
        .max_connections = MAX_CONNECTIONS,
        .header_timeout_us = conf->header_timeout_us,
        .body_timeout_us = conf->body_timeout_us,
        .keepalive_timeout_us = conf->keepalive_timeout_us,
        .write_stall_timeout_us = conf->write_stall_timeout_us,
        .listener_fds = console->heritage->listener_fds,
        .n_listeners = console->heritage->n_listeners,
        .ways = &way,
        .vault = console->heritage->vault,
        .trusted_proxies = heritage_networks(&conf->console_proxies),
        .handshake_timeout_us = conf->handshake_timeout_us,
    };

    console->server = server_new(&server_conf, why);
    return console->server == NULL ? ERR_UNSAFE : 0;
}

/* Calls that wait are answered that nobody answers them; their connections end with the server. */
static void
tear_down(struct console *console)
{
    link_close(&console->link);
    trial_cancel_all(console);
    oidc_free(&console->oidc);
    server_free(&console->server);
    hasher_free(&console->hasher);
    upstream_pool_free(&console->pool);
    timer_unset(console->loop, &console->heartbeat);
    timer_unset(console->loop, &console->look);
    timer_unset(console->loop, &console->warm);
    loop_free(&console->loop);
    repeat_free(&console->repeats);
    refusals_free(&console->refusals);
    throttle_free(&console->throttle);
    history_free(&console->history);
    store_usage_cache_free(&console->usage);
    store_close(&console->store);
    hash_hmac_free(&console->pepper);
    hash_hmac_free(&console->trail_seal);
    frame_out_free(&console->writer);
}

static void
on_signal(void *ctx, int fd)
{
    struct console *console = ctx;

    for (int signo; (signo = heritage_next_signal(fd)) != 0;) {
        if (signo == SIGTERM)
            console->is_over = true;
        else if (signo == SIGUSR1)
            heritage_reopen_log(console->heritage);
    }
}

/* Its end is ours: the next master starts a console of its own. */
static void
on_master_end(void *ctx)
{
    ((struct console *)ctx)->is_over = true;
}

static void
on_beat(struct timer *timer)
{
    struct console *console =
        (struct console *)((char *)timer - offsetof(struct console, heartbeat));
    int64_t now_us = clock_mono_us();

    if (!heritage_beat(console->heritage, now_us)) {
        console->is_over = true;
        return;
    }
    repeat_expire(console->repeats, now_us);
    refusals_tell(console->refusals, now_us);
    timer_set(console->loop, timer, now_us + BEAT_INTERVAL_US, on_beat);
}

static void
on_look(struct timer *timer)
{
    struct console *console = (struct console *)((char *)timer - offsetof(struct console, look));
    int64_t now_us = clock_mono_us();

    history_sample(console->history, clock_real_us(), now_us);
    timer_set(console->loop, timer, now_us + HISTORY_SLOT_US, on_look);
}

/* The days that the usage page begins with, one at a time, once somebody has come. */
static void
on_warm(struct timer *timer)
{
    struct console *console = (struct console *)((char *)timer - offsetof(struct console, warm));
    int64_t back_us = console->n_warmed * INT64_C(86400000000);

    if (console->store != NULL) {
        store_reader_limit(console->store, CALL_STORE_US);
        (void)!store_usage_cache_warm(console->store, console->usage,
                                      period_at(PERIOD_DAY, clock_real_us() - back_us).id);
        console->n_warmed++; /* what was not read is read when it is asked for */
    }
    if (console->n_warmed < WARM_DAYS)
        timer_set(console->loop, timer, clock_mono_us() + WARM_INTERVAL_US, on_warm);
}
