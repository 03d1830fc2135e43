/* SPDX-License-Identifier: ISC */
#include "reload.h"

int
reload_write(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)args;
    (void)out;
    (void)why;
    return 0;
}

void
reload_print_diff(const struct frame_value *result, const struct args *args, struct buf *out)
{
    int64_t n_restart = frame_get_int(result, "n_restart", 0);

    (void)args;
    if (frame_get_int(result, "n_changes", 0) == 0)
        buf_append_str(out, "A reload would change nothing.\n");
    buf_append_slice(out, frame_get_str(result, "changes"));
    if (n_restart > 0)
        buf_printf(out, "%lld of them would wait for a restart or an upgrade.\n",
                   (long long)n_restart);
}

void
reload_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    int64_t n_changes = frame_get_int(result, "n_changes", 0);
    int64_t n_restart = frame_get_int(result, "n_restart", 0);

    (void)args;
    buf_append_slice(out, frame_get_str(result, "changes"));
    if (n_changes == 0)
        buf_append_str(out, "The configuration is as it was.\n");
    else
        buf_printf(out, "Reloaded: %lld change%s", (long long)n_changes, n_changes == 1 ? "" : "s");
    if (n_restart > 0)
        buf_printf(out, ", %lld of them waiting for a restart", (long long)n_restart);
    if (n_changes > 0)
        buf_append_str(out, ".\n");
}
