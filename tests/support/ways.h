/* SPDX-License-Identifier: ISC
 *
 * ways - everything that can be translated, as data: each client's endpoint, plain and streamed,
 * for models that are reached over each protocol of an upstream.
 *
 * Upstreams: a-chat, a-responses, a-messages and a-gemini, all below "/a" of the first mock, the
 * same for b. Models: from-chat, from-responses, ... : first the upstream a of that protocol, and,
 * in the next tier, the upstream b of the protocol that fits least.
 */
#ifndef SUPPORT_WAYS_H
#define SUPPORT_WAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "ladder.h"
#include "routes.h"

#define WAYS_UPSTREAM(mark, name, prefix, protocol)                                                \
    "  " mark "-" name ":\n    url: http://127.0.0.1:%d/" mark prefix "\n    probe: none\n"        \
    "    protocols: " protocol "\n" ROUTES_KEY
#define WAYS_UPSTREAMS_OF(mark)                                                                    \
    WAYS_UPSTREAM(mark, "chat", "/v1", "openai_chat")                                              \
    WAYS_UPSTREAM(mark, "responses", "/v1", "openai_responses")                                    \
    WAYS_UPSTREAM(mark, "messages", "/v1", "anthropic_messages")                                   \
    WAYS_UPSTREAM(mark, "gemini", "/v1beta", "gemini")
/* a and b: literals, what the upstreams' names and paths begin with. */
#define WAYS_UPSTREAMS(a, b) WAYS_UPSTREAMS_OF(a) WAYS_UPSTREAMS_OF(b)

#define WAYS_MODEL(name, first, model, second, next)                                               \
    ROUTES_NAMED(name, "    routes: [{upstream: " first ", model: " model "}, {upstream: " second  \
                       ", model: " next ", tier: 1}]\n")
#define WAYS_MODELS(a, b)                                                                          \
    WAYS_MODEL("from-chat", a "-chat", "gpt-4.1-mini", b "-messages", "claude-sonnet-4-5")         \
    WAYS_MODEL("from-responses", a "-responses", "gpt-4.1-mini", b "-gemini", "gemini-2.5-pro")    \
    WAYS_MODEL("from-messages", a "-messages", "claude-sonnet-4-5", b "-responses",                \
               "gpt-4.1-mini")                                                                     \
    WAYS_MODEL("from-gemini", a "-gemini", "gemini-2.5-pro", b "-chat", "gpt-4.1-mini")

struct way {
    const struct call *call;
    const char *model;
    bool is_stream;
};

/* The n-th of all, false past the end; the same of those that stream. */
bool ways_at(size_t n, struct way *out);
bool ways_stream_at(size_t n, struct way *out);
/* A connection with the request sent and nothing read. */
int ways_begin(const struct gateway *gateway, const struct way *way, const char *key,
               const char *text);
/* Text of a whole answer, plain or streamed, "" if there is none. Free it. */
char *ways_text(const struct way *way, const struct http_reply *reply);
/* Why a reply is no good answer, no error of the client's protocol, and no stream that says it has
 * failed; NULL if it is one of them. *out_is_error says which. */
const char *ways_fault(const struct way *way, const struct http_reply *reply, bool *out_is_error);

#endif
