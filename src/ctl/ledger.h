/* SPDX-License-Identifier: ISC
 *
 * ledger - commands about the books: verify, show, adjust; export and reconcile have files of
 * their own.
 */
#ifndef CTL_LEDGER_H
#define CTL_LEDGER_H

#include "verb.h"

struct store;

verb_run ledger_verify_run, ledger_export_run, ledger_reconcile_run;
verb_write ledger_write_show, ledger_write_adjust, ledger_write_billed;
verb_print ledger_print_show, ledger_print_adjust, ledger_print_billed;

/* The database that --database names, or that of the running gateway, to be read beside it. */
int ledger_open_database(struct client *client, const struct args *args,
                         struct store **out) MUST_CHECK;

#endif
