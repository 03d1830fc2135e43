/* SPDX-License-Identifier: ISC
 *
 * Tests of base/text_code: ids are unique in all processes; encodings have one spelling.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/text.h"

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

Test(text_code, an_id_holds_its_millisecond_version_and_variant)
{
    int64_t real_us = INT64_C(1795632031123456);
    struct uuid id = text_uuid_new(real_us);
    char text[TEXT_UUID_SIZE];
    struct uuid back;
    uint64_t ms = 0;

    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    cr_assert_eq(ms, (uint64_t)real_us / 1000);
    cr_assert_eq(id.bytes[6] >> 4, 7);
    cr_assert_eq(id.bytes[8] >> 6, 2);
    text_uuid_format(id, text);
    cr_assert_eq(text_uuid_parse(slice_of(text, sizeof(text)), &back), 0);
    cr_assert_eq(memcmp(&id, &back, sizeof(id)), 0);
    text_uuid_hex(id, text);
    cr_assert_eq(text_uuid_parse(slice_of(text, 32), &back), 0);
    cr_assert_eq(memcmp(&id, &back, sizeof(id)), 0);
}

Test(text_code, ids_of_parent_and_children_never_meet)
{
    enum { N_PROCESSES = 5, N_IDS = 2000, N_ALL = N_PROCESSES * N_IDS };
    struct uuid *ids =
        mmap(NULL, N_ALL * sizeof(*ids), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ids[0] = text_uuid_new(0); /* so that there is a pool to inherit */
    for (int process = 1; process < N_PROCESSES; process++) {
        if (fork() == 0) {
            for (int i = 0; i < N_IDS; i++)
                ids[process * N_IDS + i] = text_uuid_new(0);
            _exit(0);
        }
    }
    for (int i = 1; i < N_IDS; i++)
        ids[i] = text_uuid_new(0);
    while (wait(NULL) > 0)
        ;
    qsort(ids, N_ALL, sizeof(*ids), compare_ids);
    for (int i = 1; i < N_ALL; i++)
        cr_assert_neq(memcmp(&ids[i], &ids[i - 1], sizeof(*ids)), 0);
}

Test(text_code, malformed_ids_are_refused)
{
    static const char *const bad[] = {"",
                                      "0199",
                                      "019ab3c0-1111-7222-8333-44444444444",
                                      "019ab3c0-1111-7222-8333-4444444444444",
                                      "019ab3c0x1111-7222-8333-444444444444",
                                      "019ab3c0-1111-7222-8333-44444444444g",
                                      "019ab3c-01111-7222-8333-444444444444"};
    struct uuid id;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(text_uuid_parse(slice_str(bad[i]), &id), -1, "'%s' was taken", bad[i]);
}

Test(text_code, hex_takes_exactly_its_length)
{
    uint8_t bytes[2] = {9, 9};
    char out[4];

    cr_assert_eq(text_hex_parse(SLICE_LIT("0aFf"), bytes, 2), 0);
    cr_assert_eq(bytes[0], 0x0a);
    cr_assert_eq(bytes[1], 0xff);
    text_hex(bytes, 2, out);
    cr_assert_eq(memcmp(out, "0aff", 4), 0);
    cr_assert_eq(text_hex_parse(SLICE_LIT("0af"), bytes, 2), -1);
    cr_assert_eq(text_hex_parse(SLICE_LIT("0aff0"), bytes, 2), -1);
    cr_assert_eq(text_hex_parse(SLICE_LIT("0agf"), bytes, 2), -1);
}

Test(text_code, hex_of_each_byte_at_each_place_is_what_printf_says)
{
    uint8_t bytes[39];
    char ours[78], theirs[79];

    for (int value = 0; value < 256; value++) {
        for (int i = 0; i < 39; i++) {
            bytes[i] = (uint8_t)(value + i * 37);
            snprintf(theirs + 2 * i, 3, "%02x", bytes[i]);
        }
        for (size_t len = 0; len <= 39; len++) {
            memset(ours, 'x', sizeof(ours));
            text_hex(bytes, len, ours);
            cr_assert_eq(memcmp(ours, theirs, 2 * len), 0, "%zu bytes from %d", len, value);
            cr_assert(len == 39 || ours[2 * len] == 'x');
        }
    }
}

Test(text_code, an_id_is_written_with_its_dashes)
{
    struct uuid id = {{0x01, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x74, 0x56, 0x89, 0xab, 0xcd, 0xef, 0x98,
                       0x76, 0x54, 0x32}};
    char out[TEXT_UUID_SIZE];

    text_uuid_format(id, out);
    cr_assert_eq(memcmp(out, "019abcde-f012-7456-89ab-cdef98765432", TEXT_UUID_SIZE), 0);
}

Test(text_code, base64url_survives_a_round_trip_at_each_length)
{
    uint8_t bytes[70], back[70];
    struct buf out;

    srandom(2);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)random();
        buf_init(&out, 256);
        text_base64url(slice_of(bytes, len), &out);
        cr_assert_eq(text_base64url_parse(buf_slice(&out), back, len), (long)len);
        cr_assert_eq(memcmp(bytes, back, len), 0);
        if (len > 0)
            cr_assert_eq(text_base64url_parse(buf_slice(&out), back, len - 1), -1);
        buf_fini(&out);
    }
}

Test(text_code, base64url_has_one_spelling)
{
    uint8_t out[8];

    cr_assert_eq(text_base64url_parse(SLICE_LIT("_-8"), out, 8), 2);
    cr_assert_eq(text_base64url_parse(SLICE_LIT("_-9"), out, 8), -1, "left-over bits");
    cr_assert_eq(text_base64url_parse(SLICE_LIT("QQ=="), out, 8), -1, "padding");
    cr_assert_eq(text_base64url_parse(SLICE_LIT("Q"), out, 8), -1, "half a byte");
    cr_assert_eq(text_base64url_parse(SLICE_LIT("+/8"), out, 8), -1, "the other alphabet");
}

Test(text_code, base62_is_big_endian_and_padded)
{
    const uint8_t bytes[] = {0x01, 0x00}; /* 256 = 4 * 62 + 8 */
    uint8_t most[32];
    char out[44];

    text_base62(bytes, 2, out, 4);
    cr_assert_eq(memcmp(out, "0048", 4), 0);
    memset(most, 0xff, sizeof(most));
    text_base62(most, 32, out, 43); /* 43 digits hold 256 bits */
    cr_assert_neq(out[0], '0');
}
