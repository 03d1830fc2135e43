/* SPDX-License-Identifier: ISC */
#include "metrics.h"

#include "relayos/report/report_metrics.h"
#include "state.h"

void
metrics_answer(struct master *master, struct child_tag client)
{
    const struct report report = {.segment = master->segment, .catalog = master->catalog};
    struct errmsg why;
    struct buf text;

    buf_init(&text, REPORT_METRICS_MAX);
    report_metrics_write(&report, &text);
    if (text.overflow) {
        errmsg_set(&why, "there are more routes than one answer has room for");
        control_server_reply_error(master, client, ERR_TOO_LARGE, &why);
    } else {
        struct frame_out *out = control_server_reply_begin(master, client);

        if (out != NULL) {
            frame_str(out, "text", buf_slice(&text));
            control_server_reply_end(master, client);
        }
    }
    buf_fini(&text);
}
