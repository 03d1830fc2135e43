/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/codec/seal.h"

static struct seal *
make(const char *pepper)
{
    struct secret *secret = secret_new(pepper, strlen(pepper));
    struct seal *seal = seal_new(secret);

    secret_free(&secret);
    return seal;
}

static const char *const ids[] = {"resp_68a1b2c3d4e5f6",
                                  "conv_1",
                                  "chatcmpl-abc",
                                  "",
                                  "x",
                                  "UPPER_x",
                                  "abcdefghijklmnopqrs_t",
                                  "_",
                                  "a_b_c",
                                  "msg_\xC3\xA9"};

Test(seal, what_is_sealed_opens_for_its_owner_alone)
{
    struct seal *seal = make("pepper"), *other = make("other pepper");

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct buf sealed, again, opened;
        uint32_t place = 0;

        buf_init(&sealed, 1024);
        buf_init(&again, 1024);
        buf_init(&opened, 1024);
        cr_assert_eq(seal_id(seal, 42, 7, slice_str(ids[i]), &sealed), 0);
        cr_assert_eq(seal_id(seal, 42, 7, slice_str(ids[i]), &again), 0);
        cr_expect(slice_eq(buf_slice(&sealed), buf_slice(&again)));
        cr_expect_eq(seal_open(seal, 43, buf_slice(&sealed), &place, &opened), ERR_NOT_FOUND);
        cr_expect_eq(seal_open(other, 42, buf_slice(&sealed), &place, &opened), ERR_NOT_FOUND);
        cr_expect_eq(opened.len, 0);
        cr_assert_eq(seal_open(seal, 42, buf_slice(&sealed), &place, &opened), 0);
        cr_expect_eq(place, 7);
        cr_expect(slice_eq_str(buf_slice(&opened), ids[i]));
        buf_fini(&sealed);
        buf_fini(&again);
        buf_fini(&opened);
    }
    seal_free(&seal);
    seal_free(&other);
    cr_expect_null(seal);
}

Test(seal, keeps_the_kind_of_an_id_and_hides_the_rest)
{
    struct seal *seal = make("pepper");
    struct buf one, two;

    buf_init(&one, 1024);
    buf_init(&two, 1024);
    cr_assert_eq(seal_id(seal, 1, 7, SLICE_LIT("resp_canary"), &one), 0);
    cr_assert_eq(seal_id(seal, 1, 8, SLICE_LIT("resp_canary"), &two), 0);
    cr_expect(slice_starts_with(buf_slice(&one), SLICE_LIT("resp_")));
    cr_expect_null(memmem(one.ptr, one.len, "canary", 6));
    /* Nothing in common but the prefix: neither route nor id can be compared. */
    cr_expect_neq(memcmp(one.ptr + 5, two.ptr + 5, 16), 0);
    cr_expect_neq(memcmp(one.ptr + one.len - 30, two.ptr + two.len - 30, 8), 0);
    buf_clear(&one);
    cr_assert_eq(seal_id(seal, 1, 7, SLICE_LIT("plain"), &one), 0);
    cr_expect(slice_starts_with(buf_slice(&one), SLICE_LIT("id_")));
    buf_fini(&one);
    buf_fini(&two);
    seal_free(&seal);
}

Test(seal, no_change_of_a_byte_opens)
{
    struct seal *seal = make("pepper");
    struct buf sealed, opened;
    uint32_t place;

    buf_init(&sealed, 1024);
    buf_init(&opened, 1024);
    cr_assert_eq(seal_id(seal, 42, 7, SLICE_LIT("resp_68a1b2c3"), &sealed), 0);
    for (size_t i = 0; i < sealed.len; i++) {
        char kept = sealed.ptr[i];

        sealed.ptr[i] = kept == 'A' ? 'B' : 'A';
        cr_expect_eq(seal_open(seal, 42, buf_slice(&sealed), &place, &opened), ERR_NOT_FOUND);
        sealed.ptr[i] = kept;
        cr_expect_eq(seal_open(seal, 42, slice_of(sealed.ptr, i), &place, &opened), ERR_NOT_FOUND);
    }
    cr_expect_eq(seal_open(seal, 42, SLICE_LIT("resp_68a1b2c3"), &place, &opened), ERR_NOT_FOUND);
    buf_fini(&sealed);
    buf_fini(&opened);
    seal_free(&seal);
}

Test(seal, ids_have_a_limit)
{
    struct seal *seal = make("pepper");
    char id[257];
    struct buf sealed;

    memset(id, 'a', sizeof(id));
    buf_init(&sealed, 1024);
    cr_expect_eq(seal_id(seal, 1, 1, slice_of(id, 256), &sealed), 0);
    cr_expect_eq(seal_id(seal, 1, 1, slice_of(id, 257), &sealed), ERR_TOO_LARGE);
    buf_fini(&sealed);
    buf_init(&sealed, 16);
    cr_expect_eq(seal_id(seal, 1, 1, slice_of(id, 10), &sealed), ERR_TOO_LARGE);
    buf_fini(&sealed);
    seal_free(&seal);
}
