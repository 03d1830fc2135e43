/* SPDX-License-Identifier: ISC */
#include "request.h"

#include <assert.h>
#include <stdlib.h>

#include "metrics.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "route.h"
#include "state.h"
#include "status.h"
#include "top.h"

#define LEDGER_TIMEOUT_US INT64_C(30000000) /* a query over a big store may take its time */
#define STATUS_TIMEOUT_US                                                                          \
    INT64_C(1000000) /* status is asked when something is wrong: no waiting                        \
                      */

static void answer(struct master *master, struct child_tag client, enum command command,
                   const struct frame_value *args, int64_t now_us);
static void forward(struct master *master, struct child_tag client, enum command command,
                    const struct frame_value *args, int64_t now_us);
static void on_forwarded_reply(struct master *master, struct child_tag client,
                               const struct frame_value *reply);
static void status_begin(struct master *master, struct child_tag client, int64_t now_us);
static void on_ledger_status(struct master *master, struct child_tag client,
                             const struct frame_value *reply);
static void config_text(struct master *master, struct child_tag client);
static void config_show(struct master *master, struct child_tag client);
static void refuse(struct master *master, struct child_tag client, int err, const char *sentence);

void
request_carry_out(struct master *master, struct child_tag client, const struct frame_value *root,
                  int64_t now_us)
{
    const struct frame_value *args = frame_get(root, "args");
    enum command command;

    if (command_find(frame_get_str(root, "cmd"), &command) != 0) {
        refuse(master, client, ERR_MISSING, "there is no such command; is relayosctl newer?");
        return;
    }
    const struct command_info *info = command_info(command);
    if (info->right == COMMAND_INTERNAL) {
        refuse(master, client, ERR_DENIED, "that command is the master's own");
        return;
    }
    if (console_link_is_owner(client) && !console_link_may(command)) {
        log_error("console.denied", "cmd=%s", info->name); /* ours never asks: whose is it now? */
        refuse(master, client, ERR_DENIED, "that is no command of the console's");
        return;
    }
    if (info->right == COMMAND_WRITE && console_link_is_owner(client) &&
        frame_get_str(args, "who").len == 0) {
        refuse(master, client, ERR_SYNTAX, "who gives this command? Its arguments do not say");
        return;
    }
    if (info->right == COMMAND_WRITE)
        log_info("control.command", "cmd=%s", info->name);
    if (info->where == COMMAND_LEDGER)
        forward(master, client, command, args, now_us);
    else
        answer(master, client, command, args, now_us);
}

static void
answer(struct master *master, struct child_tag client, enum command command,
       const struct frame_value *args, int64_t now_us)
{
    if (command == COMMAND_STATUS)
        status_begin(master, client, now_us);
    else if (command == COMMAND_TOP)
        top_answer(master, client, frame_get_int(args, "limit", 0));
    else if (command == COMMAND_METRICS)
        metrics_answer(master, client);
    else if (command == COMMAND_ROUTE_LIST)
        route_list(master, client, frame_get_str(args, "model"));
    else if (command == COMMAND_ROUTE_SHOW)
        route_show(master, client, frame_get_str(args, "route"));
    else if (command == COMMAND_ROUTE_ENABLE)
        route_change(master, client, args, HEALTH_ENABLED);
    else if (command == COMMAND_ROUTE_DRAIN)
        route_change(master, client, args, HEALTH_DRAINED);
    else if (command == COMMAND_ROUTE_DISABLE)
        route_change(master, client, args, HEALTH_DISABLED);
    else if (command == COMMAND_CONFIG_SHOW)
        config_show(master, client);
    else if (command == COMMAND_CONFIG_TEXT)
        config_text(master, client);
    else if (command == COMMAND_CONFIG_CHECK)
        reload_check(master, client);
    else if (command == COMMAND_RELOAD)
        reload_request(master, client, args);
    else if (command == COMMAND_UPGRADE)
        upgrade_request(master, client, args);
    else
        assert(!"every command of the master is above");
}

