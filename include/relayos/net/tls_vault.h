/* SPDX-License-Identifier: ISC
 *
 * tls_vault - certificates, their keys, and the keys of session tickets, from the master to its
 * workers: anonymous shared memory that is in no file and in no core dump.
 *
 * Process:   the master makes it before it forks and is the only one to write; workers look whether
 *            it has changed when a connection comes, and copy out. They could not read the files
 *            themselves: they have no rights to.
 * Failure:   a master that dies in the middle of writing leaves it unreadable; its workers go on
 *            with what they have.
 */
#ifndef RELAYOS_NET_TLS_VAULT_H
#define RELAYOS_NET_TLS_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"
#include "relayos/net/tls_material.h"

#define TLS_N_TICKET_KEYS 3
#define TLS_TICKET_LIFE_S (2 * 3600) /* as long as each of the keys is the newest */

/* The newest first; only that one is for new tickets. */
struct tls_ticket_key {
    uint8_t name[16], aes[32], hmac[32];
};

struct tls_vault;

struct tls_vault *tls_vault_new(void);
void tls_vault_free(struct tls_vault **vault);

/* Master: what each listener has, by its number. ERR_TOO_LARGE. */
int tls_vault_publish(struct tls_vault *vault, const struct tls_material *listeners, size_t n,
                      struct errmsg *why) MUST_CHECK;
/* Master: a new key for tickets; the oldest is forgotten. */
int tls_vault_rotate(struct tls_vault *vault, struct errmsg *why) MUST_CHECK;

/* Another one after each of these; odd while something is written. */
uint32_t tls_vault_epoch(const struct tls_vault *vault);

/* A private copy, wiped when it is freed; NULL while the master writes. */
struct tls_vault_copy {
    uint32_t epoch;
    size_t n_listeners;
    struct tls_material listeners[LIMIT_LISTENERS];
    struct tls_ticket_key ticket_keys[TLS_N_TICKET_KEYS];
    struct tls_vault *memory; /* what the slices point into */
};
struct tls_vault_copy *tls_vault_copy(const struct tls_vault *vault);
void tls_vault_copy_free(struct tls_vault_copy **copy);

#endif
