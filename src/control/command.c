/* SPDX-License-Identifier: ISC
 *
 * The command table, and the words by which errors cross the socket.
 */
#include "relayos/control/command.h"

#include <assert.h>

#include "frame_out.h"

static const struct command_info commands[COMMAND_N] = {
#define COMMAND(command_name, NAME, command_where, command_right)                                  \
    [COMMAND_##NAME] = {command_name, COMMAND_##command_where, COMMAND_##command_right},
#include "relayos/control/commands.def"
#undef COMMAND
};

/* What err.h keeps to ourselves; the catalogue's categories cross by their own names. */
static const struct {
    int err;
    const char *code;
} codes[] = {
    {ERR_IO, "io"},           {ERR_UNSAFE, "unsafe"},
    {ERR_TOO_LARGE, "large"}, {ERR_SYNTAX, "syntax"},
    {ERR_CONFIG, "config"},   {ERR_INCOMPLETE, "incomplete"},
    {ERR_FULL, "full"},       {ERR_MISSING, "missing"},
    {ERR_EXISTS, "exists"},   {ERR_CONFLICT, "conflict"},
    {ERR_BUSY, "busy"},       {ERR_STORE, "store"},
    {ERR_DENIED, "denied"},   {ERR_STALE, "stale"},
};
#define N_CODES (sizeof(codes) / sizeof(codes[0]))

const struct command_info *
command_info(enum command command)
{
    assert(command < COMMAND_N);
    return &commands[command];
}

int
command_find(struct slice name, enum command *out)
{
    for (unsigned i = 0; i < COMMAND_N; i++) {
        if (slice_eq_str(name, commands[i].name)) {
            *out = (enum command)i;
            return 0;
        }
    }
    return ERR_MISSING;
}

void
command_request_begin(struct frame_out *out, int64_t id, const char *cmd)
{
    frame_map(out, NULL);
    frame_int(out, "id", id);
    frame_cstr(out, "cmd", cmd);
    frame_map(out, "args");
}

void
command_request_end(struct frame_out *out, struct buf *wire)
{
    frame_end(out);
    frame_end(out);
    frame_out_finish(out, wire);
}

void
command_reply_begin(struct frame_out *out, int64_t id)
{
    out->id = id;
    frame_map(out, NULL);
    frame_int(out, "id", id);
    frame_bool(out, "ok", true);
    frame_map(out, "result");
}

void
command_reply_end(struct frame_out *out, struct buf *wire)
{
    frame_end(out);
    frame_end(out);
    if (!out->body.overflow) {
        frame_out_finish(out, wire);
        return;
    }
    struct errmsg why;
    errmsg_set(&why, "the answer is too long for one frame; ask for less with --limit");
    command_reply_error(out, out->id, ERR_TOO_LARGE, &why, wire);
}

void
command_reply_error(struct frame_out *out, int64_t id, int err, const struct errmsg *why,
                    struct buf *wire)
{
    assert(err < 0);
    frame_out_reset(out); /* a reply may have been begun when the error came */
    frame_map(out, NULL);
    frame_int(out, "id", id);
    frame_bool(out, "ok", false);
    frame_cstr(out, "error", why == NULL ? command_code(err) : why->text);
    frame_cstr(out, "code", command_code(err));
    frame_end(out);
    frame_out_finish(out, wire);
}

const char *
command_code(int err)
{
    for (size_t i = 0; i < N_CODES; i++) {
        if (codes[i].err == err)
            return codes[i].code;
    }
    return err_category_name(err_category_of(err));
}

int
command_code_find(struct slice code)
{
    for (size_t i = 0; i < N_CODES; i++) {
        if (slice_eq_str(code, codes[i].code))
            return codes[i].err;
    }
    for (int i = 1; i < ERR_N_CATEGORIES; i++) {
        if (slice_eq_str(code, err_category_name((enum err_category)i)))
            return -i;
    }
    return ERR_IO;
}
