/* SPDX-License-Identifier: ISC
 *
 * Writing: maps and arrays get 32-bit headers whose count is patched when they are closed, so that
 * nobody has to count beforehand. Reading: frame_check() decides, then msgpack-c builds the tree in
 * its zone; a frame_value is a msgpack_object under another name.
 */
#include "relayos/control/frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdlib.h>

#include <msgpack.h>

#include "frame_check.h"
#include "frame_out.h"
#include "relayos/base/limits.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

#define PREFIX_SIZE 4

struct frame_in {
    char *body; /* strings of the tree point in here */
    msgpack_zone *zone;
    msgpack_object root;
};

static void level_open(struct frame_out *out, const char *key, bool is_map);
static msgpack_packer packer_for(struct frame_out *out, const char *key);
static int packer_write(void *buf, const char *bytes, size_t len);
static const msgpack_object *value_from(const struct frame_value *value);
static const struct frame_value *value_of(const msgpack_object *object);
static bool json_open(const msgpack_object *value, uint32_t n, int indent, struct buf *out);
static void json_scalar(const msgpack_object *value, struct buf *out);
static void json_string(struct slice text, struct buf *out);
static void json_newline(int indent, size_t depth, struct buf *out);
static size_t utf8_length(struct slice text);

/* ---- writing ---- */

struct frame_out *
frame_out_new(void)
{
    struct frame_out *out = mem_zalloc(sizeof(*out));

    buf_init(&out->body, LIMIT_CONTROL_FRAME);
    return out;
}

void
frame_out_free(struct frame_out **out)
{
    if (*out == NULL)
        return;
    buf_fini(&(*out)->body);
    free(*out);
    *out = NULL;
}

void
frame_out_reset(struct frame_out *out)
{
    buf_clear(&out->body);
    out->depth = 0;
}

void
frame_map(struct frame_out *out, const char *key)
{
    level_open(out, key, true);
}

void
frame_array(struct frame_out *out, const char *key)
{
    level_open(out, key, false);
}

static void
level_open(struct frame_out *out, const char *key, bool is_map)
{
    const char header[5] = {is_map ? '\xdf' : '\xdd'};

    assert(out->depth < FRAME_DEPTH);
    (void)packer_for(out, key);
    out->levels[out->depth++] = (struct frame_level){.header_idx = out->body.len, .is_map = is_map};
    buf_append(&out->body, header, sizeof(header));
}

void
frame_end(struct frame_out *out)
{
    assert(out->depth > 0);
    const struct frame_level *level = &out->levels[--out->depth];
    uint32_t n = htonl(level->n);

    if (!out->body.overflow)
        memcpy(out->body.ptr + level->header_idx + 1, &n, sizeof(n));
}

void
frame_str(struct frame_out *out, const char *key, struct slice value)
{
    msgpack_packer packer = packer_for(out, key);

    msgpack_pack_str(&packer, value.len);
    msgpack_pack_str_body(&packer, value.ptr, value.len);
}

void
frame_cstr(struct frame_out *out, const char *key, const char *value)
{
    if (value == NULL)
        frame_nil(out, key);
    else
        frame_str(out, key, slice_str(value));
}

void
frame_int(struct frame_out *out, const char *key, int64_t value)
{
    msgpack_packer packer = packer_for(out, key);

    msgpack_pack_int64(&packer, value);
}

void
frame_int_if(struct frame_out *out, const char *key, bool is_known, int64_t value)
{
    if (is_known)
        frame_int(out, key, value);
    else
        frame_nil(out, key);
}

void
frame_int_known(struct frame_out *out, const char *key, int64_t value)
{
    frame_int_if(out, key, value != 0, value);
}

