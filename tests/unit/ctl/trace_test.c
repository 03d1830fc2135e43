/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "framed.h"
#include "trace.h"

static void
write_stage(struct frame_out *out, const char *name, int64_t offset_us)
{
    frame_map(out, NULL);
    frame_cstr(out, "name", name);
    if (offset_us < 0)
        frame_nil(out, "offset_us");
    else
        frame_int(out, "offset_us", offset_us);
    frame_end(out);
}

/* A request as the ledger tells it: answered, on the second attempt, not settled yet. */
static struct frame_in *
sample(void)
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    frame_map(out, "request");
    frame_cstr(out, "request_id", "01a21447-ddff-75db-8dd9-f502da26938e");
    frame_int(out, "status", 200);
    frame_cstr(out, "category", "none");
    frame_cstr(out, "user_agent", "evil\033[2J");
    frame_int(out, "charge_nusd", 7200);
    frame_cstr(out, "provenance", "reported");
    frame_map(out, "usage");
    frame_int(out, "input", 1200);
    frame_int(out, "output", 0);
    frame_end(out);
    frame_array(out, "stages");
    write_stage(out, "accepted", 0);
    write_stage(out, "key_checked", 29);
    write_stage(out, "first_token", 1500029);
    write_stage(out, "settled", -1);
    frame_end(out);
    frame_array(out, "attempts");
    frame_map(out, NULL);
    frame_int(out, "attempt", 0);
    frame_cstr(out, "upstream", "openai");
    frame_cstr(out, "outcome", "failed");
    frame_nil(out, "connected_us");
    frame_end(out);
    frame_end(out);
    frame_end(out);
    frame_end(out);

    struct frame_in *in = framed(out);
    frame_out_free(&out);
    return in;
}

Test(trace, a_request_is_shown_as_a_timeline)
{
    struct frame_in *in = sample();
    struct args args = {.n_operands = 0};
    struct buf out;

    buf_init(&out, 65536);
    trace_print_show(frame_root(in), &args, &out);
    buf_append_byte(&out, '\0');
    cr_expect(strstr(out.ptr, "outcome      200 ok\n") != NULL, "%s", out.ptr);
    cr_expect(strstr(out.ptr, "charged      $0.0000072 (reported)") != NULL, "%s", out.ptr);
    cr_expect(strstr(out.ptr, "usage        input 1,200\n") != NULL, "%s", out.ptr);
    cr_expect(strstr(out.ptr, "STAGE            AT-US    TOOK-US\n"
                              "accepted             0          0\n"
                              "key_checked         29         29\n"
                              "first_token  1,500,029  1,500,000\n"
                              "settled              -          -\n") != NULL,
              "%s", out.ptr);
    cr_expect(strstr(out.ptr, "openai") != NULL && strstr(out.ptr, "failed") != NULL);
    cr_expect(strchr(out.ptr, '\033') == NULL, "a caller's escape sequence came through");
    frame_in_free(&in);
    buf_fini(&out);
}
