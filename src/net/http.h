/* SPDX-License-Identifier: ISC
 *
 * http - what a request's headers say, and the words that go with a status.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "relayos/net/server.h"

/* Reason phrase, never NULL. */
const char *http_status_text(int status);

#endif
