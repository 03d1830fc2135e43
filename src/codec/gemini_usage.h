/* SPDX-License-Identifier: ISC
 *
 * gemini_usage - Gemini's usageMetadata in the buckets that are charged (protocols.md 7.8).
 */
#ifndef CODEC_GEMINI_USAGE_H
#define CODEC_GEMINI_USAGE_H

#include "relayos/base/slice.h"
#include "relayos/model/usage.h"

/* Counters are cumulative: each report replaces those it says. metadata: a scanned object. */
void gemini_usage_read(struct slice metadata, struct usage *usage);

#endif
