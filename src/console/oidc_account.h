/* SPDX-License-Identifier: ISC
 *
 * oidc_account - whose account that is here: found by issuer and subject alone. The first time, the
 * ledger says whether one waits under the name that the token gives (user.claim).
 */
#ifndef CONSOLE_OIDC_ACCOUNT_H
#define CONSOLE_OIDC_ACCOUNT_H

#include "id_token.h"

struct call;

/* Answers: signed in, and on the way to `to`; or not, and why. */
void oidc_account_enter(struct call *call, const struct id_token *token, const char *to);

#endif
