/* SPDX-License-Identifier: ISC
 *
 * master - supervises: owns listeners, segment, configuration, control socket and the schedule.
 *
 * Process:   the first one; single-threaded, one poll(2) loop, never blocked by disk or network
 * once it serves. It touches no library that a peer, a parser or a disk could take down. Ownership:
 * everything in the options belongs to the caller and outlives the run, but for conf, which the
 * master takes.
 */
#ifndef RELAYOS_MASTER_MASTER_H
#define RELAYOS_MASTER_MASTER_H

#include <stdbool.h>

#include "relayos/conf/conf.h"
#include "relayos/heritage.h"
#include "relayos/master/mock_provider.h"
#include "relayos/master/succession.h"

typedef int master_role_main(const struct heritage *heritage);

struct master_options {
    const char *config_file;          /* NULL = the built-in default, which cannot be reloaded */
    struct conf *conf;                /* checked; taken over */
    const struct mock_provider *mock; /* running beside us, or NULL */
    const char *program;          /* where this executable lies: an upgrade runs what does then */
    char *const *argv;            /* as we were started; good for the run */
    struct succession succession; /* from who was in this process before us */
    bool prints_quickstart;
    bool is_repair;  /* the first ledger repairs what can be repaired */
    int launcher_fd; /* daemon: gets the launcher's exit status as one byte; else -1 */
    master_role_main *worker, *ledger, *prober, *console;
};

/* Exit statuses of relayosd(8). */
enum master_exit {
    MASTER_EXIT_OK = 0,
    MASTER_EXIT_UNSETTLED = 1, /* ended with records that the ledger has not committed */
    MASTER_EXIT_USAGE = 2,
    MASTER_EXIT_CONFIG = 3,
    MASTER_EXIT_START = 4, /* could not start: the reason is on stderr and in the log */
};

/* Start, serve until told to stop; returns the exit status. */
int master_run(const struct master_options *options);

#endif
