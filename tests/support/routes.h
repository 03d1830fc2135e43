/* SPDX-License-Identifier: ISC
 *
 * routes - the model "routed", which has three routes on three upstreams: a, b and c, tried in that
 * order unless the test says otherwise. All are of the first mock, told apart by their paths: a
 * control rule "/b/ status=500" makes b fail. Each speaks every protocol.
 */
#ifndef SUPPORT_ROUTES_H
#define SUPPORT_ROUTES_H

#include "gateway.h"

/* name and port are literals; more: further lines of the upstream. */
#define ROUTES_UPSTREAM(name, port, more)                                                          \
    "  " name ":\n    url: http://127.0.0.1:" port "/" name "/v1\n    probe: none\n"               \
    "    protocols: [openai_chat, openai_responses, anthropic_messages]\n" more
#define ROUTES_KEY "    key_env: GATEWAY_CREDENTIAL\n"
#define ROUTES_UPSTREAMS                                                                           \
    ROUTES_UPSTREAM("a", "%d", ROUTES_KEY)                                                         \
    ROUTES_UPSTREAM("b", "%d", ROUTES_KEY) ROUTES_UPSTREAM("c", "%d", ROUTES_KEY)

/* A model of that name; more: further lines, routes among them. */
#define ROUTES_NAMED(name, more)                                                                   \
    "  " name ":\n    price: {input: 2.00, output: 8.00, cache_read: 0.50}\n"                      \
    "    max_output_tokens: 1000\n" more
#define ROUTES_ABC   "    routes: [{upstream: a}, {upstream: b}, {upstream: c}]\n"
#define ROUTES_MODEL ROUTES_NAMED("routed", "    policy: ordered\n" ROUTES_ABC)

/* Breakers that never open: tests of what single failures do provoke many. */
#define ROUTES_NO_BREAKER "health: {breaker_failures: 0}\n"

/* Each request for itself: else a conversation stays where it was served. */
#define ROUTES_NO_AFFINITY "affinity: {ttl: 0}\n"

/* Requests that upstream got ("a"), of every path, since the mock was reset. */
int64_t routes_calls(const struct gateway *gateway, const char *upstream);
/* Breakers closed, credentials no longer cooling or refused, for the routes of a model. */
void routes_heal(const struct gateway *gateway, const char *model);

#endif
