/* SPDX-License-Identifier: ISC
 *
 * scrub_find - the whole text at each depth of its escapes; then the texts that events bring piece
 * by piece, each put together.
 */
#include "scrub_find.h"

#include <stdlib.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/codec/json_scan.h"
#include "scrub_look.h"
#include "scrub_view.h"

#define DEPTH 3 /* JSON in a string in a string */

/* A string of an event; channel: of which text it is a piece. */
struct piece {
    uint64_t channel;
    uint32_t from, to;
};

struct pieces {
    struct slice text;
    uint64_t channel; /* of the event at hand */
    size_t n, capacity;
    struct piece *list;
};

static void look_deep(struct scrub_view *view, bool is_cut, uint8_t *marks);
static bool is_document(struct slice text);
static void collect(struct pieces *pieces);
static void collect_event(struct pieces *pieces, struct slice data);
static json_visitor note_index, note_piece;
static bool carries_text(const struct json_member *member);
static int by_channel(const void *a, const void *b);

void
scrub_find_in(struct slice text, bool is_cut, uint8_t *marks)
{
    struct pieces pieces = {.text = text};
    struct scrub_view view;

    scrub_view_init(&view, text.len);
    scrub_view_add(&view, text, 0, text.len);
    look_deep(&view, is_cut, marks);
    if (!is_document(text))
        collect(&pieces);
    if (pieces.n > 1)
        qsort(pieces.list, pieces.n, sizeof(pieces.list[0]), by_channel);
    for (size_t first = 0, last; first < pieces.n; first = last) {
        scrub_view_clear(&view);
        for (last = first; last < pieces.n; last++) {
            if (pieces.list[last].channel != pieces.list[first].channel)
                break;
            scrub_view_add(&view, text, pieces.list[last].from, pieces.list[last].to);
        }
        if (last - first > 1)
            look_deep(&view, is_cut, marks);
    }
    free(pieces.list);
    scrub_view_fini(&view);
}

static void
look_deep(struct scrub_view *view, bool is_cut, uint8_t *marks)
{
    int depth = 0;

    do
        scrub_look(view, is_cut, marks);
    while (depth++ < DEPTH && scrub_view_unescape(view));
}

/* No stream of events begins so. */
static bool
is_document(struct slice text)
{
    size_t at = 0;

    while (at < text.len && strchr(" \t\r\n", text.ptr[at]) != NULL)
        at++;
    return at < text.len && (text.ptr[at] == '{' || text.ptr[at] == '[');
}

/* ---- events ---- */

static void
collect(struct pieces *pieces)
{
    const char *at = pieces->text.ptr, *end = at + pieces->text.len;

    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        struct slice line = slice_of(at, (size_t)((feed == NULL ? end : feed) - at));

        if (slice_starts_with(line, SLICE_LIT("data:")))
            collect_event(pieces, slice_sub(line, 5, line.len));
        at = feed == NULL ? end : feed + 1;
    }
}

/* What is no JSON is no piece of anything: it was looked at as it stands. */
static void
collect_event(struct pieces *pieces, struct slice data)
{
    pieces->channel = 0;
    if (json_visit(data, note_index, pieces) != 0 || json_visit(data, note_piece, pieces) != 0)
        return;
}

/* "index", "output_index", "content_index": several texts may come at a time. */
static enum json_step
note_index(void *ctx, unsigned depth, const struct json_member *member)
{
    struct pieces *pieces = ctx;
    int64_t index;
    struct slice key = member->key;

    (void)depth;
    if (member->type == JSON_NUMBER && key.len >= 5 &&
        slice_eq_str(slice_sub(key, key.len - 5, key.len), "index") &&
        json_int(member->value, &index) == 0)
        pieces->channel = hash_mix64(pieces->channel + (uint64_t)index + 1);
    return JSON_STEP_INTO;
}

static enum json_step
note_piece(void *ctx, unsigned depth, const struct json_member *member)
{
    struct pieces *pieces = ctx;

    (void)depth;
    if (member->type != JSON_STRING || member->value.len <= 2 || !carries_text(member))
        return JSON_STEP_INTO;
    if (pieces->n == pieces->capacity) {
        pieces->capacity = pieces->capacity == 0 ? 64 : 2 * pieces->capacity;
        pieces->list = mem_array(pieces->list, pieces->capacity, sizeof(pieces->list[0]));
    }
    uint32_t from = (uint32_t)(member->value.ptr - pieces->text.ptr) + 1;
    uint64_t name = 0;

    for (size_t n = 0; n < member->key.len; n++)
        name = name * 31 + (unsigned char)member->key.ptr[n];
    pieces->list[pieces->n++] = (struct piece){
        .channel = hash_mix64(pieces->channel ^ hash_mix64(name)),
        .from = from,
        .to = from + (uint32_t)member->value.len - 2,
    };
    return JSON_STEP_INTO;
}

/* Ids and names come in each event, too, and put together would look like anything. */
static bool
carries_text(const struct json_member *member)
{
    static const char *const names[] = {
        "content",      "text",      "delta",     "partial_json",      "arguments",
        "thinking",     "reasoning", "code",      "reasoning_content", "refusal",
        "partial_args", "input",     "signature", "transcript",        "data"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (slice_eq_str(member->key, names[n]))
            return true;
    }
    return false;
}

static int
by_channel(const void *a, const void *b)
{
    const struct piece *left = a, *right = b;

    if (left->channel != right->channel)
        return left->channel < right->channel ? -1 : 1;
    return left->from < right->from ? -1 : left->from > right->from;
}
