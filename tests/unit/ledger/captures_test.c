/* SPDX-License-Identifier: ISC
 *
 * Which keys are captured and until when; which captures go, the oldest first; what may be read.
 */
#include "captures.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_fixture.h"
#include "relayos/policy/auth.h"
#include "relayos/policy/key_secret.h"

#define HOUR_US INT64_C(3600000000)
#define RECORD                                                                                     \
    "{\"request_id\":\"%s\",\"key_id\":7,\"model\":\"m\",\"endpoint\":\"/v1/x\",\"status\":200,"   \
    "\"category\":null,\"accepted_us\":5,\"request\":{\"body\":\"a\\nb\",\"bytes\":3,\"is_cut\":"  \
    "false},\"answer\":{\"body\":\"\",\"bytes\":0,\"is_cut\":true}}"

static struct captures_file
file_of(int64_t real_us, int64_t bytes)
{
    return (struct captures_file){.id = text_uuid_new(real_us), .bytes = bytes};
}

Test(captures, of_what_is_too_old_or_too_much_the_oldest_go)
{
    struct captures_file files[10];

    for (int n = 0; n < 10; n++)
        files[n] = file_of(FIXTURE_NOW_US + n * HOUR_US, 100);
    for (int n = 0; n <= 10; n++)
        cr_expect_eq(captures_to_drop(files, 10, FIXTURE_NOW_US + n * HOUR_US, 1000), n);
    for (size_t n = 0; n <= 10; n++) {
        cr_expect_eq(captures_to_drop(files, 10, 0, (int64_t)n * 100), 10 - n);
        cr_expect_eq(captures_to_drop(files, 10, 0, (int64_t)n * 100 + 99), 10 - n);
    }
    cr_expect_eq(captures_to_drop(files, 10, FIXTURE_NOW_US + 3 * HOUR_US, 400), 6, "both");
    cr_expect_eq(captures_to_drop(files, 0, INT64_MAX, 0), 0);
    files[9].bytes = 2000; /* of one that is too much alone, nothing older is kept in its place */
    cr_expect_eq(captures_to_drop(files, 10, 0, 1000), 10);
}

/* ---- keys ---- */

static struct frame_out *
ask(struct fixture *fixture, const char *key, int64_t span_us)
{
    struct frame_out *args = fixture_command(fixture, "key.update");

    frame_cstr(args, "key", key);
    frame_int(args, "capture_us", span_us);
    return args;
}

static int64_t
until(struct fixture *fixture, const char *secret)
{
    struct key_view view;

    cr_assert_eq(auth_check(fixture->heritage.segment, fixture->ledger.pepper, NULL,
                            slice_str(secret), clock_real_us(), &view),
                 0);
    return view.capture_until_us;
}

Test(captures, a_key_is_captured_for_a_day_at_most_and_another_never_by_it)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX], other[KEY_SECRET_MAX];

    fixture_init(&fixture);
    fixture.conf.capture_keep_us = HOUR_US;
    (void)fixture_key(&fixture, "ci", 0, secret);
    (void)fixture_key(&fixture, "other", 0, other);
    cr_expect_eq(until(&fixture, secret), 0);
    (void)ask(&fixture, "ci", 24 * HOUR_US);
    (void)fixture_result(&fixture);
    cr_expect_eq(until(&fixture, secret), FIXTURE_NOW_US + 24 * HOUR_US);
    cr_expect_eq(until(&fixture, other), 0);
    (void)ask(&fixture, "ci", 24 * HOUR_US + 1);
    cr_expect_eq(fixture_failure(&fixture, "capture_us"), ERR_SYNTAX);
    (void)ask(&fixture, "ci", -1);
    cr_expect_eq(fixture_failure(&fixture, "capture_us"), ERR_SYNTAX);

    fixture_restart_ledger(&fixture);
    cr_expect_eq(until(&fixture, secret), FIXTURE_NOW_US + 24 * HOUR_US);
    struct frame_out *args = fixture_command(&fixture, "key.update");
    frame_cstr(args, "key", "ci");
    frame_int(args, "requests_per_minute", 5);
    (void)fixture_result(&fixture);
    cr_expect_eq(until(&fixture, secret), FIXTURE_NOW_US + 24 * HOUR_US, "of something else");
    (void)ask(&fixture, "ci", 0);
    (void)fixture_result(&fixture);
    cr_expect_eq(until(&fixture, secret), 0);
    fixture_fini(&fixture);
}

