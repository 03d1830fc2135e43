/* SPDX-License-Identifier: ISC */
#include "reconcile_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/model/flight.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_reconcile.h"
#include "relayos/store/store_row.h"

#define CORRECTIONS_MAX 64
#define UPSTREAMS_MAX   128

/* One comparison under way. */
struct matching {
    struct store *store;
    struct store_reconcile *ours;
    const struct provider_list *list;
    int64_t tolerance_nusd;
    struct reconcile_match *out;
    /* Whom the list is of: what was found of it. */
    char upstreams[UPSTREAMS_MAX][LIMIT_NAME];
    size_t n_upstreams;
    struct uuid first, last;
};

static int load(struct matching *matching);
static int match_one(struct matching *matching, const struct provider_list_row *theirs);
static int match_request(struct matching *matching, const struct provider_list_row *theirs,
                         struct reconcile_pair *pair, bool *is_unknown);
static void note_found(struct matching *matching, struct store_reconcile_attempt *attempt);
static int judge(struct matching *matching, struct reconcile_pair *pair, bool was_unknown);
static int add_corrections(struct store *store, struct reconcile_pair *pair);
static void collect_only_ours(struct matching *matching);
static bool is_expected(const struct matching *matching,
                        const struct store_reconcile_attempt *attempt);
static void add(struct reconcile_match *match, const struct reconcile_pair *pair);

int
reconcile_match_run(struct store *store, const struct provider_list *list, int64_t tolerance_nusd,
                    struct reconcile_match *out)
{
    struct matching *matching = mem_zalloc(sizeof(*matching));

    matching->store = store;
    matching->ours = store_reconcile_new(0, INT64_MAX);
    matching->list = list;
    matching->tolerance_nusd = tolerance_nusd;
    matching->out = out;
    memset(&matching->first, 0xff, sizeof(matching->first));
    int rc = load(matching);
    for (size_t n = 0; rc == 0 && n < list->n_rows; n++)
        rc = match_one(matching, &list->rows[n]);
    if (rc == 0)
        collect_only_ours(matching);
    store_reconcile_free(&matching->ours);
    free(matching);
    return rc;
}

static int
load(struct matching *matching)
{
    bool is_done = false;
    int rc = 0;

    while (rc == 0 && !is_done)
        rc = store_reconcile_load(matching->store, matching->ours, &is_done);
    return rc;
}

static int
match_one(struct matching *matching, const struct provider_list_row *theirs)
{
    struct store_reconcile_attempt *attempt =
        store_reconcile_find(matching->ours, slice_str(theirs->id));
    struct reconcile_pair pair = {.theirs_nusd = theirs->cost_nusd,
                                  .theirs_input = theirs->input_tokens,
                                  .theirs_output = theirs->output_tokens};
    bool was_unknown = false;
    int rc = 0;

    memcpy(pair.id, theirs->id, sizeof(pair.id));
    if (attempt != NULL) {
        note_found(matching, attempt);
        pair.request_id = attempt->request_id;
        pair.ours_nusd = attempt->cost_nusd;
        pair.ours_input = attempt->input_tokens;
        pair.ours_output = attempt->output_tokens;
        was_unknown = attempt->provenance == USAGE_INDETERMINATE;
    } else {
        rc = match_request(matching, theirs, &pair, &was_unknown);
    }
    if (rc == ERR_MISSING) {
        pair.verdict = RECONCILE_ONLY_THEIRS;
        add(matching->out, &pair);
        return 0;
    }
    return rc == 0 ? judge(matching, &pair, was_unknown) : rc;
}

/* By our own id: then it is about the request as a whole. */
static int
match_request(struct matching *matching, const struct provider_list_row *theirs,
              struct reconcile_pair *pair, bool *is_unknown)
{
    struct store_row row;
    struct uuid id;

    if (text_uuid_parse(slice_str(theirs->id), &id) != 0)
        return ERR_MISSING;
    int rc = store_row_get(matching->store, id, &row);
    if (rc != 0 || row.is_correction)
        return rc != 0 ? rc : ERR_MISSING;
    struct store_reconcile_attempt *attempt = store_reconcile_of_request(matching->ours, id);
    if (attempt != NULL)
        note_found(matching, attempt);
    const int64_t *count = row.usage.count;
    pair->request_id = id;
    pair->ours_nusd = row.cost_nusd;
    pair->ours_input = count[USAGE_INPUT] + count[USAGE_CACHE_READ] + count[USAGE_CACHE_WRITE_5M] +
                       count[USAGE_CACHE_WRITE_1H] + count[USAGE_INPUT_AUDIO] +
                       count[USAGE_INPUT_IMAGE];
    pair->ours_output = count[USAGE_OUTPUT] + count[USAGE_OUTPUT_AUDIO] + count[USAGE_OUTPUT_IMAGE];
    *is_unknown = strcmp(row.provenance, "indeterminate") == 0;
    return 0;
}

