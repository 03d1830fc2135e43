/* SPDX-License-Identifier: ISC
 *
 * dispatch - every request that comes: to a page's files, or through all that has to be right to
 * a handler of the API.
 */
#ifndef CONSOLE_DISPATCH_H
#define CONSOLE_DISPATCH_H

#include "call.h"

/* For server_handler; ctx is the struct console. */
void dispatch_request(void *ctx, struct exchange *exchange, const struct http_request *http);

#endif
