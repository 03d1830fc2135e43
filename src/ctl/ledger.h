/* SPDX-License-Identifier: ISC
 *
 * ledger - commands about the books: verify, show, adjust; export and reconcile have files of
 * their own.
 */
#ifndef CTL_LEDGER_H
#define CTL_LEDGER_H

#include "relayos/conf/conf.h"
#include "verb.h"

struct store;

verb_run ledger_verify_run, ledger_export_run, ledger_reconcile_run;
verb_write ledger_write_show, ledger_write_adjust, ledger_write_billed;
verb_print ledger_print_show, ledger_print_adjust, ledger_print_billed;

#define LEDGER_PATH_SIZE (CONF_PATH_SIZE + 32)

/* The database that --database names, or that of the running gateway, to be read beside it. */
int ledger_open_database(struct client *client, const struct args *args,
                         struct store **out) MUST_CHECK;
int ledger_find_database(struct client *client, const struct args *args,
                         char out[LEDGER_PATH_SIZE]) MUST_CHECK;

#endif
