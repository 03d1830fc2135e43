/* SPDX-License-Identifier: ISC
 *
 * Values of a scanned text: members by name, strings decoded, integers, walks. Prefix: json_.
 */
#include <assert.h>

#include "json_skip.h"
#include "relayos/base/limits.h"
#include "relayos/base/text.h"
#include "utf8.h"

/* json_visit() under way. At a value, or behind one (then containers may close). */
struct walk {
    struct json_skip skip;
    json_visitor *visit;
    void *ctx;
    uint64_t is_object; /* open containers as bits, innermost lowest */
    unsigned open;
    bool is_at_value;
    bool is_stopped;
};

static bool text_is(struct slice text, struct slice want, bool may_have_escape);
static bool is_string(struct slice value);
static int32_t hex4(const char *p, const char *end);
static int32_t unescape(char letter);
static const char *walk_value(struct walk *walk, const char *p);
static const char *walk_member(struct walk *walk, const char *p);
static const char *walk_end(struct walk *walk, const char *p);
static const char *walk_fail(struct walk *walk, int err);
static size_t characters_in(struct slice text);
static bool is_low_surrogate(struct slice hex);

const struct json_member *
json_find_key(const struct json_object *object, struct slice key)
{
    const struct json_member *member = object->members, *end = member + object->n_members;
    const char first = key.len > 0 ? key.ptr[0] : '"'; /* behind an empty key is its quote */

    for (; member != end; member++) {
        /* Most keys differ in length; one with an escape is longer than what it means. */
        if (member->key.len == key.len
                ? member->key.ptr[0] == first && memcmp(member->key.ptr, key.ptr, key.len) == 0
                : member->key_has_escape && text_is(member->key, key, true))
            return member;
    }
    return NULL;
}

bool
json_find_path(const struct json_object *object, const char *const *path, size_t n_path,
               struct json_member *out)
{
    assert(n_path > 0);

    const struct json_member *first = json_find(object, path[0]);
    if (first == NULL)
        return false;

    struct json_member member = *first;
    for (size_t i = 1; i < n_path; i++) {
        if (!json_find_in(member.value, path[i], &member))
            return false;
    }
    *out = member;
    return true;
}

bool
json_find_in(struct slice object, const char *key, struct json_member *out)
{
    struct json_skip s = {.begin = object.ptr, .end = object.ptr + object.len};
    const char *p = s.begin;
    struct json_member member;

    if (p == s.end || *p != '{')
        return false;
    do {
        p = json_skip_space(&s, p + 1);
        const char *value = json_skip_key(&s, p, &member);
        if (value == NULL || (p = json_skip_value(&s, value, 1)) == NULL)
            return false;
        if (json_key_is(&member, key)) {
            member.value = slice_of(value, (size_t)(p - value));
            member.type = json_skip_type(*value);
            *out = member;
            return true;
        }
        p = json_skip_space(&s, p);
    } while (p != s.end && *p == ',');
    return false;
}

bool
json_key_is(const struct json_member *member, const char *key)
{
    return text_is(member->key, slice_str(key), member->key_has_escape);
}

bool
json_string_eq(struct slice value, struct slice text)
{
    return is_string(value) && text_is(slice_sub(value, 1, value.len - 1), text, true);
}

static bool
text_is(struct slice text, struct slice want, bool may_have_escape)
{
    /* An escape is longer than what it stands for. */
    if (!may_have_escape || text.len <= want.len)
        return slice_eq(text, want);
    if (memchr(text.ptr, '\\', text.len) == NULL)
        return false;

    const char *p = text.ptr, *p_end = p + text.len;
    const char *q = want.ptr, *q_end = q + want.len;
    while (p != p_end && q != q_end) {
        char c[4];
        int32_t code = json_skip_char(&p, p_end);
        size_t n = code < 0 ? 0 : utf8_encode((uint32_t)code, c);

        if (n == 0 || (size_t)(q_end - q) < n || memcmp(q, c, n) != 0)
            return false;
        q += n;
    }
    return p == p_end && q == q_end;
}

static bool
is_string(struct slice value)
{
    return value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
}

