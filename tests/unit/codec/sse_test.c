/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "relayos/base/limits.h"
#include "relayos/codec/sse.h"

/* Events written as "name|data;" one after the other, to compare whole streams. */
static void
take_all(struct sse *sse, struct buf *out)
{
    struct sse_event event;

    while (sse_next(sse, &event) == 0) {
        buf_append_slice(out, event.name);
        buf_append_byte(out, '|');
        buf_append_slice(out, event.data);
        buf_append_byte(out, ';');
    }
}

/* Each chunk stands alone in memory of its own size, freed before the next one comes. */
static void
feed(struct sse *sse, struct slice chunk, struct buf *out)
{
    char *copy = malloc(chunk.len + 1);

    memcpy(copy + 1, chunk.ptr, chunk.len);
    sse_feed(sse, slice_of(copy + 1, chunk.len));
    take_all(sse, out);
    free(copy);
}

static void
finish(struct sse *sse, struct buf *out)
{
    struct sse_event event;

    if (sse_finish(sse, &event) == 0) {
        buf_append_slice(out, SLICE_LIT("end:"));
        buf_append_slice(out, event.data);
    }
}

static const struct {
    const char *stream, *events;
} cases[] = {
    {"data: a\n\ndata: b\n\n", "|a;|b;"},
    {"data: a\r\rdata: b\r\r", "|a;|b;"},
    {"data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;"},
    {"data: a\r\n\ndata: b\n\r\n", "|a;|b;"},
    {"data: a\n\rdata: b\r\n\r", "|a;|b;"},
    {"\xEF\xBB\xBF"
     "data: bom\n\n",
     "|bom;"},
    {"\xEF\xBB\xBF\ndata: bom\n\n", "|bom;"},
    {"\xEF\xBB\xBF\xEF\xBB\xBF"
     "data: x\n\ndata: y\n\n",
     "|y;"},
    {": comment\n\n:\n: another\ndata: a\n\n", "|a;"},
    {"event: ping\ndata: {}\n\nevent: lost\n\ndata: z\n\n", "ping|{};|z;"},
    {"event: one\nevent:two\ndata: x\n\n", "two|x;"},
    {"data: a\ndata: b\ndata:\ndata:  c\n\n", "|a\nb\n\n c;"},
    {"data\n\ndata:\n\n", "|;|;"},
    {"id: 7\nretry: 10\ndata: x\n\nid: 8\n\n", "|x;"},
    {"datax: no\ndat: no\n data: no\ndata: yes\n\n", "|yes;"},
    {"\n\n\r\n\r\rdata: x\n\n\n\n", "|x;"},
    {"data: \xF0\x9F\x98\x80 \xC3\xA9\n\n", "|\xF0\x9F\x98\x80 \xC3\xA9;"},
    {"data: a long line that has to be looked at in several vectors, and then some more\nevent: "
     "named_after_it\n\ndata: short\n\n",
     "named_after_it|a long line that has to be looked at in several vectors, and then some more;"
     "|short;"},
    {"data: a\n\nevent: n\ndata: b\n\nevent: m\nevent: o\ndata: c\n\n: x\ndata: d\n\ndata: "
     "e\ndata: "
     "f\n\n",
     "|a;n|b;o|c;|d;|e\nf;"},
    {"data: a\n\ndata: b\r\n\ndata: c\n\r\ndata: d\re\n\nevent: f\r\ndata: g\n\n\ndata:h\nid: "
     "1\n\n",
     "|a;|b;|c;|d;f|g;|h;"},
    {"data: a\n\ndata: cut", "|a;end:cut"},
    {"data: a\n\ndata: cut\n", "|a;end:cut"},
    {"data: a\r\n\r\ndata: cut\r\n", "|a;end:cut"},
    {"data: a\n\n: cut", "|a;"},
    {"", ""},
};

