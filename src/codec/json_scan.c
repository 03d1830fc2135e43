/* SPDX-License-Identifier: ISC */
#include "relayos/codec/json_scan.h"

#include "json_skip.h"
#include "relayos/base/limits.h"

/* The open containers as bits, innermost lowest: 1 = object. */
struct nesting {
    uint64_t is_object;
    unsigned open, limit;
};

static void begin(struct json_skip *s, struct slice text);
static int finish(const struct json_skip *s, const char *p, struct json_error *error);
static const char *scan_members(struct json_skip *s, const char *p, struct json_object *out);
static bool is_duplicate(const struct json_member *members, const struct json_member *member,
                         uint64_t *seen);
static bool keys_equal(const struct json_member *a, const struct json_member *b);
static const char *skip_value(struct json_skip *s, const char *p, unsigned depth);
static const char *skip_container(struct json_skip *s, const char *p, unsigned depth);
static const char *enter(struct json_skip *s, const char *p, struct nesting *nesting,
                         bool *out_is_empty);
static const char *leave(struct json_skip *s, const char *p, struct nesting *nesting);
static const char *skip_scalar(struct json_skip *s, const char *p);
static const char *skip_word_or_number(struct json_skip *s, const char *p);
static const char *skip_key(struct json_skip *s, const char *p, struct json_member *out);
static const char *skip_name(struct json_skip *s, const char *p);
static const char *skip_colon(struct json_skip *s, const char *p);
static const char *short_key_end(const struct json_skip *s, const char *p);
static const char *skip_string(struct json_skip *s, const char *p);
static const char *skip_number(struct json_skip *s, const char *p);
static const char *skip_digits(const struct json_skip *s, const char *p);
static const char *skip_word(struct json_skip *s, const char *p, struct slice word);
static const char *too_large(struct json_skip *s, const char *p, const char *reason);

int
json_scan_object(struct slice text, struct json_object *out, struct json_error *error)
{
    struct json_skip s;
    begin(&s, text);

    const char *start = json_skip_space(&s, s.begin);
    const char *p = start == s.end || *start != '{'
                        ? json_skip_fail(&s, start, "expected an object")
                        : scan_members(&s, start, out);
    if (p != NULL)
        out->text = slice_of(start, (size_t)(p - start));
    out->has_escaped_key = s.has_escaped_key;
    return finish(&s, p, error);
}

int
json_scan_value(struct slice text, enum json_type *out_type, struct json_error *error)
{
    struct json_skip s;
    begin(&s, text);

    const char *p = json_skip_space(&s, s.begin);
    if (p != s.end)
        *out_type = json_skip_type(*p);
    return finish(&s, json_skip_value(&s, p, 0), error);
}

static void
begin(struct json_skip *s, struct slice text)
{
    static const char nothing[1];
    const char *ptr = text.len == 0 ? nothing : text.ptr;

    *s = (struct json_skip){.begin = ptr, .end = ptr + text.len};
}

/* The value ended at p: only white space may follow. */
static int
finish(const struct json_skip *s, const char *p, struct json_error *error)
{
    if (p != NULL) {
        p = json_skip_space(s, p);
        if (p == s->end)
            return 0;
    }
    if (error != NULL && p != NULL)
        *error = (struct json_error){(size_t)(p - s->begin), "unexpected bytes after the value"};
    else if (error != NULL)
        *error = s->error;
    return p != NULL ? ERR_SYNTAX : s->err;
}

/* The members of the object at p; the byte behind its bracket. */
static const char *
scan_members(struct json_skip *s, const char *p, struct json_object *out)
{
    struct json_member *member = &out->members[0];
    uint64_t seen = 0;

    out->n_members = 0;
    p = json_skip_space(s, p + 1);
    if (p != s->end && *p == '}')
        return p + 1;
    for (;; member++, p = json_skip_space(s, p + 1)) {
        if (member == out->members + JSON_MAX_MEMBERS)
            return too_large(s, p, "too many members");
        const char *value = skip_key(s, p, member);
        if (value == NULL)
            return NULL;
        if (is_duplicate(out->members, member, &seen))
            return json_skip_fail(s, p, "duplicate key");
        p = skip_value(s, value, 1);
        if (p == NULL)
            return NULL;
        member->value = slice_of(value, (size_t)(p - value));
        member->type = json_skip_type(*value);

        p = json_skip_space(s, p);
        if (p != s->end && *p == ',')
            continue;
        if (p == s->end || *p != '}')
            return json_skip_fail(s, p, "expected a comma or the end of the object");
        out->n_members = (size_t)(member + 1 - out->members);
        return p + 1;
    }
}

