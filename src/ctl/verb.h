/* SPDX-License-Identifier: ISC
 *
 * verb - the table of relayosctl's commands (verbs.def): what each takes, sends and prints.
 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

#include "args.h"
#include "client.h"
#include "relayos/base/buf.h"

/* Arguments of the request from the words given. ERR_SYNTAX: usage. */
typedef int verb_write(const struct args *args, struct frame_out *out, struct errmsg *why);
/* The result for people. */
typedef void verb_print(const struct frame_value *result, const struct args *args, struct buf *out);
/* A command that is more than one request, or none; returns the exit status. */
typedef int verb_run(struct client *client, const struct args *args);

struct verb {
    const char *words;    /* "key create" */
    const char *operands; /* "KEY" */
    const char *options;  /* see args.h */
    const char *help;
    enum command command;
    verb_write *write;
    verb_print *print;
    verb_run *run; /* instead of the three above */
};

/* The row whose words argv begins with, and how many words that took; NULL if there is none. */
const struct verb *verb_find(int argc, char *const *argv, int *out_n_words);
/* Usage of one command, and of all. */
void verb_write_usage(const struct verb *verb, struct buf *out);
void verb_write_help(struct buf *out);
/* The command that was perhaps meant, or NULL. */
const char *verb_nearest(int argc, char *const *argv);

#endif
