/* SPDX-License-Identifier: ISC
 *
 * provider - what an OpenID provider says of itself (OpenID Connect Discovery), and its keys: kept
 * for an hour, and read again when a token names a key that is not among them.
 *
 * Pure.
 */
#ifndef CONSOLE_PROVIDER_H
#define CONSOLE_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "tree.h"

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

#define PROVIDER_URL_SIZE 1024
#define PROVIDER_LIFE_US  (INT64_C(3600) * 1000000)
#define PROVIDER_AGAIN_US (INT64_C(60) * 1000000)
#define PROVIDER_REST_US  INT64_C(1000000) /* after a failure */

struct provider {
    char authorization_endpoint[PROVIDER_URL_SIZE];
    char token_endpoint[PROVIDER_URL_SIZE];
    char jwks_uri[PROVIDER_URL_SIZE];
    bool wants_post;   /* a client's secret in the form, not in a header */
    bool tells_issuer; /* answers name it (RFC 9207): one that does not is another's */
    struct tree *keys;
    int64_t read_us, keys_us, again_us, failed_us; /* monotonic; 0: never */
};

void provider_fini(struct provider *provider);
/* Where the issuer says it. */
void provider_write_url(const char *issuer, struct buf *out);

bool provider_is_known(const struct provider *provider, int64_t now_us);
bool provider_has_keys(const struct provider *provider, int64_t now_us);
/* Is it worth asking for the keys once more? Counts as done. */
bool provider_may_ask_again(struct provider *provider, int64_t now_us);
/* It has failed a moment ago. */
bool provider_is_resting(const struct provider *provider, int64_t now_us);

/* What it answered. ERR_DENIED: it is not to be used, and what was known stays. */
int provider_take(struct provider *provider, const char *issuer, struct slice json, int64_t now_us,
                  struct errmsg *why) MUST_CHECK;
int provider_take_keys(struct provider *provider, struct slice json, int64_t now_us,
                       struct errmsg *why) MUST_CHECK;

#endif
