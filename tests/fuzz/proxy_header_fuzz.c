/* SPDX-License-Identifier: ISC
 *
 * Any bytes before the first request: a header says how long it is within what is there, and more
 * bytes behind a whole one or a bad one change nothing.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of((const char *)data, size);
    struct proxy_header header = {0}, part = {0};
    enum proxy_header_verdict verdict = proxy_header_parse(all, &header);

    if (verdict == PROXY_HEADER_OK) {
        assert(header.size <= size && header.size <= PROXY_HEADER_MAX);
        assert(header.address_len == 0 || header.address_len == 4 || header.address_len == 16);
    }
    for (size_t len = 0; len < size && len < 256; len++) {
        enum proxy_header_verdict now = proxy_header_parse(slice_sub(all, 0, len), &part);

        if (now == PROXY_HEADER_BAD)
            assert(verdict == PROXY_HEADER_BAD);
        if (now == PROXY_HEADER_OK)
            assert(verdict == PROXY_HEADER_OK && memcmp(&part, &header, sizeof(part)) == 0);
    }
    return 0;
}
