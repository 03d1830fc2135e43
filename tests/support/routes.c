/* SPDX-License-Identifier: ISC
 *
 * routes - see routes.h.
 */
#include "routes.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "json.h"

int64_t
routes_calls(const struct gateway *gateway, const char *upstream)
{
    cJSON *stats = gateway_mock_stats(gateway, 0);
    const cJSON *path;
    char prefix[64];
    int64_t n = 0;

    snprintf(prefix, sizeof prefix, "/%s/", upstream);
    cJSON_ArrayForEach(path, json_at(stats, "paths"))
    {
        if (strncmp(path->string, prefix, strlen(prefix)) == 0)
            n += (int64_t)path->valuedouble;
    }
    cJSON_Delete(stats);
    return n;
}

void
routes_heal(const struct gateway *gateway, const char *model)
{
    cJSON *list = gateway_ctl(gateway, "route list --model %s", model);
    const cJSON *route;
    int n = 0;

    cJSON_ArrayForEach(route, json_at(list, "routes"))
    {
        cJSON *reply = gateway_ctl(gateway, "route enable %s", json_text(route, "id"));

        cr_assert(reply != NULL, "route enable %s failed", json_text(route, "id"));
        cJSON_Delete(reply);
        n++;
    }
    cr_assert_gt(n, 0, "route list %s lists nothing", model);
    cJSON_Delete(list);
}
