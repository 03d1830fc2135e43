/* SPDX-License-Identifier: ISC
 *
 * calls - every endpoint that reaches a model, as data: tests iterate over it, so that a new row of
 * endpoints.def is tested from its first day.
 */
#ifndef SUPPORT_CALLS_H
#define SUPPORT_CALLS_H

#include <stdbool.h>

#include "gateway.h"
#include "http.h"
#include "relayos/codec/dialect.h"

struct call {
    const char *name, *path;
    enum operation operation;
    enum protocol protocol;
    bool can_stream;
    const char *model;     /* one that serves it */
    const char *text_path; /* of the answer, "" = it has none */
    const char *end_event; /* name of a stream's last event ("" for the [DONE] of chat) */
    int n_start_events;    /* of a stream of the mock's, before the first that carries text */
};

/* The n-th, NULL past the end. */
const struct call *call_at(size_t n);
const struct call *call_of(enum operation operation);
/* A request body; model NULL = the call's own. text is put in as it is: no quotes in it. Free it.
 */
char *call_body(const struct call *call, const char *model, bool is_stream, const char *text);
/* The whole exchange. */
struct http_reply *call_make(const struct gateway *gateway, const struct call *call,
                             const char *key, bool is_stream, const char *text);
struct http_reply *call_model(const struct gateway *gateway, const struct call *call,
                              const char *key, const char *model, bool is_stream, const char *text);
/* Its status, of a chat completion. */
int call_status(const struct gateway *gateway, const char *key, const char *model, bool is_stream,
                const char *text);
/* A connection with the request sent and nothing read. */
int call_begin(const struct gateway *gateway, const struct call *call, const char *key,
               bool is_stream, const char *text);

#endif
