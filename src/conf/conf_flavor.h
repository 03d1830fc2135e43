/* SPDX-License-Identifier: ISC
 *
 * conf_flavor - whose server an upstream is, and what Azure wants to be told.
 */
#ifndef CONF_CONF_FLAVOR_H
#define CONF_CONF_FLAVOR_H

#include "directive.h"

#define CONF_FLAVOR_UNSET UINT8_MAX /* of the record, before it is read */

/* The flavor, said or guessed by the host, and what follows from it; the URL has been read. */
int conf_flavor_finish(struct conf_reader *reader, const struct conf_node *node,
                       struct conf_upstream *upstream) MUST_CHECK;

#endif