static void
forward(struct master *master, struct child_tag client, enum command command,
        const struct frame_value *args, int64_t now_us)
{
    struct child_call call = {
        .command = command,
        .tag = client,
        .timeout_us = LEDGER_TIMEOUT_US,
        .on_reply = on_forwarded_reply,
    };
    struct frame_out *out = child_link_begin(&master->ledger_link, command);

    if (out == NULL) {
        refuse(master, client, ERR_BUSY, "the ledger is not ready; try again in a moment");
        return;
    }
    bool is_write = command_info(command)->right == COMMAND_WRITE;
    char who[WITNESS_WHO_SIZE];
    if (is_write) {
        witness_name(master, client, args, who);
        frame_cstr(out, "who", who);
    }
    for (size_t n = 0; n < frame_length(args); n++) {
        struct slice key = {0};
        const struct frame_value *value = frame_member(args, n, &key);
        char name[LIMIT_NAME];

        if (value == NULL || key.len >= sizeof(name) || memchr(key.ptr, '\0', key.len) != NULL ||
            (is_write && slice_eq_str(key, "who")))
            continue; /* no argument of ours; nothing of it is lost */
        memcpy(name, key.ptr, key.len);
        name[key.len] = '\0';
        frame_copy(out, name, value);
    }
    if (child_link_send(&master->ledger_link, &call, now_us) != 0)
        refuse(master, client, ERR_BUSY, "the ledger is behind; try again in a moment");
}

static void
on_forwarded_reply(struct master *master, struct child_tag client, const struct frame_value *reply)
{
    struct frame_out *out;

    if (reply == NULL) {
        refuse(master, client, ERR_BUSY,
               "the ledger did not answer; whether it carried the command out can be seen with "
               "key show");
    } else if (!frame_get_bool(reply, "ok", false)) {
        struct slice error = frame_get_str(reply, "error");
        struct errmsg why;
        errmsg_set(&why, "%.*s", (int)error.len, error.ptr);
        control_server_reply_error(master, client, command_code_find(frame_get_str(reply, "code")),
                                   &why);
    } else if ((out = control_server_reply_begin(master, client)) != NULL) {
        frame_copy_members(out, frame_get(reply, "result"));
        control_server_reply_end(master, client);
    }
}

/* The ledger's part first; without it after a second, so that a stalled ledger is seen as such. */
static void
status_begin(struct master *master, struct child_tag client, int64_t now_us)
{
    struct child_call call = {
        .command = COMMAND_LEDGER_STATUS,
        .tag = client,
        .timeout_us = STATUS_TIMEOUT_US,
        .on_reply = on_ledger_status,
    };

    if (child_link_call(&master->ledger_link, &call, now_us) != 0)
        on_ledger_status(master, client, NULL);
}

static void
on_ledger_status(struct master *master, struct child_tag client, const struct frame_value *reply)
{
    status_answer(master, client, frame_get(reply, "result"));
}

static void
config_show(struct master *master, struct child_tag client)
{
    struct frame_out *out = control_server_reply_begin(master, client);
    struct buf yaml;

    if (out == NULL)
        return;
    buf_init(&yaml, LIMIT_CONTROL_FRAME);
    conf_show(master->conf, &yaml);
    frame_str(out, "yaml", buf_slice(&yaml));
    frame_cstr(out, "file", master->options.config_file);
    frame_cstr(out, "sha256", master->conf->text_sha256);
    frame_int(out, "loaded_us",
              master->reload.loaded_us != 0 ? master->reload.loaded_us : master->started_us);
    control_server_reply_end(master, client);
    buf_fini(&yaml);
}

static void
config_text(struct master *master, struct child_tag client)
{
    struct frame_out *out = control_server_reply_begin(master, client);
    const struct buf *previous = &master->reload.previous;

    if (out == NULL)
        return;
    char *file =
        master->options.config_file == NULL ? NULL : realpath(master->options.config_file, NULL);
    frame_cstr(out, "file", file); /* who asks may be in another directory */
    free(file);
    frame_str(out, "running", slice_of(master->conf->text, master->conf->text_len));
    if (master->reload.has_previous)
        frame_str(out, "previous", buf_slice(previous));
    else
        frame_nil(out, "previous");
    control_server_reply_end(master, client);
}

static void
refuse(struct master *master, struct child_tag client, int err, const char *sentence)
{
    struct errmsg why;

    errmsg_set(&why, "%s", sentence);
    control_server_reply_error(master, client, err, &why);
}
