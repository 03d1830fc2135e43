/* SPDX-License-Identifier: ISC
 *
 * conf_flavor - see the header.
 */
#include "conf_flavor.h"

#include <string.h>

static int take_azure(struct conf_reader *reader, const struct conf_node *node,
                      struct upstream_record *record);
static enum upstream_flavor guess_flavor(const char *host);
static bool ends_with(const char *text, const char *end);

int
conf_flavor_finish(struct conf_reader *reader, const struct conf_node *node,
                   struct conf_upstream *upstream)
{
    struct upstream_record *record = &upstream->record;

    if (record->flavor == CONF_FLAVOR_UNSET)
        record->flavor = (uint8_t)guess_flavor(record->host);
    if (record->flavor == FLAVOR_AZURE) {
        record->is_bearer = strcmp(upstream->auth, "bearer") == 0;
        return take_azure(reader, node, record);
    }
    if (record->api_version[0] != '\0')
        return directive_fail_key(reader, conf_yaml_child(node, "api_version"),
                                  "'api_version' is Azure's alone: say 'flavor: azure'");
    if (strcmp(upstream->auth, "bearer") == 0)
        return directive_fail(reader, conf_yaml_child(node, "auth"),
                              "'auth: bearer' is for 'flavor: azure'; others have one way to show "
                              "a key: say 'auth: key'");
    return 0;
}

/* .../openai/v1 is as OpenAI's own; under .../openai each deployment has paths of its own. */
static int
take_azure(struct conf_reader *reader, const struct conf_node *node, struct upstream_record *record)
{
    const struct conf_node *url = conf_yaml_child(node, "url");

    if (record->path[0] == '\0')
        return directive_fail(reader, url,
                              "'url' of an Azure resource ends in /openai/v1, or in /openai with "
                              "an 'api_version'");
    record->has_deployments = ends_with(record->path, "/openai");
    if (record->has_deployments && record->api_version[0] == '\0')
        return directive_fail(reader, url,
                              "'url' ends in /openai, where Azure wants an 'api_version' such as "
                              "2024-10-21; with /openai/v1 it wants none");
    return 0;
}

static enum upstream_flavor
guess_flavor(const char *host)
{
    static const struct {
        const char *end; /* the host, or what stands behind its first labels */
        enum upstream_flavor flavor;
    } rows[] = {{".api.openai.com", FLAVOR_OPENAI},
                {".openai.azure.com", FLAVOR_AZURE},
                {".services.ai.azure.com", FLAVOR_AZURE},
                {".cognitiveservices.azure.com", FLAVOR_AZURE}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (ends_with(host, rows[i].end) || strcmp(host, rows[i].end + 1) == 0)
            return rows[i].flavor;
    return FLAVOR_COMPATIBLE;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}
