/* SPDX-License-Identifier: ISC
 *
 * tls_front - TLS before a mock provider or a receiver: ends it and passes bytes on, in threads of
 * the test. (Not in processes: one forked beside another thread may not allocate, and hung in the
 * sanitizer's allocator now and then.)
 */
#ifndef SUPPORT_TLS_FRONT_H
#define SUPPORT_TLS_FRONT_H

#include <stdbool.h>

#include "certificate.h"

struct tls_front;

/* On a free port of 127.0.0.1. NULL: nobody is at home, connections are refused until a certificate
 * is shown. The certificate is copied. */
struct tls_front *tls_front_start(const struct certificate *certificate, int to_port);
int tls_front_port(const struct tls_front *front);
/* What connections meet from now on. NULL: nothing, they are left waiting until there is another,
 * and closed then. */
void tls_front_show(struct tls_front *front, const struct certificate *certificate);
/* Until that many connections have come. */
bool tls_front_wait(struct tls_front *front, int n);
/* Closes all connections and ends its threads. */
void tls_front_stop(struct tls_front **front);

#endif
