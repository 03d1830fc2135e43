/* SPDX-License-Identifier: ISC
 *
 * secret - key material: kept out of core dumps, wiped when freed, compared in constant time.
 *
 * There is no printable accessor: secret_expose() is the one, greppable, place where bytes leave.
 */
#ifndef RELAYOS_BASE_SECRET_H
#define RELAYOS_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define SECRET_MAX_SIZE 16384 /* a private key in PEM */

struct secret; /* own pages: MADV_DONTDUMP, MADV_DOFORK; size on the first line */

/* Copy of len bytes (<= SECRET_MAX_SIZE). Never NULL. */
struct secret *secret_new(const void *bytes, size_t len);
/* Wipes, unmaps, clears the pointer. */
void secret_free(struct secret **secret);
struct slice secret_expose(const struct secret *secret);
bool secret_equal(const void *a, const void *b, size_t len);
void secret_wipe(void *bytes, size_t len);

/*
 * Read a secret from a file that belongs to us or root and that nobody else may read (0600, 0400);
 * trailing newline dropped. Errors: ERR_IO, ERR_UNSAFE with the mode and the chmod to run in *why.
 */
int secret_read_file(const char *path, struct secret **out, struct errmsg *why) MUST_CHECK;
/* Make a file of n random bytes (getrandom), 0600, by rename, unless it is there; then read it. */
int secret_ensure_file(const char *path, size_t n, struct secret **out,
                       struct errmsg *why) MUST_CHECK;

#endif
