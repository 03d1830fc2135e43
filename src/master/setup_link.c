/* SPDX-License-Identifier: ISC */
#include "setup_link.h"

#include <stdio.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "state.h"
#include "status.h"

#define TIMEOUT_US INT64_C(30000000)

static void on_made(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void print(struct master *master);
static void on_listed(struct master *master, struct child_tag tag, const struct frame_value *reply);

void
setup_link_begin(struct master *master)
{
    bool is_shown = master->options.prints_quickstart || isatty(STDOUT_FILENO);
    struct child_call call = {
        .command = is_shown ? COMMAND_USER_SETUP_LINK : COMMAND_USER_LIST,
        .timeout_us = TIMEOUT_US,
        .on_reply = is_shown ? on_made : on_listed,
    };
    struct frame_out *out;

    if (master->boot->console.host[0] == '\0' ||
        (out = child_link_begin(&master->ledger_link, call.command)) == NULL) {
        print(master);
        return;
    }
    if (is_shown)
        frame_cstr(out, "who", "relayosd, at its start");
    else
        frame_int(out, "limit", 1);
    if (child_link_send(&master->ledger_link, &call, clock_mono_us()) != 0) {
        log_warn("setup_link.failed", "reason=\"the ledger is behind\"");
        print(master);
    }
}

/* Refused: there is an account. */
static void
on_made(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    struct slice token = frame_get_str(frame_get(reply, "result"), "token");
    char url[STATUS_URL_SIZE];

    (void)tag;
    status_console_url(master, url);
    if (token.len > 0)
        buf_printf(&master->greeting,
                   "  Console    %s/setup#%.*s\n"
                   "             makes the first account; good once, for 24 hours\n\n",
                   url, (int)token.len, token.ptr);
    else if (master->options.prints_quickstart)
        buf_printf(&master->greeting, "  Console    %s\n\n", url);
    print(master);
}

/* At once, when all of it is there: lines of the log, which the ledger writes too, must not fall
 * into it. */
static void
print(struct master *master)
{
    struct buf *text = &master->greeting;

    (void)fflush(stdout);
    (void)!fdio_write_all(STDOUT_FILENO, text->ptr, text->len);
    secret_wipe(text->ptr, text->len);
    buf_fini(text);
}

static void
on_listed(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *users = frame_get(frame_get(reply, "result"), "users");

    (void)master, (void)tag;
    if (users != NULL && frame_length(users) == 0)
        log_info("console.no_user",
                 "action=\"relayosctl user setup-link, or relayosctl user add\"");
}
