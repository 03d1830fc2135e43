/* SPDX-License-Identifier: ISC
 *
 * identity - who asks, and whether their browser was told to by another page.
 */
#ifndef CONSOLE_IDENTITY_H
#define CONSOLE_IDENTITY_H

#include "call.h"

/* Address and scheme, as a trusted proxy says or as they are. */
void identity_place(struct call *call);
/* The host is ours, not one that somebody has pointed at us (DNS rebinding): else answered (421).
 */
bool identity_host(struct call *call);
/* By admin key or session cookie. false: answered (401, 503); nobody is nobody. */
bool identity_find(struct call *call);
/* A change comes from our own page, or by an admin key: else answered (403). */
bool identity_is_intended(struct call *call);

#endif
