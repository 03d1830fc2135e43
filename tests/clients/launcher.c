/* SPDX-License-Identifier: ISC
 *
 * launcher - a gateway for the client tests: starts one, prints where it is as a line of JSON, and
 * ends it when stdin ends. Each line on stdin is a relayosctl command; its JSON comes back as one
 * line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway.h"
#include "routes.h"

int
main(void)
{
    static const struct gateway_options options = {
        .settings =
            "upstream_defaults: {first_byte_timeout: 1s}\n" ROUTES_NO_BREAKER ROUTES_NO_AFFINITY
            "failover: {retry_min: 1000}\n",
        .upstreams = ROUTES_UPSTREAMS,
        .models = ROUTES_MODEL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), line[1024];

    printf("{\"port\":%d,\"mock_port\":%d,\"key\":\"%s\"}\n", gateway->port, gateway->mock_port,
           key);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        cJSON *reply = gateway_ctl(gateway, "%s", line);
        char *text = reply == NULL ? NULL : cJSON_PrintUnformatted(reply);

        puts(text == NULL ? "null" : text);
        fflush(stdout);
        cJSON_free(text);
        cJSON_Delete(reply);
    }
    free(key);
    return gateway_stop(&gateway);
}
