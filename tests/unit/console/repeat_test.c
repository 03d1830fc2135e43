/* SPDX-License-Identifier: ISC
 *
 * What was answered by an Idempotency-Key is answered again, to the same caller, for ten minutes,
 * and is gone then whether anybody asks or not.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "call.h"
#include "console.h"
#include "relayos/base/secret.h"

#define MINUTE INT64_C(60000000)

static struct console console;
static const struct api_row create = {.method = "POST", .path = "/keys", .role = USER_OPERATOR};
static const struct api_row door = {.method = "POST", .path = "/session", .role = USER_NOBODY};

static void
set_up(void)
{
    struct secret *pepper = secret_new("pepper", 6);

    console = (struct console){
        .loop = loop_new(), .repeats = repeat_new(), .pepper = hash_hmac_new(pepper)};
    secret_free(&pepper);
}

static void
tear_down(void)
{
    repeat_free(&console.repeats);
    hash_hmac_free(&console.pepper);
    loop_free(&console.loop);
}

TestSuite(repeat, .init = set_up, .fini = tear_down);

/* They are written into the database. A plain hash of a body would be one of the password in it:
 * who has a backup would try a thousand million a second. */
static void
check_digests(const struct call *call)
{
    uint8_t digests[2 * HASH_DIGEST_SIZE], plain[HASH_DIGEST_SIZE];

    if (call->repeat == NULL)
        return;
    cr_assert(repeat_digests(call, "user.create", digests));
    hash_sha256(call->http.body, plain);
    cr_assert_neq(memcmp(digests + HASH_DIGEST_SIZE, plain, sizeof(plain)), 0);
}

/* What somebody gets by a key; 0: it is done (and answered with this text). */
static int
ask(uint64_t user_id, uint64_t key_id, const struct api_row *row, const char *key)
{
    struct http_header header = {SLICE_LIT("idempotency-key"), slice_str(key)};
    struct call call = {
        .console = &console,
        .http = {.method = SLICE_LIT("POST"),
                 .path = SLICE_LIT("/api/v1/keys"),
                 .body = SLICE_LIT("{}"),
                 .headers = &header,
                 .n_headers = 1},
        .role = USER_ADMIN,
        .row = row,
        .user_id = user_id,
        .key_id = key_id,
    };
    bool is_done;

    snprintf(call.who, sizeof(call.who), "admin key ci");
    buf_init(&call.out, 4096);
    is_done = repeat_begin(&call);
    if (is_done) {
        check_digests(&call);
        buf_append_slice(&call.out, SLICE_LIT("{\"secret\":\"sk-prod-x\"}"));
        repeat_end(&call, 201);
    }
    bool is_same = slice_eq_str(buf_slice(&call.out), "{\"secret\":\"sk-prod-x\"}");
    buf_fini(&call.out);
    cr_assert(is_same);
    return is_done ? 0 : 201;
}

Test(repeat, it_is_done_once_and_again_when_ten_minutes_are_over)
{
    int64_t now_us = loop_now_us(console.loop);

    cr_assert_eq(ask(1, 0, &create, "a"), 0);
    cr_assert_eq(ask(1, 0, &create, "a"), 201);
    repeat_expire(console.repeats, now_us + 9 * MINUTE);
    cr_assert_eq(ask(1, 0, &create, "a"), 201);
    repeat_expire(console.repeats, now_us + 11 * MINUTE);
    cr_assert_eq(ask(1, 0, &create, "a"), 0);
}

Test(repeat, nobody_is_answered_with_what_was_anothers)
{
    cr_assert_eq(ask(1, 0, &create, "a"), 0);
    cr_assert_eq(ask(2, 0, &create, "a"), 0);
    cr_assert_eq(ask(0, 1, &create, "a"), 0);
    cr_assert_eq(ask(0, 2, &create, "a"), 0, "an admin key of the same name");
}

/* It answers with what is another's: of the account that it lets in. */
Test(repeat, signing_in_is_not_remembered)
{
    cr_assert_eq(ask(1, 0, &door, "a"), 0);
    cr_assert_eq(ask(1, 0, &door, "a"), 0);
}

Test(repeat, who_sends_many_pushes_out_their_own)
{
    char key[32];

    cr_assert_eq(ask(1, 0, &create, "precious"), 0);
    for (int n = 0; n < 1000; n++) {
        snprintf(key, sizeof(key), "k-%d", n);
        cr_assert_eq(ask(2, 0, &create, key), 0);
    }
    cr_assert_eq(ask(2, 0, &create, "k-999"), 201);
    cr_assert_eq(ask(1, 0, &create, "precious"), 201);
}
