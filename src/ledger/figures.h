/* SPDX-License-Identifier: ISC
 *
 * figures - what was used, and how the ledger is doing.
 */
#ifndef LEDGER_FIGURES_H
#define LEDGER_FIGURES_H

#include "dispatch.h"

dispatch_handler figures_usage, figures_status;

#endif
