/* SPDX-License-Identifier: ISC */
#include "relayos/codec/sse.h"

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "relayos/base/limits.h"

static void forget_given(struct sse *sse);
static bool take_plain_event(struct sse *sse, struct sse_event *out);
static bool next_plain_line(struct slice *text, struct slice *out);
static int take_event(struct sse *sse, struct slice *out);
static const char *event_end(struct sse *sse);
static bool is_line_end(char c);
static const char *find_line_end(const char *p, const char *end);
static bool parse_event(struct sse *sse, struct slice text, struct sse_event *out);
static bool next_line(struct slice *text, struct slice *out);
static bool is_field(struct slice line, struct slice name, struct slice *out_value);
static int fail(struct sse *sse);

void
sse_init(struct sse *sse)
{
    *sse = (struct sse){.at_start = true};
    buf_init(&sse->held, LIMIT_SSE_EVENT);
    buf_init(&sse->joined, LIMIT_SSE_EVENT);
}

void
sse_fini(struct sse *sse)
{
    buf_fini(&sse->held);
    buf_fini(&sse->joined);
}

void
sse_feed(struct sse *sse, struct slice chunk)
{
    sse->chunk = chunk;
}

int
sse_next(struct sse *sse, struct sse_event *out)
{
    struct slice text;

    for (;;) {
        forget_given(sse);
        if (take_plain_event(sse, out))
            return 0;
        int err = sse->is_failed ? ERR_TOO_LARGE : take_event(sse, &text);
        if (err != 0)
            return err;
        if (parse_event(sse, text, out))
            return 0;
    }
}

int
sse_finish(struct sse *sse, struct sse_event *out)
{
    if (sse->is_failed)
        return ERR_TOO_LARGE;
    forget_given(sse);
    sse->is_given = true;
    return parse_event(sse, buf_slice(&sse->held), out) ? 0 : ERR_INCOMPLETE;
}

/* What the last event lived in is free now; a stream that waits holds no memory. */
static void
forget_given(struct sse *sse)
{
    if (sse->joined.len > 0) {
        buf_clear(&sse->joined);
        buf_shrink(&sse->joined);
    }
    if (sse->is_given) {
        buf_clear(&sse->held);
        buf_shrink(&sse->held);
    }
    sse->is_given = false;
}

/* What nearly all events are: all in the chunk, one line of data, perhaps a name before it, LFs. */
static bool
take_plain_event(struct sse *sse, struct sse_event *out)
{
    struct slice rest = sse->chunk, line;
    struct slice name = {0};

    if (sse->held.len > 0 || sse->after_cr || sse->at_start || sse->is_failed ||
        !next_plain_line(&rest, &line))
        return false;
    if (is_field(line, SLICE_LIT("event"), &name) && !next_plain_line(&rest, &line))
        return false;
    if (!is_field(line, SLICE_LIT("data"), &out->data) || rest.len == 0 || *rest.ptr != '\n' ||
        sse->chunk.len - rest.len >= LIMIT_SSE_EVENT)
        return false;
    out->name = name;
    sse->chunk = slice_sub(rest, 1, rest.len);
    return true;
}

static bool
next_plain_line(struct slice *text, struct slice *out)
{
    const char *feed = text->len == 0 ? NULL : memchr(text->ptr, '\n', text->len);

    if (feed == NULL)
        return false;
    *out = slice_of(text->ptr, (size_t)(feed - text->ptr));
    *text = slice_sub(*text, out->len + 1, text->len);
    return out->len > 0 && memchr(out->ptr, '\r', out->len) == NULL;
}

/* Bytes of the next whole event: in the chunk if it lies there alone, else in held. */
static int
take_event(struct sse *sse, struct slice *out)
{
    if (sse->chunk.len == 0)
        return ERR_INCOMPLETE;

    const char *stop = event_end(sse);
    size_t len = stop == NULL ? sse->chunk.len : (size_t)(stop - sse->chunk.ptr);
    struct slice text = slice_sub(sse->chunk, 0, len);

    if (len > LIMIT_SSE_EVENT - sse->held.len)
        return fail(sse);
    sse->chunk = slice_sub(sse->chunk, len, sse->chunk.len);
    if (stop == NULL || sse->held.len > 0) {
        buf_append_slice(&sse->held, text);
        text = buf_slice(&sse->held);
        sse->is_given = stop != NULL;
    }
    *out = text;
    return stop == NULL ? ERR_INCOMPLETE : 0;
}

