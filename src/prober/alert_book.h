/* SPDX-License-Identifier: ISC
 *
 * alert_book - which alerts stand: conditions as they are seen go in, notices come out. A condition
 * that lasts is told once, one that comes and goes is one alert, and what was told is taken back
 * when it is over. Pure: the functions get the time.
 *
 *      seen              held long enough          unseen for ALERT_CALM_US
 *   -> (waits)        -> stands: a notice       -> gone: a notice that says so
 */
#ifndef PROBER_ALERT_BOOK_H
#define PROBER_ALERT_BOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"

/* KIND(name, NAME, severity, seconds that it must hold before it is told). The order is that of the
 * words of the directive alerts.kinds; relayosd(8) lists them, a test compares. */
#define ALERT_KINDS(KIND)                                                                          \
    KIND(quota_near, QUOTA_NEAR, "warning", 0)                                                     \
    KIND(quota_used_up, QUOTA_USED_UP, "warning", 0)                                               \
    KIND(model_down, MODEL_DOWN, "critical", 10)                                                   \
    KIND(route_down, ROUTE_DOWN, "warning", 30)                                                    \
    KIND(credential_refused, CREDENTIAL_REFUSED, "critical", 0)                                    \
    KIND(certificate_expiring, CERTIFICATE_EXPIRING, "warning", 0)                                 \
    KIND(ledger_behind, LEDGER_BEHIND, "critical", 0)                                              \
    KIND(disk_low, DISK_LOW, "critical", 0)                                                        \
    KIND(admission_closed, ADMISSION_CLOSED, "critical", 5)                                        \
    KIND(crash_loop, CRASH_LOOP, "critical", 0)

enum alert_kind {
#define KIND(name, NAME, severity, hold_s) ALERT_##NAME,
    ALERT_KINDS(KIND)
#undef KIND
        ALERT_N_KINDS
};
const char *alert_book_kind_name(enum alert_kind kind);
const char *alert_book_severity(enum alert_kind kind);

#define ALERT_ROWS         256 /* at a time; what finds no room waits */
#define ALERT_SUBJECT_SIZE 320
#define ALERT_TEXT_SIZE    512
#define ALERT_CALM_US      INT64_C(60000000)

struct alert {
    enum alert_kind kind;
    char subject[ALERT_SUBJECT_SIZE]; /* of what; with the kind, what tells alerts apart */
    char text[ALERT_TEXT_SIZE];       /* how it is and what to do, as last seen */
    int64_t first_real_us;            /* real time when it was first seen */
    int64_t first_us, last_us;        /* monotonic */
    bool is_told, is_seen;
};

typedef void alert_book_tell(void *ctx, const struct alert *alert, bool is_resolved);

struct alert_book {
    uint32_t kinds; /* a bit for each that is wanted */
    size_t n;
    struct alert rows[ALERT_ROWS];
};

void alert_book_init(struct alert_book *book, uint32_t kinds);
/* A look: begin, then each condition that holds now, then end, which tells. Texts are cut to fit.
 */
void alert_book_begin(struct alert_book *book);
void alert_book_see(struct alert_book *book, enum alert_kind kind, const char *subject,
                    const char *text, int64_t now_us, int64_t real_us);
void alert_book_end(struct alert_book *book, int64_t now_us, alert_book_tell *tell, void *ctx);
/* Go on with what stands in another book, at a new one's beginning; false: its kind is not wanted.
 */
bool alert_book_take_over(struct alert_book *book, const struct alert *alert) MUST_CHECK;
/* Those that were told and not taken back. */
size_t alert_book_n_standing(const struct alert_book *book);

#endif
