/* SPDX-License-Identifier: ISC */
#include "dispatch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adjust.h"
#include "admin_key.h"
#include "audit.h"
#include "backup.h"
#include "captures.h"
#include "checkpoint.h"
#include "explain.h"
#include "figures.h"
#include "key_admin.h"
#include "key_declare.h"
#include "key_rotate.h"
#include "ledger.h"
#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/control/command.h"
#include "relayos/shm/quota.h"

#include "request_query.h"
#include "retention.h"
#include "row_reply.h"
#include "session.h"
#include "trail.h"
#include "undertaker.h"
#include "user_admin.h"
#include "user_claim.h"

#define READ_SIZE       65536
#define FLUSH_WAIT_MS   1000
#define REPLIES_WAITING (2 * LIMIT_CONTROL_FRAME) /* then requests wait too */

struct dispatch {
    int fd;
    struct buf in, out;
    struct frame_out *writer;
};

static bool read_some(struct dispatch *dispatch);
static bool write_some(struct dispatch *dispatch);
static void take_requests(struct ledger *ledger, struct dispatch *dispatch);
static void hang_up(struct dispatch *dispatch, const char *reason);
static int carry_out(struct ledger *ledger, enum command command, const struct frame_value *args,
                     struct frame_out *out, struct errmsg *why);
static dispatch_handler on_settle, on_undertake, on_registry, on_stop;

static dispatch_handler *const handlers[COMMAND_N] = {
    [COMMAND_KEY_CREATE] = key_admin_create,
    [COMMAND_KEY_LIST] = key_admin_list,
    [COMMAND_KEY_SHOW] = key_admin_show,
    [COMMAND_KEY_UPDATE] = key_admin_update,
    [COMMAND_KEY_DISABLE] = key_admin_disable,
    [COMMAND_KEY_ENABLE] = key_admin_enable,
    [COMMAND_KEY_REVOKE] = key_admin_revoke,
    [COMMAND_KEY_ROTATE] = key_rotate,
    [COMMAND_KEY_SYNC] = key_declare,
    [COMMAND_REQUEST_LIST] = request_query_list,
    [COMMAND_REQUEST_SHOW] = request_query_show,
    [COMMAND_REQUEST_BODY] = captures_show,
    [COMMAND_USAGE] = figures_usage,
    [COMMAND_EXPLAIN] = explain_run,
    [COMMAND_LEDGER_STATUS] = figures_status,
    [COMMAND_CHECKPOINT] = checkpoint_run,
    [COMMAND_LEDGER_ROWS] = row_reply_page,
    [COMMAND_LEDGER_SHOW] = row_reply_show,
    [COMMAND_LEDGER_ADJUST] = adjust_make,
    [COMMAND_LEDGER_CELLS] = audit_cells,
    [COMMAND_LEDGER_BILLED] = retention_set_billed,
    [COMMAND_BACKUP_BEGIN] = backup_begin,
    [COMMAND_BACKUP_NEXT] = backup_next,
    [COMMAND_BACKUP_END] = backup_end,
    [COMMAND_USER_CREATE] = user_admin_create,
    [COMMAND_USER_LIST] = user_admin_list,
    [COMMAND_USER_UPDATE] = user_admin_update,
    [COMMAND_USER_PASSWORD] = user_admin_password,
    [COMMAND_USER_SETUP_LINK] = user_admin_setup_link,
    [COMMAND_USER_SETUP] = user_admin_setup,
    [COMMAND_USER_CLAIM] = user_claim_run,
    [COMMAND_SESSION_OPEN] = session_open,
    [COMMAND_SESSION_TOUCH] = session_touch,
    [COMMAND_SESSION_CLOSE] = session_close,
    [COMMAND_SESSION_REFUSED] = session_refused,
    [COMMAND_ADMINKEY_CREATE] = admin_key_create,
    [COMMAND_ADMINKEY_LIST] = admin_key_list,
    [COMMAND_ADMINKEY_REVOKE] = admin_key_revoke,
    [COMMAND_AUDIT_LIST] = trail_list,
    [COMMAND_AUDIT_APPEND] = trail_append,
    [COMMAND_SETTLE] = on_settle,
    [COMMAND_UNDERTAKE] = on_undertake,
    [COMMAND_REGISTRY] = on_registry,
    [COMMAND_STOP] = on_stop,
};

struct dispatch *
dispatch_new(int fd)
{
    struct dispatch *dispatch = mem_zalloc(sizeof(*dispatch));

    dispatch->fd = fd;
    dispatch->writer = frame_out_new();
    buf_init(&dispatch->in, LIMIT_CONTROL_FRAME + READ_SIZE);
    buf_init(&dispatch->out, REPLIES_WAITING + LIMIT_CONTROL_FRAME + READ_SIZE);
    if (fd >= 0)
        fdio_set_nonblocking(fd);
    return dispatch;
}

void
dispatch_free(struct dispatch **dispatch)
{
    if (*dispatch == NULL)
        return;
    fdio_close(&(*dispatch)->fd);
    frame_out_free(&(*dispatch)->writer);
    buf_fini(&(*dispatch)->in);
    buf_fini(&(*dispatch)->out);
    free(*dispatch);
    *dispatch = NULL;
}

int
dispatch_fd(const struct dispatch *dispatch)
{
    return dispatch->fd;
}

short
dispatch_events(const struct dispatch *dispatch)
{
    short events = dispatch->out.len > 0 ? POLLOUT : 0;

    return dispatch->out.len > REPLIES_WAITING ? events : (short)(events | POLLIN);
}

