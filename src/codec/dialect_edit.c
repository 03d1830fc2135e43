/* SPDX-License-Identifier: ISC
 *
 * Edits that turn the caller's request into the upstream's. Prefix: dialect_.
 */
#include <assert.h>

#include "dialect_parts.h"
#include "relayos/codec/json_out.h"

enum { MAX_TEXTS = 1024 }; /* what an edited request may need to have put in */

static struct slice model_text(const struct request_facts *facts, struct slice upstream_model,
                               bool with_usage, struct buf *scratch);
static const char *limit_name(const struct request_facts *facts);
static void cap_output(const struct request_facts *facts, struct buf *scratch, struct edits *out);
static void ask_for_usage(const struct request_facts *facts, struct edits *out);
static void replace(const struct request_facts *facts, struct slice old, struct slice with,
                    struct edits *out);

void
dialect_edit_request(const struct request_facts *facts, struct slice upstream_model,
                     const struct slice *state_ids, struct buf *scratch, struct edits *out)
{
    bool is_chat = ((OPERATION_BIT(CHAT) | OPERATION_BIT(COMPLETION)) >> facts->operation & 1) != 0;
    bool must_ask = is_chat && facts->is_stream && !facts->wants_usage;
    bool has_options = facts->stream_options.len > 0;

    char *room = buf_reserve(scratch, MAX_TEXTS);

    assert(room != NULL); /* see DIALECT_SCRATCH; what is appended below does not move */
    out->n = 0;
    replace(facts, facts->model_value,
            model_text(facts, upstream_model, must_ask && !has_options, scratch), out);
    if (must_ask && has_options)
        ask_for_usage(facts, out);
    if (facts->cap_tokens > 0)
        cap_output(facts, scratch, out);
    for (size_t i = 0; i < facts->n_state_ids; i++)
        replace(facts, facts->state_ids[i], state_ids[i], out);
}

/* The model's value, with the options that ask for usage behind it if the caller has none, and the
 * most tokens to produce if he has not said it. */
static struct slice
model_text(const struct request_facts *facts, struct slice upstream_model, bool with_usage,
           struct buf *scratch)
{
    size_t from = scratch->len;

    buf_append_byte(scratch, '"');
    json_escape(scratch, upstream_model);
    buf_append_byte(scratch, '"');
    if (with_usage)
        buf_append_slice(scratch, SLICE_LIT(",\"stream_options\":{\"include_usage\":true}"));
    if (facts->cap_tokens > 0 && facts->said_max[0].len == 0)
        buf_printf(scratch, ",\"%s\":%lld", limit_name(facts), (long long)facts->cap_tokens);
    assert(!scratch->overflow); /* a model's name is bounded, see DIALECT_SCRATCH */
    return slice_of(scratch->ptr + from, scratch->len - from);
}

static const char *
limit_name(const struct request_facts *facts)
{
    if (facts->operation == OPERATION_RESPONSE)
        return "max_output_tokens";
    return facts->operation == OPERATION_CHAT && !facts->has_old_limit ? "max_completion_tokens"
                                                                       : "max_tokens";
}

/* Of what the caller said, more than the cap becomes the cap, in a word that is understood. */
static void
cap_output(const struct request_facts *facts, struct buf *scratch, struct edits *out)
{
    if (facts->has_old_limit && facts->new_limit.len > 0)
        replace(facts, facts->new_limit, SLICE_LIT("max_tokens"), out);
    for (size_t i = 0; i < 2 && facts->said_max[i].len > 0; i++) {
        size_t from = scratch->len;
        int64_t said;

        if (json_int(facts->said_max[i], &said) == 0 && said <= facts->cap_tokens)
            continue;
        buf_append_int(scratch, facts->cap_tokens);
        replace(facts, facts->said_max[i], slice_of(scratch->ptr + from, scratch->len - from), out);
    }
}

/* There are options that do not ask: an object gets or changes one member, a null is replaced. */
static void
ask_for_usage(const struct request_facts *facts, struct edits *out)
{
    struct slice options = facts->stream_options;
    struct json_object object;
    struct json_error error;
    const struct json_member *usage;

    if (json_scan_object(options, &object, &error) != 0 || object.n_members == 0)
        replace(facts, options, SLICE_LIT("{\"include_usage\":true}"), out);
    else if ((usage = json_find(&object, "include_usage")) != NULL)
        replace(facts, usage->value, SLICE_LIT("true"), out);
    else
        replace(facts, slice_sub(options, 1, 1), SLICE_LIT("\"include_usage\":true,"), out);
}

static void
replace(const struct request_facts *facts, struct slice old, struct slice with, struct edits *out)
{
    size_t from = (size_t)(old.ptr - facts->body.ptr);
    int err = edits_add(out, (struct edit){from, from + old.len, with});

    assert(err == 0); /* a model, two options, two maxima, a name and the state ids */
}
