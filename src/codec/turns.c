/* SPDX-License-Identifier: ISC */
#include "turns.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "dialect_parts.h"

/* A call of the history. Those of one turn with the same id (some servers number from 0 in each
 * answer, and some always say the same) are a group: their results come in their order. */
struct call {
    uint32_t part, turn;
    uint32_t answer;              /* part that is its result, + 1; 0 = there is none */
    uint32_t group;               /* place in `order` of the group's first */
    uint32_t n_group, n_answered; /* of the group, in its first */
};

/* Making a request regular: from what was read to a new lay-out. */
struct regular {
    struct turns *turns;
    const struct neutral_request *old;
    struct call *calls; /* in the order of the history */
    uint32_t *order;    /* indexes of calls by id, then as in the history */
    uint32_t n_calls, next_call;
    struct neutral_turn *out_turns;
    struct neutral_part *out_parts;
    uint32_t n_out_turns, n_out_parts;
};

static bool begin(struct turns *turns, enum neutral_role role);
static bool gather_calls(struct regular *r);
static bool sort_calls(struct regular *r);
static int compare_calls(const void *a, const void *b, void *ctx);
static int compare_ids(struct slice a, struct slice b);
static bool is_grouped(const struct regular *r, uint32_t a, uint32_t b);
static bool match_results(struct regular *r);
static struct call *call_before(const struct regular *r, struct slice id, uint32_t part);
static bool make_room(struct regular *r);
static bool name_calls(struct regular *r);
static void lay_out(struct regular *r);
static void lay_out_turn(struct regular *r, uint32_t turn);
static bool is_empty(const struct neutral_part *part);
static void lay_out_results(struct regular *r, uint32_t turn);
static struct neutral_part *put(struct regular *r, const struct neutral_turn *like);
static void put_children(struct regular *r);

void
turns_init(struct turns *turns, struct arena *arena, struct neutral_request *request)
{
    *turns = (struct turns){.arena = arena, .request = request};
}

void
turns_begin_system(struct turns *turns, bool is_developer)
{
    if (begin(turns, NEUTRAL_SYSTEM))
        turns->request->turns[turns->request->n_turns - 1].is_developer = is_developer;
}

struct neutral_part *
turns_add(struct turns *turns, enum neutral_role role)
{
    struct neutral_request *request = turns->request;
    struct neutral_part *parts;

    turns->scrap = (struct neutral_part){0};
    if ((request->n_turns == 0 || request->turns[request->n_turns - 1].role != role) &&
        !begin(turns, role))
        return &turns->scrap;
    parts = arena_grow(turns->arena, request->parts, request->n_parts, sizeof(*parts));
    if (parts == NULL)
        return &turns->scrap;
    request->parts = parts;
    request->turns[request->n_turns - 1].n_parts++;
    parts[request->n_parts] = (struct neutral_part){0};
    return &parts[request->n_parts++];
}

struct neutral_part *
turns_add_child(struct turns *turns)
{
    struct neutral_request *request = turns->request;
    struct neutral_part *children = NULL, *result;

    turns->scrap = (struct neutral_part){0};
    if (!turns->arena->is_full)
        children = arena_grow(turns->arena, turns->children, turns->n_children, sizeof(*children));
    if (children == NULL)
        return &turns->scrap;
    assert(request->n_parts > 0 && request->parts[request->n_parts - 1].kind == NEUTRAL_RESULT);
    result = &request->parts[request->n_parts - 1];
    if (result->n_children++ == 0)
        result->first_child = turns->n_children;
    turns->children = children;
    children[turns->n_children] = (struct neutral_part){0};
    return &children[turns->n_children++];
}

static bool
begin(struct turns *turns, enum neutral_role role)
{
    struct neutral_request *request = turns->request;
    struct neutral_turn *all = NULL;

    if (!turns->arena->is_full)
        all = arena_grow(turns->arena, request->turns, request->n_turns, sizeof(*all));
    if (all == NULL)
        return false;
    request->turns = all;
    all[request->n_turns++] = (struct neutral_turn){.role = role, .first_part = request->n_parts};
    return true;
}

