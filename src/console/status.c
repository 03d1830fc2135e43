/* SPDX-License-Identifier: ISC
 *
 * status - GET /status: what `relayosctl status` says, and the disk below the database.
 */
#include <sys/statvfs.h>

#include "answer.h"
#include "console.h"
#include "relayos/base/clock.h"

static void on_status(struct call *call, const struct frame_value *result);
static void write_disk(const struct call *call, struct frame_out *out);

void
status_show(struct call *call)
{
    if (call_command(call, "status") != NULL)
        call_send(call, on_status);
}

static void
on_status(struct call *call, const struct frame_value *result)
{
    struct frame_out *out = answer_begin(call);

    frame_copy_members(out, result);
    write_disk(call, out);
    frame_int(out, "now_us", clock_real_us());
    answer_end(call, 200);
}

static void
write_disk(const struct call *call, struct frame_out *out)
{
    const char *path = call->console->conf->data_dir;
    struct statvfs disk;

    if (statvfs(path, &disk) != 0) {
        frame_nil(out, "disk");
        return;
    }
    frame_map(out, "disk");
    frame_cstr(out, "path", path);
    frame_int(out, "free_bytes", (int64_t)(disk.f_bavail * disk.f_frsize));
    frame_int(out, "total_bytes", (int64_t)(disk.f_blocks * disk.f_frsize));
    frame_end(out);
}
