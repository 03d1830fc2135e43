/* SPDX-License-Identifier: ISC */
#include "chat_calls.h"

#include <stdio.h>

#include "call_input.h"
#include "json_skip.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"

enum {
    MAX_CALLS = 256,    /* of one answer */
    ID_HASH_BYTES = 10, /* of the answer's id, in the id of a call that came without */
    NO_CALL = -1
};

enum state { WAITING, OPEN, CLOSED };

/* How much of a JSON text has been seen: is it one whole object? */
struct progress {
    uint32_t depth;
    bool is_begun, is_in_string, is_escaped;
};

struct call {
    int64_t index;                       /* the upstream's, or NO_CALL */
    uint32_t id, id_len, name, name_len; /* in held */
    enum state state;
    bool is_custom;
    struct progress progress;
};

/* A fragment in held: this, then its bytes. */
struct fragment {
    int32_t call; /* number in the table; NO_CALL: bytes that are kept */
    uint32_t len;
};

static void take_text(const struct chat_feed *feed, int32_t number, const struct chat_piece *piece);
static int32_t find(const struct answer_reader *reader, const struct chat_piece *piece);
static int32_t add(struct answer_reader *reader, const struct chat_piece *piece);
static void learn(struct answer_reader *reader, struct call *call, const struct chat_piece *piece);
static size_t hold(struct answer_reader *reader, int32_t call, struct slice bytes);
static struct slice hold_object(struct answer_reader *reader, int32_t call, struct slice json);
static int advance(const struct chat_feed *feed, bool is_end);
static int32_t next_waiting(const struct answer_reader *reader);
static void open_call(const struct chat_feed *feed, int32_t number);
static struct slice make_id(const struct answer_reader *reader, char *room, size_t size);
static void give(const struct chat_feed *feed, int32_t number, struct slice text);
static bool is_complete(const struct call *call);
static void follow(struct progress *progress, struct slice raw);

/* The table is only touched, and so only there, where there are calls. */
static struct call *
table(const struct answer_reader *reader)
{
    return (struct call *)(void *)reader->scratch.ptr; /* of malloc: aligned for anything */
}

static int32_t
count(const struct answer_reader *reader)
{
    return (int32_t)(reader->scratch.len / sizeof(struct call));
}

int
chat_calls_take(const struct chat_feed *feed, const struct chat_piece *piece)
{
    struct answer_reader *reader = feed->reader;
    int32_t number = find(reader, piece);

    if (number == NO_CALL)
        number = add(reader, piece);
    if (number == NO_CALL)
        return ERR_UPSTREAM_ERROR;
    struct call *call = &table(reader)[number];
    learn(reader, call, piece);
    if (call->state == CLOSED) /* what was given of it was taken for all of it */
        return piece->text.len + piece->object.len == 0 ? 0 : ERR_UPSTREAM_ERROR;
    take_text(feed, number, piece);
    if (call->state == WAITING)
        return advance(feed, false);
    return reader->held.overflow ? ERR_UPSTREAM_ERROR : 0;
}

static void
take_text(const struct chat_feed *feed, int32_t number, const struct chat_piece *piece)
{
    struct answer_reader *reader = feed->reader;
    bool is_open = table(reader)[number].state == OPEN;
    struct slice text = piece->text;

    if (piece->object.len > 0)
        text = hold_object(reader, is_open ? NO_CALL : number, piece->object);
    else if (!is_open && text.len > 0)
        hold(reader, number, text);
    if (is_open && text.len > 0)
        give(feed, number, text);
}

/*
 * The newest call of that index, or without one of that id; what has neither goes on with the last.
 * Another id under a known index is another call: some servers number all of them 0.
 */
static int32_t
find(const struct answer_reader *reader, const struct chat_piece *piece)
{
    const struct call *calls = table(reader);

    for (int32_t i = count(reader) - 1; i >= 0 && !piece->is_whole; i--) {
        const struct call *call = &calls[i];
        struct slice id = slice_of(reader->held.ptr + call->id, call->id_len);
        bool is_same_id = id.len == 0 || piece->id.len == 0 || slice_eq(id, piece->id);

        if (piece->has_index && call->index == piece->index)
            return is_same_id ? i : NO_CALL;
        if (!piece->has_index && piece->id.len > 0 && id.len > 0 && is_same_id)
            return i;
        if (!piece->has_index && piece->id.len == 0)
            return piece->name.len == 0 ? i : NO_CALL;
    }
    return NO_CALL;
}

