/* SPDX-License-Identifier: ISC
 *
 * http - what a request's headers say, and the words that go with a status.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "relayos/net/server.h"

/* Path and query out of the target. */
void http_split_target(struct http_request *request);
/* Reason phrase, never NULL. */
const char *http_status_text(int status);

#endif
