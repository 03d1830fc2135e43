#include <criterion/criterion.h>

#include <stdio.h>

#include "relayos/policy/key_secret.h"

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Test(key_secret, a_new_key_is_wellformed_and_has_the_promised_shape)
{
    char text[KEY_SECRET_MAX];

    key_secret_make("prod", text);
    cr_assert_eq(strlen(text), strlen("sk-prod-") + 43 + 6);
    cr_assert_eq(strncmp(text, "sk-prod-", 8), 0);
    cr_assert(key_secret_is_wellformed(slice_str(text)));
}

Test(key_secret, two_keys_differ)
{
    char a[KEY_SECRET_MAX], b[KEY_SECRET_MAX];

    key_secret_make("prod", a);
    key_secret_make("prod", b);
    cr_assert_neq(strcmp(a, b), 0);
}

Test(key_secret, every_single_wrong_character_is_noticed)
{
    char text[KEY_SECRET_MAX], typo[KEY_SECRET_MAX];

    for (int round = 0; round < 20; round++) {
        key_secret_make(round % 2 == 0 ? "dev" : "x9", text);
        for (size_t i = 0; text[i] != '\0'; i++) {
            for (int c = 1; c < 256; c++) {
                strcpy(typo, text);
                typo[i] = (char)c;
                cr_assert_eq(key_secret_is_wellformed(slice_str(typo)), typo[i] == text[i],
                             "%s passed for %s", typo, text);
            }
        }
    }
}

Test(key_secret, two_characters_swapped_are_noticed)
{
    char text[KEY_SECRET_MAX];

    key_secret_make("prod", text);
    for (size_t i = 0; text[i + 1] != '\0'; i++) {
        char typo[KEY_SECRET_MAX];

        strcpy(typo, text);
        typo[i] = text[i + 1];
        typo[i + 1] = text[i];
        cr_assert_eq(key_secret_is_wellformed(slice_str(typo)), text[i] == text[i + 1]);
    }
}

Test(key_secret, a_missing_or_added_character_is_noticed)
{
    char text[KEY_SECRET_MAX], longer[KEY_SECRET_MAX + 1];

    key_secret_make("prod", text);
    for (size_t len = 0; len < strlen(text); len++)
        cr_assert_not(key_secret_is_wellformed(slice_of(text, len)));
    for (const char *c = base62; *c != '\0'; c++) {
        snprintf(longer, sizeof(longer), "%s%c", text, *c);
        cr_assert_not(key_secret_is_wellformed(slice_str(longer)));
    }
}

Test(key_secret, foreign_texts_are_not_ours)
{
    static const char *const texts[] = {"",
                                        "sk-",
                                        "sk--",
                                        "Bearer x",
                                        "sk-ant-api03-abcdefgh",
                                        "' OR 1=1 --",
                                        "%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n%n"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_assert_not(key_secret_is_wellformed(slice_str(texts[i])));
    cr_assert_not(key_secret_is_wellformed((struct slice){NULL, 0}));
}

Test(key_secret, a_digest_depends_on_key_and_pepper)
{
    struct secret *one = secret_new("pepper one", 10), *two = secret_new("pepper two", 10);
    struct hash_hmac *hmac_one = hash_hmac_new(one), *hmac_two = hash_hmac_new(two);
    uint8_t a[KEY_DIGEST_SIZE], b[KEY_DIGEST_SIZE], c[KEY_DIGEST_SIZE];

    key_secret_digest(hmac_one, SLICE_LIT("sk-prod-a"), a);
    key_secret_digest(hmac_one, SLICE_LIT("sk-prod-b"), b);
    key_secret_digest(hmac_two, SLICE_LIT("sk-prod-a"), c);
    cr_assert_neq(memcmp(a, b, sizeof(a)), 0);
    cr_assert_neq(memcmp(a, c, sizeof(a)), 0);
    key_secret_digest(hmac_one, SLICE_LIT("sk-prod-a"), b);
    cr_assert_eq(memcmp(a, b, sizeof(a)), 0);
    hash_hmac_free(&hmac_one);
    hash_hmac_free(&hmac_two);
    secret_free(&one);
    secret_free(&two);
}
