/* SPDX-License-Identifier: ISC
 *
 * heritage - everything a child inherits from the master through fork, and nothing else; and how
 * each of them begins with it.
 */
#ifndef RELAYOS_HERITAGE_H
#define RELAYOS_HERITAGE_H

#include <stdint.h>

#include "relayos/base/errmsg.h"
#include "relayos/base/secret.h"
#include "relayos/conf/conf.h"
#include "relayos/net/server_way.h"
#include "relayos/net/tls_vault.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/segment.h"

struct heritage {
    const struct conf *conf; /* as of the fork; models, routes, prices are in the catalog */
    struct segment *segment;
    struct catalog *catalog;
    const struct secret *pepper;
    const struct tls_vault *vault; /* certificates of its listeners; NULL: it has none */
    size_t n_listeners;            /* of those, what it serves: worker, console */
    size_t n_handed; /* worker: what it hands to a new master; the console's is last */
    int listener_fds[LIMIT_HANDED]; /* bound, listening, non-blocking */
    const uint16_t *listener_ports; /* where the gateway itself listens, as bound */
    int handover_fd;                /* worker: a new master asks there for them; else -1 */
    uint32_t slot;                  /* process slot to claim ... */
    uint32_t generation;            /* ... with this generation (shm/proc_slot.h) */
    int ready_fd;                   /* write one byte when ready to serve, then close */
    int control_fd;                 /* all but workers: stream socket to the master (frame.h) */
    int kept_fd;                    /* prober: a file without a name, for what the next one is to go
                                       on with; else -1 */
    int nudge_fd;                   /* eventfd: a worker writes when its outbox is a quarter full,
                                       the ledger reads; shared by all */
    bool is_background;  /* started with -d: the launcher's streams are let go of when ready */
    bool is_repair;      /* ledger: make the usage sums anew from the rows before anything else */
    const int *wake_fds; /* eventfd by worker slot: that worker reads, the ledger writes when it has
                            committed something that the worker waits for; NULL = none */
};

/* What the server is told of what the configuration says. */
static inline struct server_networks
heritage_networks(const struct conf_networks *networks)
{
    return (struct server_networks){networks->ranges, networks->n, networks->has_local};
}

static inline struct server_way
heritage_way(const struct conf_listener *listener)
{
    return (struct server_way){
        .is_tls = listener->n_certificates > 0,
        .wants_proxy = listener->proxies.n > 0 || listener->proxies.has_local,
        .proxies = heritage_networks(&listener->proxies),
    };
}

/*
 * What every child does. First the claim: whoever lost the slot (ERR_CONFLICT) touches nothing of
 * it and ends.
 */
int heritage_claim(const struct heritage *heritage, struct errmsg *why) MUST_CHECK;
/* A descriptor, not blocking, that tells of TERM, QUIT and USR1; -1: there is none. */
int heritage_watch_signals(struct errmsg *why) MUST_CHECK;
/* The next that has come, or 0. */
int heritage_next_signal(int fd);
/* To the master, and in the slot. */
void heritage_tell_ready(const struct heritage *heritage);
/* A sign of life; false: we were stopped for so long that another has our place. */
bool heritage_beat(const struct heritage *heritage, int64_t now_us);
void heritage_reopen_log(const struct heritage *heritage);

/*
 * Child entries; they do not return but to end the process with that exit status.
 *
 * They begin in their own process group, rights dropped, log_init() and log_open() done, the
 * master's descriptors closed, dispositions default but PIPE and XFSZ ignored, and with TERM, QUIT,
 * INT, HUP, USR1, USR2, WINCH, CHLD still blocked so that none is lost before they listen
 * (signalfd, or handlers and then unblock). What the master sends:
 *   worker  TERM, QUIT  stop accepting, finish what runs within stop_timeout (TERM) or
 *                       drain_timeout (QUIT), exit 0; the master kills what does not
 *   prober, console  TERM  exit 0 at once
 *   prober  QUIT        exit 0 once what it is telling others is told: the next one tells the rest
 *   all     USR1        reopen logs
 * A master that takes over the workers of a dead one sends them QUIT once its own serve.
 * The ledger ends by the `stop` command; TERM asks the same of it when there is no master. INT and
 * HUP are not for children. The end of the control socket is no reason for the ledger to end:
 * accounting goes on without a master. For the prober and the console it is one: the next master
 * starts its own.
 */
int worker_main(const struct heritage *heritage);
int ledger_main(const struct heritage *heritage);
int prober_main(const struct heritage *heritage);
int console_main(const struct heritage *heritage);

#endif
