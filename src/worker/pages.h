/* SPDX-License-Identifier: ISC
 *
 * pages - the few answers that need no key: /, /healthz (the process is up), /readyz (it may
 * serve).
 */
#ifndef RELAYOS_WORKER_PAGES_H
#define RELAYOS_WORKER_PAGES_H

struct request;

void pages_root(struct request *request);
void pages_health(struct request *request);
void pages_ready(struct request *request);

#endif
