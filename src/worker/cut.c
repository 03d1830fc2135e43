/* SPDX-License-Identifier: ISC
 *
 * cut - streams get their error event, the others a refusal; what was streamed is charged.
 */
#include "cut.h"

#include "relay.h"
#include "relayos/base/crash.h"
#include "request.h"

static bool is_cut(const struct request *r);

void
cut_turn(struct worker *w)
{
    uint32_t n_cuts = segment_n_cuts(w->segment);

    if (n_cuts == w->n_cuts)
        return;
    w->n_cuts = n_cuts;
    for (struct link *link = w->requests.next, *next; link != &w->requests; link = next) {
        struct request *r = request_from((char *)link - offsetof(struct request, in_requests));

        next = link->next;
        if (is_cut(r)) {
            CRASH_POINT("cut.found");
            cut_request(r, ERR_INVALID_KEY);
        }
    }
}

/* The call first: nothing of its answer may follow the error event. */
void
cut_request(struct request *r, int err)
{
    if (r->step == REQUEST_STREAM)
        err = ERR_STREAM_INTERRUPTED;
    relay_cancel(r, ATTEMPT_CANCELLED, err_category_of(err));
    request_fail(r, err, "", "");
}

/* A row that is another key's by now was a revoked key's; nobody knows any more whether it was to
 * be cut. It takes more keys than the table has room for, within one turn. */
static bool
is_cut(const struct request *r)
{
    struct key_view key;

    return r->flight != NULL && !r->is_ending &&
           key_table_at(r->worker->segment, r->key_row, &key) == 0 && key.key_id == r->key_id &&
           (key.flags & KEY_CUT) != 0;
}
