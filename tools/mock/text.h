/* SPDX-License-Identifier: ISC
 *
 * text - growable bytes of the mock. Independent of the product on purpose: a bug there must not
 * hide here. Out of memory aborts.
 */
#ifndef MOCK_TEXT_H
#define MOCK_TEXT_H

#include <stdarg.h>
#include <stddef.h>

struct text {
    char *ptr; /* NUL-terminated once something was added */
    size_t len;
    size_t room;
};

void text_add(struct text *text, const void *bytes, size_t len);
void text_str(struct text *text, const char *s);
void text_fmt(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vfmt(struct text *text, const char *format, va_list args);
/* A JSON string with its quotes. */
void text_json(struct text *text, const char *s, size_t len);
void text_clear(struct text *text);
void text_free(struct text *text);

#endif
