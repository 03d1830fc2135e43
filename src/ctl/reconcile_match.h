/* SPDX-License-Identifier: ISC
 *
 * reconcile_match - each line of a provider's list beside the attempt that it is of, and what is on
 * one side alone.
 *
 * Ours counts with the corrections that earlier lists have led to.
 */
#ifndef CTL_RECONCILE_MATCH_H
#define CTL_RECONCILE_MATCH_H

#include "provider_list.h"
#include "relayos/base/text.h"
#include "relayos/store/store.h"

enum reconcile_verdict {
    RECONCILE_EQUAL,
    RECONCILE_DIFFERENT,
    RECONCILE_RESOLVED, /* sent, then lost: we did not know what became of it */
    RECONCILE_ONLY_OURS,
    RECONCILE_ONLY_THEIRS,
    RECONCILE_N_VERDICTS
};

struct reconcile_pair {
    enum reconcile_verdict verdict;
    char id[PROVIDER_LIST_ID]; /* theirs */
    struct uuid request_id;
    int64_t ours_nusd, ours_input, ours_output;
    int64_t theirs_nusd, theirs_input, theirs_output;
};

struct reconcile_match {
    int64_t n[RECONCILE_N_VERDICTS];
    struct reconcile_pair *pairs;
    size_t n_pairs, capacity;
};

/* Costs that differ by no more than the tolerance are equal: lists are rounded. Without costs the
 * tokens decide. Errors: of the store. */
int reconcile_match_run(struct store *store, const struct provider_list *list,
                        int64_t tolerance_nusd, struct reconcile_match *out) MUST_CHECK;
void reconcile_match_fini(struct reconcile_match *match);

#endif