static int32_t
add(struct answer_reader *reader, const struct chat_piece *piece)
{
    int32_t number = count(reader);
    struct call call = {.index = piece->has_index ? piece->index : NO_CALL};

    if (number == MAX_CALLS)
        return NO_CALL;
    buf_append(&reader->scratch, &call, sizeof(call));
    return number;
}

/* Id, kind and name are said once, at the first fragment or later; what is said again is ignored.
 */
static void
learn(struct answer_reader *reader, struct call *call, const struct chat_piece *piece)
{
    if (call->state != WAITING)
        return;
    call->is_custom |= piece->is_custom;
    if (call->id_len == 0 && piece->id.len > 0) {
        call->id = (uint32_t)chat_calls_keep(reader, piece->id);
        call->id_len = (uint32_t)piece->id.len;
    }
    if (call->name_len == 0 && piece->name.len > 0) {
        call->name = (uint32_t)chat_calls_keep(reader, piece->name);
        call->name_len = (uint32_t)piece->name.len;
    }
}

size_t
chat_calls_keep(struct answer_reader *reader, struct slice bytes)
{
    return hold(reader, NO_CALL, bytes);
}

struct slice
chat_calls_join(struct answer_reader *reader, struct slice a, struct slice b)
{
    struct fragment fragment = {.call = NO_CALL, .len = (uint32_t)(a.len + b.len)};
    struct buf *held = &reader->held;

    if (buf_reserve(held, sizeof(fragment) + a.len + b.len) == NULL)
        return (struct slice){0};
    buf_append(held, &fragment, sizeof(fragment));
    buf_append_slice(held, a);
    buf_append_slice(held, b);
    return slice_sub(buf_slice(held), held->len - a.len - b.len, held->len);
}

static size_t
hold(struct answer_reader *reader, int32_t call, struct slice bytes)
{
    struct fragment fragment = {.call = call, .len = (uint32_t)bytes.len};
    char *room = buf_reserve(&reader->held, sizeof(fragment) + bytes.len);

    if (room == NULL)
        return 0;
    memcpy(room, &fragment, sizeof(fragment));
    memcpy(room + sizeof(fragment), bytes.ptr, bytes.len);
    buf_commit(&reader->held, sizeof(fragment) + bytes.len);
    return reader->held.len - bytes.len;
}

static struct slice
hold_object(struct answer_reader *reader, int32_t call, struct slice json)
{
    struct buf *held = &reader->held;
    size_t at = held->len, from = at + sizeof(struct fragment);
    struct fragment fragment = {.call = call};

    buf_append(held, &fragment, sizeof(fragment));
    call_input_write(held, json);
    if (held->overflow)
        return (struct slice){0};
    fragment.len = (uint32_t)(held->len - from);
    memcpy(held->ptr + at, &fragment, sizeof(fragment));
    return slice_sub(buf_slice(held), from, held->len);
}

/* Open what can be opened, in the order of their first fragments. */
static int
advance(const struct chat_feed *feed, bool is_end)
{
    struct answer_reader *reader = feed->reader;
    int32_t number;

    while ((number = next_waiting(reader)) != NO_CALL) {
        bool is_call_open = reader->is_open && reader->open == NEUTRAL_CALL;

        if (reader->held.overflow || (is_end && table(reader)[number].name_len == 0))
            return ERR_UPSTREAM_ERROR;
        if (table(reader)[number].name_len == 0)
            return 0;
        if (is_call_open && !is_end && !is_complete(&table(reader)[reader->open_index]))
            return 0;
        chat_calls_close(feed);
        open_call(feed, number);
    }
    return 0;
}

