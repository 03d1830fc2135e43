/* SPDX-License-Identifier: ISC
 *
 * redact - foreign text made fit for our records: printable ASCII, no secrets, cut to size.
 */
#ifndef RELAYOS_WORKER_REDACT_H
#define RELAYOS_WORKER_REDACT_H

#include <stddef.h>

#include "relayos/base/slice.h"

/*
 * NUL-terminated copy of text in out[size]: control and non-ASCII bytes become '?', and what looks
 * like a secret (sk-..., AIza..., Bearer ..., a run of 24 letters and digits) "***".
 */
void redact_copy(char *out, size_t size, struct slice text);
/* The same, and "***" for the words that hold that very secret, or part of it, whatever it looks
 * like; "" is none. */
void redact_copy_without(char *out, size_t size, struct slice text, struct slice secret);

#endif
