/* SPDX-License-Identifier: ISC
 *
 * oidc - signing in by an OpenID provider: away to it, and back with a code, which is changed for
 * a token, which says who it is. Whoever is sent back without that ends at the sign-in page, which
 * is told why in one word; the log has the rest.
 */
#ifndef CONSOLE_OIDC_H
#define CONSOLE_OIDC_H

#define OIDC_START_PATH    "/api/v1/oidc/start"
#define OIDC_CALLBACK_PATH "/api/v1/oidc/callback"

struct call;
struct console;
struct oidc;

/* NULL: the configuration names no issuer. */
struct oidc *oidc_new(struct console *console);
/* Those under way are given up: before the pool goes. */
void oidc_free(struct oidc **oidc);
/* To the sign-in page, which knows the error; they were going to `to`, "" = nowhere. */
void oidc_refuse(struct call *call, const char *error, const char *to, const char *reason);

#endif
