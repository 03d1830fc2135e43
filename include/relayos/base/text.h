/* SPDX-License-Identifier: ISC
 *
 * text - what people and wires write: ids, base62, hex, base64url, money, durations, sizes.
 */
#ifndef RELAYOS_BASE_TEXT_H
#define RELAYOS_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"

/* UUIDv7 (RFC 9562 5.7): 48-bit unix ms, then random. The request id. Fork-safe, ~50 ns. */
struct uuid {
    uint8_t bytes[16];
};
#define TEXT_UUID_SIZE 36
struct uuid text_uuid_new(int64_t real_us);
/* "019abc...-...." 36 characters, no NUL. */
void text_uuid_format(struct uuid id, char out[TEXT_UUID_SIZE]);
/* 32 lower-case hex digits, no NUL. */
void text_uuid_hex(struct uuid id, char out[32]);
int text_uuid_parse(struct slice s, struct uuid *out);

/* Lower-case hex; out has 2 * len bytes. Parse: 0 or -1 unless exactly len bytes. */
void text_hex(const uint8_t *bytes, size_t len, char *out);
int text_hex_parse(struct slice s, uint8_t *out, size_t len);
/* base64url without padding. Parse: number of bytes, or -1 (bad or non-canonical, too long). */
void text_base64url(struct slice bytes, struct buf *out);
long text_base64url_parse(struct slice s, uint8_t *out, size_t size);
/* n base62 digits of a big-endian number of len bytes (len <= 32), zero-padded at the left. */
void text_base62(const uint8_t *bytes, size_t len, char *out, size_t n);

/* Integer: optional '-', digits, nothing else; 0 or -1 (also on overflow). */
int text_int_parse(struct slice s, int64_t *out);
/* The same written, no NUL; returns its length. */
#define TEXT_INT_SIZE 20 /* INT64_MIN has 19 digits and a sign */
size_t text_int_format(int64_t n, char out[TEXT_INT_SIZE]);

/* Money, exact: "50", "0.25", "12.345678901 usd", "$7" -> nano-USD. Never negative. */
int text_usd_parse(struct slice s, int64_t *out_nusd);
/* "$12.34", "$0.000123": as many decimals as it needs, at least two. */
void text_usd_format(int64_t nusd, char out[32]);
/* "500ms", "30s", "5m", "12h", "30d" <-> microseconds. */
int text_duration_parse(struct slice s, int64_t *out_us);
void text_duration_format(int64_t us, char out[32]);
/* "64KiB", "32MiB", "1000" <-> bytes. */
int text_size_parse(struct slice s, int64_t *out_bytes);
void text_size_format(int64_t bytes, char out[32]);
/* "1,234,567" */
void text_count_format(int64_t n, char out[32]);

/* Characters of UTF-8: bytes that do not continue one. */
size_t text_characters(struct slice s);

/* For "did you mean": the nearest of n names by edit distance, else one that begins with word, or
 * NULL. */
const char *text_nearest(struct slice word, const char *const *names, size_t n);

#endif
