/* SPDX-License-Identifier: ISC
 *
 * frame - what control sockets carry: a 4-byte big-endian length, then one msgpack map.
 *
 *     request  {"id": n, "cmd": "key.create", "args": {...}}
 *     reply    {"id": n, "ok": true, "result": {...}}
 *              {"id": n, "ok": false, "error": "sentence", "code": "missing"}
 *
 * Only this module knows msgpack: others write through frame_out and read through frame_value.
 *
 * Process:   all. Bounds: LIMIT_CONTROL_FRAME; nesting 16. Input from a peer is never trusted:
 *            anything but a well-formed map gives ERR_SYNTAX.
 * Ownership: a frame_in owns its tree; values and slices are good until frame_in_free().
 */
#ifndef RELAYOS_CONTROL_FRAME_H
#define RELAYOS_CONTROL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"

/* ---- writing: maps and arrays are opened and closed, counts are filled in at the close ---- */

struct frame_out;
struct frame_out *frame_out_new(void);
void frame_out_free(struct frame_out **out);
/* Forget what was begun and not finished. */
void frame_out_reset(struct frame_out *out);
/* key == NULL inside arrays. */
void frame_map(struct frame_out *out, const char *key);
void frame_array(struct frame_out *out, const char *key);
void frame_end(struct frame_out *out);
void frame_str(struct frame_out *out, const char *key, struct slice value);
void frame_cstr(struct frame_out *out, const char *key, const char *value); /* NULL -> nil */
void frame_int(struct frame_out *out, const char *key, int64_t value);
void frame_int_if(struct frame_out *out, const char *key, bool is_known,
                  int64_t value);                                            /* or nil */
void frame_int_known(struct frame_out *out, const char *key, int64_t value); /* 0 -> nil */
void frame_bool(struct frame_out *out, const char *key, bool value);
void frame_nil(struct frame_out *out, const char *key);
void frame_bin(struct frame_out *out, const char *key, const void *bytes, size_t len);
/* A value read elsewhere, copied whole (forwarding). */
struct frame_value;
void frame_copy(struct frame_out *out, const char *key, const struct frame_value *value);
void frame_copy_members(struct frame_out *out, const struct frame_value *map);
/* Length prefix and body, appended to a buf. All maps must be closed. Resets the writer. A frame
 * past LIMIT_CONTROL_FRAME is not appended and sets wire->overflow. */
void frame_out_finish(struct frame_out *out, struct buf *wire);

/* ---- reading ---- */

enum frame_type { FRAME_NIL, FRAME_BOOL, FRAME_INT, FRAME_STR, FRAME_BIN, FRAME_ARRAY, FRAME_MAP };

struct frame_in;
/*
 * Take one frame off the front of wire (consumed on success). ERR_INCOMPLETE: read more;
 * ERR_TOO_LARGE, ERR_SYNTAX: close the peer.
 */
int frame_in_take(struct buf *wire, struct frame_in **out) MUST_CHECK;
void frame_in_free(struct frame_in **in);
const struct frame_value *frame_root(const struct frame_in *in);

enum frame_type frame_type(const struct frame_value *value);
/* Member of a map by key, element of an array by index; NULL if there is none. */
const struct frame_value *frame_get(const struct frame_value *map, const char *key);
const struct frame_value *frame_at(const struct frame_value *array, size_t n);
size_t frame_length(const struct frame_value *value); /* of a map or array, else 0 */
/* Key and value of the n-th member of a map, in order. */
const struct frame_value *frame_member(const struct frame_value *map, size_t n, struct slice *key);

/* Typed members with a fallback when missing, nil or of another type. */
int64_t frame_get_int(const struct frame_value *map, const char *key, int64_t fallback);
bool frame_get_bool(const struct frame_value *map, const char *key, bool fallback);
struct slice frame_get_str(const struct frame_value *map, const char *key);
/* The value itself (its type must be that one; else 0, empty). */
int64_t frame_as_int(const struct frame_value *value);
struct slice frame_as_str(const struct frame_value *value);
struct slice frame_as_bin(const struct frame_value *value);

/* As JSON text, for --json (indent 0 = one line). */
void frame_to_json(const struct frame_value *value, int indent, struct buf *out);

#endif
