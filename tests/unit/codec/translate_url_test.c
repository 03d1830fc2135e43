/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/translate.h"

static bool
takes(enum protocol upstream, enum upstream_flavor flavor, enum neutral_part_kind kind,
      const char *url)
{
    const struct neutral_part part = {.kind = kind, .source = NEUTRAL_URL, .data = slice_str(url)};

    return translate_takes_url(upstream, flavor, &part);
}

Test(translate_url, who_takes_what_by_its_url)
{
    static const char url[] = "https://example.com/a";

    cr_expect(takes(PROTOCOL_OPENAI_CHAT, FLAVOR_OPENAI, NEUTRAL_IMAGE, url));
    cr_expect(takes(PROTOCOL_OPENAI_CHAT, FLAVOR_COMPATIBLE, NEUTRAL_IMAGE, url));
    cr_expect(!takes(PROTOCOL_OPENAI_CHAT, FLAVOR_OLLAMA, NEUTRAL_IMAGE, url));
    cr_expect(!takes(PROTOCOL_OPENAI_CHAT, FLAVOR_OPENAI, NEUTRAL_FILE, url));
    cr_expect(takes(PROTOCOL_OPENAI_RESPONSES, FLAVOR_OPENAI, NEUTRAL_FILE, url));
    cr_expect(takes(PROTOCOL_ANTHROPIC_MESSAGES, FLAVOR_COMPATIBLE, NEUTRAL_FILE, url));
    cr_expect(!takes(PROTOCOL_GEMINI, FLAVOR_COMPATIBLE, NEUTRAL_IMAGE, url));
    cr_expect(!takes(PROTOCOL_GEMINI, FLAVOR_COMPATIBLE, NEUTRAL_FILE, "gs://bucket/a"));
    cr_expect(!takes(PROTOCOL_GEMINI, FLAVOR_COMPATIBLE, NEUTRAL_FILE,
                     "https://generativelanguage.googleapis.com/v1beta/files/a"));
}
