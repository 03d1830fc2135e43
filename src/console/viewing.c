/* SPDX-License-Identifier: ISC */
#include "viewing.h"

#include <assert.h>

#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/limits.h"
#include "relayos/store/store_key.h"

static void drop(struct call *call);

bool
viewing_begin(struct call *call, struct report *out)
{
    const struct console *console = call->console;

    *out = (struct report){.store = call_store(call),
                           .segment = console->segment,
                           .catalog = console->catalog,
                           .environment = console->conf->environment,
                           .viewer = call->viewer};
    report_set_now(out, clock_real_us());
    return out->store != NULL;
}

void
viewing_end(struct call *call, int rc)
{
    if (rc == 0) {
        answer_end(call, 200);
        return;
    }
    drop(call);
    if (rc == ERR_BUSY)
        answer_problem(call, 503, "busy", NULL,
                       "that is more than can be read at once: ask for less of it");
    else
        answer_err(call, rc, slice_str(rc == ERR_STORE ? store_error(call->console->store) : ""));
}

/* What has been written; reports close what they open. */
static void
drop(struct call *call)
{
    struct buf wire;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    frame_end(call->console->writer);
    frame_out_finish(call->console->writer, &wire);
    buf_fini(&wire);
}

bool
viewing_key(struct call *call, const struct report *report, uint64_t id, struct key_record *out)
{
    int rc = store_key_get(report->store, id, out);

    if (rc == 0 && !report_key_is_seen(report, out)) {
        store_key_fini(out);
        rc = ERR_MISSING;
    }
    if (rc != 0)
        answer_err(call, rc, slice_str(rc == ERR_STORE ? store_error(report->store) : ""));
    return rc == 0;
}

bool
viewing_limit(struct call *call, size_t *out)
{
    const struct api_limit *bounds = api_limit_of(call->row);
    int64_t limit;

    assert(bounds != NULL);
    if (!call_query_int(call, "limit", bounds->usual, &limit))
        return false;
    if (limit < 1 || limit > bounds->most) {
        answer_problem(call, 400, "bad_request", "limit", "limit is 1 to %u", bounds->most);
        return false;
    }
    *out = (size_t)limit;
    return true;
}
