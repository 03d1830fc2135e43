/* SPDX-License-Identifier: ISC
 *
 * conf_receiver - the sections `alerts` and `otlp`: where RelayOS itself sends things.
 */
#ifndef CONF_CONF_RECEIVER_H
#define CONF_CONF_RECEIVER_H

#include "directive.h"

/* URL, secret and authorities of both, checked and made ready; root: the file's. */
int conf_receiver_check(struct conf_reader *reader, const struct conf_node *root) MUST_CHECK;
void conf_receiver_fini(struct conf_receiver *receiver);

#endif
