/* SPDX-License-Identifier: ISC
 *
 * tls_front - TLS before a mock provider: a process that ends it and passes bytes on.
 */
#ifndef SUPPORT_TLS_FRONT_H
#define SUPPORT_TLS_FRONT_H

#include <sys/types.h>

#include "certificate.h"

/* On a free port of 127.0.0.1, until the process is killed or the test ends. */
pid_t tls_front_start(const struct certificate *certificate, int to_port, int *out_port);
/* The first connection meets the first certificate, the second the second; the last is for all
 * others. */
pid_t tls_front_start_all(const struct certificate *certificates, int n, int to_port,
                          int *out_port);

#endif
