/* SPDX-License-Identifier: ISC
 *
 * System messages in mid-conversation, for targets that know none: said by the user, in their
 * place. To put them in front would change the order, and all that a prompt cache holds.
 */
#include "turns.h"

struct wrapping {
    struct arena *arena;
    const struct neutral_request *from;
    struct neutral_request *out;
    struct neutral_turn *turns;
    struct neutral_part *parts;
    uint32_t n_turns, n_parts;
};

static bool has_late_system(const struct neutral_request *request);
static void add_turn(struct wrapping *w, const struct neutral_turn *turn, bool is_late);
static void wrap_text(struct arena *arena, struct slice *text);
static void add_children(struct wrapping *w);

void
turns_wrap(const struct neutral_request *request, struct arena *arena, struct neutral_request *out)
{
    struct wrapping w = {.arena = arena, .from = request, .out = out};
    bool is_late = false;

    *out = *request;
    if (!has_late_system(request))
        return;
    w.turns = arena_alloc(arena, request->n_turns * sizeof(*w.turns));
    w.parts = arena_alloc(arena, request->n_parts * sizeof(*w.parts));
    if (w.turns == NULL || w.parts == NULL)
        return;
    for (uint32_t i = 0; i < request->n_turns; i++) {
        is_late |= request->turns[i].role != NEUTRAL_SYSTEM;
        add_turn(&w, &request->turns[i], is_late);
    }
    add_children(&w);
}

static bool
has_late_system(const struct neutral_request *request)
{
    bool is_late = false;

    for (uint32_t i = 0; i < request->n_turns; i++) {
        if (is_late && request->turns[i].role == NEUTRAL_SYSTEM)
            return true;
        is_late |= request->turns[i].role != NEUTRAL_SYSTEM;
    }
    return false;
}

/* A user's turn goes on after what was wrapped, so results cannot come behind it: they follow their
 * calls at once in a regular request. */
static void
add_turn(struct wrapping *w, const struct neutral_turn *turn, bool is_late)
{
    const bool is_wrapped = is_late && turn->role == NEUTRAL_SYSTEM;
    const enum neutral_role role = is_wrapped ? NEUTRAL_USER : turn->role;

    if (w->n_turns == 0 || role == NEUTRAL_SYSTEM || w->turns[w->n_turns - 1].role != role) {
        w->turns[w->n_turns] = *turn;
        w->turns[w->n_turns].role = role;
        w->turns[w->n_turns].is_developer = turn->is_developer && !is_wrapped;
        w->turns[w->n_turns].first_part = w->n_parts;
        w->turns[w->n_turns++].n_parts = 0;
    }
    for (uint32_t i = turn->first_part; i < turn->first_part + turn->n_parts; i++) {
        w->parts[w->n_parts] = w->from->parts[i];
        if (is_wrapped && w->parts[w->n_parts].kind == NEUTRAL_TEXT)
            wrap_text(w->arena, &w->parts[w->n_parts].text);
        w->n_parts++;
    }
    w->turns[w->n_turns - 1].n_parts += turn->n_parts;
}

static void
wrap_text(struct arena *arena, struct slice *text)
{
    const struct slice before = SLICE_LIT("<system>"), after = SLICE_LIT("</system>");
    char *whole = arena_alloc(arena, before.len + text->len + after.len);

    if (whole == NULL)
        return;
    memcpy(whole, before.ptr, before.len);
    memcpy(whole + before.len, text->ptr, text->len);
    memcpy(whole + before.len + text->len, after.ptr, after.len);
    *text = slice_of(whole, before.len + text->len + after.len);
}

/* In a regular request children stand behind the parts of all turns, which have not become more. */
static void
add_children(struct wrapping *w)
{
    memcpy(w->parts + w->n_parts, w->from->parts + w->n_parts,
           (w->from->n_parts - w->n_parts) * sizeof(*w->parts));
    w->out->turns = w->turns;
    w->out->n_turns = w->n_turns;
    w->out->parts = w->parts;
}
