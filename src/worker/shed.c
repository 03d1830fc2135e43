/* SPDX-License-Identifier: ISC
 *
 * shed - late twice in a row to begin, in time by half to end.
 */
#include "shed.h"

#include <inttypes.h>
#include <unistd.h>

#include <sys/eventfd.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "request.h"

#define INTERVAL_US INT64_C(50000) /* between two measurements */
#define LATE_ONES   2              /* one may be a stopped process, or a slow disk */
#define RETRY_S_MAX 4              /* callers are asked to come again at different times */

static void on_readable(void *ctx, int fd);
static void log_change(const struct worker *w, int64_t late_us);

bool
shed_open(struct worker *w)
{
    struct shed *shed = &w->shed;

    *shed = (struct shed){.fd = -1, .delay_us = w->conf->shed_delay_us};
    if (shed->delay_us == 0)
        return true;
    shed->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shed->fd < 0)
        return false;
    loop_watch_fd(w->loop, shed->fd, on_readable, w);
    return true;
}

static void
on_readable(void *ctx, int fd)
{
    struct worker *w = worker_from(ctx);
    uint64_t n;

    (void)!read(fd, &n, sizeof(n));
    w->shed.has_come = true;
}

void
shed_turn(struct worker *w)
{
    struct shed *shed = &w->shed;

    if (shed->delay_us == 0)
        return;
    if (shed->has_come) {
        int64_t now_us = clock_mono_us(), late_us = now_us - shed->sent_us;

        shed->has_come = false;
        shed->sent_us = 0;
        shed->next_us = now_us + INTERVAL_US;
        if (shed_note(shed, late_us))
            log_change(w, late_us);
        return;
    }
    if (shed->sent_us != 0 || loop_now_us(w->loop) < shed->next_us)
        return;
    shed->sent_us = clock_mono_us();
    if (write(shed->fd, &(uint64_t){1}, sizeof(uint64_t)) < 0)
        shed->sent_us = 0;
}

static void
log_change(const struct worker *w, int64_t late_us)
{
    if (w->shed.is_late)
        log_warn("shed.begin", "late=%" PRId64 "ms running=%u", late_us / 1000, w->share.n);
    else
        log_warn("shed.end", "late=%" PRId64 "ms running=%u", late_us / 1000, w->share.n);
}

bool
shed_note(struct shed *shed, int64_t late_us)
{
    bool was_late = shed->is_late;

    shed->n_late = late_us > shed->delay_us ? shed->n_late + 1 : 0;
    if (shed->n_late >= LATE_ONES)
        shed->is_late = true;
    else if (late_us <= shed->delay_us / 2)
        shed->is_late = false;
    return shed->is_late != was_late;
}

bool
shed_refuses(const struct worker *w)
{
    return w->shed.is_late || share_is_full(&w->share);
}

int
shed_refuse(struct request *r)
{
    worker_count(r->worker, PROC_COUNTER_SHED, 1);
    r->retry_after_s = 1 + (int)(worker_random(r->worker) % RETRY_S_MAX);
    return ERR_OVERLOADED;
}
