/* SPDX-License-Identifier: ISC */
#include <assert.h>

#include "relayos/codec/translate.h"

static bool is_of_gemini(struct slice url);

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
        return is_of_gemini(part->data);
    }
    return false;
}

/* It reads its own stores' alone. */
static bool
is_of_gemini(struct slice url)
{
    static const struct slice stores[] = {SLICE_LIT("gs://"),
                                          SLICE_LIT("https://generativelanguage.googleapis.com/")};

    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
        if (slice_starts_with(url, stores[i]))
            return true;
    return false;
}