int
chat_calls_finish(const struct chat_feed *feed)
{
    int err = advance(feed, true);

    if (err == 0 && feed->reader->is_open && feed->reader->open == NEUTRAL_CALL)
        chat_calls_close(feed);
    return err;
}

static int32_t
next_waiting(const struct answer_reader *reader)
{
    for (int32_t i = 0; i < count(reader); i++) {
        if (table(reader)[i].state == WAITING)
            return i;
    }
    return NO_CALL;
}

static void
open_call(const struct chat_feed *feed, int32_t number)
{
    struct answer_reader *reader = feed->reader;
    struct call *call = &table(reader)[number];
    const char *kept = reader->held.ptr;
    char room[64];
    struct neutral_event event = {
        .kind = NEUTRAL_PART_BEGIN,
        .part = NEUTRAL_CALL,
        .id = slice_of(kept + call->id, call->id_len),
        .name = slice_of(kept + call->name, call->name_len),
        .is_custom = call->is_custom,
    };

    if (event.id.len == 0)
        event.id = make_id(reader, room, sizeof(room));
    call->state = OPEN;
    reader->is_open = true;
    reader->open = NEUTRAL_CALL;
    reader->open_index = number;
    reader->n_calls++;
    feed->sink(feed->ctx, &event);
    for (size_t at = 0; at < reader->held.len;) {
        struct fragment fragment;

        memcpy(&fragment, kept + at, sizeof(fragment));
        at += sizeof(fragment);
        if (fragment.call == number)
            give(feed, number, slice_of(kept + at, fragment.len));
        at += fragment.len;
    }
}

/* An id that no other call of the conversation has: of the answer's id, which is no caller's
 * business, and the call's number. */
static struct slice
make_id(const struct answer_reader *reader, char *room, size_t size)
{
    size_t len = reader->words[CHAT_ID_LEN];
    const char *id = len == 0 ? "" : reader->held.ptr + reader->words[CHAT_ID];
    uint8_t digest[HASH_DIGEST_SIZE];
    char hex[2 * ID_HASH_BYTES];

    hash_sha256(slice_of(id, len), digest);
    text_hex(digest, ID_HASH_BYTES, hex);
    snprintf(room, size, "call_%.*s_%u", (int)sizeof(hex), hex, reader->n_calls);
    return slice_str(room);
}

static void
give(const struct chat_feed *feed, int32_t number, struct slice text)
{
    struct call *call = &table(feed->reader)[number];
    struct neutral_event event = {.kind = NEUTRAL_PART_DELTA,
                                  .part = NEUTRAL_CALL,
                                  .text = text,
                                  .is_custom = call->is_custom};

    if (!call->is_custom)
        follow(&call->progress, text);
    feed->sink(feed->ctx, &event);
}

void
chat_calls_close(const struct chat_feed *feed)
{
    struct answer_reader *reader = feed->reader;
    struct neutral_event event = {.kind = NEUTRAL_PART_END, .part = reader->open};

    if (!reader->is_open)
        return;
    if (reader->open == NEUTRAL_CALL) {
        struct call *call = &table(reader)[reader->open_index];

        call->state = CLOSED;
        event.is_custom = call->is_custom;
    }
    reader->is_open = false;
    feed->sink(feed->ctx, &event);
}

/* Free text has no end of its own: there the next call tells. */
static bool
is_complete(const struct call *call)
{
    return call->is_custom || (call->progress.is_begun && call->progress.depth == 0);
}

/* The fragment is JSON within a JSON string: its characters are decoded once. */
static void
follow(struct progress *progress, struct slice raw)
{
    const char *p = raw.ptr, *end = p + raw.len;

    while (p != end) {
        int32_t c = json_skip_char(&p, end);

        if (c < 0)
            return;
        if (progress->is_escaped) {
            progress->is_escaped = false;
        } else if (progress->is_in_string) {
            progress->is_escaped = c == '\\';
            progress->is_in_string = c != '"';
        } else if (c == '"') {
            progress->is_in_string = true;
        } else if (c == '{' || c == '[') {
            progress->is_begun = true;
            progress->depth++;
        } else if ((c == '}' || c == ']') && progress->depth > 0) {
            progress->depth--;
        }
    }
}
