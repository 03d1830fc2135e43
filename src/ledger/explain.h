/* SPDX-License-Identifier: ISC
 *
 * explain - would a request of this key for this model be admitted now, where would it go, at what
 * price, and what would stop it. Asked of the same tables and functions as workers ask, but nothing
 * is taken, reserved or counted.
 */
#ifndef LEDGER_EXPLAIN_H
#define LEDGER_EXPLAIN_H

#include "dispatch.h"

dispatch_handler explain_run;

#endif
