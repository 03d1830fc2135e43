/* SPDX-License-Identifier: ISC */
#include <assert.h>

#include "relayos/codec/translate.h"

bool
translate_takes_url(enum protocol upstream, enum upstream_flavor flavor,
                    const struct neutral_part *part)
{
    assert(part->source == NEUTRAL_URL);
    switch (upstream) {
    case PROTOCOL_OPENAI_CHAT:
        return part->kind == NEUTRAL_IMAGE && flavor_takes(flavor, FLAVOR_TAKES_URLS);
    case PROTOCOL_OPENAI_RESPONSES:
    case PROTOCOL_ANTHROPIC_MESSAGES:
        return true;
    case PROTOCOL_GEMINI:
        /* It reads its own stores alone, with the rights of the account that all callers share. */
        return false;
    }
    return false;
}