void
frame_bool(struct frame_out *out, const char *key, bool value)
{
    msgpack_packer packer = packer_for(out, key);

    if (value)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void
frame_nil(struct frame_out *out, const char *key)
{
    msgpack_packer packer = packer_for(out, key);

    msgpack_pack_nil(&packer);
}

void
frame_bin(struct frame_out *out, const char *key, const void *bytes, size_t len)
{
    msgpack_packer packer = packer_for(out, key);

    msgpack_pack_bin(&packer, len);
    msgpack_pack_bin_body(&packer, bytes, len);
}

void
frame_copy(struct frame_out *out, const char *key, const struct frame_value *value)
{
    msgpack_packer packer = packer_for(out, key);

    /* The library recurses here: the depth of whatever was read is bounded by FRAME_DEPTH. */
    msgpack_pack_object(&packer, *value_from(value));
}

void
frame_copy_members(struct frame_out *out, const struct frame_value *map)
{
    for (size_t n = 0; n < frame_length(map); n++) {
        struct slice key = {0};
        const struct frame_value *value = frame_member(map, n, &key);
        char name[LIMIT_NAME] = "";

        if (key.len < sizeof(name))
            memcpy(name, key.ptr, key.len);
        frame_copy(out, name, value);
    }
}

void
frame_out_finish(struct frame_out *out, struct buf *wire)
{
    uint32_t length = htonl((uint32_t)out->body.len);

    assert(out->depth == 0);
    assert(out->body.len > 0);
    if (out->body.overflow) {
        wire->overflow = true; /* where the caller looks: a cut frame must not go out */
    } else {
        buf_append(wire, &length, PREFIX_SIZE);
        buf_append_slice(wire, buf_slice(&out->body));
    }
    buf_clear(&out->body);
}

/* Count the member, write its key (in a map), and give a packer for the value. */
static msgpack_packer
packer_for(struct frame_out *out, const char *key)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, &out->body, packer_write);
    if (out->depth == 0) {
        assert(key == NULL);
        return packer;
    }
    struct frame_level *level = &out->levels[out->depth - 1];
    assert(level->is_map == (key != NULL));
    level->n++;
    if (key != NULL) {
        size_t len = strlen(key);
        msgpack_pack_str(&packer, len);
        msgpack_pack_str_body(&packer, key, len);
    }
    return packer;
}

static int
packer_write(void *buf, const char *bytes, size_t len)
{
    buf_append(buf, bytes, len);
    return 0;
}

/* ---- reading ---- */

int
frame_in_take(struct buf *wire, struct frame_in **out)
{
    uint32_t length;

    if (wire->len < PREFIX_SIZE)
        return ERR_INCOMPLETE;
    memcpy(&length, wire->ptr, sizeof(length));
    length = ntohl(length);
    if (length > LIMIT_CONTROL_FRAME)
        return ERR_TOO_LARGE;
    if (wire->len - PREFIX_SIZE < length)
        return ERR_INCOMPLETE;

    struct slice body = slice_of(wire->ptr + PREFIX_SIZE, length);
    if (frame_check(body) != 0)
        return ERR_SYNTAX;

    struct frame_in *in = mem_zalloc(sizeof(*in));
    size_t offset = 0;
    in->body = mem_alloc(length);
    memcpy(in->body, body.ptr, length);
    in->zone = msgpack_zone_new(MSGPACK_ZONE_CHUNK_SIZE);
    if (in->zone == NULL)
        abort(); /* as mem.h: out of memory */
    msgpack_unpack_return rc = msgpack_unpack(in->body, length, &offset, in->zone, &in->root);
    if (rc != MSGPACK_UNPACK_SUCCESS) {
        frame_in_free(&in);
        return ERR_SYNTAX;
    }
    buf_consume(wire, PREFIX_SIZE + length);
    *out = in;
    return 0;
}

void
frame_in_free(struct frame_in **in)
{
    if (*in == NULL)
        return;
    msgpack_zone_free((*in)->zone);
    free((*in)->body);
    free(*in);
    *in = NULL;
}

const struct frame_value *
frame_root(const struct frame_in *in)
{
    return value_of(&in->root);
}

