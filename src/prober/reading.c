/* SPDX-License-Identifier: ISC */
#include "reading.h"

#include <stdio.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/store/store_reader.h"

#define AGAIN_US INT64_C(10000000)

struct store *
reading_store(struct reading *reading)
{
    char path[CONF_PATH_SIZE + 16];
    int64_t now_us = clock_mono_us();
    struct errmsg why;

    if (reading->store != NULL || now_us < reading->again_us)
        return reading->store;
    snprintf(path, sizeof(path), "%s/relayos.db", reading->conf->data_dir);
    if (store_reader_open(path, STORE_READER_LIVE, &reading->store, &why) != 0) {
        reading->store = NULL;
        reading->again_us = now_us + AGAIN_US;
        log_warn("prober.no_store", "reason=\"%s\"", why.text);
    }
    return reading->store;
}

void
reading_distrust(struct reading *reading)
{
    reading_fini(reading);
    reading->again_us = clock_mono_us() + AGAIN_US;
}

void
reading_fini(struct reading *reading)
{
    if (reading->store != NULL)
        store_close(&reading->store);
}
