/* SPDX-License-Identifier: ISC */
#include "trace_choice.h"

#include <string.h>

#include <criterion/criterion.h>

#include "framed.h"
#include "trace.h"

static void
write_attempt(struct frame_out *out, int64_t n, const char *reason, const char *model)
{
    frame_map(out, NULL);
    frame_int(out, "attempt", n);
    frame_cstr(out, "reason", reason);
    frame_cstr(out, "model", model);
    frame_cstr(out, "category", n == 0 ? "upstream_error" : "none");
    frame_cstr(out, "credential", n == 1 ? "backup\033" : "");
    frame_int(out, "score", n == 1 ? 1234 : 0);
    frame_end(out);
}

static void
write_choice(struct frame_out *out, int64_t n, const char *route, const char *exclusion)
{
    frame_map(out, NULL);
    frame_int(out, "attempt", n);
    frame_cstr(out, "route", route);
    frame_cstr(out, "exclusion", exclusion);
    frame_int(out, "score", route[0] == 's' ? 5678 : 0);
    frame_bool(out, "is_taken", route[0] == 't');
    frame_bool(out, "is_pinned", route[0] == 't' && n == 1);
    frame_end(out);
}

/* Both routes of the model failed or were out, and another model answered. */
static void
write_request(struct frame_out *out)
{
    frame_cstr(out, "request_id", "01a21447-ddff-75db-8dd9-f502da26938e");
    frame_cstr(out, "model", "claude-sonnet-4");
    frame_cstr(out, "category", "none");
    frame_int(out, "status", 200);
    frame_int(out, "n_attempts", 3);
    frame_cstr(out, "answered_by", "gpt-4.1-mini");
    frame_array(out, "attempts");
    write_attempt(out, 0, "first", "claude-sonnet-4");
    write_attempt(out, 1, "failover", "claude-sonnet-4");
    write_attempt(out, 2, "fallback", "gpt-4.1-mini");
    frame_end(out);
    frame_array(out, "choices");
    write_choice(out, 0, "taken", "");
    write_choice(out, 0, "scored", "");
    write_choice(out, 0, "open", "its breaker is open");
    write_choice(out, 1, "taken", "");
    write_choice(out, 1, "undrawn", "");
    write_choice(out, 3, "full", "has as many requests as it bears");
    frame_end(out);
    frame_int(out, "n_unlisted", 2);
}

static struct frame_in *
sample(void (*write)(struct frame_out *))
{
    struct frame_out *out = frame_out_new();

    frame_map(out, NULL);
    frame_map(out, "request");
    write(out);
    frame_end(out);
    frame_array(out, "requests");
    frame_map(out, NULL);
    write(out);
    frame_end(out);
    frame_end(out);
    frame_end(out);

    struct frame_in *in = framed(out);
    frame_out_free(&out);
    return in;
}

Test(trace_choice, each_attempt_says_why_it_was_made_and_what_was_passed_over)
{
    struct frame_in *in = sample(write_request);
    struct buf out;

    buf_init(&out, 65536);
    trace_choice_print(frame_get(frame_root(in), "request"), &out);
    buf_append_byte(&out, '\0');
    cr_expect_str_eq(out.ptr,
                     "\n"
                     "  attempt 1    first\n"
                     "               not scored: score 5,678\n"
                     "               not open: its breaker is open\n"
                     "  attempt 2    attempt 1 failed (upstream_error); credential backup?; "
                     "score 1,234; the conversation's prompt cache lies there\n"
                     "               not undrawn: it could have been taken\n"
                     "  attempt 3    gpt-4.1-mini stands in for claude-sonnet-4\n"
                     "  no attempt   there was no route to take\n"
                     "               not full: has as many requests as it bears\n"
                     "               2 more: not looked at closer, or not kept\n");
    frame_in_free(&in);
    buf_fini(&out);
}

Test(trace_choice, a_stand_in_is_seen_at_a_glance)
{
    struct frame_in *in = sample(write_request);
    struct args args = {.n_operands = 0};
    struct buf out;

    buf_init(&out, 65536);
    trace_print_show(frame_root(in), &args, &out);
    trace_print_list(frame_root(in), &args, &out);
    buf_append_byte(&out, '\0');
    cr_expect_not_null(
        strstr(out.ptr, "answered by  gpt-4.1-mini, standing in for claude-sonnet-4\n"), "%s",
        out.ptr);
    cr_expect_not_null(strstr(out.ptr, " claude-sonnet-4 -> gpt-4.1-mini "), "%s", out.ptr);
    cr_expect_not_null(strstr(out.ptr, " ok (3 attempts) "), "%s", out.ptr);
    frame_in_free(&in);
    buf_fini(&out);
}

static void
write_plain(struct frame_out *out)
{
    frame_cstr(out, "model", "claude-sonnet-4");
    frame_array(out, "attempts");
    write_attempt(out, 0, "first", "claude-sonnet-4");
    frame_end(out);
    frame_array(out, "choices");
    frame_end(out);
    frame_int(out, "n_unlisted", 0);
}

Test(trace_choice, a_request_that_had_no_choice_has_no_story)
{
    struct frame_in *in = sample(write_plain);
    struct buf out;

    buf_init(&out, 65536);
    trace_choice_print(frame_get(frame_root(in), "request"), &out);
    cr_expect_eq(out.len, 0);
    frame_in_free(&in);
    buf_fini(&out);
}
