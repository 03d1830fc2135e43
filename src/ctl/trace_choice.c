/* SPDX-License-Identifier: ISC */
#include "trace_choice.h"

#include <stdio.h>

#include "print.h"
#include "relayos/base/limits.h"
#include "relayos/base/text.h"

static bool has_story(const struct frame_value *request);
static void print_attempt(const struct frame_value *request, int64_t n, struct buf *out);
static void print_reason(const struct frame_value *request, int64_t n, struct buf *out);
static bool is_pinned_to(const struct frame_value *request, int64_t n);
static void describe_reason(const struct frame_value *request, const struct frame_value *attempt,
                            struct buf *out);
static void print_choices(const struct frame_value *request, int64_t n, struct buf *out);
static void print_choice(const struct frame_value *choice, struct buf *out);

void
trace_choice_print(const struct frame_value *request, struct buf *out)
{
    int64_t n_unlisted = frame_get_int(request, "n_unlisted", 0);

    if (!has_story(request))
        return;
    buf_append_byte(out, '\n');
    /* One more than were made: there may have been nothing to make it to. */
    for (int64_t n = 0; n <= LIMIT_ATTEMPTS; n++)
        print_attempt(request, n, out);
    if (n_unlisted > 0)
        print_line(out, "", "%lld more: not looked at closer, or not kept", (long long)n_unlisted);
}

static bool
has_story(const struct frame_value *request)
{
    const struct frame_value *attempts = frame_get(request, "attempts");

    return frame_length(frame_get(request, "choices")) > 0 || frame_length(attempts) > 1 ||
           frame_get_str(frame_at(attempts, 0), "credential").len > 0 ||
           slice_eq_str(frame_get_str(frame_at(attempts, 0), "reason"), "fallback");
}

static void
print_attempt(const struct frame_value *request, int64_t n, struct buf *out)
{
    const struct frame_value *choices = frame_get(request, "choices");
    bool has_choices = false;

    for (size_t i = 0; i < frame_length(choices); i++)
        has_choices = has_choices || frame_get_int(frame_at(choices, i), "attempt", -1) == n;
    if (n < (int64_t)frame_length(frame_get(request, "attempts")))
        print_reason(request, n, out);
    else if (has_choices)
        print_line(out, "no attempt", "there was no route to take");
    print_choices(request, n, out);
}

/* "attempt 2    attempt 1 failed (upstream_error); score 1,234" */
static void
print_reason(const struct frame_value *request, int64_t n, struct buf *out)
{
    const struct frame_value *attempt = frame_at(frame_get(request, "attempts"), (size_t)n);
    struct slice credential = frame_get_str(attempt, "credential");
    int64_t score = frame_get_int(attempt, "score", 0);
    char label[32], number[32];
    struct buf text;

    buf_init(&text, 4096);
    describe_reason(request, attempt, &text);
    if (credential.len > 0)
        buf_printf(&text, "; credential %.*s", (int)credential.len, credential.ptr);
    text_count_format(score, number);
    if (score > 0)
        buf_printf(&text, "; score %s", number);
    if (is_pinned_to(request, n))
        buf_append_str(&text, "; the conversation's prompt cache lies there");
    snprintf(label, sizeof(label), "attempt %lld", (long long)n + 1);
    print_line(out, label, "%.*s", (int)text.len, text.ptr);
    buf_fini(&text);
}

static bool
is_pinned_to(const struct frame_value *request, int64_t n)
{
    const struct frame_value *choices = frame_get(request, "choices");

    for (size_t i = 0; i < frame_length(choices); i++) {
        const struct frame_value *choice = frame_at(choices, i);

        if (frame_get_int(choice, "attempt", -1) == n && frame_get_bool(choice, "is_taken", false))
            return frame_get_bool(choice, "is_pinned", false);
    }
    return false;
}

static void
describe_reason(const struct frame_value *request, const struct frame_value *attempt,
                struct buf *out)
{
    int64_t n = frame_get_int(attempt, "attempt", 0);
    const struct frame_value *before =
        n == 0 ? NULL : frame_at(frame_get(request, "attempts"), (size_t)n - 1);
    struct slice reason = frame_get_str(attempt, "reason"),
                 category = frame_get_str(before, "category"),
                 model = frame_get_str(attempt, "model"), asked = frame_get_str(request, "model");

    if (slice_eq_str(reason, "failover"))
        buf_printf(out, "attempt %lld failed (%.*s)", (long long)n, (int)category.len,
                   category.len > 0 ? category.ptr : "");
    else if (slice_eq_str(reason, "hedge"))
        buf_printf(out, "attempt %lld was slow", (long long)n);
    else if (slice_eq_str(reason, "fallback"))
        buf_printf(out, "%.*s stands in for %.*s", (int)model.len, model.ptr, (int)asked.len,
                   asked.ptr);
    else
        buf_append_slice(out, reason);
}

static void
print_choices(const struct frame_value *request, int64_t n, struct buf *out)
{
    const struct frame_value *choices = frame_get(request, "choices");

    for (size_t i = 0; i < frame_length(choices); i++) {
        const struct frame_value *choice = frame_at(choices, i);

        if (frame_get_int(choice, "attempt", -1) == n && !frame_get_bool(choice, "is_taken", false))
            print_choice(choice, out);
    }
}

static void
print_choice(const struct frame_value *choice, struct buf *out)
{
    struct slice route = frame_get_str(choice, "route"),
                 exclusion = frame_get_str(choice, "exclusion");
    int64_t score = frame_get_int(choice, "score", 0);
    char number[32];

    text_count_format(score, number);
    if (exclusion.len > 0)
        print_line(out, "", "not %.*s: %.*s", (int)route.len, route.ptr, (int)exclusion.len,
                   exclusion.ptr);
    else if (score > 0)
        print_line(out, "", "not %.*s: score %s", (int)route.len, route.ptr, number);
    else
        print_line(out, "", "not %.*s: it could have been taken", (int)route.len, route.ptr);
}
