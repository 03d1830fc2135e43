/* SPDX-License-Identifier: ISC */
#include "upgrade.h"

#include <poll.h>
#include <stdio.h>

#define PATIENCE_MS 60000 /* a start with a migration of the database may take its time */
#define STEP_MS     50

static int begin(struct client *client, int64_t *out_started_us);
static int wait_until_ready(struct client *client, int64_t started_us,
                            const struct frame_value **out_status);
static int report(struct client *client, const struct frame_value *status);

int
upgrade_run(struct client *client, const struct args *args)
{
    const struct frame_value *status = NULL;
    int64_t started_us;

    (void)args;
    int rc = begin(client, &started_us);
    if (rc == CTL_OK)
        rc = wait_until_ready(client, started_us, &status);
    return rc == CTL_OK ? report(client, status) : rc;
}

static int
begin(struct client *client, int64_t *out_started_us)
{
    const struct frame_value *result = NULL;

    (void)client_begin(client, COMMAND_UPGRADE);
    int rc = client_call(client, &result);
    if (rc == CTL_OK)
        *out_started_us = frame_get_int(result, "started_us", 0);
    return rc;
}

/* Each master that takes the process ends our connection: the new one, and the old one if it has to
 * come back. */
static int
wait_until_ready(struct client *client, int64_t started_us, const struct frame_value **out_status)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += STEP_MS) {
        if (client->fd < 0 && !client_reconnect(client, PATIENCE_MS))
            break;
        (void)client_begin(client, COMMAND_STATUS);
        if (!client_ask(client, out_status))
            continue;
        if (frame_get_int(*out_status, "started_us", 0) != started_us &&
            frame_get_bool(*out_status, "is_ready", false))
            return CTL_OK;
        (void)poll(NULL, 0, STEP_MS);
    }
    return client_fail(CTL_UNREACHABLE,
                       "relayosd has not come up again within %d s; its log says why",
                       PATIENCE_MS / 1000);
}

static int
report(struct client *client, const struct frame_value *status)
{
    const struct frame_value *upgrade = frame_get(status, "upgrade");
    struct slice error = frame_get_str(upgrade, "error"), from = frame_get_str(upgrade, "from");
    struct slice now = frame_get_str(status, "version");

    if (error.len > 0)
        return client_fail(CTL_REFUSED, "%.*s; relayosd %.*s serves on", (int)error.len, error.ptr,
                           (int)now.len, now.ptr);
    if (client->is_json)
        printf("{\"from\":\"%.*s\",\"to\":\"%.*s\",\"pid\":%lld}\n", (int)from.len, from.ptr,
               (int)now.len, now.ptr, (long long)frame_get_int(status, "pid", 0));
    else
        printf("relayosd %.*s has taken over from %.*s, in process %lld.\n", (int)now.len, now.ptr,
               (int)from.len, from.ptr, (long long)frame_get_int(status, "pid", 0));
    return CTL_OK;
}
