/* SPDX-License-Identifier: ISC
 *
 * offer - what may be asked for, what it costs, and where it is asked for.
 */
#include "console.h"
#include "relayos/model/key.h"
#include "relayos/report/report_model.h"
#include "relayos/report/report_price.h"
#include "viewing.h"

static void write_tools(struct frame_out *out);

void
offer_models(struct call *call)
{
    struct report report;

    if (!viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    report_model_list(&report, "data", out);
    frame_nil(out, "next");
    answer_end(call, 200);
}

void
offer_prices(struct call *call)
{
    struct report report;

    if (!viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    report_price_list(&report, "data", out);
    frame_nil(out, "next");
    answer_end(call, 200);
}

void
offer_quickstart(struct call *call)
{
    struct report report;

    if (!viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    frame_cstr(out, "public_url", call->console->conf->public_url);
    report_model_names(&report, "models", out);
    write_tools(out);
    answer_end(call, 200);
}

static void
write_tools(struct frame_out *out)
{
    static const char *const names[KEY_N_TOOLS] = KEY_TOOL_NAMES;

    frame_array(out, "tools");
    for (int i = 0; i < KEY_N_TOOLS; i++)
        frame_cstr(out, NULL, names[i]);
    frame_end(out);
}
