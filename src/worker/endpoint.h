/* SPDX-License-Identifier: ISC
 *
 * endpoint - the table of URLs (relayos/model/endpoints.def) and the way into it.
 */
#ifndef RELAYOS_WORKER_ENDPOINT_H
#define RELAYOS_WORKER_ENDPOINT_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/codec/dialect.h"

enum endpoint_method {
    ENDPOINT_GET = 1u << 0,
    ENDPOINT_HEAD = 1u << 1,
    ENDPOINT_POST = 1u << 2,
    ENDPOINT_GET_HEAD = ENDPOINT_GET | ENDPOINT_HEAD,
};

enum endpoint_access { ENDPOINT_OPEN, ENDPOINT_KEY, ENDPOINT_INFER };

#define ENDPOINT_PROTOCOL_ANY   255 /* by the caller's headers */
#define ENDPOINT_OPERATION_NONE DIALECT_N_OPERATIONS
#define ENDPOINT_ROW_NONE       255 /* flight and refusal records: no row of the table */

struct request;

struct endpoint {
    const char *name;
    unsigned methods; /* enum endpoint_method bits */
    const char *path;
    unsigned protocol;  /* enum protocol or ENDPOINT_PROTOCOL_ANY */
    unsigned operation; /* enum operation or ENDPOINT_OPERATION_NONE */
    enum endpoint_access access;
    void (*handler)(struct request *request); /* after the key check, if there is one */
};

/*
 * Row for a path (without query). *out_rest is what "{id}" stands for, still percent-encoded; of a
 * row that asks a model, the deployment that Azure's form of the path names instead of the body.
 * ERR_NOT_FOUND; ERR_METHOD_NOT_ALLOWED with the row in *out all the same.
 */
int endpoint_find(struct slice method, struct slice path, const struct endpoint **out,
                  struct slice *out_rest) MUST_CHECK;
uint8_t endpoint_row(const struct endpoint *endpoint);
/* "GET, HEAD": for Allow. */
const char *endpoint_allow(const struct endpoint *endpoint);

#endif
