/* SPDX-License-Identifier: ISC
 *
 * The library would build whatever the bytes announce: a 5-byte array of 4 billion elements, a tree
 * as deep as its stack. So we walk the bytes first, without memory and without recursion, and let
 * it build only what is whole, shallow and of the types that frames use.
 */
#include "frame_check.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum shape { SHAPE_BAD, SHAPE_PLAIN, SHAPE_UINT64, SHAPE_STR, SHAPE_BIN, SHAPE_ARRAY, SHAPE_MAP };

/* What a type byte announces: how many bytes of length or value follow, and what they are. */
struct head {
    enum shape shape;
    uint8_t n_bytes; /* of the length (str, bin, array, map) or of the value (plain) */
    uint8_t length;  /* the length itself where the type byte carries it */
};

struct level {
    uint32_t n_left; /* keys and values still to come */
    bool is_map;
};

static bool value_head(struct slice *rest, enum shape *out_shape, uint32_t *out_length);
static struct head head_of(uint8_t type);
static bool take_number(struct slice *rest, uint8_t n_bytes, uint64_t *out);
static bool skip(struct slice *rest, uint64_t n);

int
frame_check(struct slice body)
{
    struct level levels[FRAME_DEPTH + 1] = {{.n_left = 1}};
    size_t depth = 0;

    for (uint32_t n_values = 0; n_values < FRAME_MAX_VALUES; n_values++) {
        struct level *level = &levels[depth];
        bool is_key = level->is_map && level->n_left % 2 == 0;
        enum shape shape;
        uint32_t length;

        assert(level->n_left > 0);
        if (!value_head(&body, &shape, &length))
            return ERR_SYNTAX;
        if ((depth == 0 && shape != SHAPE_MAP) || (is_key && shape != SHAPE_STR))
            return ERR_SYNTAX;
        level->n_left--;

        if (shape == SHAPE_MAP || shape == SHAPE_ARRAY) {
            /* Every element is a byte at least: no count is believed beyond what has come. */
            uint64_t n_elements = shape == SHAPE_MAP ? (uint64_t)length * 2 : length;
            if (n_elements > body.len || depth == FRAME_DEPTH)
                return ERR_SYNTAX;
            levels[++depth] =
                (struct level){.n_left = (uint32_t)n_elements, .is_map = shape == SHAPE_MAP};
        }
        while (depth > 0 && levels[depth].n_left == 0)
            depth--;
        if (depth == 0)
            return body.len == 0 ? 0 : ERR_SYNTAX;
    }
    return ERR_SYNTAX;
}

/* Take the next value's head, and its bytes unless it is a map or an array. */
static bool
value_head(struct slice *rest, enum shape *out_shape, uint32_t *out_length)
{
    uint64_t number = 0;

    if (rest->len == 0)
        return false;
    struct head head = head_of((uint8_t)rest->ptr[0]);
    *rest = slice_sub(*rest, 1, rest->len);
    if (head.shape == SHAPE_BAD || !take_number(rest, head.n_bytes, &number))
        return false;
    if (head.shape == SHAPE_UINT64 && number > INT64_MAX)
        return false;
    if (head.n_bytes == 0)
        number = head.length;
    if ((head.shape == SHAPE_STR || head.shape == SHAPE_BIN) && !skip(rest, number))
        return false;
    *out_shape = head.shape;
    *out_length = head.shape >= SHAPE_STR ? (uint32_t)number : 0;
    return true;
}

static struct head
head_of(uint8_t type)
{
    static const struct head high[32] = {
        [0xc0 - 0xc0] = {SHAPE_PLAIN, 0, 0},                                       /* nil */
        [0xc2 - 0xc0] = {SHAPE_PLAIN, 0, 0},  [0xc3 - 0xc0] = {SHAPE_PLAIN, 0, 0}, /* bool */
        [0xc4 - 0xc0] = {SHAPE_BIN, 1, 0},    [0xc5 - 0xc0] = {SHAPE_BIN, 2, 0},
        [0xc6 - 0xc0] = {SHAPE_BIN, 4, 0},    [0xcc - 0xc0] = {SHAPE_PLAIN, 1, 0}, /* uint */
        [0xcd - 0xc0] = {SHAPE_PLAIN, 2, 0},  [0xce - 0xc0] = {SHAPE_PLAIN, 4, 0},
        [0xcf - 0xc0] = {SHAPE_UINT64, 8, 0}, [0xd0 - 0xc0] = {SHAPE_PLAIN, 1, 0}, /* int */
        [0xd1 - 0xc0] = {SHAPE_PLAIN, 2, 0},  [0xd2 - 0xc0] = {SHAPE_PLAIN, 4, 0},
        [0xd3 - 0xc0] = {SHAPE_PLAIN, 8, 0},  [0xd9 - 0xc0] = {SHAPE_STR, 1, 0},
        [0xda - 0xc0] = {SHAPE_STR, 2, 0},    [0xdb - 0xc0] = {SHAPE_STR, 4, 0},
        [0xdc - 0xc0] = {SHAPE_ARRAY, 2, 0},  [0xdd - 0xc0] = {SHAPE_ARRAY, 4, 0},
        [0xde - 0xc0] = {SHAPE_MAP, 2, 0},    [0xdf - 0xc0] = {SHAPE_MAP, 4, 0},
    };

    if (type <= 0x7f || type >= 0xe0)
        return (struct head){SHAPE_PLAIN, 0, 0}; /* fixint */
    if (type <= 0x8f)
        return (struct head){SHAPE_MAP, 0, type & 0x0f};
    if (type <= 0x9f)
        return (struct head){SHAPE_ARRAY, 0, type & 0x0f};
    if (type <= 0xbf)
        return (struct head){SHAPE_STR, 0, type & 0x1f};
    return high[type - 0xc0];
}

/* The next n_bytes as a big-endian number. */
static bool
take_number(struct slice *rest, uint8_t n_bytes, uint64_t *out)
{
    uint64_t number = 0;

    if (rest->len < n_bytes)
        return false;
    for (uint8_t i = 0; i < n_bytes; i++)
        number = number << 8 | (uint8_t)rest->ptr[i];
    *rest = slice_sub(*rest, n_bytes, rest->len);
    *out = number;
    return true;
}

static bool
skip(struct slice *rest, uint64_t n)
{
    if (rest->len < n)
        return false;
    *rest = slice_sub(*rest, n, rest->len);
    return true;
}
