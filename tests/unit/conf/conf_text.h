/* SPDX-License-Identifier: ISC
 *
 * conf_text - configurations that are whole but for what a test puts into them.
 */
#ifndef TESTS_CONF_CONF_TEXT_H
#define TESTS_CONF_CONF_TEXT_H

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Six lines: the next stands in line 7. */
#define BROKEN_PROLOGUE                                                                            \
    "upstreams:\n"                                                                                 \
    "  up: {url: https://api.example.com/v1, protocols: openai_chat, auth: none}\n"                \
    "models:\n"                                                                                    \
    "  m:\n"                                                                                       \
    "    price: {input: 1, output: 2}\n"                                                           \
    "    routes: [{upstream: up}]\n"

#define BROKEN_UP(rest)                                                                            \
    "upstreams:\n"                                                                                 \
    "  up: {" rest "}\n"                                                                           \
    "models: {m: {price: free, routes: [{upstream: up}]}}\n"

#define BROKEN_MODEL(rest)                                                                         \
    "upstreams:\n"                                                                                 \
    "  up: {url: https://api.example.com/v1, protocols: openai_chat, auth: none}\n"                \
    "models:\n" rest

#define BROKEN_PRICE(rest) BROKEN_MODEL("  m: {price: {" rest "}, routes: [{upstream: up}]}\n")

#endif
