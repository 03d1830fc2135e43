/* SPDX-License-Identifier: ISC
 *
 * credential - `relayosctl credential seal`: a provider's key as text that may stand in the
 * configuration. The key comes from stdin alone.
 */
#ifndef CTL_CREDENTIAL_H
#define CTL_CREDENTIAL_H

#include "args.h"
#include "client.h"

int credential_run_seal(struct client *client, const struct args *args);

#endif
