/* SPDX-License-Identifier: ISC */
#include "month.h"

#include <assert.h>
#include <stdio.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"

#define META_MONTH "month_max"

static int64_t start_us(uint32_t month);
static int move_to(struct ledger *ledger, uint32_t month);

uint32_t
month_next(uint32_t month)
{
    assert(month % 100 >= 1 && month % 100 <= 12);
    return month % 100 == 12 ? month + 89 : month + 1;
}

int64_t
month_end_us(uint32_t month)
{
    return start_us(month_next(month));
}

static int64_t
start_us(uint32_t month)
{
    char date[32];
    int64_t us = 0;

    snprintf(date, sizeof(date), "%04u-%02u-01", month / 100, month % 100);
    int rc = clock_parse_utc(date, &us);
    assert(rc == 0);
    return us;
}

int
month_restore(struct ledger *ledger)
{
    uint32_t now = clock_month_id(clock_real_us());
    int64_t seen;
    int rc = store_get_meta(ledger->store, META_MONTH, 0, &seen);

    if (rc != 0)
        return rc;
    if (seen < 0 || seen > 999912 || (seen != 0 && (seen % 100 < 1 || seen % 100 > 12)))
        return ERR_STORE;
    if (seen > now) {
        log_warn("ledger.clock", "month=%lld is behind us but the clock says %u; it stays %lld",
                 (long long)seen, now, (long long)seen);
        ledger->book.month = (uint32_t)seen;
        return 0;
    }
    return seen == now ? (ledger->book.month = now, 0) : move_to(ledger, now);
}

int
month_check(struct ledger *ledger)
{
    uint32_t now = clock_month_id(clock_real_us());

    if (now <= ledger->book.month)
        return 0;
    int rc = move_to(ledger, now);
    if (rc != 0)
        return rc;
    log_info("ledger.month", "month=%u", now);
    book_walk_begin(&ledger->book);
    return 0;
}

static int
move_to(struct ledger *ledger, uint32_t month)
{
    struct errmsg why;
    int rc = ledger_begin(ledger, &why);

    if (rc == 0)
        rc = ledger_end(ledger, store_put_meta(ledger->store, META_MONTH, month), &why);
    if (rc == 0)
        ledger->book.month = month;
    return rc;
}
