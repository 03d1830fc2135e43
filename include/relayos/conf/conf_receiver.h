/* SPDX-License-Identifier: ISC
 *
 * conf_receiver - where RelayOS itself sends things: the sections alerts and otlp.
 */
#ifndef RELAYOS_CONF_CONF_RECEIVER_H
#define RELAYOS_CONF_CONF_RECEIVER_H

#include <stdbool.h>

#include "relayos/base/limits.h"
#include "relayos/base/secret.h"
#include "relayos/base/slice.h"
#include "relayos/model/catalog.h"

struct conf;

/* Where RelayOS itself sends things. */
struct conf_receiver {
    char url[LIMIT_PATH]; /* "" = nowhere */
    char secret_env[LIMIT_NAME], secret_file[LIMIT_PATH];
    char ca_file[LIMIT_PATH];
    struct secret *secret;         /* NULL = none */
    struct upstream_record target; /* what follows from the URL */
};

/* The secrets of both: only the process that sends needs them. */
void conf_forget_receivers(struct conf *conf);
/* What a reload may change of both, with all that is said beside them. */
bool conf_receivers_are_same(const struct conf *a, const struct conf *b);
/* They move, with their secrets, which `from` has no more. */
void conf_take_receivers(struct conf *conf, struct conf *from);
/* The next of "name=value,name=value"; false at the end. A part without "=" has an empty name. */
bool conf_header_next(struct slice *rest, struct slice *out_name, struct slice *out_value);

#endif
