/* SPDX-License-Identifier: ISC */
#include "relayos/codec/flavor.h"

#include <assert.h>

enum flavor_set {
    ALL_BUT_OLLAMA = FLAVOR_TAKES_CHOICES | FLAVOR_TAKES_USER | FLAVOR_TAKES_LOGIT_BIAS |
                     FLAVOR_TAKES_TOOL_CHOICE | FLAVOR_TAKES_URLS,
    OPENAI_OWN = FLAVOR_TAKES_NEW_LIMIT | FLAVOR_TAKES_DEVELOPER | FLAVOR_TAKES_CUSTOM_TOOLS |
                 FLAVOR_TAKES_REFUSAL | FLAVOR_TAKES_HINTS
};

static const struct flavor {
    uint32_t takes;
    const char *reasoning;
} flavors[] = {
#define FLAVOR(name, NAME, takes, reasoning) [FLAVOR_##NAME] = {takes, reasoning},
#include "flavor.def"
#undef FLAVOR
};

static const struct flavor *row_of(enum upstream_flavor flavor);

bool
flavor_takes(enum upstream_flavor flavor, enum flavor_flag flag)
{
    return (row_of(flavor)->takes & (uint32_t)flag) != 0;
}

const char *
flavor_reasoning(enum upstream_flavor flavor)
{
    return row_of(flavor)->reasoning;
}

static const struct flavor *
row_of(enum upstream_flavor flavor)
{
    assert(flavor < sizeof(flavors) / sizeof(flavors[0]));
    return &flavors[flavor];
}
