/* SPDX-License-Identifier: ISC
 *
 * Any bytes on a control socket are an error or a whole tree, which can be read, copied and shown.
 */
#include <assert.h>

#include "relayos/base/limits.h"
#include "relayos/control/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf wire, again, json;
    struct frame_in *in = NULL, *copy = NULL;

    buf_init(&wire, LIMIT_CONTROL_FRAME + 4);
    buf_init(&again, LIMIT_CONTROL_FRAME + 4);
    buf_init(&json, LIMIT_CONTROL_FRAME);
    buf_append(&wire, bytes, len);
    while (frame_in_take(&wire, &in) == 0) {
        const struct frame_value *root = frame_root(in);
        struct frame_out *out = frame_out_new();

        (void)frame_get_int(root, "id", 0);
        (void)frame_get_str(root, "cmd");
        frame_to_json(root, 2, &json);
        frame_copy(out, NULL, root);
        frame_out_finish(out, &again);
        assert(frame_in_take(&again, &copy) == 0);
        assert(frame_length(frame_root(copy)) == frame_length(root));
        frame_in_free(&copy);
        frame_out_free(&out);
        frame_in_free(&in);
    }
    buf_fini(&wire);
    buf_fini(&again);
    buf_fini(&json);
    return 0;
}
