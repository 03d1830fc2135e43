/* SPDX-License-Identifier: ISC
 *
 * query - names are compared as sent: ours need no encoding.
 */
#include "query.h"

#include <stdint.h>

#include "relayos/base/text.h"

bool
query_decode(struct slice text, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = (uint8_t)text.ptr[i];

        if (byte == '%') {
            if (text.len - i < 3 || text_hex_parse(slice_sub(text, i + 1, i + 3), &byte, 1) != 0)
                break;
            i += 2;
        }
        if (byte == '\0' || len + 1 >= size)
            break;
        out[len++] = (char)byte;
        if (i + 1 == text.len) {
            out[len] = '\0';
            return true;
        }
    }
    out[0] = '\0';
    return text.len == 0;
}

bool
query_get(struct slice query, const char *name, char *out, size_t size)
{
    out[0] = '\0';
    while (query.len > 0) {
        const char *mark = memchr(query.ptr, '&', query.len);
        size_t len = mark == NULL ? query.len : (size_t)(mark - query.ptr);
        struct slice pair = slice_sub(query, 0, len);
        const char *equals = memchr(pair.ptr, '=', pair.len);

        if (equals != NULL && slice_eq_str(slice_sub(pair, 0, (size_t)(equals - pair.ptr)), name))
            return query_decode(slice_sub(pair, (size_t)(equals - pair.ptr) + 1, pair.len), out,
                                size);
        query = slice_sub(query, mark == NULL ? len : len + 1, query.len);
    }
    return false;
}
