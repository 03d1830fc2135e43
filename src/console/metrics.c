/* SPDX-License-Identifier: ISC */
#include "metrics.h"

#include <arpa/inet.h>

#include "answer.h"
#include "console.h"
#include "relayos/report/report_metrics.h"

void
metrics_show(struct call *call)
{
    const struct report report = {.segment = call->console->segment,
                                  .catalog = call->console->catalog};

    report_metrics_write(&report, &call->out);
    answer_out(call, 200, REPORT_METRICS_TYPE);
}

bool
metrics_is_open_to(const struct call *call)
{
    const struct conf_networks *from = &call->console->conf->metrics_from;
    uint8_t bytes[sizeof(struct in6_addr)];
    size_t len = 0;

    if (call->row->handler != metrics_show)
        return false;
    if (inet_pton(AF_INET, call->address, bytes) == 1)
        len = sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, call->address, bytes) == 1)
        len = sizeof(struct in6_addr);
    for (uint32_t n = 0; len > 0 && n < from->n; n++) {
        if (address_range_has(&from->ranges[n], bytes, len))
            return true;
    }
    return false;
}
