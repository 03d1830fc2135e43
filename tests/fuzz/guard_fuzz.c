/* SPDX-License-Identifier: ISC
 *
 * guard_fuzz - heads and chunked bodies, split anywhere: the pieces must mean what the whole means.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/net/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_head(struct slice bytes, size_t cut)
{
    struct guard_head whole, part;
    enum guard_verdict verdict = guard_parse_head(bytes, &whole);
    enum guard_verdict early = guard_parse_head(slice_sub(bytes, 0, cut), &part);

    assert(early == GUARD_INCOMPLETE || early == verdict);
    if (verdict != GUARD_OK) {
        assert(verdict == GUARD_INCOMPLETE || whole.reason != NULL);
        return;
    }
    assert(whole.head_size <= bytes.len && whole.n_headers <= LIMIT_HEADERS);
    assert(!(whole.is_chunked && whole.content_length >= 0));
    assert(memcmp(bytes.ptr + whole.head_size - 4, "\r\n\r\n", 4) == 0);
}

static void
check_chunks(struct slice bytes, size_t cut)
{
    struct guard_chunks whole = {0}, part = {0};
    char *a = malloc(bytes.len + 1), *b = malloc(bytes.len + 1);
    size_t a_len = bytes.len, first = cut, second = bytes.len - cut;

    memcpy(a, bytes.ptr, bytes.len);
    memcpy(b, bytes.ptr, bytes.len);
    long result = guard_chunks_decode(&whole, a, &a_len);
    long early = guard_chunks_decode(&part, b, &first);
    if (early == -2) {
        memmove(b + first, b + cut, second);
        early = guard_chunks_decode(&part, b + first, &second);
        assert(early == result);
        if (result != -1)
            assert(first + second == a_len && memcmp(a, b, a_len) == 0);
    } else {
        assert(early == -1 ? result == -1 : result == early + (long)(bytes.len - cut));
    }
    free(a);
    free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    char *copy = malloc(size); /* names in a head are made lower case */
    struct slice bytes = slice_of(memcpy(copy, data + 1, size - 1), size - 1);
    size_t cut = bytes.len * data[0] / 255;

    check_head(bytes, cut);
    check_chunks(bytes, cut);
    free(copy);
    return 0;
}
