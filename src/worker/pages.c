/* SPDX-License-Identifier: ISC
 *
 * pages - small texts.
 */
#include "pages.h"

#include "relayos/base/clock.h"
#include "reply.h"
#include "request.h"

#define LEDGER_SILENCE_MAX_US 5000000

static void send_text(struct request *r, unsigned status, const char *text);
static const char *why_not_ready(const struct worker *worker);

void
pages_root(struct request *r)
{
    send_text(r, 200,
              "RelayOS is up. OpenAI-compatible tools use this address with /v1, Claude "
              "Code uses it as it is.\n");
}

void
pages_health(struct request *r)
{
    send_text(r, 200, "ok\n");
}

void
pages_ready(struct request *r)
{
    const char *why = why_not_ready(r->worker);

    send_text(r, why == NULL ? 200 : 503, why == NULL ? "ready\n" : why);
}

static const char *
why_not_ready(const struct worker *worker)
{
    struct proc_view ledger;

    if (worker->is_draining)
        return "draining\n";
    if (catalog_epoch(worker->catalog) == 0)
        return "no configuration is published\n";
    if (!segment_admission_is_open(worker->segment))
        return "admission is closed by the ledger\n";
    proc_slot_view(worker->segment, proc_slot_of(worker->segment, PROC_LEDGER), &ledger);
    if (clock_mono_us() - ledger.heartbeat_us > LEDGER_SILENCE_MAX_US)
        return "the ledger does not answer\n";
    return NULL;
}

static void
send_text(struct request *r, unsigned status, const char *text)
{
    buf_pool_take(&r->worker->bufs, &r->out, BUF_POOL_KEEP_SIZE);
    buf_append_str(&r->out, text);
    reply_send(r, status, SLICE_LIT("text/plain; charset=utf-8"), ERR_CATEGORY_NONE, "");
}
