/* SPDX-License-Identifier: ISC
 *
 * admin_key - keys of the console's API, for scripts: sk-admin-..., made and revoked. They buy
 * nothing: workers look in another table.
 */
#ifndef LEDGER_ADMIN_KEY_H
#define LEDGER_ADMIN_KEY_H

#include "dispatch.h"

dispatch_handler admin_key_create, admin_key_list, admin_key_revoke;

#endif
