/* SPDX-License-Identifier: ISC
 *
 * facts_read - what tests of requests begin with: a body read by its operation's dialect, into
 * facts and a reason that hold nothing of an earlier one.
 */
#ifndef FACTS_READ_H
#define FACTS_READ_H

#include <string.h>

#include "relayos/codec/dialect.h"

static struct request_facts facts;
static struct refusal_reason why;

static inline int
read_request(enum operation operation, const char *body)
{
    const struct dialect *dialect = dialect_of(dialect_operation_protocol(operation));

    memset(&facts, 0xA5, sizeof(facts));
    memset(&why, 0, sizeof(why));
    return dialect->read_request(operation, slice_str(body), &facts, &why);
}

#endif
