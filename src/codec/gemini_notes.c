/* SPDX-License-Identifier: ISC */
#include "gemini_notes.h"

#include "citation.h"
#include "relayos/codec/json_out.h"

#define MAX_PAGES     256 /* of an answer; more are not cited */
#define MAX_CITATIONS 256

static void write_token(struct slice candidate, struct json_out *json);
static void write_top(struct slice top, struct json_out *json);
static size_t find_pages(struct slice metadata, struct slice out[MAX_PAGES]);
static bool find_segment(struct slice support, const struct gemini_notes_text *text,
                         int64_t out[2]);
static bool next_object(struct slice array, size_t *cursor, struct slice *out);
static struct slice array_of(struct slice object, const char *key);

/* ---- log probabilities ---- */

void
gemini_notes_logprobs(struct slice result, struct buf *out)
{
    const struct slice chosen = array_of(result, "chosenCandidates");
    const struct slice top = array_of(result, "topCandidates");
    size_t at = 0, top_at = 0;
    struct slice candidate, others;
    struct json_out json;

    if (!next_object(chosen, &at, &candidate))
        return;
    json_out_init(&json, out);
    json_out_array(&json, NULL);
    do {
        json_out_object(&json, NULL);
        write_token(candidate, &json);
        json_out_array(&json, "top_logprobs");
        if (next_object(top, &top_at, &others))
            write_top(array_of(others, "candidates"), &json);
        json_out_end_array(&json);
        json_out_end_object(&json);
    } while (next_object(chosen, &at, &candidate));
    json_out_end_array(&json);
}

static void
write_top(struct slice top, struct json_out *json)
{
    size_t at = 0;
    struct slice candidate;

    while (next_object(top, &at, &candidate)) {
        json_out_object(json, NULL);
        write_token(candidate, json);
        json_out_end_object(json);
    }
}

/* A zero is left out there. */
static void
write_token(struct slice candidate, struct json_out *json)
{
    struct json_member token, probability;
    bool has_token = json_find_in(candidate, "token", &token) && token.type == JSON_STRING;
    bool is_said =
        json_find_in(candidate, "logProbability", &probability) && probability.type == JSON_NUMBER;

    json_out_raw(json, "token", has_token ? token.value : SLICE_LIT("\"\""));
    json_out_raw(json, "logprob", is_said ? probability.value : SLICE_LIT("0"));
    json_out_null(json, "bytes");
}

/* ---- citations ---- */

void
gemini_notes_citations(struct slice metadata, const struct gemini_notes_text *text,
                       struct buf *scratch, gemini_notes_sink *sink, void *ctx)
{
    const struct slice supports = array_of(metadata, "groundingSupports");
    struct slice pages[MAX_PAGES];
    const size_t n_pages = find_pages(metadata, pages);
    size_t at = 0, n = 0;
    struct slice support, item;
    enum json_type type;
    int64_t segment[2], page;

    while (next_object(supports, &at, &support)) {
        const struct slice indices = array_of(support, "groundingChunkIndices");
        size_t index_at = 0;

        if (!find_segment(support, text, segment))
            continue;
        while (indices.len > 0 && json_array_next(indices, &index_at, &item, &type)) {
            if (json_int(item, &page) != 0 || page < 0 || page >= (int64_t)n_pages ||
                pages[page].len == 0 || n++ == MAX_CITATIONS)
                continue;
            buf_clear(scratch);
            if (citation_write(pages[page], "uri", segment, scratch))
                sink(ctx, buf_slice(scratch));
        }
    }
}

/* "" for one that is no page. */
static size_t
find_pages(struct slice metadata, struct slice out[MAX_PAGES])
{
    const struct slice chunks = array_of(metadata, "groundingChunks");
    size_t at = 0, n = 0;
    struct slice chunk;
    enum json_type type;
    struct json_member web;

    for (; n < MAX_PAGES && chunks.len > 0 && json_array_next(chunks, &at, &chunk, &type); n++) {
        bool is_page = type == JSON_OBJECT && json_find_in(chunk, "web", &web);

        out[n] = is_page ? web.value : (struct slice){0};
    }
    return n;
}

static bool
find_segment(struct slice support, const struct gemini_notes_text *text, int64_t out[2])
{
    struct json_member segment, index;

    if (text->n_bytes != text->n_chars || !json_find_in(support, "segment", &segment) ||
        segment.type != JSON_OBJECT)
        return false;
    out[0] = 0; /* a zero is left out there */
    if (json_find_in(segment.value, "startIndex", &index) && json_int(index.value, &out[0]) != 0)
        return false;
    return json_find_in(segment.value, "endIndex", &index) && json_int(index.value, &out[1]) == 0 &&
           out[0] >= 0 && out[0] < out[1] && out[1] <= (int64_t)text->n_chars;
}

/* ---- JSON ---- */

static bool
next_object(struct slice array, size_t *cursor, struct slice *out)
{
    enum json_type type;

    while (array.len > 0 && json_array_next(array, cursor, out, &type))
        if (type == JSON_OBJECT)
            return true;
    return false;
}

static struct slice
array_of(struct slice object, const char *key)
{
    struct json_member member;

    if (object.len == 0 || !json_find_in(object, key, &member) || member.type != JSON_ARRAY)
        return (struct slice){0};
    return member.value;
}
