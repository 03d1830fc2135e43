/* SPDX-License-Identifier: ISC
 *
 * limits - bounds that are part of a format or a promise. What an operator may tune is a directive.
 */
#ifndef RELAYOS_BASE_LIMITS_H
#define RELAYOS_BASE_LIMITS_H

#define LIMIT_MODEL_NAME    96   /* bytes of a public or upstream model name, NUL included */
#define LIMIT_NAME          64   /* bytes of a key, owner, upstream or route name, NUL included */
#define LIMIT_HOST          256  /* bytes of a host name, NUL included */
#define LIMIT_PATH          256  /* bytes of an upstream path prefix, NUL included */
#define LIMIT_CREDENTIAL    1024 /* bytes of an upstream credential */
#define LIMIT_MODELS        1024 /* model names one segment ever sees: a scope is their bitmap */
#define LIMIT_MODEL_ROUTES  128  /* routes of one model */
#define LIMIT_CAPABILITIES  256  /* rows of the operator's */
#define LIMIT_CREDENTIALS   8    /* of one upstream */
#define LIMIT_FALLBACKS     4    /* models that stand in for one */
#define LIMIT_CHOICES       16   /* routes in the trace of how an attempt was chosen */
#define LIMIT_KEY_LIMITS    7    /* quotas of one key */
#define LIMIT_FLIGHT_HOLDS  8    /* reservations of one request */
#define LIMIT_ATTEMPTS      4    /* upstream attempts of one request */
#define LIMIT_WORKERS       64
#define LIMIT_LISTENERS     8
#define LIMIT_CERTIFICATES  8 /* of one listener */
#define LIMIT_HANDED        9 /* sockets that one master leaves the next: those and the console's */
#define LIMIT_NETWORKS      32 /* ranges of addresses in one list */
#define LIMIT_KEY_NETWORKS  4  /* that a key may be used from */
#define LIMIT_FETCHES       16 /* files by URL of one request */
#define LIMIT_JSON_DEPTH    64
#define LIMIT_HEAD_BYTES    32768 /* a caller's request head */
#define LIMIT_HEADERS       64
#define LIMIT_UPSTREAM_HEAD 32768 /* an upstream's response head */
#define LIMIT_SSE_EVENT     (10 * 1024 * 1024)
#define LIMIT_CONTROL_FRAME (64 * 1024 * 1024) /* 100,000 declared keys in one key.sync */
#define LIMIT_TOKENS        (INT64_C(1) << 32) /* a usage counter past this is invalid */
#define LIMIT_PRICE_TIERS   3                  /* of a price, by prompt length */
#define LIMIT_PRICE_CHANGES 3                  /* of a price, in time */
#define LIMIT_PRICE_NUSD    (INT64_C(1) << 40) /* nano-USD per million units */

/* Credentials of so many upstreams together. */
#define LIMIT_ALL_CREDENTIALS(n_upstreams) (2 * (n_upstreams) + LIMIT_CREDENTIALS)

#endif
