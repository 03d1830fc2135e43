/* SPDX-License-Identifier: ISC */
#include "captured.h"

#include "print.h"

static void print_text(struct buf *out, const char *label, struct slice text);
static void print_body(const struct frame_value *body, const char *title, struct buf *out);

void
captured_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    struct slice category = frame_get_str(result, "category");
    char accepted[32];

    (void)args;
    print_time(frame_get_int(result, "accepted_us", 0), accepted);
    print_text(out, "request", frame_get_str(result, "request_id"));
    print_line(out, "key", "%lld", (long long)frame_get_int(result, "key_id", 0));
    print_text(out, "model", frame_get_str(result, "model"));
    print_text(out, "endpoint", frame_get_str(result, "endpoint"));
    print_line(out, "accepted", "%s", accepted);
    print_line(out, "status", "%lld%s%.*s", (long long)frame_get_int(result, "status", 0),
               category.len > 0 ? " " : "", (int)category.len,
               category.len > 0 ? category.ptr : "");
    print_body(frame_get(result, "request"), "Request", out);
    print_body(frame_get(result, "answer"), "Answer", out);
}

static void
print_text(struct buf *out, const char *label, struct slice text)
{
    print_line(out, label, "%.*s", (int)text.len, text.len > 0 ? text.ptr : "");
}

/* Line by line: nothing that a caller or a model has written moves the cursor otherwise. */
static void
print_body(const struct frame_value *body, const char *title, struct buf *out)
{
    struct slice text = frame_get_str(body, "body");

    buf_printf(out, "\n%s, %lld bytes%s:\n", title, (long long)frame_get_int(body, "bytes", 0),
               frame_get_bool(body, "is_cut", false) ? ", of which the first are here" : "");
    while (text.len > 0) {
        const char *feed = memchr(text.ptr, '\n', text.len);
        size_t len = feed == NULL ? text.len : (size_t)(feed - text.ptr);

        print_safe(slice_sub(text, 0, len), out);
        buf_append_byte(out, '\n');
        text = slice_sub(text, len + (feed != NULL), text.len);
    }
}
