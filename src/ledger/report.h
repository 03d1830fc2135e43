/* SPDX-License-Identifier: ISC
 *
 * report - what was used, and how the ledger is doing.
 */
#ifndef LEDGER_REPORT_H
#define LEDGER_REPORT_H

#include "dispatch.h"

dispatch_handler report_usage, report_status;

#endif
