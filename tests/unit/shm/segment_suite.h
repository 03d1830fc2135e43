/* SPDX-License-Identifier: ISC
 *
 * segment_suite - a suite of which each test has a segment, and nothing else.
 */
#ifndef TESTS_SHM_SEGMENT_SUITE_H
#define TESTS_SHM_SEGMENT_SUITE_H

#include "fixture.h"

#define SEGMENT_SUITE(name) TestSuite(name, .init = segment_suite_make, .fini = segment_suite_drop)

static struct segment *segment;

static inline void
segment_suite_make(void)
{
    segment = fixture_segment();
}

static inline void
segment_suite_drop(void)
{
    segment_detach(&segment);
}

#endif
