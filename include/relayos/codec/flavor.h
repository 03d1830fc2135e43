/* SPDX-License-Identifier: ISC
 *
 * flavor - what upstreams of one protocol differ in: rows of flavor.def by enum upstream_flavor
 * (model/catalog.h), and how Azure is addressed.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_FLAVOR_H
#define RELAYOS_CODEC_FLAVOR_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/codec/dialect.h"
#include "relayos/model/catalog.h"

/* What a chat body for it may hold. */
enum flavor_flag {
    FLAVOR_TAKES_NEW_LIMIT = 1u << 0,    /* max_completion_tokens, instead of max_tokens */
    FLAVOR_TAKES_DEVELOPER = 1u << 1,    /* the role, with models that have it */
    FLAVOR_TAKES_CUSTOM_TOOLS = 1u << 2, /* with free text as input */
    FLAVOR_TAKES_REFUSAL = 1u << 3,      /* beside an assistant's content */
    FLAVOR_TAKES_HINTS = 1u << 4,        /* prompt_cache_key, service_tier, verbosity */
    FLAVOR_TAKES_TOP_K = 1u << 5,
    FLAVOR_TAKES_CHOICES = 1u << 6, /* n */
    FLAVOR_TAKES_USER = 1u << 7,
    FLAVOR_TAKES_LOGIT_BIAS = 1u << 8,
    FLAVOR_TAKES_TOOL_CHOICE = 1u << 9, /* with parallel_tool_calls */
    FLAVOR_TAKES_URLS = 1u << 10,       /* images by their URLs, not only by their bytes */
};

bool flavor_takes(enum upstream_flavor flavor, enum flavor_flag flag);
/* "reasoning_content" or the like; NULL: reasoning in the open is none of its. */
const char *flavor_reasoning(enum upstream_flavor flavor);

/* The header that shows an upstream's key: Azure's has a name of its own. */
static inline const char *
flavor_auth_header(const struct upstream_record *upstream, const struct dialect *dialect)
{
    return upstream->flavor == FLAVOR_AZURE && !upstream->is_bearer &&
                   dialect->protocol <= PROTOCOL_OPENAI_RESPONSES
               ? "api-key: "
               : dialect->auth_header;
}

#endif
