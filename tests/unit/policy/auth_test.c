#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/policy/auth.h"
#include "relayos/policy/key_secret.h"

#define NOW INT64_C(1790000000000000)

static struct segment *segment;
static struct hash_hmac *hmac;
static char key[KEY_SECRET_MAX];
static uint8_t digest[KEY_DIGEST_SIZE];

static void
set_up(void)
{
    const struct segment_capacity capacity = {.n_workers = 1,
                                              .flights_per_worker = 8,
                                              .keys = 16,
                                              .routes = 4,
                                              .upstreams = 2,
                                              .quota_cells = 16,
                                              .refusals_per_worker = 8};
    struct secret *pepper = secret_new("pepper", 6);
    char name[64];

    snprintf(name, sizeof(name), "relayos.auth_test.%d", (int)getpid());
    cr_assert_eq(segment_create(name, &capacity, &segment, NULL), 0);
    segment_unlink(name);
    hmac = hash_hmac_new(pepper);
    secret_free(&pepper);
    key_secret_make("test", key);
    key_secret_digest(hmac, slice_str(key), digest);
}

static void
tear_down(void)
{
    hash_hmac_free(&hmac);
    segment_detach(&segment);
}

TestSuite(auth, .init = set_up, .fini = tear_down);

static int
check(uint32_t flags, int64_t expires_us, struct key_view *out)
{
    struct key_view view = {.key_id = 7, .flags = flags, .expires_us = expires_us};

    cr_assert_eq(key_table_publish(segment, digest, &view), 0);
    return auth_check(segment, hmac, NULL, slice_str(key), NOW, out);
}

Test(auth, a_published_key_is_found_by_its_text)
{
    struct key_view view;

    cr_assert_eq(check(0, 0, &view), 0);
    cr_assert_eq(view.key_id, 7);
}

Test(auth, disabled_revoked_and_expired_keys_get_one_answer_and_a_name_for_the_trace)
{
    struct key_view view;

    cr_assert_eq(check(KEY_DISABLED, 0, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 7);
    cr_assert_eq(check(0, NOW, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 7);
    cr_assert_eq(check(0, NOW + 1, &view), 0);
    cr_assert_eq(check(KEY_REVOKED, 0, &view), ERR_INVALID_KEY);
}

Test(auth, a_key_said_again_is_the_same_key_and_no_other)
{
    struct auth_memo memo = {0};
    struct key_view view;
    char other[KEY_SECRET_MAX];

    cr_assert_eq(check(0, 0, &view), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(key), NOW, &view), 0);
        cr_assert_eq(view.key_id, 7);
    }
    /* The digest is what is remembered: with another one the same text is another key. */
    memset(memo.digest, 0, sizeof(memo.digest));
    cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(key), NOW, &view), ERR_INVALID_KEY);
    cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(key), NOW, &view), 0);

    memcpy(other, key, sizeof(other));
    other[strlen(other) - 1] ^= 1;
    cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(other), NOW, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 0);
    cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(key), NOW, &view), 0);
    key_table_set_flags(segment, view.row, KEY_REVOKED);
    cr_assert_eq(auth_check(segment, hmac, &memo, slice_str(key), NOW, &view), ERR_INVALID_KEY);
}

Test(auth, unknown_and_malformed_keys_have_no_name)
{
    struct key_view view = {.key_id = 99};
    char other[KEY_SECRET_MAX];

    key_secret_make("test", other);
    cr_assert_eq(auth_check(segment, hmac, NULL, slice_str(other), NOW, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 0);
    view.key_id = 99;
    cr_assert_eq(auth_check(segment, hmac, NULL, SLICE_LIT("sk-x"), NOW, &view), ERR_INVALID_KEY);
    cr_assert_eq(view.key_id, 0);
    cr_assert_eq(auth_check(segment, hmac, NULL, SLICE_LIT(""), NOW, &view), ERR_INVALID_KEY);
}

Test(auth, the_token_is_taken_from_the_first_header_that_has_one)
{
    const struct slice none = {NULL, 0};

    cr_assert(slice_eq_str(auth_token(SLICE_LIT("Bearer a"), SLICE_LIT("b"), SLICE_LIT("c")), "a"));
    cr_assert(slice_eq_str(auth_token(SLICE_LIT("bEARER  a "), none, none), "a"));
    cr_assert(slice_eq_str(auth_token(none, SLICE_LIT(" b "), SLICE_LIT("c")), "b"));
    cr_assert(slice_eq_str(auth_token(none, none, SLICE_LIT("c")), "c"));
    cr_assert(slice_eq_str(auth_token(SLICE_LIT("Basic xyz"), SLICE_LIT("b"), none), "b"));
    cr_assert_eq(auth_token(SLICE_LIT("Bearer"), none, none).len, 0);
    cr_assert_eq(auth_token(SLICE_LIT("Bearer "), none, none).len, 0);
    cr_assert_eq(auth_token(none, none, none).len, 0);
}

Test(auth, a_key_may_be_used_from_its_networks_alone)
{
    static const struct {
        const char *from;
        bool is_let_in;
    } cases[] = {{"10.1.2.3", true},     {"11.0.0.1", false}, {"2001:db8::1", true},
                 {"2001:db9::1", false}, {"192.0.2.7", true}, {"192.0.2.8", false},
                 {"local", false},       {"", false},         {"10.1.2.3/8", false}};
    struct key_view view = {.key_id = 7, .n_networks = 3}, found;

    cr_assert_eq(address_range_parse(SLICE_LIT("10.0.0.0/8"), &view.networks[0]), 0);
    cr_assert_eq(address_range_parse(SLICE_LIT("2001:db8::/32"), &view.networks[1]), 0);
    cr_assert_eq(address_range_parse(SLICE_LIT("192.0.2.7"), &view.networks[2]), 0);
    cr_assert_eq(key_table_publish(segment, digest, &view), 0);
    memset(&found, 0xff, sizeof(found));
    cr_assert_eq(auth_check(segment, hmac, NULL, slice_str(key), NOW, &found), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(auth_lets_in(&found, cases[i].from), cases[i].is_let_in, "%s", cases[i].from);
    cr_assert_eq(check(0, 0, &found), 0);
    cr_expect(auth_lets_in(&found, "11.0.0.1") && auth_lets_in(&found, "local"));
}
