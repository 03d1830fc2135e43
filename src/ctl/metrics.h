/* SPDX-License-Identifier: ISC
 *
 * metrics - `relayosctl metrics`: what a scraper would get.
 */
#ifndef CTL_METRICS_H
#define CTL_METRICS_H

#include "verb.h"

verb_write metrics_write;
verb_print metrics_print;

#endif
