/* SPDX-License-Identifier: ISC
 *
 * cookie - what a browser keeps for us: read, set, and taken back. Under TLS by a name that no
 * other host, and no plain page, can set.
 */
#ifndef CONSOLE_COOKIE_H
#define CONSOLE_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

struct call;

/* STRICT: never with what another site has led to. */
enum cookie_site { COOKIE_STRICT, COOKIE_LAX };

/* false: there is none, or there are two: one was planted by another page of this host (under plain
 * http a cookie belongs to all its ports), and nobody can say which. */
bool cookie_find(const struct call *call, const char *name, struct slice *out);
/* With the answer. A life of 0 takes it back. */
void cookie_set(struct call *call, const char *name, const char *value, int64_t life_us,
                enum cookie_site site);

#endif
