/* SPDX-License-Identifier: ISC
 *
 * count - the request is read as for a translation, and its words are measured.
 */
#include "count.h"

#include "leg.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/translate.h"
#include "relayos/policy/estimate_prompt.h"
#include "reply.h"
#include "request.h"
#include "translation.h"

static bool is_callers_fault(enum err_category category);
static int measure(struct request *r, struct refusal_reason *why, int64_t *out_tokens);

bool
count_may_estimate(const struct request *r, enum err_category category)
{
    bool was_as_it_is = r->leg->attempt != NULL && r->leg->translation == NULL;

    bool lies_upstream = r->facts.n_state_ids > 0 || r->facts.keeps_state;

    if (!dialect_operation_counts(r->facts.operation) || lies_upstream || r->is_estimated)
        return false;
    if (r->step != REQUEST_ROUTE && r->step != REQUEST_RELAY)
        return false;
    /* What was refused in other words may be well said in its own. */
    return !(was_as_it_is && is_callers_fault(category));
}

static bool
is_callers_fault(enum err_category category)
{
    return category == ERR_CATEGORY_INVALID_REQUEST ||
           category == ERR_CATEGORY_UNSUPPORTED_PARAMETER ||
           category == ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED ||
           category == ERR_CATEGORY_CONTENT_REFUSED || category == ERR_CATEGORY_REQUEST_TOO_LARGE;
}

void
count_estimate(struct request *r)
{
    struct refusal_reason why = {0};
    int64_t tokens;
    int err = measure(r, &why, &tokens);

    r->is_estimated = true;
    if (err != 0) {
        request_fail(r, err, why.detail, why.param);
        return;
    }
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_take(&r->worker->bufs, &r->out, BUF_POOL_KEEP_SIZE);
    translate_count_write(r->dialect->protocol, tokens, &r->out);
    reply_send(r, 200, SLICE_LIT("application/json"), ERR_CATEGORY_NONE, "");
}

static int
measure(struct request *r, struct refusal_reason *why, int64_t *out_tokens)
{
    struct neutral_request request;
    struct arena arena;

    arena_init(&arena, TRANSLATION_MAX_RECORDS);
    int err = translator_of(r->dialect->protocol)
                  ->read_request(r->facts.operation, r->facts.body, &arena, &request, why);
    if (err == 0 && arena.is_full)
        err = ERR_REQUEST_TOO_LARGE;
    if (err == 0)
        *out_tokens = estimate_prompt_tokens(&request);
    arena_fini(&arena);
    return err;
}
