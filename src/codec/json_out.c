/* SPDX-License-Identifier: ISC */
#include "relayos/codec/json_out.h"

#include <assert.h>

#include "utf8.h"

/* ASCII that stands for itself in a string. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};

static void begin_value(struct json_out *out, const char *key);
static void open_container(struct json_out *out, const char *key, char bracket);
static void close_container(struct json_out *out, char bracket);
static void append_quoted(struct buf *buf, struct slice value);
static void escape_byte(struct buf *out, char c);

void
json_out_init(struct json_out *out, struct buf *buf)
{
    *out = (struct json_out){.buf = buf};
}

void
json_out_object(struct json_out *out, const char *key)
{
    open_container(out, key, '{');
}

void
json_out_array(struct json_out *out, const char *key)
{
    open_container(out, key, '[');
}

void
json_out_end_object(struct json_out *out)
{
    close_container(out, '}');
}

void
json_out_end_array(struct json_out *out)
{
    close_container(out, ']');
}

void
json_out_string(struct json_out *out, const char *key, struct slice value)
{
    begin_value(out, key);
    append_quoted(out->buf, value);
}

void
json_out_str(struct json_out *out, const char *key, const char *value)
{
    if (value == NULL)
        json_out_null(out, key);
    else
        json_out_string(out, key, slice_str(value));
}

void
json_out_int(struct json_out *out, const char *key, int64_t value)
{
    begin_value(out, key);
    buf_append_int(out->buf, value);
}

void
json_out_bool(struct json_out *out, const char *key, bool value)
{
    begin_value(out, key);
    buf_append_str(out->buf, value ? "true" : "false");
}

void
json_out_null(struct json_out *out, const char *key)
{
    begin_value(out, key);
    buf_append_slice(out->buf, SLICE_LIT("null"));
}

void
json_out_raw_string(struct json_out *out, const char *key, struct slice raw)
{
    begin_value(out, key);
    buf_append_byte(out->buf, '"');
    buf_append_slice(out->buf, raw);
    buf_append_byte(out->buf, '"');
}

void
json_out_raw_key(struct json_out *out, struct slice raw)
{
    json_out_raw_string(out, NULL, raw);
    buf_append_byte(out->buf, ':');
    out->need_comma = false;
}

void
json_out_raw(struct json_out *out, const char *key, struct slice json)
{
    begin_value(out, key);
    buf_append_slice(out->buf, json);
}

static void
begin_value(struct json_out *out, const char *key)
{
    if (out->need_comma)
        buf_append_byte(out->buf, ',');
    out->need_comma = true;
    if (key == NULL)
        return;
    append_quoted(out->buf, slice_str(key));
    buf_append_byte(out->buf, ':');
}

static void
open_container(struct json_out *out, const char *key, char bracket)
{
    begin_value(out, key);
    buf_append_byte(out->buf, bracket);
    out->depth++;
    out->need_comma = false;
}

static void
close_container(struct json_out *out, char bracket)
{
    assert(out->depth > 0);

    buf_append_byte(out->buf, bracket);
    out->depth--;
    out->need_comma = true;
}

static void
append_quoted(struct buf *buf, struct slice value)
{
    buf_append_byte(buf, '"');
    json_escape(buf, value);
    buf_append_byte(buf, '"');
}

void
json_escape(struct buf *out, struct slice value)
{
    const char *p = value.ptr, *end = value.len == 0 ? p : p + value.len; /* p may be NULL */

    while (p != end) {
        const char *run = p;
        size_t len = 1;

        while (p != end && is_plain[(uint8_t)*p])
            p++;
        buf_append(out, run, (size_t)(p - run));
        if (p == end)
            break;
        if (*p >= 0)
            escape_byte(out, *p);
        else if ((len = utf8_length(p, end)) > 0)
            buf_append(out, p, len);
        else
            buf_append_slice(out, SLICE_LIT("\xEF\xBF\xBD"));
        p += len > 0 ? len : 1;
    }
}

static void
escape_byte(struct buf *out, char c)
{
    static const char bytes[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = memchr(bytes, c, sizeof(bytes) - 1);

    if (at != NULL) {
        buf_append_byte(out, '\\');
        buf_append_byte(out, letters[at - bytes]);
    } else {
        buf_printf(out, "\\u%04x", (unsigned)c);
    }
}