static void
note_found(struct matching *matching, struct store_reconcile_attempt *attempt)
{
    size_t n = 0;

    attempt->is_seen = true;
    while (n < matching->n_upstreams && strcmp(matching->upstreams[n], attempt->upstream) != 0)
        n++;
    if (n == matching->n_upstreams && n < UPSTREAMS_MAX)
        memcpy(matching->upstreams[matching->n_upstreams++], attempt->upstream, LIMIT_NAME);
    if (memcmp(&attempt->request_id, &matching->first, sizeof(matching->first)) < 0)
        matching->first = attempt->request_id;
    if (memcmp(&attempt->request_id, &matching->last, sizeof(matching->last)) > 0)
        matching->last = attempt->request_id;
}

static int
judge(struct matching *matching, struct reconcile_pair *pair, bool was_unknown)
{
    bool has_cost = matching->list->has_cost;
    int rc = 0;

    if (was_unknown || (has_cost && pair->ours_nusd != pair->theirs_nusd))
        rc = add_corrections(matching->store, pair);
    if (rc != 0)
        return rc;
    int64_t difference = pair->theirs_nusd - pair->ours_nusd;
    bool is_equal = has_cost ? llabs(difference) <= matching->tolerance_nusd
                             : pair->ours_input == pair->theirs_input &&
                                   pair->ours_output == pair->theirs_output;
    pair->verdict = is_equal      ? RECONCILE_EQUAL
                    : was_unknown ? RECONCILE_RESOLVED
                                  : RECONCILE_DIFFERENT;
    add(matching->out, pair);
    return 0;
}

/* Those whose reason ends in this id: what earlier lists have changed. */
static int
add_corrections(struct store *store, struct reconcile_pair *pair)
{
    struct store_row *rows = mem_array(NULL, CORRECTIONS_MAX, sizeof(*rows));
    char ending[PROVIDER_LIST_ID + 2];
    size_t n = 0;
    int rc = store_audit_corrections(store, pair->request_id, rows, CORRECTIONS_MAX, &n);

    snprintf(ending, sizeof(ending), ": %s", pair->id);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t len = strlen(rows[i].reason), len_ending = strlen(ending);

        if (strncmp(rows[i].reason, "reconcile ", 10) == 0 && len > len_ending &&
            strcmp(rows[i].reason + len - len_ending, ending) == 0)
            pair->ours_nusd += rows[i].cost_nusd;
    }
    free(rows);
    return rc;
}

static void
collect_only_ours(struct matching *matching)
{
    for (size_t n = 0; n < store_reconcile_count(matching->ours); n++) {
        const struct store_reconcile_attempt *attempt = store_reconcile_at(matching->ours, n);
        struct reconcile_pair pair = {.verdict = RECONCILE_ONLY_OURS,
                                      .request_id = attempt->request_id,
                                      .ours_nusd = attempt->cost_nusd,
                                      .ours_input = attempt->input_tokens,
                                      .ours_output = attempt->output_tokens};

        if (!is_expected(matching, attempt))
            continue;
        snprintf(pair.id, sizeof(pair.id), "%s", attempt->upstream_request_id);
        add(matching->out, &pair);
    }
}

/* Of the upstreams that the list is of, in the time that it covers, and not for nothing. */
static bool
is_expected(const struct matching *matching, const struct store_reconcile_attempt *attempt)
{
    if (attempt->is_seen || attempt->provenance == USAGE_NONE ||
        memcmp(&attempt->request_id, &matching->first, sizeof(matching->first)) < 0 ||
        memcmp(&attempt->request_id, &matching->last, sizeof(matching->last)) > 0)
        return false;
    for (size_t n = 0; n < matching->n_upstreams; n++) {
        if (strcmp(matching->upstreams[n], attempt->upstream) == 0)
            return true;
    }
    return false;
}

static void
add(struct reconcile_match *match, const struct reconcile_pair *pair)
{
    match->n[pair->verdict]++;
    if (match->n_pairs == match->capacity) {
        match->capacity = match->capacity == 0 ? 1024 : 2 * match->capacity;
        match->pairs = mem_array(match->pairs, match->capacity, sizeof(match->pairs[0]));
    }
    match->pairs[match->n_pairs++] = *pair;
}

void
reconcile_match_fini(struct reconcile_match *match)
{
    free(match->pairs);
    memset(match, 0, sizeof(*match));
}
