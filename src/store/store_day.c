/* SPDX-License-Identifier: ISC */
#include "store_day.h"

#include <stdio.h>

#include "relayos/base/clock.h"
#include "relayos/store/store_trace.h"

#define SLACK_US (INT64_C(45) * 86400 * 1000000) /* for clocks that were wrong */

struct uuid
store_day_floor(uint32_t day)
{
    char date[32];
    int64_t start_us = 0;

    snprintf(date, sizeof(date), "%04u-%02u-%02u", day / 10000, day / 100 % 100, day % 100);
    if (clock_parse_utc(date, &start_us) != 0 || start_us <= SLACK_US)
        return (struct uuid){0};
    return store_trace_floor(start_us - SLACK_US);
}