/*
 * Byte behind the blank line that ends the event under way, or NULL if the chunk has none. Of the
 * chunks before only the last byte matters: is the line that goes on here empty so far?
 */
static const char *
event_end(struct sse *sse)
{
    const char *p = sse->chunk.ptr, *end = p + sse->chunk.len;
    size_t held = sse->held.len;
    bool is_empty = held == 0 || is_line_end(sse->held.ptr[held - 1]);

    if (sse->after_cr && *p == '\n')
        p++;
    sse->after_cr = false;
    for (;;) {
        const char *line_end = find_line_end(p, end);
        bool is_blank = is_empty && line_end == p;

        if (line_end == end)
            return NULL;
        p = line_end + 1;
        if (*line_end == '\r' && p == end)
            sse->after_cr = true;
        else if (*line_end == '\r' && *p == '\n')
            p++;
        if (is_blank)
            return p;
        is_empty = true;
    }
}

static inline bool
is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static const char *
find_line_end(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)p);
        __m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n')),
                                    _mm_cmpeq_epi8(x, _mm_set1_epi8('\r')));
        unsigned stops = (unsigned)_mm_movemask_epi8(stop);

        if (stops != 0)
            return p + __builtin_ctz(stops);
    }
#endif
    while (p != end && !is_line_end(*p))
        p++;
    return p;
}

/* The fields of an event's lines; false if it has no data. */
static bool
parse_event(struct sse *sse, struct slice text, struct sse_event *out)
{
    struct sse_event event = {0};
    struct slice line, value;
    size_t n_data = 0;

    if (sse->at_start && slice_starts_with(text, SLICE_LIT("\xEF\xBB\xBF")))
        text = slice_sub(text, 3, text.len);
    sse->at_start = false;
    while (next_line(&text, &line)) {
        if (is_field(line, SLICE_LIT("event"), &value)) {
            event.name = value;
        } else if (is_field(line, SLICE_LIT("data"), &value)) {
            if (n_data++ == 0) {
                event.data = value;
                continue;
            }
            if (n_data == 2)
                buf_append_slice(&sse->joined, event.data);
            buf_append_byte(&sse->joined, '\n');
            buf_append_slice(&sse->joined, value);
        }
    }
    if (n_data > 1)
        event.data = buf_slice(&sse->joined);
    *out = event;
    return n_data > 0;
}

/* Take the next line off text; CR, LF and CRLF end one, and so does the end of the text. */
static bool
next_line(struct slice *text, struct slice *out)
{
    if (text->len == 0)
        return false;

    const char *end = text->ptr + text->len;
    const char *line_end = find_line_end(text->ptr, end);
    const char *next = line_end;

    if (next != end)
        next += *next == '\r' && next + 1 != end && next[1] == '\n' ? 2 : 1;
    *out = slice_of(text->ptr, (size_t)(line_end - text->ptr));
    *text = slice_of(next, (size_t)(end - next));
    return true;
}

/* "name: value", "name:value" or "name" alone. */
static bool
is_field(struct slice line, struct slice name, struct slice *out_value)
{
    if (!slice_starts_with(line, name) || (line.len > name.len && line.ptr[name.len] != ':'))
        return false;

    size_t from = line.len == name.len ? line.len : name.len + 1;
    if (from < line.len && line.ptr[from] == ' ')
        from++;
    *out_value = slice_sub(line, from, line.len);
    return true;
}

static int
fail(struct sse *sse)
{
    sse->is_failed = true;
    buf_fini(&sse->held);
    buf_init(&sse->held, LIMIT_SSE_EVENT);
    return ERR_TOO_LARGE;
}