int
json_string_view(struct slice value, char *room, size_t size, struct slice *out)
{
    if (!is_string(value))
        return ERR_SYNTAX;
    const char *p = value.ptr + 1, *end = value.ptr + value.len - 1;
    if (memchr(p, '\\', (size_t)(end - p)) == NULL) {
        *out = slice_of(p, (size_t)(end - p));
        return 0;
    }

    size_t len = 0;
    while (p != end) {
        char c[4];
        int32_t code = json_skip_char(&p, end);
        if (code < 0)
            return ERR_SYNTAX;
        size_t n = utf8_encode((uint32_t)code, c);
        if (n > size - len)
            return ERR_TOO_LARGE;
        memcpy(room + len, c, n);
        len += n;
    }
    *out = slice_of(room, len);
    return 0;
}

size_t
json_string_length(struct slice value)
{
    if (!is_string(value))
        return 0;
    const char *p = value.ptr + 1, *end = value.ptr + value.len - 1;
    if (memchr(p, '\\', (size_t)(end - p)) == NULL)
        return (size_t)(end - p);

    size_t len = 0;
    while (p != end) {
        char c[4];
        int32_t code = json_skip_char(&p, end);

        if (code < 0)
            break;
        len += utf8_encode((uint32_t)code, c);
    }
    return len;
}

int
json_string_decode(struct slice value, struct buf *out)
{
    if (!is_string(value))
        return ERR_SYNTAX;
    const char *p = value.ptr + 1, *end = value.ptr + value.len - 1;

    while (p != end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *run_end = escape == NULL ? end : escape;
        char c[4];

        buf_append(out, p, (size_t)(run_end - p));
        p = run_end;
        if (p == end)
            break;
        int32_t code = json_skip_char(&p, end);
        if (code < 0)
            return ERR_SYNTAX;
        buf_append(out, c, utf8_encode((uint32_t)code, c));
    }
    return out->overflow ? ERR_TOO_LARGE : 0;
}

/* An escape is one, and so are the two of a surrogate pair. */
size_t
json_length(struct slice raw)
{
    size_t n = 0, at = 0;

    while (at < raw.len) {
        const char *escape = memchr(raw.ptr + at, '\\', raw.len - at);
        size_t end = escape == NULL ? raw.len : (size_t)(escape - raw.ptr);

        n += characters_in(slice_sub(raw, at, end));
        if (escape == NULL)
            break;
        at = end + 1;
        bool is_code = at < raw.len && raw.ptr[at] == 'u';
        n += !is_code || !is_low_surrogate(slice_sub(raw, at + 1, raw.len));
        at += is_code ? 1 + 4 : 1;
    }
    return n;
}

/* All bytes but those that continue a character, eight at a time. */
static size_t
characters_in(struct slice text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t n = text.len, at = 0;

    for (; text.len - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t bytes;

        memcpy(&bytes, text.ptr + at, sizeof(bytes));
        n -= (bytes >> 7 & ~(bytes >> 6) & ones) * ones >> 56;
    }
    for (; at < text.len; at++)
        n -= ((unsigned char)text.ptr[at] & 0xc0) == 0x80;
    return n;
}

static bool
is_low_surrogate(struct slice hex)
{
    return hex.len >= 4 && (hex.ptr[0] | 0x20) == 'd' && strchr("cdefCDEF", hex.ptr[1]) != NULL;
}

int
json_int(struct slice value, int64_t *out)
{
    return text_int_parse(value, out) == 0 ? 0 : ERR_SYNTAX;
}

int32_t
json_skip_char(const char **p, const char *end)
{
    const char *at = *p;
    size_t len;
    int32_t code;

    if (*at != '\\') {
        len = utf8_length(at, end);
        code = len == 0 ? -1 : (int32_t)utf8_decode(at, len);
    } else if (end - at >= 2 && at[1] != 'u') {
        len = 2;
        code = unescape(at[1]);
    } else {
        code = json_skip_unicode(at, end, &len);
    }
    if (code >= 0)
        *p = at + len;
    return code;
}

static int32_t
unescape(char letter)
{
    static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *at = memchr(letters, letter, sizeof(letters) - 1);

    return at == NULL ? -1 : bytes[at - letters];
}

