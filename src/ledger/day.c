/* SPDX-License-Identifier: ISC */
#include "day.h"

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"

#define META_DAY "day_max"

static uint32_t today(void);
static int move_to(struct ledger *ledger, uint32_t day);

int
day_restore(struct ledger *ledger)
{
    uint32_t now = today();
    int64_t seen;
    int rc = store_get_meta(ledger->store, META_DAY, 0, &seen);

    if (rc != 0)
        return rc;
    if (seen != 0 && !period_day_is_valid(seen))
        return ERR_STORE;
    if (seen > now && ledger->heritage->is_repair) {
        log_warn("ledger.clock",
                 "day=%lld was written by a clock that went wrong; --repair makes it %u",
                 (long long)seen, now);
    } else if (seen > now) {
        log_warn("ledger.clock",
                 "day=%lld is behind us but the clock says %u; it stays %lld. Is that "
                 "day still to come, start once with relayosd --repair",
                 (long long)seen, now, (long long)seen);
        now = (uint32_t)seen;
    }
    if (seen != now)
        return move_to(ledger, now);
    book_set_day(&ledger->book, now);
    return 0;
}

int
day_check(struct ledger *ledger)
{
    /* The clock's own answer is asked for once a day. */
    if (clock_real_us() < ledger->book.now[PERIOD_DAY].end_us)
        return 0;
    int rc = move_to(ledger, today());
    if (rc != 0)
        return rc;
    log_info("ledger.day", "day=%u", ledger->book.day);
    book_roll_begin(&ledger->book);
    return 0;
}

static uint32_t
today(void)
{
    return period_at(PERIOD_DAY, clock_real_us()).id;
}

static int
move_to(struct ledger *ledger, uint32_t day)
{
    struct errmsg why;
    int rc = ledger_begin(ledger, &why);

    if (rc == 0)
        rc = ledger_end(ledger, store_put_meta(ledger->store, META_DAY, day), &why);
    if (rc == 0)
        book_set_day(&ledger->book, day);
    return rc;
}
