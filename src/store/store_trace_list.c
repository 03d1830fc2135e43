/* SPDX-License-Identifier: ISC */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_name.h"
#include "store_trace_head.h"
#include "trace_key.h"

#define ROWS_PER_LOOK 64 /* at the clock */

/* The newest span of time that has traces of a key, before where the search stands. */
struct span {
    uint64_t key_id;
    struct uuid from, until;
    bool is_over; /* there is none any more */
};

struct search {
    struct store *store;
    const struct store_trace_filter *filter;
    struct store_trace_page *page;
    struct uuid from, before; /* what is left of it: from <= id < before */
    uint32_t n_rows;
    bool is_late;
};

static int search_spans(struct search *search);
static int next_span(struct search *search, struct span *spans, const struct span **out);
static int refresh(struct search *search, struct span *span);
static int search_range(struct search *search, struct uuid from, struct uuid before);
static struct db_cursor start_scan(const struct search *search, const struct uuid *from,
                                   const struct uuid *before);
static bool is_wanted(const struct search *search, struct db_cursor *row);
static bool is_of_keys(const struct store_trace_filter *filter, uint64_t key_id);
static int take(struct search *search, struct uuid id);
static bool is_late(struct search *search);
static int compare(struct uuid a, struct uuid b);

int
store_trace_list(struct store *store, const struct store_trace_filter *filter,
                 struct store_trace_page *page)
{
    static const struct uuid unset;
    struct search search = {
        .store = store,
        .filter = filter,
        .page = page,
        .from = store_trace_floor(filter->since_us),
        .before = store_trace_floor(filter->until_us == 0 ? INT64_MAX : filter->until_us)};

    assert(page->room > 0);
    page->n = 0;
    if (compare(filter->before, unset) != 0 && compare(filter->before, search.before) < 0)
        search.before = filter->before;
    int rc =
        filter->any_key ? search_range(&search, search.from, search.before) : search_spans(&search);
    page->next = search.is_late || page->n == page->room ? search.before : unset;
    return rc;
}

/* From span to span of any of the keys, so that what lies between costs nothing. */
static int
search_spans(struct search *search)
{
    size_t n = search->filter->n_key_ids;
    struct span *spans = mem_array(NULL, n + 1, sizeof(*spans));
    const struct span *span;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        spans[i] = (struct span){.key_id = search->filter->key_ids[i]};
        rc = refresh(search, &spans[i]);
    }
    while (rc == 0 && search->page->n < search->page->room && !search->is_late &&
           (rc = next_span(search, spans, &span)) == 0 && span != NULL) {
        struct uuid from = compare(span->from, search->from) > 0 ? span->from : search->from;
        bool is_cut = compare(span->until, search->before) > 0;

        rc = search_range(search, from, is_cut ? search->before : span->until);
        if (rc == 0 && search->page->n < search->page->room && !search->is_late)
            search->before = from;
    }
    free(spans);
    return rc;
}

/* The newest of them, each of which lies before where the search stands; NULL: there is none. */
static int
next_span(struct search *search, struct span *spans, const struct span **out)
{
    *out = NULL;
    for (size_t i = 0; i < search->filter->n_key_ids; i++) {
        struct span *span = &spans[i];

        if (!span->is_over && compare(span->from, search->before) >= 0) {
            int rc = refresh(search, span);
            if (rc != 0)
                return rc;
        }
        if (!span->is_over && (*out == NULL || compare(span->from, (*out)->from) > 0))
            *out = span;
    }
    return 0;
}

static int
refresh(struct search *search, struct span *span)
{
    int rc = trace_key_span_before(search->store, span->key_id, &search->before, &span->from,
                                   &span->until);

    span->is_over = rc == ERR_MISSING || (rc == 0 && compare(span->until, search->from) <= 0);
    return rc == ERR_MISSING ? 0 : rc;
}

static int
search_range(struct search *search, struct uuid from, struct uuid before)
{
    struct db_cursor scan = start_scan(search, &from, &before);
    int rc = 0, step = 0;

    while (rc == 0 && search->page->n < search->page->room && !is_late(search) &&
           (step = db_step(&scan)) == 1) {
        struct uuid id = {.bytes = {0}};

        db_read_blob(&scan, id.bytes, sizeof(id.bytes));
        if (is_wanted(search, &scan))
            rc = take(search, id);
        search->before = id;
    }
    db_finish(&scan);
    return step < 0 ? step : rc;
}

/* By the index that has least beside what is wanted. */
static struct db_cursor
start_scan(const struct search *search, const struct uuid *from, const struct uuid *before)
{
    struct slice status = search->filter->status;
    bool is_any = status.len == 0 || slice_eq_str(status, "ok") || !search->filter->any_key;
    bool is_failed = slice_eq_str(status, "failed");
    struct db_cursor scan = db_start(search->store, is_any      ? STATEMENT_TRACE_SCAN_ALL
                                                    : is_failed ? STATEMENT_TRACE_SCAN_FAILED
                                                                : STATEMENT_TRACE_SCAN_CATEGORY);

    db_bind_blob(&scan, from->bytes, sizeof(from->bytes));
    db_bind_blob(&scan, before->bytes, sizeof(before->bytes));
    if (!is_any && !is_failed)
        db_bind_slice(&scan, status);
    return scan;
}

static bool
is_wanted(const struct search *search, struct db_cursor *row)
{
    const struct store_trace_filter *filter = search->filter;
    uint64_t key_id = (uint64_t)db_read_int(row);
    char model[LIMIT_MODEL_NAME], category[64];

    db_read_text(row, model, sizeof(model));
    db_read_text(row, category, sizeof(category));
    if (!is_of_keys(filter, key_id) ||
        (filter->model.len > 0 && !slice_eq_str(filter->model, model)))
        return false;
    if (filter->status.len == 0)
        return true;
    if (slice_eq_str(filter->status, "ok"))
        return category[0] == '\0';
    return slice_eq_str(filter->status, "failed") ? category[0] != '\0'
                                                  : slice_eq_str(filter->status, category);
}

static bool
is_of_keys(const struct store_trace_filter *filter, uint64_t key_id)
{
    bool is_one = filter->any_key;

    for (size_t i = 0; !is_one && i < filter->n_key_ids; i++)
        is_one = filter->key_ids[i] == key_id;
    return is_one;
}

/* Onto the page, unless its figures come from elsewhere or it was dropped this very moment. */
static int
take(struct search *search, struct uuid id)
{
    struct slice provenance = search->filter->provenance;
    struct store_trace *trace = &search->page->traces[search->page->n];
    int rc = store_trace_head(search->store, id, trace);

    if (rc == 0 &&
        (provenance.len == 0 ||
         slice_eq_str(provenance, store_name(STORE_NAME_PROVENANCE, trace->flight.provenance))))
        search->page->n++;
    return rc == ERR_MISSING ? 0 : rc;
}

static bool
is_late(struct search *search)
{
    int64_t deadline_us = search->filter->deadline_us;

    if (deadline_us != 0 && search->n_rows++ % ROWS_PER_LOOK == ROWS_PER_LOOK - 1)
        search->is_late = clock_mono_us() >= deadline_us;
    return search->is_late;
}

static int
compare(struct uuid a, struct uuid b)
{
    return memcmp(&a, &b, sizeof(a));
}
