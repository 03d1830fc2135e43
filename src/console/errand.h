/* SPDX-License-Identifier: ISC
 *
 * errand - one request to another server and the whole of its answer, bounded in bytes and time:
 * over https with its certificate looked at, or over http on this machine. Redirects are answers.
 */
#ifndef CONSOLE_ERRAND_H
#define CONSOLE_ERRAND_H

#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define ERRAND_MAX_ANSWER (256 * 1024)

struct console;
struct errand;

struct errand_answer {
    int status;          /* 0: there is no answer */
    const char *failure; /* NULL: it is whole */
    struct slice body;   /* good until errand_free() */
};

struct errand_request {
    const char *url, *ca_file;
    struct slice form;          /* what is posted; empty: GET */
    struct slice authorization; /* empty: none */
    void (*on_end)(void *ctx, const struct errand_answer *answer);
    void *ctx;
};

/* A URL that secrets may be sent to: NULL, or what is wrong with it. */
const char *errand_check_url(const char *url);
/* on_end is called once, later, and never after errand_free(), which may be called from it. NULL:
 * not with that URL. */
struct errand *errand_start(struct console *console, const struct errand_request *request);
void errand_free(struct errand **errand);

#endif
