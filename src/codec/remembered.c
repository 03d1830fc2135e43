/* SPDX-License-Identifier: ISC */
#include "relayos/codec/remembered.h"

#include <string.h>

#include "relayos/codec/carrier.h"

enum { MAX_LOOKUPS = 512 }; /* of one request: older calls are long answered */

struct inserting {
    const struct neutral_request *request;
    struct slice *found; /* by part: carriers, a line each */
    struct neutral_turn *turns;
    struct neutral_part *parts;
    uint32_t n_parts;
};

static uint32_t look_up(struct inserting *w, const struct remembered *memory, struct arena *arena);
static bool is_without_state(const struct neutral_request *request,
                             const struct neutral_turn *turn);
static uint32_t count_lines(struct slice text);
static void add_turn(struct inserting *w, uint32_t i);
static void add_reasoning(struct inserting *w, uint32_t part);
static struct slice next_line(struct slice *text);

void
remembered_insert(struct neutral_request *request, const struct remembered *memory,
                  struct arena *arena)
{
    struct inserting w = {.request = request};

    w.found = arena_alloc(arena, request->n_parts * sizeof(*w.found));
    const uint32_t n_more = w.found == NULL ? 0 : look_up(&w, memory, arena);
    if (n_more == 0)
        return;
    w.turns = arena_alloc(arena, request->n_turns * sizeof(*w.turns));
    w.parts = arena_alloc(arena, (request->n_parts + n_more) * sizeof(*w.parts));
    if (w.turns == NULL || w.parts == NULL)
        return;
    for (uint32_t i = 0; i < request->n_turns; i++)
        add_turn(&w, i);
    /* Children of results stand behind the parts of all turns: all of them move as far. */
    const uint32_t n_moved = request->n_parts - (w.n_parts - n_more);
    memcpy(&w.parts[w.n_parts], &request->parts[w.n_parts - n_more], n_moved * sizeof(*w.parts));
    for (uint32_t i = 0; i < w.n_parts; i++) {
        if (w.parts[i].n_children > 0)
            w.parts[i].first_child += n_more;
    }
    request->turns = w.turns;
    request->parts = w.parts;
    request->n_parts = w.n_parts + n_moved;
}

/* The latest calls first. Gives the number of parts that are to be put in. */
static uint32_t
look_up(struct inserting *w, const struct remembered *memory, struct arena *arena)
{
    const struct neutral_request *request = w->request;
    uint32_t n_more = 0, n_lookups = 0;
    struct buf found;

    buf_init(&found, memory->max);
    for (uint32_t i = request->n_turns; i-- > 0;) {
        const struct neutral_turn *turn = &request->turns[i];

        if (turn->role != NEUTRAL_ASSISTANT || !is_without_state(request, turn))
            continue;
        for (uint32_t k = turn->first_part; k < turn->first_part + turn->n_parts; k++) {
            const struct neutral_part *part = &request->parts[k];

            if (part->kind != NEUTRAL_CALL || n_lookups++ >= MAX_LOOKUPS)
                continue;
            buf_clear(&found);
            if (memory->find(memory->ctx, part->id, &found))
                w->found[k] = arena_copy(arena, buf_slice(&found));
            n_more += count_lines(w->found[k]);
        }
    }
    buf_fini(&found);
    return n_more;
}

static bool
is_without_state(const struct neutral_request *request, const struct neutral_turn *turn)
{
    for (uint32_t i = turn->first_part; i < turn->first_part + turn->n_parts; i++) {
        const struct neutral_part *part = &request->parts[i];

        if (part->kind == NEUTRAL_REASONING && (part->state.len > 0 || part->carrier.len > 0))
            return false;
    }
    return true;
}

static uint32_t
count_lines(struct slice text)
{
    uint32_t n = 0;

    while (next_line(&text).len > 0)
        n++;
    return n;
}

/* What led to the first call led to all of the turn; what came between two calls stays there. */
static void
add_turn(struct inserting *w, uint32_t i)
{
    const struct neutral_turn *turn = &w->request->turns[i];
    const uint32_t end = turn->first_part + turn->n_parts;
    uint32_t first = turn->first_part;

    w->turns[i] = *turn;
    w->turns[i].first_part = w->n_parts;
    while (first < end && w->request->parts[first].kind != NEUTRAL_CALL)
        first++;
    if (first < end)
        add_reasoning(w, first);
    for (uint32_t k = turn->first_part; k < end; k++) {
        if (k != first)
            add_reasoning(w, k);
        w->parts[w->n_parts++] = w->request->parts[k];
    }
    w->turns[i].n_parts = w->n_parts - w->turns[i].first_part;
}

static void
add_reasoning(struct inserting *w, uint32_t part)
{
    const struct slice text_mark = SLICE_LIT(CARRIER_MARK "txt.");
    struct slice rest = w->found[part], line;

    while ((line = next_line(&rest)).len > 0) {
        struct neutral_part *reasoning = &w->parts[w->n_parts++];

        *reasoning = (struct neutral_part){.kind = NEUTRAL_REASONING};
        if (!carrier_read(line, reasoning) || reasoning->origin != NEUTRAL_ORIGIN_TEXT)
            continue;
        reasoning->carrier.len = 0;
        if (slice_starts_with(line, text_mark))
            reasoning->text = slice_sub(line, text_mark.len, line.len);
    }
}

static struct slice
next_line(struct slice *text)
{
    const char *end = text->len == 0 ? NULL : memchr(text->ptr, '\n', text->len);
    const size_t len = end == NULL ? text->len : (size_t)(end - text->ptr);
    const struct slice line = slice_sub(*text, 0, len);

    *text = slice_sub(*text, end == NULL ? len : len + 1, text->len);
    return line;
}
