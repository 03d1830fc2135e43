/* SPDX-License-Identifier: ISC
 *
 * Whatever text a secret stands in, between quotes, it does not stay; and the text comes to the
 * same whole, byte by byte and in pieces, wherever it is cut. Two bytes of the input say where the
 * secret stands and what the limit is.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/codec/scrub.h"

#define CORE   "Zq8vT3nLw0XyR5uKc2Bd"
#define SECRET "\"sk-prod-" CORE "\""

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void scrub_in_pieces(struct slice text, size_t limit, size_t size, struct buf *out);
static size_t count_cores(struct slice text);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf text, whole, single, pieces;

    if (len < 2 || len > 8192)
        return 0;
    struct slice given = slice_of(bytes + 2, len - 2);
    size_t at = given.len * bytes[0] / 255, limit = 1 + len * bytes[1] / 200;

    buf_init(&text, 1 << 20);
    buf_append_slice(&text, slice_sub(given, 0, at));
    buf_append_slice(&text, SLICE_LIT(SECRET));
    buf_append_slice(&text, slice_sub(given, at, given.len));
    buf_init(&whole, 1 << 20);
    buf_init(&single, 1 << 20);
    buf_init(&pieces, 1 << 20);
    scrub_in_pieces(buf_slice(&text), limit, text.len, &whole);
    scrub_in_pieces(buf_slice(&text), limit, 1, &single);
    scrub_in_pieces(buf_slice(&text), limit, 2 + bytes[0] % 64, &pieces);
    assert(slice_eq(buf_slice(&whole), buf_slice(&single)));
    assert(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    assert(count_cores(buf_slice(&whole)) <= count_cores(given));
    buf_fini(&text);
    buf_fini(&whole);
    buf_fini(&single);
    buf_fini(&pieces);
    return 0;
}

static void
scrub_in_pieces(struct slice text, size_t limit, size_t size, struct buf *out)
{
    struct scrub scrub;

    scrub_init(&scrub, limit);
    for (size_t from = 0; from < text.len; from += size)
        scrub_feed(&scrub, slice_sub(text, from, text.len - from < size ? text.len : from + size));
    scrub_write(&scrub, out);
    assert(!out->overflow);
    scrub_fini(&scrub);
}

/* Halves of it, too. */
static size_t
count_cores(struct slice text)
{
    static const char *const parts[] = {"Zq8vT3nLw0", "XyR5uKc2Bd"};
    size_t n = 0;

    for (size_t i = 0; i < 2; i++) {
        const char *at = text.ptr, *end = at + text.len;

        while (text.len > 0 && (at = memmem(at, (size_t)(end - at), parts[i], 10)) != NULL) {
            at += 10;
            n++;
        }
    }
    return n;
}
