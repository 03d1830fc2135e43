/* SPDX-License-Identifier: ISC
 *
 * Most events of a stream are the event before with another text. One that was read the slow way
 * leaves a pattern: its bytes and those that the caller got, without the values that may differ.
 * An event that fits it is as valid, has the same shape, needs the same edits and says nothing but
 * its text: it is put together from the pieces. Prefix: dialect_.
 */
#include "dialect_parts.h"
#include "json_skip.h"

#define PATTERN_SIZE 4096 /* of both texts; longer events are few */

static bool match(const struct reply_stream *stream, struct slice data, struct slice *values);
static void put_together(const struct reply_stream *stream, const struct slice *values,
                         struct buf *out);
static size_t names_len(const struct reply_stream *stream);
static size_t sort_holes(const struct slice *holes, uint8_t *order);
static bool is_edited(const struct edits *edits, size_t from, size_t to);
static size_t after_edits(const struct edits *edits, size_t at);
static void put_piece(struct reply_stream *stream, size_t i, struct slice in, struct slice out);

bool
dialect_repeat_event(struct reply_stream *stream, struct slice data, struct buf *out,
                     struct reply_facts *facts)
{
    struct slice values[DIALECT_N_HOLES] = {{0}};

    if (stream->pattern.n_holes == 0 || !match(stream, data, values))
        return false;
    *facts = (struct reply_facts){0};
    facts->content_bytes = (int64_t)json_string_length(values[HOLE_TEXT]);
    facts->is_content = facts->content_bytes > 0;
    dialect_note(stream, facts);
    if (values[HOLE_SEQUENCE].len > 0)
        dialect_note_sequence(stream, values[HOLE_SEQUENCE]);
    put_together(stream, values, out);
    stream->n_events++;
    return true;
}

static bool
match(const struct reply_stream *stream, struct slice data, struct slice *values)
{
    const struct reply_pattern *pattern = &stream->pattern;
    const char *piece = stream->scratch.ptr + names_len(stream);
    const char *p = data.ptr, *end = p + data.len;
    struct json_skip skip = {.begin = p, .end = end};

    for (size_t i = 0;; i++) {
        if ((size_t)(end - p) < pattern->in[i] || memcmp(p, piece, pattern->in[i]) != 0)
            return false;
        p += pattern->in[i];
        piece += pattern->in[i] + pattern->out[i];
        if (p == end || i == pattern->n_holes)
            return p == end && i == pattern->n_holes;
        enum hole hole = (enum hole)pattern->holes[i];
        enum json_type type = hole == HOLE_SEQUENCE ? JSON_NUMBER : JSON_STRING;
        const char *after = json_skip_type(*p) == type ? json_skip_value(&skip, p, 1) : NULL;
        if (after == NULL)
            return false;
        values[hole] = slice_of(p, (size_t)(after - p));
        p = after;
    }
}

static void
put_together(const struct reply_stream *stream, const struct slice *values, struct buf *out)
{
    const struct reply_pattern *pattern = &stream->pattern;
    const char *piece = stream->scratch.ptr + names_len(stream);

    for (size_t i = 0; i <= pattern->n_holes; i++) {
        piece += pattern->in[i];
        buf_append(out, piece, pattern->out[i]);
        piece += pattern->out[i];
        if (i < pattern->n_holes)
            buf_append_slice(out, values[pattern->holes[i]]);
    }
}

/* The pattern stands behind the names. */
static inline size_t
names_len(const struct reply_stream *stream)
{
    return stream->kept.model_len + stream->kept.id_len;
}

void
dialect_repeat_expect(struct rewrite *rewrite, const struct json_object *object, struct slice text)
{
    const struct json_member *padding = json_find(object, "obfuscation");
    const struct json_member *sequence = json_find(object, "sequence_number");

    rewrite->holes[HOLE_TEXT] = text;
    if (padding != NULL && padding->type == JSON_STRING)
        rewrite->holes[HOLE_PADDING] = padding->value;
    if (sequence != NULL && sequence->type == JSON_NUMBER)
        rewrite->holes[HOLE_SEQUENCE] = sequence->value;
}

void
dialect_repeat_learn(struct reply_stream *stream, const struct rewrite *rewrite,
                     struct slice emitted)
{
    const struct slice text = rewrite->text;
    struct reply_pattern *pattern = &stream->pattern;
    /* What was emitted is the text, edited, between the event's name and two line feeds. */
    size_t head = emitted.len - 2 - edits_length(rewrite->edits, text);
    size_t n_holes = sort_holes(rewrite->holes, pattern->holes);
    size_t in = 0, out = 0;

    dialect_repeat_forget(stream);
    if (text.len + emitted.len > PATTERN_SIZE || memchr(text.ptr, '\n', text.len) != NULL)
        return;
    for (size_t i = 0; i < n_holes; i++) {
        struct slice hole = rewrite->holes[pattern->holes[i]];
        size_t from = (size_t)(hole.ptr - text.ptr), to = from + hole.len;
        size_t out_from = head + after_edits(rewrite->edits, from);

        if (is_edited(rewrite->edits, from, to))
            return;
        put_piece(stream, i, slice_sub(text, in, from), slice_sub(emitted, out, out_from));
        in = to;
        out = out_from + hole.len;
    }
    put_piece(stream, n_holes, slice_sub(text, in, text.len), slice_sub(emitted, out, emitted.len));
    pattern->n_holes = n_holes;
}

void
dialect_repeat_forget(struct reply_stream *stream)
{
    stream->pattern.n_holes = 0;
    stream->kept.pattern_len = 0;
    stream->scratch.len = names_len(stream);
}

/* The kinds of the holes there are, in the order of the text. */
static size_t
sort_holes(const struct slice *holes, uint8_t *order)
{
    size_t n = 0;

    for (uint8_t hole = 0; hole < DIALECT_N_HOLES; hole++) {
        size_t i = n;

        if (holes[hole].len == 0)
            continue;
        for (; i > 0 && holes[order[i - 1]].ptr > holes[hole].ptr; i--)
            order[i] = order[i - 1];
        order[i] = hole;
        n++;
    }
    return n;
}

static bool
is_edited(const struct edits *edits, size_t from, size_t to)
{
    for (size_t i = 0; i < edits->n; i++) {
        if (edits->edit[i].from < to && edits->edit[i].to > from)
            return true;
    }
    return false;
}

/* Where a byte of the text stands after the edits before it. */
static size_t
after_edits(const struct edits *edits, size_t at)
{
    size_t shifted = at;

    for (size_t i = 0; i < edits->n && edits->edit[i].to <= at; i++)
        shifted += edits->edit[i].with.len - (edits->edit[i].to - edits->edit[i].from);
    return shifted;
}

static void
put_piece(struct reply_stream *stream, size_t i, struct slice in, struct slice out)
{
    stream->pattern.in[i] = (uint32_t)in.len;
    stream->pattern.out[i] = (uint32_t)out.len;
    stream->kept.pattern_len += in.len + out.len;
    buf_append_slice(&stream->scratch, in);
    buf_append_slice(&stream->scratch, out);
}