/*
 * Is the key of `member` among those of the members before it? Decoded keys are what counts. `seen`
 * has a bit for each kind of key met (length, first and last byte): most objects never compare two.
 */
static bool
is_duplicate(const struct json_member *members, const struct json_member *member, uint64_t *seen)
{
    const struct slice key = member->key;
    const char *end = key.ptr + key.len;
    /* An empty key has its quotes for first and last byte. */
    size_t first = (uint8_t)key.ptr[0], last = (uint8_t)end[-1];
    uint64_t kind = UINT64_C(1) << ((first + 8 * last + key.len) & 63);
    /* An escape hides the kind: such a key is compared with all others. */
    uint64_t kinds = member->key_has_escape ? UINT64_MAX : kind;
    bool may_be_there = (*seen & kinds) != 0;

    *seen |= kinds;
    for (const struct json_member *m = members; may_be_there && m != member; m++) {
        if (keys_equal(m, member))
            return true;
    }
    return false;
}

static bool
keys_equal(const struct json_member *a, const struct json_member *b)
{
    if (!a->key_has_escape && !b->key_has_escape)
        return slice_eq(a->key, b->key);

    const char *p = a->key.ptr, *p_end = p + a->key.len;
    const char *q = b->key.ptr, *q_end = q + b->key.len;

    while (p != p_end && q != q_end) {
        if (json_skip_char(&p, p_end) != json_skip_char(&q, q_end))
            return false;
    }
    return p == p_end && q == q_end;
}

const char *
json_skip_value(struct json_skip *s, const char *p, unsigned depth)
{
    return skip_value(s, p, depth);
}

static inline const char *
skip_value(struct json_skip *s, const char *p, unsigned depth)
{
    if (p != s->end && (*p == '{' || *p == '['))
        return skip_container(s, p, depth);
    return skip_scalar(s, p);
}

/* All of a container in one loop, which the helpers below are inlined into. */
static const char *
skip_container(struct json_skip *s, const char *p, unsigned depth)
{
    struct nesting nesting = {.limit = LIMIT_JSON_DEPTH - depth};

    for (;;) {
        bool is_behind_value = true;

        if (p != s->end && (*p == '{' || *p == '['))
            p = enter(s, p, &nesting, &is_behind_value);
        else
            p = skip_scalar(s, p);
        if (p != NULL && is_behind_value)
            p = leave(s, p, &nesting);
        if (p == NULL || nesting.open == 0)
            return p;
        if ((nesting.is_object & 1) == 0)
            continue;
        const char *key_end = short_key_end(s, p);
        p = key_end != NULL ? json_skip_space(s, key_end + 2) : skip_colon(s, skip_name(s, p));
        if (p == NULL)
            return NULL;
    }
}

/* The bracket at p opens a container: on to its first member or value, or to its end. */
static inline const char *
enter(struct json_skip *s, const char *p, struct nesting *nesting, bool *out_is_empty)
{
    if (nesting->open == nesting->limit)
        return too_large(s, p, "nested too deeply");
    nesting->open++;
    nesting->is_object = nesting->is_object << 1 | (*p == '{');
    p = json_skip_space(s, p + 1);
    *out_is_empty = p != s->end && *p == "]}"[nesting->is_object & 1];
    return p;
}

/* A value has ended at p: close what closes here, and on to what comes next if there is more. */
static inline const char *
leave(struct json_skip *s, const char *p, struct nesting *nesting)
{
    while (nesting->open > 0) {
        p = json_skip_space(s, p);
        if (p != s->end && *p == ',')
            return json_skip_space(s, p + 1);
        if (p == s->end || *p != "]}"[nesting->is_object & 1])
            return json_skip_fail(s, p, "expected a comma or a closing bracket");
        p++;
        nesting->is_object >>= 1;
        nesting->open--;
    }
    return p;
}

static inline const char *
skip_scalar(struct json_skip *s, const char *p)
{
    return p != s->end && *p == '"' ? skip_string(s, p + 1) : skip_word_or_number(s, p);
}

