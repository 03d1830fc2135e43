/* SPDX-License-Identifier: ISC */
#include "translate_id.h"

#include <stdlib.h>

#include "relayos/base/hash.h"

enum {
    CHAT_ID_MAX = 40,
    RESPONSES_ID_MAX = 64,
    NAME_MAX_LENGTH = 64,
    NAME_KEPT = 55, /* of a name that is cut */
    HASH_SHORT = 4, /* bytes of a hash that tell apart what a request has two of */
    HASH_LONG = 16, /* that stand for an id */
};

struct translate_id {
    struct slice from, to;
    uint32_t place; /* in the request */
};

static bool is_rewritten(enum protocol target, struct slice id);
static bool is_plain(struct slice s);
static bool is_plain_byte(char c);
static bool is_name_start(char c);
static void rewrite(struct translate_ids *ids);
static int compare_from(const void *a, const void *b);
static int compare_to(const void *a, const void *b);
static int compare(struct slice a, struct slice b);
static void part_twins(struct translate_ids *ids);
static struct slice plain_copy(struct arena *arena, struct slice s);
static void make_plain(char *out, struct slice s);
static struct slice hashed(struct arena *arena, struct slice id);
static struct slice marked(struct arena *arena, struct slice kept, struct slice whole);
static void put_hash(char *out, struct slice of, size_t n);

/* Rows are made only if an id has to change: then of all, so that none becomes like another. */
void
translate_ids_init(struct translate_ids *ids, const struct neutral_request *request,
                   enum protocol target, struct arena *arena)
{
    bool has_bad = false;

    *ids = (struct translate_ids){.arena = arena, .target = target};
    for (uint32_t i = 0; i < request->n_parts && !has_bad; i++)
        has_bad =
            request->parts[i].kind == NEUTRAL_CALL && is_rewritten(target, request->parts[i].id);
    for (uint32_t i = 0; i < request->n_parts && has_bad; i++) {
        struct translate_id *rows;

        if (request->parts[i].kind != NEUTRAL_CALL)
            continue;
        rows = arena_grow(arena, ids->rows, ids->n_rows, sizeof(*rows));
        if (rows == NULL)
            return;
        ids->rows = rows;
        rows[ids->n_rows] = (struct translate_id){.from = request->parts[i].id, .place = i};
        ids->n_rows++;
    }
    if (has_bad)
        rewrite(ids);
}

struct slice
translate_ids_of(const struct translate_ids *ids, struct slice id)
{
    const struct translate_id key = {.from = id};
    const struct translate_id *row =
        ids->n_rows == 0 ? NULL
                         : bsearch(&key, ids->rows, ids->n_rows, sizeof(*ids->rows), compare_from);

    return row == NULL || row->to.len == 0 ? id : row->to;
}

struct slice
translate_name(struct arena *arena, struct slice name)
{
    struct slice rest = name;

    while (rest.len > 0 && !is_name_start(rest.ptr[0]))
        rest = slice_sub(rest, 1, rest.len);
    if (rest.len == name.len && name.len <= NAME_MAX_LENGTH && is_plain(name))
        return name;
    return marked(arena, rest.len <= NAME_KEPT ? rest : slice_sub(rest, 0, NAME_KEPT), name);
}

static bool
is_rewritten(enum protocol target, struct slice id)
{
    switch (target) {
    case PROTOCOL_OPENAI_CHAT:
        return id.len > CHAT_ID_MAX;
    case PROTOCOL_OPENAI_RESPONSES:
        return id.len > RESPONSES_ID_MAX;
    case PROTOCOL_ANTHROPIC_MESSAGES:
        return !is_plain(id);
    case PROTOCOL_GEMINI:
        break;
    }
    return false;
}

static bool
is_plain(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_plain_byte(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

static bool
is_plain_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

/* Of one that is not plain anything will do: it becomes "_". */
static bool
is_name_start(char c)
{
    return c != '-' && !(c >= '0' && c <= '9');
}

static void
rewrite(struct translate_ids *ids)
{
    uint32_t n = 0;

    qsort(ids->rows, ids->n_rows, sizeof(*ids->rows), compare_from);
    for (uint32_t i = 0; i < ids->n_rows; i++) {
        struct translate_id *row = &ids->rows[i];

        if (n > 0 && slice_eq(ids->rows[n - 1].from, row->from)) {
            if (row->place < ids->rows[n - 1].place)
                ids->rows[n - 1].place = row->place;
            continue;
        }
        row->to = row->from;
        if (is_rewritten(ids->target, row->from))
            row->to = ids->target == PROTOCOL_ANTHROPIC_MESSAGES ? plain_copy(ids->arena, row->from)
                                                                 : hashed(ids->arena, row->from);
        ids->rows[n++] = *row;
    }
    ids->n_rows = n;
    part_twins(ids);
}

static int
compare_from(const void *a, const void *b)
{
    const struct translate_id *x = a, *y = b;

    return compare(x->from, y->from);
}

/* Of those that have become alike the first in the request stays as it is, so that what a later
 * turn brings changes nothing in front of it. */
static void
part_twins(struct translate_ids *ids)
{
    struct slice taken = {0};

    qsort(ids->rows, ids->n_rows, sizeof(*ids->rows), compare_to);
    for (uint32_t i = 0; i < ids->n_rows; i++) {
        struct translate_id *row = &ids->rows[i];

        if (i > 0 && slice_eq(row->to, taken))
            row->to = marked(ids->arena, row->to, row->from);
        else
            taken = row->to;
    }
    qsort(ids->rows, ids->n_rows, sizeof(*ids->rows), compare_from);
}

static int
compare_to(const void *a, const void *b)
{
    const struct translate_id *x = a, *y = b;
    const int by_id = compare(x->to, y->to);

    return by_id != 0 ? by_id : (x->place > y->place) - (x->place < y->place);
}

static int
compare(struct slice a, struct slice b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int by_bytes = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    return by_bytes != 0 ? by_bytes : (a.len > b.len) - (a.len < b.len);
}

static struct slice
plain_copy(struct arena *arena, struct slice s)
{
    char *out = arena_alloc(arena, s.len);

    if (out == NULL)
        return (struct slice){0};
    make_plain(out, s);
    return slice_of(out, s.len);
}

static void
make_plain(char *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        out[i] = is_plain_byte(s.ptr[i]) ? s.ptr[i] : '_';
}

/* "call_" and a hash of the id. */
static struct slice
hashed(struct arena *arena, struct slice id)
{
    static const struct slice prefix = {"call_", 5};
    const size_t len = prefix.len + 2 * HASH_LONG;
    char *out = arena_alloc(arena, len);

    if (out == NULL)
        return (struct slice){0};
    memcpy(out, prefix.ptr, prefix.len);
    put_hash(out + prefix.len, id, HASH_LONG);
    return slice_of(out, len);
}

/* What is kept of it, "_", and a short hash of the whole. */
static struct slice
marked(struct arena *arena, struct slice kept, struct slice whole)
{
    const size_t len = kept.len + 1 + 2 * HASH_SHORT;
    char *out = arena_alloc(arena, len);

    if (out == NULL)
        return (struct slice){0};
    make_plain(out, kept);
    out[kept.len] = '_';
    put_hash(out + kept.len + 1, whole, HASH_SHORT);
    return slice_of(out, len);
}

/* The first n bytes of a hash, as hex digits. */
static void
put_hash(char *out, struct slice of, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[HASH_DIGEST_SIZE];

    hash_sha256(of, digest);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
}
