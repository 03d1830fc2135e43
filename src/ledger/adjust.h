/* SPDX-License-Identifier: ISC
 *
 * adjust - corrections made by an operator: a new row in the ledger, sums and quotas at once.
 */
#ifndef LEDGER_ADJUST_H
#define LEDGER_ADJUST_H

#include "dispatch.h"

dispatch_handler adjust_make;

#endif