enum frame_type
frame_type(const struct frame_value *value)
{
    switch (value_from(value)->type) {
    case MSGPACK_OBJECT_NIL:
        return FRAME_NIL;
    case MSGPACK_OBJECT_BOOLEAN:
        return FRAME_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return FRAME_INT;
    case MSGPACK_OBJECT_STR:
        return FRAME_STR;
    case MSGPACK_OBJECT_BIN:
        return FRAME_BIN;
    case MSGPACK_OBJECT_ARRAY:
        return FRAME_ARRAY;
    case MSGPACK_OBJECT_MAP:
        return FRAME_MAP;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
    case MSGPACK_OBJECT_EXT:
        break;
    }
    assert(!"frame_check() lets no other type pass");
    return FRAME_NIL;
}

const struct frame_value *
frame_get(const struct frame_value *map, const char *key)
{
    size_t n = map == NULL || frame_type(map) != FRAME_MAP ? 0 : frame_length(map);

    for (size_t i = 0; i < n; i++) {
        struct slice name = {0};
        const struct frame_value *value = frame_member(map, i, &name);
        if (slice_eq_str(name, key))
            return value;
    }
    return NULL;
}

const struct frame_value *
frame_at(const struct frame_value *array, size_t n)
{
    if (array == NULL || frame_type(array) != FRAME_ARRAY || n >= frame_length(array))
        return NULL;
    return value_of(&value_from(array)->via.array.ptr[n]);
}

size_t
frame_length(const struct frame_value *value)
{
    if (value == NULL)
        return 0;
    const msgpack_object *object = value_from(value);
    if (object->type == MSGPACK_OBJECT_MAP)
        return object->via.map.size;
    return object->type == MSGPACK_OBJECT_ARRAY ? object->via.array.size : 0;
}

const struct frame_value *
frame_member(const struct frame_value *map, size_t n, struct slice *key)
{
    if (map == NULL || frame_type(map) != FRAME_MAP || n >= frame_length(map))
        return NULL;
    const msgpack_object_kv *pair = &value_from(map)->via.map.ptr[n];
    assert(pair->key.type == MSGPACK_OBJECT_STR);
    *key = slice_of(pair->key.via.str.ptr, pair->key.via.str.size);
    return value_of(&pair->val);
}

int64_t
frame_get_int(const struct frame_value *map, const char *key, int64_t fallback)
{
    const struct frame_value *value = frame_get(map, key);

    return value != NULL && frame_type(value) == FRAME_INT ? frame_as_int(value) : fallback;
}

bool
frame_get_bool(const struct frame_value *map, const char *key, bool fallback)
{
    const struct frame_value *value = frame_get(map, key);

    return value != NULL && frame_type(value) == FRAME_BOOL ? value_from(value)->via.boolean
                                                            : fallback;
}

struct slice
frame_get_str(const struct frame_value *map, const char *key)
{
    return frame_as_str(frame_get(map, key));
}

int64_t
frame_as_int(const struct frame_value *value)
{
    return value != NULL && frame_type(value) == FRAME_INT ? value_from(value)->via.i64 : 0;
}

struct slice
frame_as_str(const struct frame_value *value)
{
    if (value == NULL || frame_type(value) != FRAME_STR)
        return slice_of(NULL, 0);
    return slice_of(value_from(value)->via.str.ptr, value_from(value)->via.str.size);
}

struct slice
frame_as_bin(const struct frame_value *value)
{
    if (value == NULL || frame_type(value) != FRAME_BIN)
        return slice_of(NULL, 0);
    return slice_of(value_from(value)->via.bin.ptr, value_from(value)->via.bin.size);
}

static const msgpack_object *
value_from(const struct frame_value *value)
{
    assert(value != NULL);
    return (const msgpack_object *)(const void *)value;
}

static const struct frame_value *
value_of(const msgpack_object *object)
{
    return (const struct frame_value *)(const void *)object;
}

