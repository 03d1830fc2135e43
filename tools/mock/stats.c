/* SPDX-License-Identifier: ISC
 *
 * stats - see stats.h.
 */
#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void stats_note_name(struct stats_names *names, const char *name);
static void stats_note_second(struct stats *stats);
static void stats_write_names(const struct stats_names *names, const char *key, struct text *out);

void
stats_note_request(struct stats *stats, const struct ask *ask, const char *bytes, size_t len)
{
    if (ask->kind == ASK_MODELS) {
        stats->probes++;
        return;
    }
    stats->requests++;
    text_clear(&stats->last);
    text_add(&stats->last, bytes, len);
    stats_note_name(&stats->models, ask->asked);
    stats_note_name(&stats->paths, ask->path);
    stats_note_name(&stats->credentials, ask->credential);
    stats_note_second(stats);
}

static void
stats_note_name(struct stats_names *names, const char *name)
{
    unsigned i = 0;

    if (name[0] == '\0')
        return;
    while (i < names->n && strcmp(names->rows[i].name, name) != 0)
        i++;
    if (i == STATS_NAMES)
        return;
    if (i == names->n) {
        snprintf(names->rows[i].name, sizeof names->rows[i].name, "%s", name);
        names->rows[i].requests = 0;
        names->n++;
    }
    names->rows[i].requests++;
}

static void
stats_note_second(struct stats *stats)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (stats->requests == 1)
        stats->first_s = now.tv_sec;
    if (now.tv_sec - stats->first_s < STATS_SECONDS)
        stats->per_second[now.tv_sec - stats->first_s]++;
}

void
stats_write(const struct stats *stats, struct text *out)
{
    int last = STATS_SECONDS - 1;

    text_fmt(out,
             "{\"requests\":%u,\"probes\":%u,\"usage_answers\":%u,\"finished\":%u,"
             "\"cancelled\":%u,\"connections\":%u,\"open\":%d,\"busy\":%d,\"most\":%d,"
             "\"bytes_sent\":%" PRIu64,
             stats->requests, stats->probes, stats->usage_answers, stats->finished,
             stats->cancelled, stats->connections, stats->open, stats->busy, stats->most,
             stats->bytes_sent);
    stats_write_names(&stats->models, "models", out);
    stats_write_names(&stats->paths, "paths", out);
    stats_write_names(&stats->credentials, "credentials", out);
    while (last > 0 && stats->per_second[last] == 0)
        last--;
    text_str(out, ",\"per_second\":[");
    for (int i = 0; i <= last; i++)
        text_fmt(out, i == 0 ? "%u" : ",%u", stats->per_second[i]);
    text_str(out, "]}\n");
}

static void
stats_write_names(const struct stats_names *names, const char *key, struct text *out)
{
    text_fmt(out, ",\"%s\":{", key);
    for (unsigned i = 0; i < names->n; i++) {
        text_str(out, i == 0 ? "" : ",");
        text_json(out, names->rows[i].name, strlen(names->rows[i].name));
        text_fmt(out, ":%u", names->rows[i].requests);
    }
    text_str(out, "}");
}

void
stats_reset(struct stats *stats)
{
    int open = stats->open, busy = stats->busy;

    text_free(&stats->last);
    *stats = (struct stats){.open = open, .busy = busy, .most = busy};
}
