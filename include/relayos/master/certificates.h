/* SPDX-License-Identifier: ISC
 *
 * certificates - of the listeners: what the configuration has read goes to the workers and to the
 * console, through a vault for each, at the start and with each reload; how long they are good is
 * looked at every hour.
 */
#ifndef RELAYOS_MASTER_CERTIFICATES_H
#define RELAYOS_MASTER_CERTIFICATES_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"
#include "relayos/net/tls_vault.h"
#include "relayos/shm/proc_slot.h"

struct conf;
struct conf_listener;
struct frame_out;
struct master;

/* One that is in force. */
struct certificate_watch {
    const struct conf_listener *listener;
    const char *file;
    struct tls_certificate_info info;
    int told_days; /* the last warning, CERTIFICATE_FINE: none */
};

struct certificates {
    struct tls_vault *vault, *console_vault; /* neither can open what is meant for the other */
    int64_t look_us, rotate_us;              /* the next time */
    size_t n;
    struct certificate_watch watches[LIMIT_HANDED * LIMIT_CERTIFICATES];
};

/* Can all of the listeners' be used? ERR_CONFIG with the listener, the file and the reason. */
int certificates_check(const struct conf *conf, struct errmsg *why) MUST_CHECK;

/* Before the first child. */
int certificates_open(struct master *master, struct errmsg *why) MUST_CHECK;
void certificates_close(struct master *master);
/* A checked configuration is in force from now on: listeners that both have get its certificates.
 */
void certificates_publish(struct master *master, const struct conf *conf);
/* In a child: the vault that is its own; what is not is out of its reach from now on. */
const struct tls_vault *certificates_leave(struct master *master, enum proc_role role);
void certificates_work(struct master *master, int64_t now_us);

/* The warning that so much time calls for: within 30, 14, 7 or 1 days, 0 = it is over. */
#define CERTIFICATE_FINE 1000
int certificates_warning(int64_t left_us);
/* Member "certificates" of the status. */
void certificates_write(const struct master *master, struct frame_out *out);

#endif
