/* SPDX-License-Identifier: ISC
 *
 * quoted - JSON in tests, said with single quotes for double ones so that it can be read.
 */
#ifndef QUOTED_H
#define QUOTED_H

#include <stdio.h>
#include <string.h>

/* Append text, with " for each ' and hash for each #; returns the new length. */
static inline size_t
quoted_append(char *room, size_t size, const char *text, const char *hash)
{
    size_t len = strlen(room);

    for (; *text != '\0' && len + 64 < size; text++) {
        if (*text == '#')
            len += (size_t)snprintf(room + len, size - len, "%s", hash);
        else
            room[len++] = *text == '\'' ? '"' : *text;
    }
    room[len] = '\0';
    return len;
}

#define QUOTED_LINES(...)                                                                          \
    (const char *const[]){__VA_ARGS__},                                                            \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)

#endif
