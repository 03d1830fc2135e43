/* SPDX-License-Identifier: ISC */
#include "file_text.h"

#include "relayos/base/text.h"

struct slice
file_text_decode(struct arena *arena, struct slice raw)
{
    char *text = arena_alloc(arena, raw.len), *bytes = arena_alloc(arena, raw.len);
    size_t n = 0;

    if (text == NULL || bytes == NULL)
        return (struct slice){0};
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];

        if (c == '\\' || c == '=')
            continue;
        text[n++] = c == '+' ? '-' : c == '/' ? '_' : c; /* as in URLs */
    }
    long len = text_base64url_parse(slice_of(text, n), (uint8_t *)bytes, raw.len);
    return slice_of(bytes, len < 0 ? 0 : (size_t)len);
}