/* ---- JSON ---- */

void
frame_to_json(const struct frame_value *value, int indent, struct buf *out)
{
    struct {
        const msgpack_object *value;
        uint32_t n; /* members written */
    } stack[FRAME_DEPTH + 1] = {{.value = value_from(value)}};
    size_t depth = 0;

    for (;;) {
        const msgpack_object *top = stack[depth].value;
        uint32_t n = stack[depth].n;
        bool is_map = top->type == MSGPACK_OBJECT_MAP;

        if (json_open(top, n, indent == 0 ? 0 : indent * (int)(depth + 1), out)) {
            stack[depth].n++;
            assert(depth < FRAME_DEPTH);
            stack[++depth].value = is_map ? &top->via.map.ptr[n].val : &top->via.array.ptr[n];
            stack[depth].n = 0;
            continue;
        }
        if (n > 0)
            json_newline(indent, depth, out);
        if (is_map || top->type == MSGPACK_OBJECT_ARRAY)
            buf_append_byte(out, is_map ? '}' : ']');
        if (depth-- == 0)
            return;
    }
}

/*
 * Write what stands before the n-th member (bracket, comma, key) and say that there is one; or,
 * past the last, say that there is none. A scalar has no members: it is written here.
 */
static bool
json_open(const msgpack_object *value, uint32_t n, int indent, struct buf *out)
{
    bool is_map = value->type == MSGPACK_OBJECT_MAP;

    if (!is_map && value->type != MSGPACK_OBJECT_ARRAY) {
        json_scalar(value, out);
        return false;
    }
    if (n == 0)
        buf_append_byte(out, is_map ? '{' : '[');
    if (n == (is_map ? value->via.map.size : value->via.array.size))
        return false;
    if (n > 0)
        buf_append_byte(out, ',');
    json_newline(indent, 1, out);
    if (is_map) {
        const msgpack_object_str *key = &value->via.map.ptr[n].key.via.str;
        json_string(slice_of(key->ptr, key->size), out);
        buf_append_str(out, indent > 0 ? ": " : ":");
    }
    return true;
}

static void
json_scalar(const msgpack_object *value, struct buf *out)
{
    const struct frame_value *scalar = value_of(value);

    switch (frame_type(scalar)) {
    case FRAME_NIL:
        buf_append_str(out, "null");
        break;
    case FRAME_BOOL:
        buf_append_str(out, value_from(scalar)->via.boolean ? "true" : "false");
        break;
    case FRAME_INT:
        buf_append_int(out, frame_as_int(scalar));
        break;
    case FRAME_STR:
        json_string(frame_as_str(scalar), out);
        break;
    case FRAME_BIN:
        buf_append_byte(out, '"');
        text_base64url(frame_as_bin(scalar), out);
        buf_append_byte(out, '"');
        break;
    case FRAME_ARRAY:
    case FRAME_MAP:
        assert(!"not a scalar");
    }
}

static void
json_string(struct slice text, struct buf *out)
{
    buf_append_byte(out, '"');
    while (text.len > 0) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t len = utf8_length(text);

        if (len == 0)
            buf_append_str(out, "\\ufffd"); /* what callers send need not be UTF-8 */
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, text.ptr, len);
        text = slice_sub(text, len == 0 ? 1 : len, text.len);
    }
    buf_append_byte(out, '"');
}

static void
json_newline(int indent, size_t depth, struct buf *out)
{
    if (indent > 0)
        buf_printf(out, "\n%*s", indent * (int)depth, "");
}

/* Bytes of the first character, or 0 if it is not well-formed UTF-8. */
static size_t
utf8_length(struct slice text)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.ptr[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t point = len == 1 ? first : first & (0x7fu >> len);

    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || text.len < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | ((unsigned char)text.ptr[i] & 0x3f);
    }
    bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[len] || point > 0x10ffff || is_surrogate ? 0 : len;
}
