/* SPDX-License-Identifier: ISC
 *
 * models - the list is walked in config order; the Anthropic shape comes in pages.
 */
#include "models.h"

#include <stdlib.h>

#include "query.h"
#include "relayos/base/mem.h"
#include "reply.h"
#include "request.h"

#define PAGE_DEFAULT 20
#define PAGE_MAX     1000
#define LIST_MAX     (4 * 1024 * 1024)

/* Which part of the whole list a caller asks for. */
struct page {
    char after_id[LIMIT_MODEL_NAME], before_id[LIMIT_MODEL_NAME];
    size_t limit;
};

static size_t gather(struct request *r, struct model_record *records,
                     const struct model_record **out, size_t n_max);
static int read_page(const struct request *r, struct page *out);
static void cut(const struct model_record *const *models, const struct page *page, size_t *first,
                size_t *end);
static size_t find(const struct model_record *const *models, size_t n, const char *id);
static void send(struct request *r);

void
models_list(struct request *r)
{
    uint32_t n_all = catalog_n_models(r->worker->catalog);
    struct model_record *records = mem_array(NULL, n_all + 1, sizeof(*records));
    const struct model_record **models = mem_array(NULL, n_all + 1, sizeof(models[0]));
    size_t n = gather(r, records, models, n_all + 1), first = 0, end = n;
    struct page page;

    int err = read_page(r, &page);
    if (err == 0) {
        cut(models, &page, &first, &end);
        buf_pool_take(&r->worker->bufs, &r->out, LIST_MAX);
        dialect_write_model_list(r->dialect->protocol, models + first, end - first, end < n,
                                 &r->out);
    }
    free(models);
    free(records);
    if (err != 0)
        request_fail(r, err, "limit must be a number from 1 to 1000", "limit");
    else
        send(r);
}

static size_t
gather(struct request *r, struct model_record *records, const struct model_record **out,
       size_t n_max)
{
    size_t n = 0;
    uint64_t epoch;

    for (uint32_t i = 0; n < n_max; i++) {
        if (catalog_model_at(r->worker->catalog, i, &records[n], &epoch) != 0)
            break;
        if (!key_view_may_use(&r->worker->scratch.key, records[n].id))
            continue;
        out[n] = &records[n];
        n++;
    }
    return n;
}

/* OpenAI's list has no pages. */
static int
read_page(const struct request *r, struct page *out)
{
    char text[16];
    int64_t limit;

    *out = (struct page){.limit = SIZE_MAX};
    if (r->dialect->protocol != PROTOCOL_ANTHROPIC_MESSAGES)
        return 0;
    out->limit = PAGE_DEFAULT;
    query_get(r->http.query, "after_id", out->after_id, sizeof(out->after_id));
    query_get(r->http.query, "before_id", out->before_id, sizeof(out->before_id));
    if (!query_get(r->http.query, "limit", text, sizeof(text)))
        return 0;
    if (text_int_parse(slice_str(text), &limit) != 0 || limit < 1 || limit > PAGE_MAX)
        return ERR_INVALID_REQUEST;
    out->limit = (size_t)limit;
    return 0;
}

/* models[*first .. *end) becomes the page. An unknown cursor gives an empty one: never a loop. */
static void
cut(const struct model_record *const *models, const struct page *page, size_t *first, size_t *end)
{
    if (page->before_id[0] != '\0') {
        size_t before = find(models, *end, page->before_id);
        *end = before == *end ? 0 : before;
        *first = *end > page->limit ? *end - page->limit : 0;
        return;
    }
    if (page->after_id[0] != '\0') {
        size_t after = find(models, *end, page->after_id);
        *first = after == *end ? *end : after + 1;
    }
    if (*end - *first > page->limit)
        *end = *first + page->limit;
}

static size_t
find(const struct model_record *const *models, size_t n, const char *id)
{
    size_t i = 0;

    while (i < n && strcmp(models[i]->name, id) != 0)
        i++;
    return i;
}

void
models_show(struct request *r)
{
    struct refusal_reason why = {0};
    struct model_record model;
    char name[LIMIT_MODEL_NAME];
    uint64_t epoch;

    /* What does not decode, or is too long, names no model of ours. */
    struct slice asked = r->path_rest;
    if (query_decode(asked, name, sizeof(name)))
        asked = slice_str(name);
    int err = request_find_model(r, asked, &model, &epoch, &why);
    if (err != 0) {
        request_fail(r, err, why.detail, why.param);
        return;
    }
    buf_pool_take(&r->worker->bufs, &r->out, BUF_POOL_KEEP_SIZE);
    dialect_write_model(r->dialect->protocol, &model, &r->out);
    send(r);
}

static void
send(struct request *r)
{
    reply_send(r, 200, SLICE_LIT("application/json"), ERR_CATEGORY_NONE, "");
}
