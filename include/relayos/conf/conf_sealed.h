/* SPDX-License-Identifier: ISC
 *
 * conf_sealed - upstreams' keys that stand in the configuration, sealed (base/sealed.h) under a
 * master key that does not: bound to the upstream's name, the origin of its url and the key's name,
 * so that nobody who may write the file can send a key to where it was not meant for.
 */
#ifndef RELAYOS_CONF_CONF_SEALED_H
#define RELAYOS_CONF_CONF_SEALED_H

#include "relayos/base/sealed.h"

#define CONF_SEALED_MASTER_ENV "RELAYOS_MASTER_KEY"

struct conf_sealed_place {
    const char *upstream, *url;
    const char *key; /* its name in `keys`; "" = the only one */
};
/* ERR_SYNTAX: the url; and as sealed_make(). */
int conf_sealed_make(const struct conf_sealed_place *place, const struct secret *master,
                     struct slice clear, struct buf *out, struct errmsg *why) MUST_CHECK;
int conf_sealed_open(const struct conf_sealed_place *place, const struct secret *master,
                     const char *text, struct secret **out, struct errmsg *why) MUST_CHECK;

#endif
