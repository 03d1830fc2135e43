/* SPDX-License-Identifier: ISC */
#include "metrics.h"

int
metrics_write(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)args;
    (void)out;
    (void)why;
    return 0;
}

void
metrics_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    (void)args;
    buf_append_slice(out, frame_get_str(result, "text"));
}
