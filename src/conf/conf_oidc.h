/* SPDX-License-Identifier: ISC
 *
 * conf_oidc - the section console.oidc, whose members must go together.
 */
#ifndef CONF_CONF_OIDC_H
#define CONF_CONF_OIDC_H

#include "directive.h"

int conf_oidc_finish(struct conf_reader *reader, const struct conf_node *root) MUST_CHECK;

#endif