int
turns_finish(struct turns *turns, struct refusal_reason *why)
{
    const struct neutral_request old = *turns->request;
    struct regular r = {.turns = turns, .old = &old};

    if (turns->arena->is_full || !gather_calls(&r) || !sort_calls(&r) || !make_room(&r) ||
        !match_results(&r))
        return dialect_refuse(why, ERR_INVALID_REQUEST, "", "the request has too many parts");
    lay_out(&r);
    put_children(&r);
    turns->request->turns = r.out_turns;
    turns->request->n_turns = r.n_out_turns;
    turns->request->parts = r.out_parts;
    turns->request->n_parts = r.n_out_parts + turns->n_children;
    return 0;
}

/* Results without a turn of calls go with the rest: only an assistant calls. */
static bool
gather_calls(struct regular *r)
{
    for (uint32_t i = 0; i < r->old->n_turns; i++) {
        const struct neutral_turn *turn = &r->old->turns[i];

        for (uint32_t j = turn->first_part; j < turn->first_part + turn->n_parts; j++) {
            struct call *calls;

            if (r->old->parts[j].kind != NEUTRAL_CALL || turn->role != NEUTRAL_ASSISTANT)
                continue;
            calls = arena_grow(r->turns->arena, r->calls, r->n_calls, sizeof(*calls));
            if (calls == NULL)
                return false;
            r->calls = calls;
            calls[r->n_calls++] = (struct call){.part = j, .turn = i};
        }
    }
    return true;
}

static bool
sort_calls(struct regular *r)
{
    r->order = arena_alloc(r->turns->arena, r->n_calls * sizeof(*r->order));
    if (r->order == NULL)
        return false;
    for (uint32_t i = 0; i < r->n_calls; i++)
        r->order[i] = i;
    qsort_r(r->order, r->n_calls, sizeof(*r->order), compare_calls, r);
    for (uint32_t i = 0; i < r->n_calls; i++) {
        struct call *call = &r->calls[r->order[i]];

        call->group = i > 0 && is_grouped(r, r->order[i - 1], r->order[i])
                          ? r->calls[r->order[i - 1]].group
                          : i;
        r->calls[r->order[call->group]].n_group++;
    }
    return true;
}

static int
compare_calls(const void *a, const void *b, void *ctx)
{
    const struct regular *r = ctx;
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    const int by_id = compare_ids(r->old->parts[r->calls[x].part].id, //
                                  r->old->parts[r->calls[y].part].id);

    return by_id != 0 ? by_id : (x > y) - (x < y);
}

static int
compare_ids(struct slice a, struct slice b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int by_bytes = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static bool
is_grouped(const struct regular *r, uint32_t a, uint32_t b)
{
    const struct call *x = &r->calls[a], *y = &r->calls[b];

    return x->turn == y->turn && slice_eq(r->old->parts[x->part].id, r->old->parts[y->part].id);
}

/* And give calls their ids once their results, which have none either, are found. */
static bool
match_results(struct regular *r)
{
    for (uint32_t i = 0; i < r->old->n_parts; i++) {
        struct call *first;
        uint32_t n;

        if (r->old->parts[i].kind != NEUTRAL_RESULT)
            continue;
        first = call_before(r, r->old->parts[i].id, i);
        if (first == NULL)
            continue;
        n = first->n_answered < first->n_group ? first->n_answered++ : first->n_group - 1;
        r->calls[r->order[first->group + n]].answer = i + 1;
    }
    return name_calls(r);
}

/* First of the last group with this id in front of a part, or NULL. */
static struct call *
call_before(const struct regular *r, struct slice id, uint32_t part)
{
    uint32_t low = 0, high = r->n_calls;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct call *call = &r->calls[r->order[middle]];
        const int order = compare_ids(r->old->parts[call->part].id, id);

        if (order < 0 || (order == 0 && call->part < part))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !slice_eq(r->old->parts[r->calls[r->order[low - 1]].part].id, id))
        return NULL;
    return &r->calls[r->order[r->calls[r->order[low - 1]].group]];
}

/* Of what there was each part comes once at most; a result that was missing, and a turn for it, may
 * be added for every call. */
