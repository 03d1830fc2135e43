/* SPDX-License-Identifier: ISC
 *
 * json_out - a writer of JSON into a buf: escaping, commas and nesting are its business.
 * Process: pure. Failure: the buf's overflow flag.
 */
#ifndef RELAYOS_CODEC_JSON_OUT_H
#define RELAYOS_CODEC_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/buf.h"

struct json_out {
    struct buf *buf;
    unsigned depth;
    bool need_comma;
};

void json_out_init(struct json_out *out, struct buf *buf);
/* key == NULL inside arrays and at the top. */
void json_out_object(struct json_out *out, const char *key);
void json_out_array(struct json_out *out, const char *key);
void json_out_end_object(struct json_out *out);
void json_out_end_array(struct json_out *out);
void json_out_string(struct json_out *out, const char *key, struct slice value);
void json_out_str(struct json_out *out, const char *key, const char *value); /* NULL -> null */
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_null(struct json_out *out, const char *key);
/* A string given as it stands between the quotes of another JSON text. */
void json_out_raw_string(struct json_out *out, const char *key, struct slice raw);
/* A key as it stands in another JSON text; its value comes next, with key NULL. */
void json_out_raw_key(struct json_out *out, struct slice raw);
/* Bytes that are JSON already. */
void json_out_raw(struct json_out *out, const char *key, struct slice json);

/* The string between quotes, escaped; invalid UTF-8 becomes U+FFFD. */
void json_escape(struct buf *out, struct slice value);

#endif