Test(captures, a_successor_does_not_inherit_it)
{
    struct fixture fixture;
    char secret[KEY_SECRET_MAX], second[KEY_SECRET_MAX];

    fixture_init(&fixture);
    fixture.conf.capture_keep_us = HOUR_US;
    (void)fixture_key(&fixture, "ci", 0, secret);
    (void)ask(&fixture, "ci", HOUR_US);
    (void)fixture_result(&fixture);
    struct frame_out *args = fixture_command(&fixture, "key.rotate");
    frame_cstr(args, "key", "ci");
    frame_int(args, "overlap_us", HOUR_US);
    struct slice text = frame_get_str(fixture_result(&fixture), "secret");
    snprintf(second, sizeof(second), "%.*s", (int)text.len, text.ptr);
    cr_expect_eq(until(&fixture, secret), FIXTURE_NOW_US + HOUR_US);
    cr_expect_eq(until(&fixture, second), 0);
    fixture_fini(&fixture);
}

static void
declare(struct fixture *fixture, int64_t per_minute)
{
    struct frame_out *args = fixture_command(fixture, "key.sync");
    uint8_t digest[KEY_DIGEST_SIZE];

    key_secret_digest(fixture->ledger.pepper, SLICE_LIT("sk-declared"), digest);
    frame_array(args, "keys");
    frame_map(args, NULL);
    frame_bin(args, "digest", digest, sizeof(digest));
    frame_cstr(args, "name", "one");
    frame_int(args, "requests_per_minute", per_minute);
    frame_end(args);
    frame_end(args);
    (void)fixture_result(fixture);
}

static int64_t
shown_until(struct fixture *fixture)
{
    const struct frame_value *result = fixture_key_command(fixture, "key.show", "one");

    return frame_get_int(frame_get(result, "key"), "capture_until_us", -1);
}

Test(captures, a_declared_key_may_be_captured_and_its_file_does_not_end_that)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.conf.capture_keep_us = HOUR_US;
    declare(&fixture, 5);
    (void)ask(&fixture, "one", HOUR_US);
    (void)fixture_result(&fixture);
    cr_expect_eq(shown_until(&fixture), FIXTURE_NOW_US + HOUR_US);
    declare(&fixture, 6);
    cr_expect_eq(shown_until(&fixture), FIXTURE_NOW_US + HOUR_US);
    frame_int(ask(&fixture, "one", HOUR_US), "requests_per_minute", 7);
    cr_expect_eq(fixture_failure(&fixture, "declared in keys.yaml"), ERR_CONFLICT);
    fixture_fini(&fixture);
}

Test(captures, where_none_are_kept_none_can_be_asked_for)
{
    struct fixture fixture;

    fixture_init(&fixture);
    (void)fixture_key(&fixture, "ci", 0, NULL);
    (void)ask(&fixture, "ci", HOUR_US);
    cr_expect_eq(fixture_failure(&fixture, "capture.keep"), ERR_CONFLICT);
    (void)ask(&fixture, "ci", 0);
    (void)fixture_result(&fixture);
    fixture_fini(&fixture);
}

/* ---- files ---- */

struct kept {
    struct fixture *fixture;
    char path[256], id[TEXT_UUID_SIZE + 1];
};