static const char *
skip_word_or_number(struct json_skip *s, const char *p)
{
    if (p == s->end)
        return json_skip_fail(s, p, "unexpected end");
    if (*p <= '9')
        return skip_number(s, p);
    switch (*p) {
    case 't':
        return skip_word(s, p, SLICE_LIT("true"));
    case 'f':
        return skip_word(s, p, SLICE_LIT("false"));
    case 'n':
        return skip_word(s, p, SLICE_LIT("null"));
    default:
        return json_skip_fail(s, p, "expected a value");
    }
}

const char *
json_skip_key(struct json_skip *s, const char *p, struct json_member *out)
{
    return skip_key(s, p, out);
}

static JSON_SKIP_INLINE const char *
skip_key(struct json_skip *s, const char *p, struct json_member *out)
{
    const char *end = short_key_end(s, p);

    if (end != NULL) {
        out->key = slice_of(p + 1, (size_t)(end - p - 1));
        out->key_has_escape = false;
        return json_skip_space(s, end + 2);
    }
    const char *after = skip_name(s, p);
    if (after == NULL)
        return NULL;
    out->key = slice_of(p + 1, (size_t)(after - p - 2));
    out->key_has_escape = memchr(p + 1, '\\', out->key.len) != NULL;
    return skip_colon(s, after);
}

/* Any key; the byte behind its closing quote. */
static const char *
skip_name(struct json_skip *s, const char *p)
{
    if (p == s->end || *p != '"')
        return json_skip_fail(s, p, "expected a key in quotes");

    const char *after = json_skip_string(s, p + 1);
    if (after != NULL && memchr(p, '\\', (size_t)(after - p)) != NULL)
        s->has_escaped_key = true;
    return after;
}

/* Colon and space behind a key, if there was one: on to the value. */
static const char *
skip_colon(struct json_skip *s, const char *p)
{
    if (p == NULL)
        return NULL;
    p = json_skip_space(s, p);
    if (p == s->end || *p != ':')
        return json_skip_fail(s, p, "expected a colon");
    return json_skip_space(s, p + 1);
}

/* The closing quote of the key at p if it is short and plain and has its colon at once, or NULL. */
static JSON_SKIP_INLINE const char *
short_key_end(const struct json_skip *s, const char *p)
{
    if (p == s->end || *p != '"')
        return NULL;
    const char *end = json_skip_short(s, p + 1);
    return end != NULL && end[1] == ':' ? end : NULL;
}

/* String text from p; the byte behind the closing quote. */
static JSON_SKIP_INLINE const char *
skip_string(struct json_skip *s, const char *p)
{
    const char *end = json_skip_short(s, p);

    return end != NULL ? end + 1 : json_skip_string(s, p);
}

static const char *
skip_number(struct json_skip *s, const char *p)
{
    const char *start = p, *digits = p + (*p == '-');

    p = skip_digits(s, digits);
    if (p == digits)
        return json_skip_fail(s, start, "expected a value");
    if (*digits == '0' && p - digits > 1)
        return json_skip_fail(s, start, "a number must not begin with 0");
    if (p != s->end && *p == '.') {
        digits = p + 1;
        p = skip_digits(s, digits);
        if (p == digits)
            return json_skip_fail(s, start, "invalid number");
    }
    if (p != s->end && (*p == 'e' || *p == 'E')) {
        digits = p + 1;
        if (digits != s->end && (*digits == '+' || *digits == '-'))
            digits++;
        p = skip_digits(s, digits);
        if (p == digits)
            return json_skip_fail(s, start, "invalid number");
    }
    return p;
}

static inline const char *
skip_digits(const struct json_skip *s, const char *p)
{
    while (p != s->end && (uint8_t)(*p - '0') <= 9)
        p++;
    return p;
}

static inline const char *
skip_word(struct json_skip *s, const char *p, struct slice word)
{
    if ((size_t)(s->end - p) < word.len || memcmp(p, word.ptr, word.len) != 0)
        return json_skip_fail(s, p, "expected a value");
    return p + word.len;
}

static const char *
too_large(struct json_skip *s, const char *p, const char *reason)
{
    json_skip_fail(s, p, reason);
    s->err = ERR_TOO_LARGE;
    return NULL;
}
