/* SPDX-License-Identifier: ISC
 *
 * session - who signs in to the console and out of it, as the console says.
 */
#ifndef LEDGER_SESSION_H
#define LEDGER_SESSION_H

#include "dispatch.h"

dispatch_handler session_open, session_touch, session_close, session_refused;

#endif
