/* SPDX-License-Identifier: ISC
 *
 * models - GET /v1/models and /v1/models/{id}: what the key may use, in the caller's shape.
 */
#ifndef RELAYOS_WORKER_MODELS_H
#define RELAYOS_WORKER_MODELS_H

struct request;

void models_list(struct request *request);
void models_show(struct request *request);

#endif
