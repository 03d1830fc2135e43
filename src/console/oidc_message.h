/* SPDX-License-Identifier: ISC
 *
 * oidc_message - what a provider is sent: where a browser goes to sign in there, and what its code
 * is changed for a token with. Authorization code with PKCE (RFC 6749 4.1, RFC 7636 S256).
 *
 * Pure.
 */
#ifndef CONSOLE_OIDC_MESSAGE_H
#define CONSOLE_OIDC_MESSAGE_H

#include "passage.h"
#include "provider.h"
#include "relayos/conf/conf.h"

struct oidc_message {
    const struct conf_oidc *conf;
    const struct provider *provider;
    const char *redirect_uri;
};

void oidc_message_authorize(const struct oidc_message *message, const struct passage *passage,
                            struct buf *out_url);
/* out_authorization is left empty where the secret is in the form, or there is none. */
void oidc_message_token(const struct oidc_message *message, const struct passage *passage,
                        struct slice code, struct buf *out_form, struct buf *out_authorization);
/* "name=value", all of value %-encoded that is not a letter, a digit or one of -._~ */
void oidc_message_add(struct buf *out, const char *name, struct slice value);

#endif