Test(sse, any_chunking_gives_the_same_events)
{
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct slice stream = slice_str(cases[c].stream);

        /* Whole, cut in two at each place, cut in three, byte by byte. */
        for (size_t i = 0; i <= stream.len; i++) {
            for (size_t k = i; k <= stream.len; k++) {
                struct sse sse;
                struct buf events;

                sse_init(&sse);
                buf_init(&events, 4096);
                feed(&sse, slice_sub(stream, 0, i), &events);
                feed(&sse, slice_sub(stream, i, k), &events);
                feed(&sse, slice_sub(stream, k, stream.len), &events);
                finish(&sse, &events);
                cr_assert(slice_eq_str(buf_slice(&events), cases[c].events),
                          "case %zu cut at %zu and %zu: %.*s", c, i, k, (int)events.len,
                          events.ptr);
                buf_fini(&events);
                sse_fini(&sse);
            }
        }
    }
}

Test(sse, byte_by_byte_is_no_different)
{
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct slice stream = slice_str(cases[c].stream);
        struct sse sse;
        struct buf events;

        sse_init(&sse);
        buf_init(&events, 4096);
        for (size_t i = 0; i < stream.len; i++)
            feed(&sse, slice_sub(stream, i, i + 1), &events);
        finish(&sse, &events);
        cr_expect(slice_eq_str(buf_slice(&events), cases[c].events), "case %zu: %.*s", c,
                  (int)events.len, events.ptr);
        buf_fini(&events);
        sse_fini(&sse);
    }
}

Test(sse, a_nul_is_a_byte_like_others)
{
    struct sse sse;
    struct sse_event event;

    sse_init(&sse);
    sse_feed(&sse, SLICE_LIT("data: a\0b\n\n"));
    cr_assert_eq(sse_next(&sse, &event), 0);
    cr_expect(slice_eq(event.data, SLICE_LIT("a\0b")));
    sse_fini(&sse);
}

Test(sse, a_whole_event_is_a_view_of_the_chunk)
{
    static const char chunk[] = "event: x\ndata: {}\n\n";
    struct sse sse;
    struct sse_event event;

    sse_init(&sse);
    sse_feed(&sse, SLICE_LIT(chunk));
    cr_assert_eq(sse_next(&sse, &event), 0);
    cr_expect_eq(event.data.ptr, chunk + 15);
    cr_expect_eq(event.name.ptr, chunk + 7);
    sse_fini(&sse);
}

Test(sse, a_chunk_that_nobody_read_to_its_end_is_dropped)
{
    struct sse sse;
    struct sse_event event;

    sse_init(&sse);
    sse_feed(&sse, SLICE_LIT("data: a\n\ndata: b\n\n"));
    cr_assert_eq(sse_next(&sse, &event), 0);
    sse_feed(&sse, SLICE_LIT("data: c\n\n"));
    cr_assert_eq(sse_next(&sse, &event), 0);
    cr_expect(slice_eq_str(event.data, "c"));
    sse_fini(&sse);
}

Test(sse, a_waiting_stream_holds_no_memory)
{
    struct sse sse;
    struct buf events;

    sse_init(&sse);
    buf_init(&events, 4096);
    feed(&sse, SLICE_LIT("data: a\ndata: b"), &events);
    cr_expect_not_null(sse.held.ptr);
    feed(&sse, SLICE_LIT("c\n\n"), &events);
    cr_expect_null(sse.held.ptr);
    cr_expect_null(sse.joined.ptr);
    cr_expect(slice_eq_str(buf_slice(&events), "|a\nbc;"));
    buf_fini(&events);
    sse_fini(&sse);
}

Test(sse, an_event_has_a_limit_and_the_stream_stays_failed)
{
    enum { CHUNK = 1 << 20 };
    char *chunk = malloc(CHUNK);
    struct sse sse;
    struct sse_event event;
    int err = ERR_INCOMPLETE;
    size_t fed = 0;

    memset(chunk, 'x', CHUNK);
    memcpy(chunk, "data: ", 6);
    sse_init(&sse);
    for (; err == ERR_INCOMPLETE; fed += CHUNK) {
        sse_feed(&sse, slice_of(chunk, CHUNK));
        err = sse_next(&sse, &event);
    }
    cr_expect_eq(err, ERR_TOO_LARGE);
    cr_expect_eq(fed, LIMIT_SSE_EVENT + CHUNK);
    cr_expect_null(sse.held.ptr);
    cr_expect_eq(sse_next(&sse, &event), ERR_TOO_LARGE);
    sse_fini(&sse);
    free(chunk);
}
