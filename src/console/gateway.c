/* SPDX-License-Identifier: ISC
 *
 * gateway - the operator's room: routes and the configuration, as the master has them.
 */
#include "answer.h"
#include "console.h"
#include "history.h"
#include "relayos/base/clock.h"
#include "viewing.h"

#define DAY_US INT64_C(86400000000)

static void on_routes(struct call *call, const struct frame_value *result);
static void on_route(struct call *call, const struct frame_value *result);
static void on_history_route(struct call *call, const struct frame_value *result);
static void ask_route(struct call *call, const char *cmd, call_on_result *on_result);
static void change_route(struct call *call, const char *cmd);
static void on_explained(struct call *call, const struct frame_value *result);
static void on_config(struct call *call, const struct frame_value *result);
static void on_checked(struct call *call, const struct frame_value *reply);

void
gateway_routes(struct call *call)
{
    struct frame_out *out = call_command(call, "route.list");

    if (out == NULL)
        return;
    if (call_query(call, "model").len > 0)
        frame_str(out, "model", call_query(call, "model"));
    call_send(call, on_routes);
}

static void
on_routes(struct call *call, const struct frame_value *result)
{
    struct frame_out *out = answer_begin(call);

    frame_copy(out, "data", frame_get(result, "routes"));
    frame_nil(out, "next");
    answer_end(call, 200);
}

void
gateway_route(struct call *call)
{
    ask_route(call, "route.show", on_route);
}

static void
ask_route(struct call *call, const char *cmd, call_on_result *on_result)
{
    struct frame_out *out = call_command(call, cmd);

    if (out == NULL)
        return;
    frame_str(out, "route", call->ids[0]);
    call_send(call, on_result);
}

static void
on_route(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, frame_get(result, "route"));
}

void
gateway_drain(struct call *call)
{
    change_route(call, "route.drain");
}

void
gateway_enable(struct call *call)
{
    change_route(call, "route.enable");
}

void
gateway_disable(struct call *call)
{
    change_route(call, "route.disable");
}

static void
change_route(struct call *call, const char *cmd)
{
    ask_route(call, cmd, on_route);
}

/* Whose history it is, the master knows: a route is named in more ways than one. */
void
gateway_history(struct call *call)
{
    ask_route(call, "route.show", on_history_route);
}

static void
on_history_route(struct call *call, const struct frame_value *result)
{
    struct slice id = frame_get_str(frame_get(result, "route"), "id");
    int64_t now_us = clock_real_us(), since_us, until_us;
    uint8_t bytes[4] = {0};

    if (!call_query_int(call, "until", now_us, &until_us) ||
        !call_query_int(call, "since", now_us - DAY_US, &since_us))
        return;
    if (text_hex_parse(id, bytes, sizeof(bytes)) != 0) {
        answer_missing(call);
        return;
    }
    struct frame_out *out = answer_begin(call);
    history_write(call->console->history,
                  (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                      bytes[3],
                  since_us, until_us, out);
    frame_nil(out, "next");
    answer_end(call, 200);
}

void
gateway_explain(struct call *call)
{
    int64_t prompt_tokens, max_tokens;

    if (!call_query_int(call, "prompt_tokens", 1000, &prompt_tokens) ||
        !call_query_int(call, "max_tokens", 0, &max_tokens))
        return;
    struct frame_out *out = call_command(call, "explain");
    if (out == NULL)
        return;
    frame_str(out, "key", call_query(call, "key"));
    frame_str(out, "model", call_query(call, "model"));
    frame_int(out, "prompt_tokens", prompt_tokens);
    frame_int(out, "max_tokens", max_tokens);
    frame_str(out, "address", call_query(call, "address"));
    call_send(call, on_explained);
}

static void
on_explained(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, result);
}

void
gateway_config(struct call *call)
{
    if (call_command(call, "config.show") != NULL)
        call_send(call, on_config);
}

static void
on_config(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, result);
}

/* A configuration with an error is an answer here, not a failure. */
void
gateway_check(struct call *call)
{
    if (call_command(call, "config.check") != NULL)
        call_send_raw(call, on_checked);
}

static void
on_checked(struct call *call, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");
    bool is_ok = frame_get_bool(reply, "ok", false) && result != NULL;
    struct frame_out *out = answer_begin(call);

    frame_bool(out, "is_ok", is_ok);
    if (is_ok)
        frame_nil(out, "error");
    else
        frame_str(out, "error", frame_get_str(reply, "error"));
    frame_str(out, "changes", frame_get_str(result, "changes"));
    frame_int(out, "n_changes", frame_get_int(result, "n_changes", 0));
    frame_int(out, "n_restart", frame_get_int(result, "n_restart", 0));
    answer_end(call, 200);
}

void
gateway_reload(struct call *call)
{
    if (call_command(call, "reload") != NULL)
        call_send(call, on_config);
}
