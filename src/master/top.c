/* SPDX-License-Identifier: ISC */
#include "top.h"

#include "relayos/report/report_flight.h"
#include "state.h"

#define TOP_LIMIT_DEFAULT 50

void
top_answer(struct master *master, struct child_tag client, int64_t limit)
{
    const struct report report = {.segment = master->segment, .viewer = {.sees_routes = true}};
    struct frame_out *out = control_server_reply_begin(master, client);

    if (out == NULL)
        return;
    if (limit <= 0)
        limit = TOP_LIMIT_DEFAULT;
    if (limit > TOP_LIMIT_MAX)
        limit = TOP_LIMIT_MAX;
    report_flight_list(&report, NULL, (size_t)limit, "flights", out);
    control_server_reply_end(master, client);
}
