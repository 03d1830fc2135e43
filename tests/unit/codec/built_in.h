/* SPDX-License-Identifier: ISC
 *
 * built_in - what is built in of a model, kept as long as the test runs.
 */
#ifndef TESTS_CODEC_BUILT_IN_H
#define TESTS_CODEC_BUILT_IN_H

#include "relayos/base/mem.h"
#include "relayos/codec/capability.h"

static inline const struct capability *
built_in(struct slice model)
{
    struct capability *capability = mem_zalloc(sizeof(*capability));

    *capability = capability_find(NULL, 0, model);
    return capability;
}

#endif
