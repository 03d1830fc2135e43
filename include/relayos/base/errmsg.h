/* SPDX-License-Identifier: ISC
 *
 * errmsg - one sentence for a person: what happened, where, what to do.
 *
 * Process: any, off the request path. A NULL errmsg is allowed everywhere and drops the text.
 */
#ifndef RELAYOS_BASE_ERRMSG_H
#define RELAYOS_BASE_ERRMSG_H

struct errmsg {
    char text[1024];
};

/* Set the text (cut to fit). */
void errmsg_set(struct errmsg *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Put "prefix: " before what is there, for a caller that knows more of the where. */
void errmsg_prefix(struct errmsg *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
