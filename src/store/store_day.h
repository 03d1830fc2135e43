/* SPDX-License-Identifier: ISC
 *
 * store_day - days as the store knows them: yyyymmdd.
 */
#ifndef STORE_STORE_DAY_H
#define STORE_STORE_DAY_H

#include <stdint.h>

#include "relayos/base/text.h"

/* An id that is smaller than those of all requests of that day, whatever the zone and however long
 * they took; zeros when there can be none. */
struct uuid store_day_floor(uint32_t day);

#endif
