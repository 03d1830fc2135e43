/* SPDX-License-Identifier: ISC
 *
 * gone - a request whose caller has hung up in mid-stream, and whose answer is read on to its end
 * all the same, for what the provider says it has used (on_client_gone: drain).
 */
#ifndef RELAYOS_WORKER_GONE_H
#define RELAYOS_WORKER_GONE_H

#include <stdbool.h>
#include <stddef.h>

struct request;

/* The exchange ends. True: the request goes on without it, for as long as limits.client_gone_time
 * and as many bytes as limits.client_gone_bytes. */
bool gone_begin(struct request *request);
/* So many bytes of the answer came, for nobody. The request may be no more after it. */
void gone_discard(struct request *request, size_t len);
/* Settle it and let it go. */
void gone_end(struct request *request);

#endif
