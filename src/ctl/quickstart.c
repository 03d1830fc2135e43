/* SPDX-License-Identifier: ISC */
#include "quickstart.h"

#include <stdio.h>

#include "relayos/control/tool_settings.h"

int
quickstart_run(struct client *client, const struct args *args)
{
    const struct frame_value *result = NULL;
    char url[512], model[256];
    struct buf text;

    (void)args;
    (void)client_begin(client, COMMAND_STATUS);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    struct slice public_url = frame_get_str(result, "public_url");
    struct slice first = frame_as_str(frame_at(frame_get(result, "models"), 0));
    snprintf(url, sizeof(url), "%.*s", (int)public_url.len, public_url.ptr);
    snprintf(model, sizeof(model), "%.*s", first.len == 0 ? 5 : (int)first.len,
             first.len == 0 ? "MODEL" : first.ptr);
    buf_init(&text, 65536);
    tool_settings_write(
        &(struct tool_settings){.url = url, .key = SLICE_LIT("$RELAYOS_KEY"), .model = model},
        &text);
    printf("With RELAYOS_KEY set to a key (relayosctl key create --name NAME makes one):\n\n%.*s",
           (int)text.len, text.ptr);
    buf_fini(&text);
    return CTL_OK;
}
