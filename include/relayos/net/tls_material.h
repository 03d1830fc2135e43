/* SPDX-License-Identifier: ISC
 *
 * tls_material - what a TLS listener is made of, as PEM: certificates with their keys, authorities.
 */
#ifndef RELAYOS_NET_TLS_MATERIAL_H
#define RELAYOS_NET_TLS_MATERIAL_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/limits.h"
#include "relayos/base/slice.h"

enum tls_client_verify { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

struct tls_certificate {
    const char *name;        /* of its file, for messages */
    struct slice chain, key; /* PEM, the leaf first */
};

/* What one listener presents and asks for. */
struct tls_material {
    uint32_t n_certificates; /* 0: it speaks no TLS */
    enum tls_client_verify client_verify;
    struct tls_certificate certificates[LIMIT_CERTIFICATES]; /* the first is the default */
    struct slice client_ca;                                  /* PEM */
};

/* Would a worker take it? ERR_CONFIG: which file, and what is wrong with it. */
int tls_material_check(const struct tls_material *material, struct errmsg *why) MUST_CHECK;

/* Of the leaf. */
struct tls_certificate_info {
    int64_t not_after_us; /* real time */
    char names[256];      /* that it is for: "a.example, *.b.example"; as many as fit */
};
int tls_material_info(const struct tls_certificate *certificate,
                      struct tls_certificate_info *out) MUST_CHECK;

#endif
