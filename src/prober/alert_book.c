/* SPDX-License-Identifier: ISC */
#include "alert_book.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *severity;
    int64_t hold_us;
} kinds[ALERT_N_KINDS] = {
#define KIND(name, NAME, severity, hold_s) {#name, severity, hold_s * INT64_C(1000000)},
    ALERT_KINDS(KIND)
#undef KIND
};

static struct alert *find(struct alert_book *book, enum alert_kind kind, const char *subject);

const char *
alert_book_kind_name(enum alert_kind kind)
{
    assert(kind < ALERT_N_KINDS);
    return kinds[kind].name;
}

const char *
alert_book_severity(enum alert_kind kind)
{
    assert(kind < ALERT_N_KINDS);
    return kinds[kind].severity;
}

void
alert_book_init(struct alert_book *book, uint32_t wanted)
{
    book->kinds = wanted;
    book->n = 0;
}

void
alert_book_begin(struct alert_book *book)
{
    for (size_t n = 0; n < book->n; n++)
        book->rows[n].is_seen = false;
}

void
alert_book_see(struct alert_book *book, enum alert_kind kind, const char *subject, const char *text,
               int64_t now_us, int64_t real_us)
{
    struct alert *alert;

    assert(kind < ALERT_N_KINDS);
    if ((book->kinds >> kind & 1) == 0)
        return;
    alert = find(book, kind, subject);
    if (alert == NULL && book->n == ALERT_ROWS)
        return; /* seen again when there is */
    if (alert == NULL) {
        alert = &book->rows[book->n++];
        alert->kind = kind;
        snprintf(alert->subject, sizeof(alert->subject), "%s", subject);
        alert->first_real_us = real_us;
        alert->first_us = now_us;
        alert->is_told = false;
    }
    snprintf(alert->text, sizeof(alert->text), "%s", text);
    alert->last_us = now_us;
    alert->is_seen = true;
}

static struct alert *
find(struct alert_book *book, enum alert_kind kind, const char *subject)
{
    for (size_t n = 0; n < book->n; n++) {
        struct alert *alert = &book->rows[n];

        if (alert->kind == kind &&
            strncmp(alert->subject, subject, sizeof(alert->subject) - 1) == 0)
            return alert;
    }
    return NULL;
}

void
alert_book_end(struct alert_book *book, int64_t now_us, alert_book_tell *tell, void *ctx)
{
    for (size_t n = 0; n < book->n;) {
        struct alert *alert = &book->rows[n];
        bool is_over = !alert->is_seen && (!alert->is_told || /* it never became one */
                                           now_us - alert->last_us >= ALERT_CALM_US);

        if (alert->is_seen && !alert->is_told &&
            now_us - alert->first_us >= kinds[alert->kind].hold_us) {
            alert->is_told = true;
            tell(ctx, alert, false);
        }
        if (!is_over) {
            n++;
            continue;
        }
        if (alert->is_told)
            tell(ctx, alert, true);
        *alert = book->rows[--book->n];
    }
}

bool
alert_book_take_over(struct alert_book *book, const struct alert *alert)
{
    bool is_wanted = (book->kinds >> alert->kind & 1) != 0;

    assert(book->n < ALERT_ROWS);
    if (is_wanted)
        book->rows[book->n++] = *alert;
    return is_wanted;
}

size_t
alert_book_n_standing(const struct alert_book *book)
{
    size_t n_standing = 0;

    for (size_t n = 0; n < book->n; n++)
        n_standing += book->rows[n].is_told;
    return n_standing;
}
