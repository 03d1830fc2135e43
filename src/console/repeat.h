/* SPDX-License-Identifier: ISC
 *
 * repeat - answers by Idempotency-Key: a create that is sent twice happens once. Remembered for ten
 * minutes, in memory: they may hold a secret that is shown once.
 */
#ifndef CONSOLE_REPEAT_H
#define CONSOLE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct repeats;
struct repeat_entry;

struct repeats *repeat_new(void);
void repeat_free(struct repeats **repeats);

/* At a POST with an Idempotency-Key: false: answered, with what was answered before, or 409 (still
 * under way), or 422 (another body). */
bool repeat_begin(struct call *call);
/* The call's answer; one of 500 and more may be asked for again. */
void repeat_end(struct call *call, int status);

#endif
