/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "leg.h"
#include "relayos/codec/carrier.h"
#include "request.h"
#include "wording.h"

#define REFUSED ERR_CATEGORY_INVALID_REQUEST
#define UNKNOWN ERR_CATEGORY_NOT_FOUND

struct row {
    enum operation operation;
    enum wording now;
    enum err_category category;
    uint16_t status;
    const char *body, *answer;
    enum wording next;
};

/* clang-format off */
static const struct row rows[] = {
    {OPERATION_CHAT, WORDING_FREE, REFUSED, 400, "{}", "no such thing", WORDING_FREE},
    {OPERATION_CHAT, WORDING_STRAIGHT, REFUSED, 400, "{}", "no such thing", WORDING_STRAIGHT},

    {OPERATION_MESSAGE, WORDING_FREE, REFUSED, 400, "{}", "bad `thinking` block", WORDING_STRIPPED},
    {OPERATION_CHAT, WORDING_TRANSLATED, REFUSED, 400, "{}", "Thought signature", WORDING_STRIPPED},
    {OPERATION_CHAT, WORDING_STRIPPED, REFUSED, 400, "{}", "Thought signature", WORDING_STRIPPED},
    {OPERATION_CHAT, WORDING_FREE, ERR_CATEGORY_UPSTREAM_ERROR, 500, "{}", "Thought signature",
     WORDING_FREE},

    {OPERATION_CHAT, WORDING_FREE, REFUSED, 400, "{}", "'stop' is unsupported", WORDING_TRANSLATED},
    {OPERATION_CHAT, WORDING_TRANSLATED, REFUSED, 400, "{}", "'stop' is unsupported",
     WORDING_TRANSLATED},
    {OPERATION_COUNT_TOKENS, WORDING_FREE, REFUSED, 400, "{}", "'stop' is unsupported",
     WORDING_FREE},
    {OPERATION_EMBEDDING, WORDING_FREE, REFUSED, 400, "{}", "'stop' is unsupported", WORDING_FREE},
    {OPERATION_COMPACTION, WORDING_FREE, REFUSED, 400, "{}", "'stop' is unsupported", WORDING_FREE},

    {OPERATION_COMPLETION, WORDING_FREE, UNKNOWN, 404, "{}", "", WORDING_TRANSLATED},
    {OPERATION_COMPLETION, WORDING_FREE, UNKNOWN, 405, "{}", "", WORDING_TRANSLATED},
    {OPERATION_COMPLETION, WORDING_FREE, UNKNOWN, 404, "{}", "model_not_found", WORDING_FREE},
    {OPERATION_COMPLETION, WORDING_FREE, REFUSED, 400, "{}", "'stop' is unsupported", WORDING_FREE},
    {OPERATION_COMPLETION, WORDING_TRANSLATED, UNKNOWN, 404, "{}", "", WORDING_TRANSLATED},
    {OPERATION_CHAT, WORDING_FREE, UNKNOWN, 404, "{}", "", WORDING_FREE},
};
/* clang-format on */

static enum wording
next(const struct row *row, size_t n_state_ids, bool keeps_state)
{
    static struct request r;
    struct flight_attempt attempt = {.status = row->status};
    struct leg leg = {.request = &r, .attempt = &attempt};

    leg.wording = (uint8_t)row->now;
    r.facts.operation = row->operation;
    r.facts.body = slice_str(row->body);
    r.facts.n_state_ids = n_state_ids;
    r.facts.keeps_state = keeps_state;
    buf_init(&leg.answer, 1024);
    buf_append_str(&leg.answer, row->answer);
    enum wording wording = wording_after(&leg, row->category);
    buf_fini(&leg.answer);
    return wording;
}

Test(wording, what_is_refused_for_its_words_is_said_in_others_once)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(next(&rows[i], 0, false), rows[i].next, "row %zu: %s", i, rows[i].answer);
}

Test(wording, what_holds_state_of_an_upstream_stays_as_it_is)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(next(&rows[i], 1, false), rows[i].now, "row %zu", i);
        cr_expect_eq(next(&rows[i], 0, true), rows[i].now, "row %zu", i);
    }
}

Test(wording, what_carries_another_vendors_reasoning_is_translated_at_once)
{
    static const struct {
        enum operation operation;
        size_t n_state_ids;
        const char *body;
        enum wording first;
    } requests[] = {
        {OPERATION_MESSAGE, 0, "{\"signature\":\"" CARRIER_MARK "1.x\"}", WORDING_TRANSLATED},
        {OPERATION_RESPONSE, 0, "{\"id\":\"" CARRIER_MARK "1.x\"}", WORDING_TRANSLATED},
        {OPERATION_RESPONSE, 1, "{\"id\":\"" CARRIER_MARK "1.x\"}", WORDING_FREE},
        {OPERATION_MESSAGE, 0, "{\"signature\":\"its own\"}", WORDING_FREE},
        {OPERATION_CHAT, 0, "{\"content\":\"" CARRIER_MARK "1.x\"}", WORDING_FREE},
    };
    static struct request r;

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        r.dialect = dialect_of(dialect_operation_protocol(requests[i].operation));
        r.facts.operation = requests[i].operation;
        r.facts.body = slice_str(requests[i].body);
        r.facts.n_state_ids = requests[i].n_state_ids;
        cr_expect_eq(wording_at_first(&r), requests[i].first, "row %zu", i);
    }
    r.facts.is_mixed = true;
    cr_expect_eq(wording_at_first(&r), WORDING_TRANSLATED);
}
