/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/base/sealed.h"

#define PLACE  SLICE_LIT("up\nhttps://api.example.com:443")
#define SECRET "sk-provider-0123456789"

static struct secret *
master(char filler)
{
    char bytes[SEALED_MASTER_MIN];

    memset(bytes, filler, sizeof(bytes));
    return secret_new(bytes, sizeof(bytes));
}

/* What sealed_open() says of text under that master key. */
static int
opened(struct secret *key, struct slice place, struct slice text, struct errmsg *why)
{
    struct secret *clear = NULL;
    int rc = sealed_open(key, place, text, &clear, why);

    cr_assert_eq(rc == 0, clear != NULL, "something was given out of what was refused");
    if (rc == 0)
        cr_assert(slice_eq_str(secret_expose(clear), SECRET));
    secret_free(&clear);
    return rc;
}

static void
seal(struct secret *key, struct buf *out)
{
    buf_init(out, SEALED_TEXT_SIZE);
    cr_assert_eq(sealed_make(key, PLACE, SLICE_LIT(SECRET), out, NULL), 0);
}

Test(sealed, what_was_sealed_opens_at_its_place_and_hides_what_it_is)
{
    struct secret *key = master('k');
    struct buf one, two;

    seal(key, &one);
    seal(key, &two);
    cr_expect_eq(opened(key, PLACE, buf_slice(&one), NULL), 0);
    cr_expect_neq(slice_eq(buf_slice(&one), buf_slice(&two)), true, "a nonce served twice");
    cr_expect_null(memmem(one.ptr, one.len, "provider", 8));
    buf_fini(&one);
    buf_fini(&two);
    secret_free(&key);
}

Test(sealed, another_place_or_master_key_opens_nothing)
{
    struct secret *key = master('k'), *other = master('o'), *brief = secret_new("short", 5);
    struct errmsg why;
    struct buf text;

    seal(key, &text);
    cr_expect_eq(opened(key, SLICE_LIT("up\nhttps://evil.example.com:443"), buf_slice(&text), &why),
                 ERR_DENIED);
    cr_expect_eq(opened(key, SLICE_LIT(""), buf_slice(&text), &why), ERR_DENIED);
    cr_expect_eq(opened(other, PLACE, buf_slice(&text), &why), ERR_DENIED);
    cr_expect(strstr(why.text, "another") == NULL && strstr(why.text, "master key") != NULL, "%s",
              why.text);
    cr_expect_eq(opened(brief, PLACE, buf_slice(&text), &why), ERR_UNSAFE);
    memcpy(text.ptr + 3, "00000000", 8); /* the master key's name is a hint, no proof */
    cr_expect_eq(opened(other, PLACE, buf_slice(&text), &why), ERR_DENIED);
    buf_fini(&text);
    secret_free(&key);
    secret_free(&other);
    secret_free(&brief);
}

Test(sealed, a_text_cut_or_changed_anywhere_opens_nothing)
{
    struct secret *key = master('k');
    struct buf text;

    seal(key, &text);
    for (size_t len = 0; len < text.len; len++)
        cr_expect_neq(opened(key, PLACE, slice_of(text.ptr, len), NULL), 0, "cut to %zu", len);
    for (size_t at = 0; at < text.len; at++) {
        char was = text.ptr[at];

        text.ptr[at] = was == 'A' ? 'B' : 'A';
        cr_expect_neq(opened(key, PLACE, buf_slice(&text), NULL), 0, "changed at %zu", at);
        text.ptr[at] = was;
    }
    cr_expect_eq(opened(key, PLACE, buf_slice(&text), NULL), 0);
    buf_fini(&text);
    secret_free(&key);
}
