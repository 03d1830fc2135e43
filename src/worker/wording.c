/* SPDX-License-Identifier: ISC
 *
 * wording - see the header.
 */
#include "wording.h"

#include <string.h>

#include "leg.h"
#include "relayos/codec/carrier.h"
#include "request.h"
#include "translation.h"

static bool is_fixed(const struct request_facts *facts);
static bool lacks_path(const struct leg *leg);
static bool blames_state(struct slice error);
static bool blames_model(struct slice error);
static bool says_any(struct slice error, const char *const *words, size_t n);

enum wording
wording_at_first(const struct request *request)
{
    const struct request_facts *facts = &request->facts;
    const bool may_have_carrier =
        request->dialect->protocol != PROTOCOL_OPENAI_CHAT && !is_fixed(facts);

    return facts->is_mixed || (may_have_carrier && carrier_stands_in(facts->body))
               ? WORDING_TRANSLATED
               : WORDING_FREE;
}

/* What lies upstream, or is to, is known there by its own words. */
static bool
is_fixed(const struct request_facts *facts)
{
    return !translation_can(facts->operation) || facts->operation == OPERATION_EMBEDDING ||
           facts->n_state_ids > 0 || facts->keeps_state;
}

enum wording
wording_after(const struct leg *leg, enum err_category category)
{
    const struct request *r = leg->request;
    const enum wording now = (enum wording)leg->wording;
    const bool is_translated = leg->translation != NULL || now >= WORDING_TRANSLATED;

    if (is_fixed(&r->facts))
        return now;
    if (r->facts.operation == OPERATION_COMPLETION)
        return !is_translated && lacks_path(leg) ? WORDING_TRANSLATED : now;
    if (now == WORDING_STRIPPED || (category != ERR_CATEGORY_INVALID_REQUEST &&
                                    category != ERR_CATEGORY_UNSUPPORTED_PARAMETER))
        return now;
    if (!is_translated && dialect_has_flat_tool(&r->facts))
        return WORDING_TRANSLATED;
    if (blames_state(buf_slice(&leg->answer)))
        return WORDING_STRIPPED;
    if (!is_translated && !dialect_operation_counts(r->facts.operation) &&
        blames_model(buf_slice(&leg->answer)))
        return WORDING_TRANSLATED;
    return now;
}

/* And not the model, by the codes and words that providers have for that. */
static bool
lacks_path(const struct leg *leg)
{
    static const char *const words[] = {"model_not_found", "does not exist"};

    if (leg->attempt->status != 404)
        return leg->attempt->status == 405;
    return !says_any(buf_slice(&leg->answer), words, sizeof(words) / sizeof(words[0]));
}

/* In the words of those who know it. */
static bool
blames_state(struct slice error)
{
    static const char *const words[] = {
        "`thinking` block",  "`thinking` or `redacted_thinking`",
        "redacted_thinking", "thinking.signature",
        "thought_signature", "hought signature",
        "encrypted_content", "encrypted content",
    };

    return says_any(error, words, sizeof(words) / sizeof(words[0]));
}

/* Tools know models by name, and not by ours: what this one does not take they would leave out. */
static bool
blames_model(struct slice error)
{
    static const char *const words[] = {"nsupported", "not supported", "not support the",
                                        "deprecated for this model"};

    return says_any(error, words, sizeof(words) / sizeof(words[0]));
}

static bool
says_any(struct slice error, const char *const *words, size_t n)
{
    for (size_t i = 0; error.len > 0 && i < n; i++)
        if (memmem(error.ptr, error.len, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}
