/* SPDX-License-Identifier: ISC
 *
 * address_guard - where the gateway may fetch a file from that a caller names: hosts of the public
 * network, and what the operator opens. Asked for each address right before it is connected to, so
 * that no name and no second look-up gets around it.
 *
 * Never, whatever is opened: addresses and names at which clouds tell machines their credentials.
 *
 * Process: pure.
 */
#ifndef RELAYOS_POLICY_ADDRESS_GUARD_H
#define RELAYOS_POLICY_ADDRESS_GUARD_H

#include <stdbool.h>

#include "relayos/base/address.h"

struct address_guard {
    const struct address_range *allow; /* on any port, with TLS or without */
    const struct address_range *deny;  /* wins */
    size_t n_allow, n_deny;
    bool allows_plain; /* http, too, from public hosts */
};

/* Of public hosts only the ports 443 (TLS) and 80 (none). */
bool address_guard_allows(const struct address_guard *guard, const struct sockaddr *address,
                          bool is_tls);
/* Is it a name (lower case) that may be looked up at all? */
bool address_guard_takes_name(struct slice host);

#endif
