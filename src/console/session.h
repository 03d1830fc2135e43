/* SPDX-License-Identifier: ISC
 *
 * session - a browser that is signed in: 256 random bits in a cookie, of which the store has the
 * hash; over after half an hour of silence, and after twelve in any case. The token against forged
 * requests follows from the id, and is of no use without the cookie.
 */
#ifndef CONSOLE_SESSION_H
#define CONSOLE_SESSION_H

#include "call.h"

#define SESSION_ID_SIZE 32
#define SESSION_IDLE_US (INT64_C(30) * 60 * 1000000)
#define SESSION_LIFE_US (INT64_C(12) * 3600 * 1000000)

/* The cookie's session, in call->session and call->csrf, if it is there and not over. 0;
 * ERR_MISSING; what the store says. */
int session_find(struct call *call) MUST_CHECK;
/* Signed in: a new session in place of the one there was, its cookie, and on_open. */
void session_begin(struct call *call, const struct user_record *user,
                   void (*on_open)(struct call *call));
/* Its cookie is taken back. */
void session_forget(struct call *call);

#endif
