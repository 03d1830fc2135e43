/* SPDX-License-Identifier: ISC
 *
 * stats - see stats.h.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
stats_note_request(struct stats *stats, const struct ask *ask, const char *bytes, size_t len)
{
    unsigned i = 0;

    stats->requests++;
    text_clear(&stats->last);
    text_add(&stats->last, bytes, len);
    if (ask->asked[0] == '\0')
        return;
    while (i < stats->n_models && strcmp(stats->models[i].name, ask->asked) != 0)
        i++;
    if (i == STATS_MODELS)
        return;
    if (i == stats->n_models) {
        snprintf(stats->models[i].name, sizeof stats->models[i].name, "%s", ask->asked);
        stats->models[i].requests = 0;
        stats->n_models++;
    }
    stats->models[i].requests++;
}

void
stats_write(const struct stats *stats, struct text *out)
{
    text_fmt(out,
             "{\"requests\":%u,\"usage_answers\":%u,\"finished\":%u,\"cancelled\":%u,"
             "\"connections\":%u,\"open\":%d,\"busy\":%d,\"bytes_sent\":%" PRIu64 ",\"models\":{",
             stats->requests, stats->usage_answers, stats->finished, stats->cancelled,
             stats->connections, stats->open, stats->busy, stats->bytes_sent);
    for (unsigned i = 0; i < stats->n_models; i++) {
        text_str(out, i == 0 ? "" : ",");
        text_json(out, stats->models[i].name, strlen(stats->models[i].name));
        text_fmt(out, ":%u", stats->models[i].requests);
    }
    text_str(out, "}}\n");
}

void
stats_reset(struct stats *stats)
{
    struct stats kept = {.open = stats->open, .busy = stats->busy};

    text_free(&stats->last);
    *stats = kept;
}
