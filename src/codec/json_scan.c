/* SPDX-License-Identifier: ISC */
#include "relayos/codec/json_scan.h"

#include "json_simd.h"
#include "json_skip.h"
#include "relayos/base/limits.h"
#include "utf8.h"

/* The open containers as bits, innermost lowest: 1 = object. */
struct nesting {
    uint64_t is_object;
    unsigned open, limit;
};

static void begin(struct json_skip *s, struct slice text);
static int finish(const struct json_skip *s, const char *p, struct json_error *error);
static const char *scan_members(struct json_skip *s, const char *p, struct json_object *out);
static bool is_duplicate(const struct json_object *object, uint64_t *seen);
static bool keys_equal(const struct json_member *a, const struct json_member *b);
static const char *skip_container(struct json_skip *s, const char *p, unsigned depth);
static const char *enter(struct json_skip *s, const char *p, struct nesting *nesting,
                         bool *out_is_at_value);
static const char *leave(struct json_skip *s, const char *p, struct nesting *nesting);
static const char *skip_scalar(struct json_skip *s, const char *p);
static const char *skip_name(struct json_skip *s, const char *p, const char **out_key_end);
static const char *skip_string(struct json_skip *s, const char *p);
static const char *skip_string_slowly(struct json_skip *s, const char *p);
static const char *skip_escape(struct json_skip *s, const char *p);
static const char *skip_beyond_ascii(struct json_skip *s, const char *p);
static const char *skip_number(struct json_skip *s, const char *p);
static const char *skip_digits(const struct json_skip *s, const char *p);
static const char *skip_word(struct json_skip *s, const char *p, struct slice word);
static const char *fail(struct json_skip *s, const char *p, const char *reason);
static const char *too_large(struct json_skip *s, const char *p, const char *reason);

int
json_scan_object(struct slice text, struct json_object *out, struct json_error *error)
{
    struct json_skip s;
    begin(&s, text);

    const char *start = json_skip_space(&s, s.begin);
    const char *p = start == s.end || *start != '{' ? fail(&s, start, "expected an object")
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
    uint64_t seen = 0;

    out->n_members = 0;
    p = json_skip_space(s, p + 1);
    if (p != s->end && *p == '}')
        return p + 1;
    for (;;) {
        if (out->n_members == JSON_MAX_MEMBERS)
            return too_large(s, p, "too many members");
        struct json_member *member = &out->members[out->n_members];
        const char *value = json_skip_key(s, p, member);
        if (value == NULL)
            return NULL;
        if (is_duplicate(out, &seen))
            return fail(s, p, "duplicate key");
        p = json_skip_value(s, value, 1);
        if (p == NULL)
            return NULL;
        member->value = slice_of(value, (size_t)(p - value));
        member->type = json_skip_type(*value);
        out->n_members++;

        p = json_skip_space(s, p);
        if (p == s->end || (*p != ',' && *p != '}'))
            return fail(s, p, "expected a comma or the end of the object");
        if (*p == '}')
            return p + 1;
        p = json_skip_space(s, p + 1);
    }
}

/*
 * Is the key of members[n_members] there already? Decoded keys are what counts. `seen` has a bit
 * for each kind of key met (length, first and last byte): most objects never compare two keys.
 */
