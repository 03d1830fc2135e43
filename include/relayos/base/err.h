/* SPDX-License-Identifier: ISC
 *
 * err - what can go wrong. Functions that can fail return 0 or a negative ERR_*.
 *
 * The first block is the catalogue that callers see (err_table.def); the second is for our own
 * use and never reaches a caller: whoever meets one turns it into a category.
 */
#ifndef RELAYOS_BASE_ERR_H
#define RELAYOS_BASE_ERR_H

#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

/* Categories as small positive numbers: what traces, flights and the ledger store. 0 = no error. */
enum err_category {
    ERR_CATEGORY_NONE = 0,
#define CATEGORY(name, NAME, ...) ERR_CATEGORY_##NAME,
#include "relayos/base/err_table.def"
#undef CATEGORY
    ERR_N_CATEGORIES
};

enum err {
#define CATEGORY(name, NAME, ...) ERR_##NAME = -ERR_CATEGORY_##NAME,
#include "relayos/base/err_table.def"
#undef CATEGORY
    ERR_IO = -200,  /* a system call failed; errno's text is in the errmsg */
    ERR_UNSAFE,     /* a file, mode or owner that must not be trusted */
    ERR_TOO_LARGE,  /* past a bound */
    ERR_SYNTAX,     /* bytes that do not parse */
    ERR_INCOMPLETE, /* more bytes are needed */
    ERR_CONFIG,     /* a config that cannot be used */
    ERR_FULL,       /* a fixed table has no room */
    ERR_MISSING,    /* there is no such thing */
    ERR_EXISTS,     /* there is one already */
    ERR_CONFLICT,   /* it is not as the caller thinks */
    ERR_BUSY,       /* try again later */
    ERR_STORE,      /* the database said no */
    ERR_DENIED,     /* the peer may not do this */
    ERR_STALE,      /* of another time: it means nothing now */
};

enum err_retry { RETRY_NO, RETRY_AFTER, RETRY_YES };

struct err_info {
    const char *name; /* "quota_exceeded" */
    int openai_status;
    const char *openai_type;
    const char *openai_code; /* "" = null */
    int anthropic_status;
    const char *anthropic_type;
    enum err_retry retry;
    const char *sentence; /* holds at most one %s */
};

/* Row of a category; category must be one (1 .. ERR_N_CATEGORIES - 1). */
const struct err_info *err_info(enum err_category category);
/* "quota_exceeded"; "none" for ERR_CATEGORY_NONE. */
const char *err_category_name(enum err_category category);
/* Category by name, or ERR_CATEGORY_NONE. */
enum err_category err_category_find(const char *name);
/* Category of a negative err; internal ones give ERR_CATEGORY_INTERNAL. */
enum err_category err_category_of(int err);

#endif
