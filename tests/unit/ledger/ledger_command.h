/* SPDX-License-Identifier: ISC
 *
 * ledger_command - commands as the master would send them.
 */
#ifndef TESTS_LEDGER_COMMAND_H
#define TESTS_LEDGER_COMMAND_H

#include "ledger_setup.h"

/* The arguments' writer; then fixture_call(). */
static inline struct frame_out *
fixture_command(struct fixture *fixture, const char *name)
{
    enum command command;

    command_request_begin(fixture->writer, 7, name);
    if (command_find(slice_str(name), &command) == 0 &&
        command_info(command)->right == COMMAND_WRITE)
        frame_cstr(fixture->writer, "who", "tester");
    return fixture->writer;
}

/* The whole reply, good until the next call. */
static inline const struct frame_value *
fixture_call(struct fixture *fixture)
{
    struct frame_in *request = NULL;

    command_request_end(fixture->writer, &fixture->wire);
    cr_assert_eq(frame_in_take(&fixture->wire, &request), 0);
    dispatch_frame(&fixture->ledger, frame_root(request), fixture->writer, &fixture->wire);
    frame_in_free(&request);
    frame_in_free(&fixture->reply);
    cr_assert_eq(frame_in_take(&fixture->wire, &fixture->reply), 0);
    cr_assert_eq(frame_get_int(frame_root(fixture->reply), "id", 0), 7);
    return frame_root(fixture->reply);
}

static inline const struct frame_value *
fixture_result(struct fixture *fixture)
{
    const struct frame_value *reply = fixture_call(fixture);
    struct slice error = frame_get_str(reply, "error");

    cr_assert(frame_get_bool(reply, "ok", false), "%.*s", (int)error.len, error.ptr);
    return frame_get(reply, "result");
}

/* Code of a command that must fail; the sentence must hold `part`. */
static inline int
fixture_failure(struct fixture *fixture, const char *part)
{
    const struct frame_value *reply = fixture_call(fixture);
    struct slice error = frame_get_str(reply, "error");

    cr_assert_not(frame_get_bool(reply, "ok", true));
    cr_expect_not_null(memmem(error.ptr, error.len, part, strlen(part)), "%.*s", (int)error.len,
                       error.ptr);
    return command_code_find(frame_get_str(reply, "code"));
}

/* A key with a monthly quota in USD (0 = none); its id, its secret copied to out (may be NULL). */
static inline uint64_t
fixture_key(struct fixture *fixture, const char *name, int64_t quota_nusd, char *secret)
{
    struct frame_out *args = fixture_command(fixture, "key.create");

    frame_cstr(args, "name", name);
    if (quota_nusd != 0)
        frame_int(args, "quota_nusd", quota_nusd);
    const struct frame_value *result = fixture_result(fixture);
    struct slice text = frame_get_str(result, "secret");
    if (secret != NULL)
        sprintf(secret, "%.*s", (int)text.len, text.ptr);
    return (uint64_t)frame_get_int(frame_get(result, "key"), "id", 0);
}

static inline const struct frame_value *
fixture_key_command(struct fixture *fixture, const char *command, const char *key)
{
    struct frame_out *args = fixture_command(fixture, command);

    frame_cstr(args, "key", key);
    return fixture_result(fixture);
}

static inline bool
fixture_str_is(const struct frame_value *map, const char *member, const char *expected)
{
    return slice_eq_str(frame_get_str(map, member), expected);
}

#endif
