/* SPDX-License-Identifier: ISC
 *
 * json_scan - the strict, validating, single-pass JSON scanner of the request path (RFC 8259).
 *
 * It validates the whole text (UTF-8, escapes, number syntax, depth <= LIMIT_JSON_DEPTH, nothing
 * after the value, no duplicate keys at the top level) and yields the top-level members as views of
 * the caller's bytes. String bodies are skipped 16 or 32 bytes at a time (SSE2; AVX2 when the CPU
 * has it, chosen at first use). Nothing is copied, nothing recursive, no allocation. Lone
 * surrogates in escapes are refused, as the providers do. Prefix of symbols: json_ (json_value.c
 * too).
 *
 * Process: pure. Ownership: views point into the caller's bytes, which need no NUL.
 */
#ifndef RELAYOS_CODEC_JSON_SCAN_H
#define RELAYOS_CODEC_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_member {
    struct slice key;   /* between the quotes, raw; compare with json_key_is() */
    struct slice value; /* raw text: strings with their quotes, containers with their brackets */
    enum json_type type;
    bool key_has_escape;
};

#define JSON_MAX_MEMBERS 128 /* top-level members of one object */

struct json_object {
    struct slice text; /* the whole object, white space around it cut off */
    size_t n_members;
    struct json_member members[JSON_MAX_MEMBERS];
    bool has_escaped_key; /* somewhere below, a key is written with an escape */
};

/* What is wrong and at which byte, in words a caller understands ("invalid JSON at byte 17: ...").
 */
struct json_error {
    size_t offset;
    const char *reason; /* static */
};

/*
 * Scan a text whose value must be an object. 0, ERR_SYNTAX, or ERR_TOO_LARGE (depth, members);
 * *error says where and why. *out is valid only on success.
 */
int json_scan_object(struct slice text, struct json_object *out,
                     struct json_error *error) MUST_CHECK;

/* As above for any value; only validates (and says its type). */
int json_scan_value(struct slice text, enum json_type *out_type,
                    struct json_error *error) MUST_CHECK;

/* Member by name (escapes in the text's key are taken into account), or NULL. */
const struct json_member *json_find_key(const struct json_object *object, struct slice key);
static inline const struct json_member *
json_find(const struct json_object *object, const char *key)
{
    return json_find_key(object, slice_str(key)); /* inline: the length of a literal is known */
}
/* Member by path of names through nested objects ("response", "usage"), scanned on the way; false
 * if a part is missing or not an object. Cheap for small subtrees, meant for replies. */
bool json_find_path(const struct json_object *object, const char *const *path, size_t n_path,
                    struct json_member *out);

/* First member of that name in an object that was not scanned by itself; looks no further. */
bool json_find_in(struct slice object, const char *key, struct json_member *out);

bool json_key_is(const struct json_member *member, const char *key);

/*
 * String value as text: a view into `value` when it has no escape (the common case), else decoded
 * into room. ERR_SYNTAX if it is no string, ERR_TOO_LARGE if room is too small.
 */
int json_string_view(struct slice value, char *room, size_t size, struct slice *out) MUST_CHECK;
/* Bytes of a string value once decoded. */
size_t json_string_length(struct slice value);

/* String value decoded (escapes, surrogate pairs) and appended to out; ERR_SYNTAX for a lone
 * surrogate, ERR_TOO_LARGE past the buffer's cap. `value` has its quotes. */
int json_string_decode(struct slice value, struct buf *out) MUST_CHECK;
/* Characters (code points) of the text that stands raw between quotes. */
size_t json_length(struct slice raw);
/* Does a raw string value (with quotes) decode to exactly s? */
bool json_string_eq(struct slice value, struct slice text);
static inline bool
json_string_is(struct slice value, const char *s)
{
    return json_string_eq(value, slice_str(s));
}
/* Integer value: optional minus, digits, no fraction, no exponent, fits int64; else ERR_SYNTAX. */
int json_int(struct slice value, int64_t *out) MUST_CHECK;

/*
 * Visit every member of every object in a text, depth first, in order, without recursion. depth
 * counts the arrays and objects around the member: 1 = members of an outermost object, 2 = members
 * of objects in an outermost array. The value of an array or object is given as its opening bracket
 * alone: it is visited before its end is known. ERR_SYNTAX for a text that is not valid.
 */
enum json_step {
    JSON_STEP_INTO, /* go on; visit what is inside this member too */
    JSON_STEP_OVER, /* go on behind this member's value */
    JSON_STEP_STOP,
};
typedef enum json_step json_visitor(void *ctx, unsigned depth, const struct json_member *member);
int json_visit(struct slice text, json_visitor *visit, void *ctx) MUST_CHECK;

/* Elements of a (valid) array one after the other: cursor starts at 0; false at the end. */
bool json_array_next(struct slice array, size_t *cursor, struct slice *out,
                     enum json_type *out_type);

#endif
