/* SPDX-License-Identifier: ISC
 *
 * command - the table of control commands and the shape of their replies.
 */
#ifndef RELAYOS_CONTROL_COMMAND_H
#define RELAYOS_CONTROL_COMMAND_H

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"

enum command_where { COMMAND_MASTER, COMMAND_LEDGER, COMMAND_PROBER };
enum command_right { COMMAND_READ, COMMAND_WRITE, COMMAND_QUIET, COMMAND_INTERNAL };

enum command {
#define COMMAND(name, NAME, where, right) COMMAND_##NAME,
#include "relayos/control/commands.def"
#undef COMMAND
    COMMAND_N
};

struct command_info {
    const char *name;
    enum command_where where;
    enum command_right right;
};

const struct command_info *command_info(enum command command);
/* Command by its name, or ERR_MISSING. */
int command_find(struct slice name, enum command *out) MUST_CHECK;

/* {"id", "cmd", "args": {   ... left open: write the arguments, then command_request_end(). */
void command_request_begin(struct frame_out *out, int64_t id, const char *cmd);
void command_request_end(struct frame_out *out, struct buf *wire);
/* {"id", "ok": true, "result": {  ... left open likewise. A result that outgrows the frame becomes
 * an error reply. */
void command_reply_begin(struct frame_out *out, int64_t id);
void command_reply_end(struct frame_out *out, struct buf *wire);
/* The error reply; code is the err's short word ("missing", "conflict", "store", ...). After
 * command_reply_begin() too: what was begun is dropped. */
void command_reply_error(struct frame_out *out, int64_t id, int err, const struct errmsg *why,
                         struct buf *wire);
/* "missing" for ERR_MISSING, ...; and back, for relayosctl's exit codes (ERR_IO if unknown). */
const char *command_code(int err);
int command_code_find(struct slice code);

#endif
