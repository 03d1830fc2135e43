/* SPDX-License-Identifier: ISC */
#include "alerts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prober.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/shm/tally.h"
#include "relayos/store/store_key.h"

struct alerts {
    struct prober *prober;
    struct timer timer;
    struct alert_look look;
    struct alert_book book;
    struct alert_post post;
};

/* What one prober leaves to the next: of the same program, on the same machine. */
struct kept {
    uint64_t size; /* 0 = nothing */
    char url[LIMIT_PATH];
    struct alert_book book;
    uint32_t n_queued;
    struct alert_notice queue[ALERT_QUEUE];
};

static bool take_kept(struct alerts *alerts, int fd);
static void go_on(struct alerts *alerts, const struct kept *kept);
static bool is_queued(const struct alerts *alerts, const struct alert *alert);
static void keep(const struct alerts *alerts, int fd);
static void on_timer(struct timer *timer);
static void tell(void *ctx, const struct alert *alert, bool is_resolved);
static void name_key(void *ctx, uint64_t key_id, char out[LIMIT_NAME]);

struct alerts *
alerts_new(struct prober *prober)
{
    const struct conf *conf = prober->heritage->conf;

    if (conf->alerts.url[0] == '\0') {
        (void)take_kept(NULL, prober->heritage->kept_fd);
        tally_set(prober->segment, TALLY_ALERTS_ACTIVE, 0);
        return NULL;
    }

    struct alerts *alerts = mem_zalloc(sizeof(*alerts));

    alerts->prober = prober;
    alerts->look = (struct alert_look){.segment = prober->segment,
                                       .catalog = prober->catalog,
                                       .key_name = name_key,
                                       .ctx = prober};
    alert_book_init(&alerts->book, conf->alert_kinds);
    alert_post_init(&alerts->post, prober->segment, prober->loop, prober->pool, &conf->alerts);
    int64_t wait_us = take_kept(alerts, prober->heritage->kept_fd) ? 0 : ALERTS_INTERVAL_US;
    timer_set(prober->loop, &alerts->timer, clock_mono_us() + wait_us, on_timer);
    return alerts;
}

/* It is taken once: who crashes later does not go back to it. */
static bool
take_kept(struct alerts *alerts, int fd)
{
    const uint64_t nothing = 0;
    struct kept *kept = mem_zalloc(sizeof(*kept));
    ssize_t n = fd < 0 ? 0 : pread(fd, kept, sizeof(*kept), 0);
    bool is_whole = n == (ssize_t)sizeof(*kept) && kept->size == sizeof(*kept) &&
                    pwrite(fd, &nothing, sizeof(nothing), 0) == (ssize_t)sizeof(nothing);

    if (is_whole && alerts != NULL)
        go_on(alerts, kept);
    free(kept);
    return is_whole;
}

/* Another receiver knows of nothing but what is still on its way. For kinds that nobody wants to
 * hear of any more, what was told is taken back: no one would ever say that it is over. */
static void
go_on(struct alerts *alerts, const struct kept *kept)
{
    bool is_other = strcmp(kept->url, alerts->prober->heritage->conf->alerts.url) != 0;

    for (uint32_t n = 0; n < kept->n_queued; n++) {
        const struct alert_notice *notice = &kept->queue[n];

        if (!is_other || !notice->is_resolved || is_queued(alerts, &notice->alert))
            alert_post_queue(&alerts->post, &notice->alert, notice->is_resolved);
    }
    for (size_t n = 0; n < kept->book.n; n++) {
        struct alert alert = kept->book.rows[n];

        alert.is_told = alert.is_told && (!is_other || is_queued(alerts, &alert));
        if (!alert_book_take_over(&alerts->book, &alert) && alert.is_told)
            tell(alerts, &alert, true);
    }
}

static bool
is_queued(const struct alerts *alerts, const struct alert *alert)
{
    const struct alert_post *post = &alerts->post;
    bool is_there = false;

    for (uint32_t n = 0; n < post->n_queued && !is_there; n++) {
        const struct alert_notice *notice = &post->queue[(post->first + n) % ALERT_QUEUE];

        is_there = !notice->is_resolved && notice->alert.kind == alert->kind &&
                   strcmp(notice->alert.subject, alert->subject) == 0;
    }
    return is_there;
}

static void
keep(const struct alerts *alerts, int fd)
{
    const struct alert_post *post = &alerts->post;
    struct kept *kept = mem_zalloc(sizeof(*kept));

    snprintf(kept->url, sizeof(kept->url), "%s", alerts->prober->heritage->conf->alerts.url);
    kept->book = alerts->book;
    for (; kept->n_queued < post->n_queued; kept->n_queued++)
        kept->queue[kept->n_queued] = post->queue[(post->first + kept->n_queued) % ALERT_QUEUE];
    /* Not whole, which its size says last: the next one begins anew, and tells what stands again.
     */
    ssize_t n = pwrite(fd, kept, sizeof(*kept), 0);
    kept->size = sizeof(*kept);
    if (n == (ssize_t)sizeof(*kept))
        (void)!pwrite(fd, &kept->size, sizeof(kept->size), offsetof(struct kept, size));
    free(kept);
}

void
alerts_hold(struct alerts *alerts)
{
    alerts->post.is_held = true;
    timer_unset(alerts->prober->loop, &alerts->timer);
}

bool
alerts_are_under_way(const struct alerts *alerts)
{
    return post_is_under_way(&alerts->post.post);
}

void
alerts_free(struct alerts **alerts)
{
    struct alerts *old = *alerts;

    if (old == NULL)
        return;
    timer_unset(old->prober->loop, &old->timer);
    if (old->prober->heritage->kept_fd >= 0)
        keep(old, old->prober->heritage->kept_fd);
    alert_post_fini(&old->post);
    free(old);
    *alerts = NULL;
}

static void
on_timer(struct timer *timer)
{
    struct alerts *alerts = (struct alerts *)((char *)timer - offsetof(struct alerts, timer));
    struct prober *prober = alerts->prober;
    int64_t now_us = clock_mono_us();

    alert_book_begin(&alerts->book);
    alert_look_all(&alerts->look, &alerts->book, now_us, clock_real_us());
    alert_book_end(&alerts->book, now_us, tell, alerts);
    tally_set(prober->segment, TALLY_ALERTS_ACTIVE, (int64_t)alert_book_n_standing(&alerts->book));
    timer_set(prober->loop, timer, now_us + ALERTS_INTERVAL_US, on_timer);
}

static void
tell(void *ctx, const struct alert *alert, bool is_resolved)
{
    struct alerts *alerts = ctx;

    if (is_resolved)
        log_info("alert.resolved", "kind=%s subject=\"%s\"", alert_book_kind_name(alert->kind),
                 alert->subject);
    else
        log_warn("alert.raised", "kind=%s subject=\"%s\" text=\"%s\"",
                 alert_book_kind_name(alert->kind), alert->subject, alert->text);
    alert_post_queue(&alerts->post, alert, is_resolved);
}

static void
name_key(void *ctx, uint64_t key_id, char out[LIMIT_NAME])
{
    struct store *store = reading_store(&((struct prober *)ctx)->reading);

    if (store == NULL || store_key_name(store, key_id, out) != 0)
        out[0] = '\0';
}