static bool
make_room(struct regular *r)
{
    struct arena *arena = r->turns->arena;
    const size_t n_parts =
        (size_t)r->old->n_parts + r->n_calls + r->turns->n_children + 1 /* "." */;
    const size_t n_turns = (size_t)r->old->n_turns + r->n_calls + 1;

    r->out_parts = arena_alloc(arena, n_parts * sizeof(*r->out_parts));
    r->out_turns = arena_alloc(arena, n_turns * sizeof(*r->out_turns));
    return r->out_parts != NULL && r->out_turns != NULL;
}

/* An id for a call that came without one: its number in the history, which never changes. */
static bool
name_calls(struct regular *r)
{
    for (uint32_t i = 0; i < r->n_calls; i++) {
        struct neutral_part *part = &r->old->parts[r->calls[i].part];
        char id[24];

        if (part->id.len == 0)
            part->id = arena_copy(r->turns->arena,
                                  slice_of(id, (size_t)snprintf(id, sizeof(id), "call_n%u", i)));
    }
    return !r->turns->arena->is_full;
}

static void
lay_out(struct regular *r)
{
    bool has_talk = false;

    for (uint32_t i = 0; i < r->old->n_turns; i++)
        lay_out_turn(r, i);
    for (uint32_t i = 0; i < r->n_out_turns; i++)
        has_talk |= r->out_turns[i].role != NEUTRAL_SYSTEM;
    if (!has_talk)
        put(r, &(struct neutral_turn){.role = NEUTRAL_USER})->text = SLICE_LIT(".");
}

static void
lay_out_turn(struct regular *r, uint32_t turn)
{
    const struct neutral_turn *old = &r->old->turns[turn];
    struct neutral_turn like = *old;

    like.first_part = r->n_out_parts; /* tells system messages apart */
    for (uint32_t i = old->first_part; i < old->first_part + old->n_parts; i++) {
        const struct neutral_part *part = &r->old->parts[i];

        if (part->kind != NEUTRAL_RESULT && !is_empty(part))
            *put(r, &like) = *part;
    }
    lay_out_results(r, turn);
}

static bool
is_empty(const struct neutral_part *part)
{
    return (part->kind == NEUTRAL_TEXT || part->kind == NEUTRAL_REFUSAL) && part->text.len == 0;
}

static void
lay_out_results(struct regular *r, uint32_t turn)
{
    for (; r->next_call < r->n_calls && r->calls[r->next_call].turn == turn; r->next_call++) {
        const struct call *call = &r->calls[r->next_call];
        const struct neutral_part *asked = &r->old->parts[call->part];
        struct neutral_part *result = put(r, &(struct neutral_turn){.role = NEUTRAL_USER});

        *result = call->answer != 0 ? r->old->parts[call->answer - 1]
                                    : (struct neutral_part){.kind = NEUTRAL_RESULT,
                                                            .text = SLICE_LIT("no result"),
                                                            .is_error = true};
        result->id = asked->id;
        result->name = asked->name;
        result->is_custom = asked->is_custom;
    }
}

/* A part at the end of the turn laid out last if that is like this one, else of a new one. */
static struct neutral_part *
put(struct regular *r, const struct neutral_turn *like)
{
    struct neutral_turn *last = r->n_out_turns == 0 ? NULL : &r->out_turns[r->n_out_turns - 1];

    if (last == NULL || last->role != like->role ||
        (like->role == NEUTRAL_SYSTEM && last->first_part != like->first_part)) {
        last = &r->out_turns[r->n_out_turns++];
        *last = (struct neutral_turn){
            .role = like->role, .is_developer = like->is_developer, .first_part = r->n_out_parts};
    }
    last->n_parts++;
    return &r->out_parts[r->n_out_parts++];
}

static void
put_children(struct regular *r)
{
    if (r->turns->n_children == 0)
        return;
    memcpy(&r->out_parts[r->n_out_parts], r->turns->children,
           r->turns->n_children * sizeof(*r->out_parts));
    for (uint32_t i = 0; i < r->n_out_parts; i++) {
        if (r->out_parts[i].n_children > 0)
            r->out_parts[i].first_child += r->n_out_parts;
    }
}
