/* SPDX-License-Identifier: ISC */
#include "alerts.h"

#include <stddef.h>
#include <stdlib.h>

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

static void on_timer(struct timer *timer);
static void tell(void *ctx, const struct alert *alert, bool is_resolved);
static void name_key(void *ctx, uint64_t key_id, char out[LIMIT_NAME]);

struct alerts *
alerts_new(struct prober *prober)
{
    const struct conf *conf = prober->heritage->conf;

    if (conf->alerts.url[0] == '\0')
        return NULL;

    struct alerts *alerts = mem_zalloc(sizeof(*alerts));

    alerts->prober = prober;
    alerts->look = (struct alert_look){.segment = prober->segment,
                                       .catalog = prober->catalog,
                                       .key_name = name_key,
                                       .ctx = prober};
    alert_book_init(&alerts->book, conf->alert_kinds);
    alert_post_init(&alerts->post, prober->segment, prober->loop, prober->pool, &conf->alerts);
    timer_set(prober->loop, &alerts->timer, clock_mono_us() + ALERTS_INTERVAL_US, on_timer);
    return alerts;
}

void
alerts_free(struct alerts **alerts)
{
    struct alerts *old = *alerts;

    if (old == NULL)
        return;
    timer_unset(old->prober->loop, &old->timer);
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
