/* SPDX-License-Identifier: ISC */
#include "call_input.h"

#include "json_skip.h"
#include "utf8.h"

static bool decode(struct arena *arena, struct slice raw, struct slice *out);
static bool is_object(struct slice text);
static struct slice put_in(struct arena *arena, struct slice before, struct slice raw);
static struct slice trim(struct slice text);

struct slice
call_input_read(struct arena *arena, struct slice raw)
{
    struct slice text = raw;

    if (raw.len == 0)
        return SLICE_LIT("{}");
    if (memchr(raw.ptr, '\\', raw.len) != NULL && !decode(arena, raw, &text))
        return SLICE_LIT("{}");
    text = trim(text);
    if (text.len == 0)
        return SLICE_LIT("{}");
    return is_object(text) ? text : put_in(arena, SLICE_LIT("{\"_raw\":\""), raw);
}

/* Only a full arena fails: the text was scanned. */
static bool
decode(struct arena *arena, struct slice raw, struct slice *out)
{
    const char *p = raw.ptr, *end = p + raw.len;
    char *room = arena_alloc(arena, raw.len); /* an escape is longer than what it means */
    size_t len = 0;

    if (room == NULL)
        return false;
    while (p != end) {
        char c[4];
        int32_t code = json_skip_char(&p, end);
        size_t n = code < 0 ? 0 : utf8_encode((uint32_t)code, c);

        if (n == 0)
            break;
        memcpy(room + len, c, n);
        len += n;
    }
    *out = slice_of(room, len);
    return true;
}

static bool
is_object(struct slice text)
{
    struct json_error error;
    enum json_type type;

    return json_scan_value(text, &type, &error) == 0 && type == JSON_OBJECT;
}

static struct slice
trim(struct slice text)
{
    while (text.len > 0 && (unsigned char)text.ptr[0] <= ' ')
        text = slice_sub(text, 1, text.len);
    while (text.len > 0 && (unsigned char)text.ptr[text.len - 1] <= ' ')
        text.len--;
    return text;
}

static struct slice
put_in(struct arena *arena, struct slice before, struct slice raw)
{
    const struct slice after = SLICE_LIT("\"}");
    char *room = arena_alloc(arena, before.len + raw.len + after.len);

    if (room == NULL)
        return SLICE_LIT("{}");
    memcpy(room, before.ptr, before.len);
    if (raw.len > 0)
        memcpy(room + before.len, raw.ptr, raw.len);
    memcpy(room + before.len + raw.len, after.ptr, after.len);
    return slice_of(room, before.len + raw.len + after.len);
}

/* In runs: quotes and backslashes are few, and white space outside strings mostly none. */
void
call_input_write(struct buf *out, struct slice json)
{
    const char *p = json.ptr, *end = p + json.len, *run = p;
    bool is_in_string = false;

    for (; p != end; p++) {
        if (*p == '\\' && p + 1 != end) {
            buf_append(out, run, (size_t)(p - run));
            buf_append_str(out, p[1] == '"' || p[1] == '\\' ? "\\\\\\" : "\\\\");
            run = ++p;
        } else if (*p == '"') {
            buf_append(out, run, (size_t)(p - run));
            buf_append_byte(out, '\\');
            run = p;
            is_in_string = !is_in_string;
        } else if (!is_in_string && (unsigned char)*p <= ' ') {
            buf_append(out, run, (size_t)(p - run));
            run = p + 1;
        }
    }
    buf_append(out, run, (size_t)(end - run));
}

struct slice
call_input_wrap(struct arena *arena, struct slice raw)
{
    return put_in(arena, SLICE_LIT("{\"input\":\""), raw);
}

struct slice
call_input_unwrap(struct slice json)
{
    struct json_member input;

    if (!json_find_in(json, "input", &input) || input.type != JSON_STRING)
        return SLICE_LIT("");
    return slice_sub(input.value, 1, input.value.len - 1);
}
