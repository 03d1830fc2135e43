/* SPDX-License-Identifier: ISC
 *
 * rig - the gateway and the key of a test that has one of each, and upstreams that speak one
 * protocol each.
 */
#ifndef SUPPORT_RIG_H
#define SUPPORT_RIG_H

#include "books.h"
#include "gateway.h"
#include "routes.h"

extern struct gateway *gateway;
extern char *key;

/* A key for 100 dollars. */
void rig_start(const struct gateway_options *options);
/* The same; and the mock refuses what the real providers do. */
void rig_start_strict(const struct gateway_options *options);
/* With its books checked. */
void rig_stop(void);

/* All of the first mock, told apart by their paths. */
#define RIG_UPSTREAM(name, path, protocol)                                                         \
    "  " name ":\n    url: http://127.0.0.1:%d/" name path "\n    probe: none\n"                   \
    "    protocols: " protocol "\n" ROUTES_KEY
#define RIG_UPSTREAMS                                                                              \
    RIG_UPSTREAM("chat", "/v1", "openai_chat")                                                     \
    RIG_UPSTREAM("answers", "/v1", "openai_responses")                                             \
    RIG_UPSTREAM("messages", "/v1", "anthropic_messages")                                          \
    RIG_UPSTREAM("google", "/v1beta", "gemini")
/* A model with one route. */
#define RIG_MODEL(name, upstream, model)                                                           \
    ROUTES_NAMED(name, "    routes: [{upstream: " upstream ", model: " model "}]\n")

#endif
