/* SPDX-License-Identifier: ISC
 *
 * state - the master's whole state, handed to each of its modules; each module's own part is in its
 * own header.
 */
#ifndef MASTER_STATE_H
#define MASTER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "adopt.h"
#include "backoff.h"
#include "child_link.h"
#include "confine.h"
#include "console_link.h"
#include "control_server.h"
#include "notify.h"
#include "relayos/master/certificates.h"
#include "relayos/master/master.h"
#include "relayos/shm/proc_slot.h"
#include "reload.h"
#include "schedule.h"
#include "upgrade.h"
#include "vigil.h"
#include "witness.h"

/* In this order; master_move() is the only one that changes it. */
enum master_phase {
    MASTER_LEDGER_STARTS, /* forked, not ready */
    MASTER_KEYS_SYNC,     /* the declared keys are on their way */
    MASTER_WORKERS_START,
    MASTER_SERVES,
    MASTER_WORKERS_DRAIN, /* asked to end; killed at the deadline */
    MASTER_LEDGER_STOPS,  /* told to settle everything and to end; prober and console, to end */
    MASTER_IS_OVER
};

#define MASTER_N_SINGLE 3 /* roles that have one child: ledger, prober, console */

/* A place for one child: a worker's process slot may differ from one life to the next. */
struct child {
    enum proc_role role;
    uint32_t slot; /* while pid != 0 */
    pid_t pid;     /* 0 = none runs */
    int ready_fd;  /* -1 when it has spoken, or none runs */
    bool is_ready;
    bool was_asked; /* to end: its end is no crash */
    int64_t due_us; /* pid == 0: when to start it */
    struct backoff backoff;
    struct child_link *link; /* its control socket; NULL: we ask it nothing */
};

struct master {
    struct master_options options;
    /* As started: what needs a restart to change, and what children inherit; but for the receivers
     * of alerts and traces, which are those of the last reload. */
    struct conf *boot;
    struct conf *conf; /* as of the last reload; == boot until there was one */
    struct secret *pepper;
    struct segment *segment;
    struct catalog *catalog;
    char segment_name[64];
    bool segment_is_empty; /* made by us, and no worker has been near it */
    bool is_settled;       /* the ledger ended with nothing left in the segment */
    int64_t started_us;    /* real time */

    int lock_fd, signal_fd, nudge_fd, handover_fd;
    int kept_fd;                 /* heritage.h */
    int wake_fds[LIMIT_WORKERS]; /* by process slot; heritage.h */
    int listener_fds[LIMIT_LISTENERS];
    uint16_t listener_ports[LIMIT_LISTENERS]; /* as bound, where the config says port 0 */
    int console_fd;                           /* its listener; -1: not (yet) bound */
    uint16_t console_port;

    enum master_phase phase;
    int exit_status;
    int64_t deadline_us;  /* of the phase, INT64_MAX = none */
    bool workers_are_off; /* WINCH: drained and not started again */
    bool reaping_is_due;  /* SIGCHLD came */
    bool has_served;      /* ready was announced */
    bool spares_adopted;  /* we could not start: whom we found serves on without us */
    bool is_rebuilding;   /* of the segment: everybody ends, nobody starts */
    int64_t rebuild_us;   /* since then */

    uint32_t n_workers;
    union { /* by name, and as a table of master_n_children() */
        struct {
            struct child ledger, prober, console, workers[LIMIT_WORKERS];
        };
        struct child children[MASTER_N_SINGLE + LIMIT_WORKERS];
    };
    /* By process slot: the undertaker's next visit, if the slot is dead; INT64_MAX while it is
     * there. */
    int64_t undertaker_due_us[LIMIT_WORKERS];
    bool is_suspect[LIMIT_WORKERS]; /* by process slot: who died there may have written anywhere */

    struct crash_spell crash_spell;
    struct adoption adoption;
    struct vigil vigils[LIMIT_WORKERS + PROC_N_ROLES]; /* by process slot */

    struct child_link ledger_link, prober_link;
    bool ledger_has_keys; /* those that conf declares; key_sync.h */
    struct console_link console_link;
    struct control_server control;
    struct certificates certificates;
    struct reload reload;
    struct upgrade upgrade;
    struct confine confine;
    struct schedule schedule;
    struct witness witness;
    struct notify notify;
    struct buf greeting; /* of the first start, until the last line of it is there */
};

static inline uint32_t
master_n_children(const struct master *master)
{
    return MASTER_N_SINGLE + master->n_workers;
}

/* Enter a later phase; what has to happen there happens. */
void master_move(struct master *master, enum master_phase phase, int64_t now_us);
/* Nobody runs, and the segment is fresh: ledger, keys, workers, in that order. */
void master_start_again(struct master *master);
/* The start has failed: say why, end what runs, exit with MASTER_EXIT_START. */
void master_fail_start(struct master *master, const char *reason, int64_t now_us);

#endif