static struct kept
keep(struct fixture *fixture, int64_t real_us, const char *end)
{
    struct kept kept = {.fixture = fixture};

    text_uuid_format(text_uuid_new(real_us), kept.id);
    snprintf(kept.path, sizeof(kept.path), "%s/captures", fixture->dir);
    (void)mkdir(kept.path, 0700);
    snprintf(kept.path, sizeof(kept.path), "%s/captures/%s", fixture->dir, kept.id);
    FILE *file = fopen(kept.path, "w");
    fprintf(file, RECORD "%s", kept.id, end);
    fclose(file);
    return kept;
}

static void
read_it(const struct kept *kept)
{
    frame_cstr(fixture_command(kept->fixture, "request.body"), "request_id", kept->id);
}

static void
drop(struct fixture *fixture)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/captures", fixture->dir);
    cr_expect_eq(rmdir(path), 0);
}

Test(captures, what_is_kept_is_read_with_a_row_in_the_trail)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.conf.capture_keep_us = HOUR_US;
    struct kept whole = keep(&fixture, FIXTURE_NOW_US, "\n"),
                half = keep(&fixture, FIXTURE_NOW_US, "");
    struct kept old = keep(&fixture, FIXTURE_NOW_US - HOUR_US - 2000, "\n");

    read_it(&whole);
    const struct frame_value *result = fixture_result(&fixture);
    cr_expect(fixture_str_is(result, "request_id", whole.id));
    cr_expect_eq(frame_get_int(result, "key_id", 0), 7);
    cr_expect_eq(frame_type(frame_get(result, "category")), FRAME_NIL);
    cr_expect(fixture_str_is(frame_get(result, "request"), "body", "a\nb"));
    cr_expect(frame_get_bool(frame_get(result, "answer"), "is_cut", false));
    read_it(&half);
    cr_expect_eq(fixture_failure(&fixture, "never whole"), ERR_MISSING);
    read_it(&old);
    cr_expect_eq(fixture_failure(&fixture, "capture.keep"), ERR_MISSING);
    frame_cstr(fixture_command(&fixture, "request.body"), "request_id", "../pepper");
    cr_expect_eq(fixture_failure(&fixture, "no request id"), ERR_SYNTAX);

    (void)fixture_command(&fixture, "audit.list");
    const struct frame_value *entries = frame_get(fixture_result(&fixture), "entries");
    char target[64];
    snprintf(target, sizeof(target), "request %s", whole.id);
    cr_assert_eq(frame_length(entries), 1);
    cr_expect(fixture_str_is(frame_at(entries, 0), "action", "request.body"));
    cr_expect(fixture_str_is(frame_at(entries, 0), "target", target));
    unlink(whole.path), unlink(half.path), unlink(old.path);
    drop(&fixture);
    fixture_fini(&fixture);
}

Test(captures, a_checkpoint_drops_what_is_old_and_leaves_what_is_not_ours)
{
    enum { N = 1203 }; /* more than two slices */
    static struct kept old[N];
    struct fixture fixture;
    char other[256];
    size_t n_left = 0;

    fixture_init(&fixture);
    fixture.conf.capture_keep_us = HOUR_US;
    fixture.conf.capture_total = 5 * 4096;
    for (int n = 0; n < N; n++)
        old[n] =
            keep(&fixture, FIXTURE_NOW_US - (n < N - 8 ? HOUR_US + 2000 : (N - n) * 1000000), "");
    snprintf(other, sizeof(other), "%s/captures/notes.txt", fixture.dir);
    fclose(fopen(other, "w"));
    (void)fixture_command(&fixture, "checkpoint");
    (void)fixture_result(&fixture);
    for (int n = 0; n < N; n++) {
        n_left += access(old[n].path, F_OK) == 0;
        cr_expect(n < N - 5 || access(old[n].path, F_OK) == 0, "the newest stay");
        unlink(old[n].path);
    }
    cr_expect_eq(n_left, 5);
    cr_expect_eq(unlink(other), 0);
    drop(&fixture);
    fixture_fini(&fixture);
}
