/* SPDX-License-Identifier: ISC
 *
 * conf_oidc - single sign-on, as the configuration says.
 */
#ifndef RELAYOS_CONF_CONF_OIDC_H
#define RELAYOS_CONF_CONF_OIDC_H

#include "relayos/base/limits.h"
#include "relayos/base/secret.h"
#include "relayos/conf/conf_listener.h"

/* Who says who somebody is; issuer "" = nobody but us. */
struct conf_oidc {
    char issuer[CONF_PATH_SIZE], client_id[CONF_PATH_SIZE];
    struct secret *secret;                                    /* NULL: the client has none */
    char secret_env[LIMIT_NAME], secret_file[CONF_PATH_SIZE]; /* as written */
    char name[LIMIT_NAME];
    char scopes[CONF_PATH_SIZE];
    char claim[24]; /* "email", "preferred_username", "sub" */
    char create[8]; /* "off", "member" */
    char ca_file[LIMIT_PATH];
};

#endif
