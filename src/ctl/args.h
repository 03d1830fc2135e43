/* SPDX-License-Identifier: ISC
 *
 * args - the words after a command: operands, and options as the command's row in verbs.def lists
 * them ("name=NAME quota=QUOTA... once": --name takes a value, --quota may be given several times,
 * --once takes no value).
 */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define ARGS_MAX 32

struct args {
    size_t n_operands;
    const char *operands[ARGS_MAX];
    size_t n_options;
    struct {
        struct slice name;
        const char *value; /* "" for an option without one */
    } options[ARGS_MAX];
};

/* ERR_SYNTAX: an unknown option (with the nearest known one), a missing value, one given twice. */
int args_parse(int argc, char *const *argv, const char *allowed, struct args *out,
               struct errmsg *why) MUST_CHECK;
/* Value of an option, NULL if it was not given. */
const char *args_get(const struct args *args, const char *name);
/* The n-th time it was given, NULL past the last. */
const char *args_get_nth(const struct args *args, const char *name, size_t n);
bool args_has(const struct args *args, const char *name);
/* The n-th of the space-separated words in a list; false past the end. */
bool args_nth_word(const char *words, size_t n, struct slice *out);

#endif
