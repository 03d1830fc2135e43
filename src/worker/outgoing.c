/* SPDX-License-Identifier: ISC
 *
 * outgoing - a large body is not copied for a few edits.
 */
#include "outgoing.h"

#include "head.h"
#include "leg.h"
#include "pick.h"
#include "recollect.h"
#include "relayos/base/secret.h"
#include "relayos/codec/flavor.h"
#include "relayos/codec/translate.h"
#include "request.h"
#include "state_ids.h"
#include "translation.h"

#define N_PIECES (sizeof(((struct upstream_request *)0)->body) / sizeof(struct slice))

static void build_body(struct leg *leg, const struct pick *pick, struct upstream_request *out);
static void cut_into_pieces(const struct edits *edits, struct slice text,
                            struct upstream_request *out);
static void build_head(struct leg *leg, struct pick *pick, struct upstream_request *out);
static void translate_head(struct leg *leg, const struct pick *pick, struct head_input *input);
static void forget_credential(struct pick *pick);

int
outgoing_build(struct leg *leg, struct pick *pick, struct upstream_request *out,
               struct refusal_reason *why)
{
    if (!translation_is_needed(leg)) {
        build_body(leg, pick, out);
    } else {
        int err = translation_begin(leg, pick, why);
        if (err != 0) {
            forget_credential(pick);
            return err;
        }
        out->body[out->n_body++] = buf_slice(&leg->body);
    }
    build_head(leg, pick, out);
    return 0;
}

static void
build_body(struct leg *leg, const struct pick *pick, struct upstream_request *out)
{
    struct request *r = leg->request;
    struct buf_pool *bufs = &r->worker->bufs;
    struct slice ids[STATE_IDS_MAX];
    struct edits edits;
    uint32_t place;

    if (r->facts.n_state_ids > 0) {
        /* ROUTE has opened them; here they are needed once more, and nothing has changed. */
        int err = state_ids_open(r, ids, &place, &r->worker->scratch.why);
        assert(err == 0);
    }
    buf_pool_give(bufs, &leg->scratch);
    buf_pool_take(bufs, &leg->scratch, BUF_POOL_KEEP_SIZE);
    edits.n = 0; /* not all of it: it is long */
    if (r->facts.cap_tokens > 0)
        r->facts.has_old_limit = !flavor_takes(leg->flavor, FLAVOR_TAKES_NEW_LIMIT);
    r->dialect->edit_request(&r->facts, slice_str(pick->route.upstream_model), ids, &leg->scratch,
                             &edits);
    assert(!leg->scratch.overflow);
    bool is_open = (pick->route.capability.flags & CAP_OPEN_CALLS) != 0;
    if (!is_open && 2 * edits.n + 1 <= N_PIECES) {
        cut_into_pieces(&edits, r->facts.body, out);
        return;
    }
    buf_fini(&leg->body);
    buf_init(&leg->body, edits_length(&edits, r->facts.body));
    edits_apply(&edits, r->facts.body, &leg->body);
    if (is_open)
        recollect_open(leg, pick);
    out->body[out->n_body++] = buf_slice(&leg->body);
}

static void
cut_into_pieces(const struct edits *edits, struct slice text, struct upstream_request *out)
{
    size_t at = 0;

    for (size_t i = 0; i < edits->n; i++) {
        const struct edit *edit = &edits->edit[i];

        if (edit->from > at)
            out->body[out->n_body++] = slice_sub(text, at, edit->from);
        if (edit->with.len > 0)
            out->body[out->n_body++] = edit->with;
        at = edit->to;
    }
    if (at < text.len)
        out->body[out->n_body++] = slice_sub(text, at, text.len);
}

static void
build_head(struct leg *leg, struct pick *pick, struct upstream_request *out)
{
    struct request *r = leg->request;
    struct head_input input = {
        .dialect = r->dialect,
        .operation = r->facts.operation,
        .upstream = &pick->upstream,
        .credential = buf_slice(&pick->credential),
        .model = pick->route.upstream_model,
        .http = &r->http,
        .request_id = slice_of(r->id_text, sizeof(r->id_text)),
        .is_stream = r->facts.is_stream,
    };

    if (leg->translation != NULL)
        translate_head(leg, pick, &input);
    for (size_t i = 0; i < out->n_body; i++)
        input.content_length += out->body[i].len;
    if (leg->head.ptr == NULL)
        buf_pool_take(&r->worker->bufs, &leg->head, BUF_POOL_KEEP_SIZE);
    buf_clear(&leg->head);
    head_build(&input, &leg->head);
    assert(!leg->head.overflow);
    forget_credential(pick);
    out->head = buf_slice(&leg->head);
}

static void
translate_head(struct leg *leg, const struct pick *pick, struct head_input *input)
{
    struct request *r = leg->request;

    buf_pool_give(&r->worker->bufs, &leg->scratch);
    buf_pool_take(&r->worker->bufs, &leg->scratch, BUF_POOL_KEEP_SIZE);
    translate_path(r->facts.operation, leg->protocol, slice_str(pick->route.upstream_model),
                   r->facts.is_stream, &leg->scratch);
    input->dialect = dialect_of(leg->protocol);
    input->path = buf_slice(&leg->scratch);
    if (leg->protocol != r->dialect->protocol)
        input->http = NULL;
}

static void
forget_credential(struct pick *pick)
{
    if (pick->credential.ptr != NULL)
        secret_wipe(pick->credential.ptr, pick->credential.len);
    buf_clear(&pick->credential);
}
