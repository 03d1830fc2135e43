/* SPDX-License-Identifier: ISC
 *
 * text - see text.h.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text_reserve(struct text *text, size_t len);

void
text_add(struct text *text, const void *bytes, size_t len)
{
    text_reserve(text, len);
    if (len > 0)
        memcpy(text->ptr + text->len, bytes, len);
    text->len += len;
    text->ptr[text->len] = '\0';
}

static void
text_reserve(struct text *text, size_t len)
{
    if (text->room - text->len > len && text->ptr != NULL)
        return;
    size_t room = text->room * 2 > text->len + len + 1 ? text->room * 2 : text->len + len + 1;

    text->ptr = realloc(text->ptr, room);
    if (text->ptr == NULL)
        abort();
    text->room = room;
}

void
text_str(struct text *text, const char *s)
{
    text_add(text, s, strlen(s));
}

void
text_fmt(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vfmt(text, format, args);
    va_end(args);
}

void
text_vfmt(struct text *text, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);

    if (len < 0)
        abort();
    text_reserve(text, (size_t)len);
    vsnprintf(text->ptr + text->len, (size_t)len + 1, format, again);
    va_end(again);
    text->len += (size_t)len;
}

void
text_json(struct text *text, const char *s, size_t len)
{
    text_str(text, "\"");
    for (size_t i = 0, from = 0; i <= len; i++) {
        if (i < len && s[i] != '"' && s[i] != '\\' && (unsigned char)s[i] >= 0x20)
            continue;
        text_add(text, s + from, i - from);
        if (i < len && (s[i] == '"' || s[i] == '\\'))
            text_fmt(text, "\\%c", s[i]);
        else if (i < len)
            text_fmt(text, "\\u%04x", s[i]);
        from = i + 1;
    }
    text_str(text, "\"");
}

void
text_clear(struct text *text)
{
    text->len = 0;
}

void
text_free(struct text *text)
{
    free(text->ptr);
    *text = (struct text){0};
}