void
dispatch_on_events(struct ledger *ledger, struct dispatch *dispatch, short events)
{
    bool is_alive = true;

    if ((events & POLLOUT) != 0)
        is_alive = write_some(dispatch);
    if (is_alive && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_alive = read_some(dispatch);
    take_requests(ledger, dispatch);
    if (is_alive && dispatch->out.len > 0)
        is_alive = write_some(dispatch);
    if (!is_alive)
        hang_up(dispatch, "the master is gone; accounting goes on");
}

static bool
read_some(struct dispatch *dispatch)
{
    char *room = buf_reserve(&dispatch->in, READ_SIZE);
    ssize_t n;

    if (room == NULL)
        return true; /* a whole frame is there: it is taken first */
    do
        n = read(dispatch->fd, room, READ_SIZE);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        buf_commit(&dispatch->in, (size_t)n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool
write_some(struct dispatch *dispatch)
{
    ssize_t n;

    do
        n = send(dispatch->fd, dispatch->out.ptr, dispatch->out.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        buf_consume(&dispatch->out, (size_t)n);
    buf_shrink(&dispatch->out);
    return n >= 0 || errno == EAGAIN;
}

static void
take_requests(struct ledger *ledger, struct dispatch *dispatch)
{
    struct frame_in *in = NULL;
    int rc = ERR_INCOMPLETE;

    while (!ledger->is_stopping && dispatch->out.len <= REPLIES_WAITING &&
           (rc = frame_in_take(&dispatch->in, &in)) == 0) {
        dispatch_frame(ledger, frame_root(in), dispatch->writer, &dispatch->out);
        frame_in_free(&in);
    }
    if (rc != 0 && rc != ERR_INCOMPLETE)
        hang_up(dispatch, "garbled frames on the control socket");
}

static void
hang_up(struct dispatch *dispatch, const char *reason)
{
    if (dispatch->fd < 0)
        return;
    log_warn("ledger.no_master", "%s", reason);
    fdio_close(&dispatch->fd);
    buf_clear(&dispatch->in);
    buf_clear(&dispatch->out);
}

void
dispatch_flush(struct dispatch *dispatch)
{
    struct pollfd pollfd = {dispatch->fd, POLLOUT, 0};

    while (dispatch->fd >= 0 && dispatch->out.len > 0 && poll(&pollfd, 1, FLUSH_WAIT_MS) == 1 &&
           write_some(dispatch))
        ;
}

void
dispatch_frame(struct ledger *ledger, const struct frame_value *request, struct frame_out *out,
               struct buf *wire)
{
    int64_t id = frame_get_int(request, "id", 0);
    struct slice name = frame_get_str(request, "cmd");
    struct errmsg why = {""};
    enum command command;
    int rc = command_find(name, &command);

    if (rc == 0 && command_info(command)->where != COMMAND_LEDGER)
        rc = ERR_MISSING;
    if (rc != 0) {
        errmsg_set(&why, "%.*s is no command of the ledger", (int)name.len, name.ptr);
        command_reply_error(out, id, rc, &why, wire);
        return;
    }
    /* Who asks is told of what has just ended, too. */
    if (command_info(command)->right == COMMAND_READ && ledger->store != NULL &&
        ledger_outbox(ledger) > 0)
        settle_try(ledger);
    command_reply_begin(out, id);
    rc = carry_out(ledger, command, frame_get(request, "args"), out, &why);
    if (rc == 0) {
        command_reply_end(out, wire);
        return;
    }
    if (why.text[0] == '\0') /* of the store, on the way of a plain query */
        errmsg_set(&why, "the database said no: %s",
                   ledger->store == NULL ? "it is closed" : store_error(ledger->store));
    command_reply_error(out, id, rc, &why, wire);
}

/* No change without its row in the audit trail. */
static int
carry_out(struct ledger *ledger, enum command command, const struct frame_value *args,
          struct frame_out *out, struct errmsg *why)
{
    const struct command_info *info = command_info(command);

    if (info->right != COMMAND_WRITE)
        return handlers[command](ledger, args, out, why);
    int rc = trail_begin(ledger, info, args, why);
    return rc == 0 ? trail_end(ledger, handlers[command](ledger, args, out, why), why) : rc;
}

static int
on_settle(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
          struct errmsg *why)
{
    struct settle_tally tally = {0};
    int rc = settle_run(ledger, &tally);

    (void)args, (void)why;
    frame_int(out, "settled", tally.n_settled);
    frame_int(out, "refusals", tally.n_refusals);
    return rc;
}

static int
on_undertake(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
             struct errmsg *why)
{
    struct undertaker_tally tally = {0};
    int64_t slot = frame_get_int(args, "slot", -1);
    /* Who may have written anywhere may have written a plausible number: anew from the store. */
    if (frame_get_bool(args, "is_suspect", false))
        book_walk_begin(&ledger->book);
    int rc = undertaker_visit(ledger, slot < 0 || slot > UINT32_MAX ? UINT32_MAX : (uint32_t)slot,
                              &tally, why);

    frame_int(out, "settled", tally.n_settled);
    frame_int(out, "voided", tally.n_voided);
    frame_int(out, "indeterminate", tally.n_indeterminate);
    return rc;
}

static int
on_registry(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    uint32_t n_names = catalog_n_names(ledger->catalog);

    (void)args, (void)out, (void)why;
    if (n_names != ledger->book.n_names)
        book_walk_begin(&ledger->book);
    ledger->book.n_names = n_names;
    return 0;
}

static int
on_stop(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
        struct errmsg *why)
{
    (void)args, (void)why;
    frame_int(out, "outbox", ledger_flush(ledger));
    ledger->is_stopping = true;
    return 0;
}