int32_t
json_skip_unicode(const char *p, const char *end, size_t *out_len)
{
    int32_t high = end - p >= 6 && p[1] == 'u' ? hex4(p + 2, end) : -1;

    *out_len = 6;
    if (high < 0xD800 || high > 0xDFFF)
        return high;
    if (high > 0xDBFF || end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return -1;
    int32_t low = hex4(p + 8, end);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    *out_len = 12;
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

static int32_t
hex4(const char *p, const char *end)
{
    uint8_t bytes[2];

    if (end - p < 4 || text_hex_parse(slice_of(p, 4), bytes, 2) != 0)
        return -1;
    return bytes[0] << 8 | bytes[1];
}

int
json_visit(struct slice text, json_visitor *visit, void *ctx)
{
    struct walk walk = {.skip = {.begin = text.ptr, .end = text.ptr + text.len},
                        .visit = visit,
                        .ctx = ctx,
                        .is_at_value = true};
    const char *p = json_skip_space(&walk.skip, text.ptr);

    while (p != NULL && (walk.is_at_value || walk.open > 0))
        p = walk.is_at_value ? walk_value(&walk, p) : walk_end(&walk, p);
    if (walk.is_stopped)
        return 0;
    if (p == NULL)
        return walk.skip.err;
    return json_skip_space(&walk.skip, p) == walk.skip.end ? 0 : ERR_SYNTAX;
}

static const char *
walk_value(struct walk *walk, const char *p)
{
    walk->is_at_value = false;
    if (p == walk->skip.end || (*p != '{' && *p != '['))
        return json_skip_value(&walk->skip, p, walk->open);
    if (walk->open == LIMIT_JSON_DEPTH)
        return walk_fail(walk, ERR_TOO_LARGE);
    walk->open++;
    walk->is_object = walk->is_object << 1 | (*p == '{');
    p = json_skip_space(&walk->skip, p + 1);
    if (p != walk->skip.end && *p == "]}"[walk->is_object & 1])
        return p;
    if ((walk->is_object & 1) != 0)
        return walk_member(walk, p);
    walk->is_at_value = true;
    return p;
}

static const char *
walk_member(struct walk *walk, const char *p)
{
    struct json_member member;
    const char *value = json_skip_key(&walk->skip, p, &member);

    if (value == NULL || value == walk->skip.end)
        return walk_fail(walk, ERR_SYNTAX);
    member.type = json_skip_type(*value);
    bool is_container = member.type == JSON_OBJECT || member.type == JSON_ARRAY;
    const char *end = is_container ? value + 1 : json_skip_value(&walk->skip, value, walk->open);
    if (end == NULL)
        return NULL;
    member.value = slice_of(value, (size_t)(end - value));

    enum json_step step = walk->visit(walk->ctx, walk->open, &member);
    walk->is_stopped = step == JSON_STEP_STOP;
    if (walk->is_stopped)
        return NULL;
    walk->is_at_value = is_container && step == JSON_STEP_INTO;
    if (walk->is_at_value)
        return value;
    return is_container ? json_skip_value(&walk->skip, value, walk->open) : end;
}

/* Behind a value: on to the next one, or out of what closes here. */
static const char *
walk_end(struct walk *walk, const char *p)
{
    p = json_skip_space(&walk->skip, p);
    if (p == walk->skip.end)
        return walk_fail(walk, ERR_SYNTAX);
    if (*p == "]}"[walk->is_object & 1]) {
        walk->open--;
        walk->is_object >>= 1;
        return p + 1;
    }
    if (*p != ',')
        return walk_fail(walk, ERR_SYNTAX);
    p = json_skip_space(&walk->skip, p + 1);
    if ((walk->is_object & 1) != 0)
        return walk_member(walk, p);
    walk->is_at_value = true;
    return p;
}

static const char *
walk_fail(struct walk *walk, int err)
{
    walk->skip.err = err;
    return NULL;
}

bool
json_array_next(struct slice array, size_t *cursor, struct slice *out, enum json_type *out_type)
{
    struct json_skip s = {.begin = array.ptr, .end = array.ptr + array.len};
    const char *p = json_skip_space(&s, array.ptr + *cursor);

    /* At first its bracket, later a comma: either way the next element follows. */
    if (p == s.end || *p != (*cursor == 0 ? '[' : ','))
        return false;
    p = json_skip_space(&s, p + 1);
    if (p == s.end || *p == ']')
        return false;
    const char *end = json_skip_value(&s, p, 1);
    if (end == NULL)
        return false;
    *out = slice_of(p, (size_t)(end - p));
    *out_type = json_skip_type(*p);
    *cursor = (size_t)(end - array.ptr);
    return true;
}
