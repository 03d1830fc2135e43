/* SPDX-License-Identifier: ISC */
#include "run_dir.h"

#include <stdio.h>
#include <string.h>

#define NAME   "run_dir"
#define BLANKS " \t"

static struct slice next_line(struct slice *rest);
static bool is_empty(struct slice line);
static bool is_mentioned(struct slice line);
static enum run_dir read_value(struct slice value, char out[CONF_PATH_SIZE]);
static struct slice plain_of(struct slice value);
static struct slice quoted_of(struct slice value);
static struct slice before_comment(struct slice text);
static bool is_one_of(char c, const char *set);

enum run_dir
run_dir_scan(struct slice text, char out[CONF_PATH_SIZE])
{
    enum run_dir found = RUN_DIR_NONE;
    bool may_go_on = false; /* the value, in an indented line */

    if (memchr(text.ptr, '\0', text.len) != NULL)
        return RUN_DIR_UNSURE; /* UTF-16, for one */
    while (text.len > 0) {
        struct slice line = next_line(&text);

        if (is_empty(line))
            continue;
        if (may_go_on && is_one_of(line.ptr[0], BLANKS))
            return RUN_DIR_UNSURE;
        may_go_on = false;
        if (!is_mentioned(line))
            continue;
        if (found != RUN_DIR_NONE || !slice_starts_with(line, SLICE_LIT(NAME ":")))
            return RUN_DIR_UNSURE;
        found = read_value(slice_sub(line, sizeof(NAME), line.len), out);
        if (found != RUN_DIR_NAMED)
            return found;
        may_go_on = true;
    }
    return found;
}

static struct slice
next_line(struct slice *rest)
{
    size_t len = 0;

    while (len < rest->len && !is_one_of(rest->ptr[len], "\r\n"))
        len++;
    struct slice line = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len < rest->len ? len + 1 : len, rest->len);
    return line;
}

/* Blank, or a comment as a whole. */
static bool
is_empty(struct slice line)
{
    line = slice_trim(line);
    return line.len == 0 || line.ptr[0] == '#';
}

/* Elsewhere than in a comment; what looks like one may be within quotes. */
static bool
is_mentioned(struct slice line)
{
    struct slice said = before_comment(line);

    if (memchr(said.ptr, '"', said.len) != NULL || memchr(said.ptr, '\'', said.len) != NULL)
        said = line;
    return memmem(said.ptr, said.len, NAME, sizeof(NAME) - 1) != NULL;
}

static enum run_dir
read_value(struct slice value, char out[CONF_PATH_SIZE])
{
    if (value.len == 0 || !is_one_of(value.ptr[0], BLANKS))
        return RUN_DIR_UNSURE;
    value = slice_trim(value);
    bool is_quoted = value.len > 0 && is_one_of(value.ptr[0], "'\"");
    struct slice path = is_quoted ? quoted_of(value) : plain_of(value);

    if (path.len == 0 || path.len >= CONF_PATH_SIZE)
        return RUN_DIR_UNSURE;
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] < ' ' || path.ptr[i] == '\x7f')
            return RUN_DIR_UNSURE;
    }
    snprintf(out, CONF_PATH_SIZE, "%.*s", (int)path.len, path.ptr);
    return RUN_DIR_NAMED;
}

/* Empty for one that begins otherwise than paths do, or has what could be more than text. */
static struct slice
plain_of(struct slice value)
{
    static const char odd[] = ",:[]{}\"'\\&*!|>%@`?";
    struct slice path = slice_trim(before_comment(value));

    for (size_t i = 0; i < path.len; i++) {
        if (is_one_of(path.ptr[i], odd) || (i == 0 && is_one_of(path.ptr[i], "-~#")))
            return SLICE_LIT("");
    }
    return path;
}

/* Empty for one with an escape, or with more than a comment behind it. */
static struct slice
quoted_of(struct slice value)
{
    const char *end = memchr(value.ptr + 1, value.ptr[0], value.len - 1);

    if (end == NULL || memchr(value.ptr, '\\', value.len) != NULL)
        return SLICE_LIT("");
    size_t len = (size_t)(end - value.ptr);
    struct slice behind = slice_sub(value, len + 1, value.len);

    if (slice_trim(before_comment(behind)).len > 0)
        return SLICE_LIT("");
    return slice_sub(value, 1, len);
}

static struct slice
before_comment(struct slice text)
{
    size_t len = 0;

    while (len < text.len &&
           (text.ptr[len] != '#' || (len > 0 && !is_one_of(text.ptr[len - 1], BLANKS))))
        len++;
    return slice_sub(text, 0, len);
}

static bool
is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}