static bool
is_duplicate(const struct json_object *object, uint64_t *seen)
{
    const struct json_member *member = &object->members[object->n_members];
    const struct slice key = member->key;
    size_t kind = key.len;

    if (key.len > 0)
        kind += (size_t)(uint8_t)key.ptr[0] * 7 + (size_t)(uint8_t)key.ptr[key.len - 1] * 3;
    uint64_t bit = UINT64_C(1) << (kind & 63);
    bool may_be_there = (*seen & bit) != 0;
    /* An escape hides the kind: from then on each key is compared with all. */
    *seen |= member->key_has_escape ? UINT64_MAX : bit;
    if (!may_be_there && !member->key_has_escape)
        return false;
    for (size_t i = 0; i < object->n_members; i++) {
        if (keys_equal(&object->members[i], member))
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
    if (p != s->end && (*p == '{' || *p == '['))
        return skip_container(s, p, depth);
    return skip_scalar(s, p);
}

static const char *
skip_container(struct json_skip *s, const char *p, unsigned depth)
{
    struct nesting nesting = {.limit = LIMIT_JSON_DEPTH - depth};

    do {
        bool is_at_value = false;

        if (p != s->end && (*p == '{' || *p == '['))
            p = enter(s, p, &nesting, &is_at_value);
        else
            p = skip_scalar(s, p);
        if (p != NULL && !is_at_value)
            p = leave(s, p, &nesting);
    } while (p != NULL && nesting.open > 0);
    return p;
}

/* The bracket at p opens a container: on to its first value, or to its end if it is empty. */
static inline const char *
enter(struct json_skip *s, const char *p, struct nesting *nesting, bool *out_is_at_value)
{
    const char *key_end;

    if (nesting->open == nesting->limit)
        return too_large(s, p, "nested too deeply");
    nesting->open++;
    nesting->is_object = nesting->is_object << 1 | (*p == '{');
    p = json_skip_space(s, p + 1);
    if (p != s->end && *p == "]}"[nesting->is_object & 1])
        return p;
    *out_is_at_value = true;
    return (nesting->is_object & 1) != 0 ? skip_name(s, p, &key_end) : p;
}

/* A value has ended at p: close what closes here, and on to the next value if there is one. */
static inline const char *
leave(struct json_skip *s, const char *p, struct nesting *nesting)
{
    const char *key_end;

    while (nesting->open > 0) {
        p = json_skip_space(s, p);
        if (p != s->end && *p == ',') {
            p = json_skip_space(s, p + 1);
            return (nesting->is_object & 1) != 0 ? skip_name(s, p, &key_end) : p;
        }
        if (p == s->end || *p != "]}"[nesting->is_object & 1])
            return fail(s, p, "expected a comma or a closing bracket");
        p++;
        nesting->is_object >>= 1;
        nesting->open--;
    }
    return p;
}

static const char *
skip_scalar(struct json_skip *s, const char *p)
{
    if (p == s->end)
        return fail(s, p, "unexpected end");
    switch (*p) {
    case '"':
        return skip_string(s, p + 1);
    case 't':
        return skip_word(s, p, SLICE_LIT("true"));
    case 'f':
        return skip_word(s, p, SLICE_LIT("false"));
    case 'n':
        return skip_word(s, p, SLICE_LIT("null"));
    default:
        return skip_number(s, p);
    }
}

const char *
json_skip_key(struct json_skip *s, const char *p, struct json_member *out)
{
    const char *key_end;
    const char *value = skip_name(s, p, &key_end);

    if (value == NULL)
        return NULL;
    out->key = slice_of(p + 1, (size_t)(key_end - p - 1));
    out->key_has_escape = s->has_escaped_key && memchr(p + 1, '\\', out->key.len) != NULL;
    return value;
}

/* Key, colon and space; *out_key_end is the closing quote. */
static inline const char *
skip_name(struct json_skip *s, const char *p, const char **out_key_end)
{
    if (p == s->end || *p != '"')
        return fail(s, p, "expected a key in quotes");

    s->may_have_escape = false;
    const char *after = skip_string(s, p + 1);
    if (after == NULL)
        return NULL;
    *out_key_end = after - 1;
    if (s->may_have_escape && memchr(p, '\\', (size_t)(after - p)) != NULL)
        s->has_escaped_key = true;
    p = json_skip_space(s, after);
    if (p == s->end || *p != ':')
        return fail(s, p, "expected a colon");
    return json_skip_space(s, p + 1);
}

/* String text from p; the byte behind the closing quote. Most strings end within 32 bytes. */
static inline const char *
skip_string(struct json_skip *s, const char *p)
{
#ifdef __SSE2__
    const char *at = p;

    for (unsigned block = 0; block < 2 && s->end - at >= 16; block++, at += 16) {
        unsigned stops = json_simd_stops(at);

        if (stops == 0)
            continue;
        at += __builtin_ctz(stops);
        if (*at == '"')
            return at + 1;
        break;
    }
#endif
    return skip_string_slowly(s, p);
}

static const char *
skip_string_slowly(struct json_skip *s, const char *p)
{
    const char *start = p;

    s->may_have_escape = true;
    for (;;) {
        p = json_simd_string(p, s->end);
        while (p != s->end && *p >= ' ' && *p != '"' && *p != '\\')
            p++;
        if (p == s->end)
            return fail(s, start - 1, "string without end");
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = skip_escape(s, p);
        } else if (*p < 0) {
            p = skip_beyond_ascii(s, p);
        } else {
            return fail(s, p, "control character in a string");
        }
        if (p == NULL)
            return NULL;
    }
}

static const char *
skip_escape(struct json_skip *s, const char *p)
{
    size_t len;

    if (s->end - p >= 2 && json_simd_is_escape[(uint8_t)p[1]])
        return p + 2;
    if (s->end - p < 2 || p[1] != 'u' || json_skip_unicode(p, s->end, &len) < 0)
        return fail(s, p, "invalid escape");
    return p + len;
}

static const char *
skip_beyond_ascii(struct json_skip *s, const char *p)
{
    while (p != s->end && *p < 0) {
        if (s->end - p >= 4 && utf8_is_three(p)) {
            p += 3;
            continue;
        }
        size_t len = utf8_length(p, s->end);

        if (len == 0)
            return fail(s, p, "invalid UTF-8");
        p += len;
    }
    return p;
}

static const char *
skip_number(struct json_skip *s, const char *p)
{
    const char *start = p;

    if (*p == '-')
        p++;
    const char *after = skip_digits(s, p);
    if (after == p)
        return fail(s, start, "expected a value");
    if (*p == '0' && after - p > 1)
        return fail(s, start, "a number must not begin with 0");
    p = after;
    if (p != s->end && *p == '.') {
        after = skip_digits(s, p + 1);
        if (after == p + 1)
            return fail(s, start, "invalid number");
        p = after;
    }
    if (p != s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p != s->end && (*p == '+' || *p == '-'))
            p++;
        after = skip_digits(s, p);
        if (after == p)
            return fail(s, start, "invalid number");
        p = after;
    }
    return p;
}

static inline const char *
skip_digits(const struct json_skip *s, const char *p)
{
    while (p != s->end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static const char *
skip_word(struct json_skip *s, const char *p, struct slice word)
{
    if ((size_t)(s->end - p) < word.len || memcmp(p, word.ptr, word.len) != 0)
        return fail(s, p, "expected a value");
    return p + word.len;
}

enum json_type
json_skip_type(char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static const char *
fail(struct json_skip *s, const char *p, const char *reason)
{
    s->err = ERR_SYNTAX;
    s->error = (struct json_error){(size_t)(p - s->begin), reason};
    return NULL;
}

static const char *
too_large(struct json_skip *s, const char *p, const char *reason)
{
    fail(s, p, reason);
    s->err = ERR_TOO_LARGE;
    return NULL;
}
