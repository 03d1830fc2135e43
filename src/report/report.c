/* SPDX-License-Identifier: ISC */
#include "relayos/report/report.h"

void
report_set_now(struct report *report, int64_t real_us)
{
    for (int kind = 0; kind < PERIOD_N_KINDS; kind++)
        report->now[kind] = period_at((enum period_kind)kind, real_us);
}
