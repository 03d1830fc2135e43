/* SPDX-License-Identifier: ISC
 *
 * exchange - one request of a client and the response to it, on top of the library's request.
 */
#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include <h2o.h>

#include "relayos/net/server.h"

/* The library has a whole request: give it to the handler. */
void exchange_begin(h2o_req_t *req);
/* The bytes of a write are with the kernel, and more are to come. */
void exchange_on_written(struct exchange *exchange);
/* The last bytes of the response were given to the connection. */
bool exchange_is_ended(const struct exchange *exchange);

#endif
