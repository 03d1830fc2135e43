/* SPDX-License-Identifier: ISC
 *
 * audit_log - the audit trail for people at a terminal: read, and checked.
 */
#ifndef CTL_AUDIT_LOG_H
#define CTL_AUDIT_LOG_H

#include "verb.h"

verb_write audit_log_write_list;
verb_print audit_log_print_list;
verb_run audit_log_run_verify;

#endif
