/* SPDX-License-Identifier: ISC
 *
 * Whatever way a text comes, is cut, is escaped or is strewn over events: no secret of it stays.
 */
#include "relayos/codec/scrub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "relayos/codec/json_out.h"

#define LIMIT 65536
#define PEM                                                                                        \
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq3\nqWm9QlZk0vJtXx8c\n"                    \
    "-----END RSA PRIVATE KEY-----"

/* As tools show files. */
#define NUMBERED_PEM                                                                               \
    "   1\xe2\x86\x92-----BEGIN PRIVATE KEY-----\n   2\xe2\x86\x92MIIEpAIBAAKCAQEA7bq3\n"          \
    "> # | \"qWm9QlZk0vJtXx8c\"\n   4\xe2\x86\x92-----END PRIVATE KEY-----"

/* core: what of it must not stay, in whole or as any eight characters in a row. */
static const struct {
    const char *text, *core;
} canaries[] = {
    {"sk-prod-Zq8vT3nLw0XyR5uKc2Bd", "Zq8vT3nLw0XyR5uKc2Bd"},
    {"sk-proj-a_b-C9dEfGh1jKlMn0pQ", "a_b-C9dEfGh1jKlMn0pQ"},
    {"Bearer q7Rk.w2Lp-Zx9~Vb4/Nm=", "q7Rk.w2Lp-Zx9~Vb4/Nm="},
    {"AIzaSyD4f7Gh1jKlMn0pQrStUvWxYz012345", "SyD4f7Gh1jKlMn0pQrStUvWxYz012345"},
    {"xoxb-2461357-Qw8Er7Ty6Ui5", "2461357-Qw8Er7Ty6Ui5"},
    {"ghp_Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz9Xc", "Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0Lz9Xc"},
    {"AKIAQ7R2W9T4Y6U8I3O5", "Q7R2W9T4Y6U8I3O5"},
    {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN", "zI1NiJ9.eyJzdWIiOiIxMjM0In0"},
    {"quentin.example-person@mail.example.org", "quentin.example-person"},
    {"4111 1111 1111 1111", "1111 1111 1111"},
    {"5500-0055-5555-5559", "0055-5555-5559"},
    {"378282246310005", "8282246310005"},
    {PEM, "qWm9QlZk0vJtXx8c"},
    {"0123456789abcdef0123456789abcdef", "456789abcdef0123456789abcdef"},
    {"0123456789abcdef0123456789abcdef.Qw8Er7Ty6Ui5Op4A", "Qw8Er7Ty6Ui5Op4A"},
    {"Bearer\tq7Rk.w2Lp-Zx9~Vb4/Nm=", "q7Rk.w2Lp-Zx9~Vb4/Nm="},
    {"Authorization: Basic cXVlbnRpbjpodW50ZXI=", "cXVlbnRpbjpodW50ZXI="},
    {"https://example.org/?key%3Dsk-prod-Zq8vT3nLw0XyR5uKc2Bd", "Zq8vT3nLw0XyR5uKc2Bd"},
    {"\033[1;32msk-prod-Zq8vT3nLw0XyR5uKc2Bd\033[0m", "Zq8vT3nLw0XyR5uKc2Bd"},
    {NUMBERED_PEM, "qWm9QlZk0vJtXx8c"},
};
#define N_CANARIES (sizeof(canaries) / sizeof(canaries[0]))

static char *
scrub_in_pieces(struct slice text, size_t limit, size_t piece)
{
    struct scrub scrub;
    struct buf out;

    scrub_init(&scrub, limit);
    for (size_t at = 0; at < text.len; at += piece)
        scrub_feed(&scrub, slice_sub(text, at, at + piece > text.len ? text.len : at + piece));
    buf_init(&out, 4 * LIMIT);
    scrub_write(&scrub, &out);
    buf_append_byte(&out, '\0');
    cr_assert(!out.overflow);
    scrub_fini(&scrub);
    return out.ptr;
}

static char *
scrubbed(const char *text)
{
    return scrub_in_pieces(slice_str(text), LIMIT, LIMIT);
}

/* Eight characters in a row of what must not stay, or NULL. */
static const char *
survivor(const char *text, const char *core)
{
    static char part[9];

    for (size_t at = 0; at + 8 <= strlen(core); at++) {
        snprintf(part, sizeof(part), "%.8s", core + at);
        if (strstr(text, part) != NULL)
            return part;
    }
    return NULL;
}

/* In a string of JSON, itself so many times in one: a tool's arguments are two deep. */
static void
wrap(const char *canary, int depth, struct buf *out)
{
    struct json_out json;
    struct buf inner;

    buf_init(&inner, 8192);
    if (depth > 1)
        wrap(canary, depth - 1, &inner);
    else
        buf_printf(&inner, "line one,\n%s\nand more of it", canary);
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_str(&json, "model", "gpt-4.1-mini");
    json_out_string(&json, "content", buf_slice(&inner));
    json_out_end_object(&json);
    buf_fini(&inner);
}

Test(scrub, what_is_no_secret_stays_as_it_is)
{
    static const char *const texts[] = {
        "",
        "plain words, a task-force of risk-takers; sk-learn, and AIza, a bearer of news, key-value",
        "{\"model\":\"claude-sonnet-4-5-20250929\",\"max_tokens\":4096,\"stream\":true}",
        "{\"id\":\"chatcmpl-9xYzAbC123\",\"created\":1764154359,\"t\":1764154359123456}",
        "019ac0de-1234-7abc-8def-0123456789ab at /usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "[0.4111111111111111, -0.0123456789012345]",
        "a @mention, 3 @ 4, user@host, 4111 1111 1111 1112, 1234567890123",
        "-----BEGIN CERTIFICATE----- is no secret",
        "basic knowledge, Basic instructions; 100%sk, atom[3m]",
    };

    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        char *out = scrubbed(texts[n]);

        cr_expect_str_eq(out, texts[n]);
        free(out);
    }
}

Test(scrub, each_kind_is_named_where_it_stood)
{
    static const char *const pairs[][2] = {
        {"a sk-prod-0123456789 b", "a [key] b"},
        {"{\"authorization\":\"Bearer abc123def\"}", "{\"authorization\":\"Bearer [key]\"}"},
        {"x\\nsk-prod-0123456789\\ny", "x\\n[key]\\ny"},
        {"\\u0073\\u006B\\u002dprod-0123456789", "[key]"},
        {"<ann@example.org>, bob", "<[e-mail]>, bob"},
        {"no. 4111 1111 1111 1111.", "no. [card number]."},
        {"{\"n\":4111111111111111}", "{\"n\":[card number]}"},
        {PEM " end", "[private key] end"},
        {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x-y_z", "[token]"},
    };

    for (size_t n = 0; n < sizeof(pairs) / sizeof(pairs[0]); n++) {
        char *out = scrubbed(pairs[n][0]);

        cr_expect_str_eq(out, pairs[n][1]);
        free(out);
    }
}

Test(scrub, however_deep_in_json_no_canary_stays)
{
    for (size_t n = 0; n < N_CANARIES; n++) {
        for (int depth = 1; depth <= 3; depth++) {
            struct buf text;

            buf_init(&text, 8192);
            wrap(canaries[n].text, depth, &text);
            char *out = scrub_in_pieces(buf_slice(&text), LIMIT, LIMIT);
            cr_expect_null(survivor(out, canaries[n].core), "%s of %s, %d deep, in %s",
                           survivor(out, canaries[n].core), canaries[n].text, depth, out);
            cr_expect(strstr(out, "line one") != NULL && strstr(out, "and more") != NULL, "%s",
                      out);
            free(out);
            buf_fini(&text);
        }
    }
}

Test(scrub, a_text_comes_to_the_same_however_it_is_split)
{
    struct buf text;

    buf_init(&text, LIMIT);
    for (size_t n = 0; n < N_CANARIES; n++)
        wrap(canaries[n].text, 1 + (int)n % 3, &text);
    for (int n = 0; n < 3000; n++)
        buf_append_byte(&text, "ABCDwxyz0189+/"[n * 7 % 14]);
    buf_append_str(&text, "\" and its end");
    for (size_t limit = 600; limit <= LIMIT; limit += limit < 5000 ? 611 : LIMIT) {
        char *whole = scrub_in_pieces(buf_slice(&text), limit, LIMIT);

        for (size_t piece = 1; piece < 70; piece++) {
            char *out = scrub_in_pieces(buf_slice(&text), limit, piece);

            cr_assert_str_eq(out, whole, "pieces of %zu", piece);
            free(out);
        }
        free(whole);
    }
    buf_fini(&text);
}

Test(scrub, wherever_it_is_cut_no_half_of_a_canary_stays)
{
    for (size_t n = 0; n < N_CANARIES; n++) {
        for (int depth = 1; depth <= 2; depth++) {
            struct buf text;

            buf_init(&text, 8192);
            wrap(canaries[n].text, depth, &text);
            for (size_t limit = 1; limit <= text.len; limit++) {
                char *out = scrub_in_pieces(buf_slice(&text), limit, LIMIT);

                cr_assert_null(survivor(out, canaries[n].core), "%s, cut at %zu: %s",
                               canaries[n].text, limit, out);
                free(out);
            }
            buf_fini(&text);
        }
    }
}

/* One event for each `step` characters, as four protocols write them. */
static void
write_events(const char *canary, size_t step, int protocol, struct buf *out)
{
    char text[512];

    snprintf(text, sizeof(text), "Here it is:\n%s\nIs that all?", canary);
    for (size_t at = 0; at < strlen(text); at += step) {
        struct slice part = slice_of(text + at, strnlen(text + at, step));

        if (protocol == 0)
            buf_append_str(out, "data: {\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":"
                                "{\"content\":\"");
        else if (protocol == 1)
            buf_append_str(out, "event: content_block_delta\ndata: {\"type\":\"content_block_delta"
                                "\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"");
        else if (protocol == 2)
            buf_append_str(out, "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,"
                                "\"content_index\":0,\"delta\":\"");
        else
            buf_append_str(out, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"");
        json_escape(out, part);
        buf_append_str(out, protocol == 0   ? "\"}}]}\n\n"
                            : protocol == 1 ? "\"}}\n\n"
                            : protocol == 2 ? "\"}\n\n"
                                            : "\"}]},\"index\":0}]}\n\n");
    }
}

Test(scrub, what_is_strewn_over_events_is_seen_put_together)
{
    for (size_t n = 0; n < N_CANARIES; n++) {
        for (int protocol = 0; protocol < 4; protocol++) {
            for (size_t step = 1; step < 24; step += 4) {
                struct buf text;

                buf_init(&text, LIMIT);
                write_events(canaries[n].text, step, protocol, &text);
                char *out = scrub_in_pieces(buf_slice(&text), LIMIT, 7), *kept = out;
                char said[8192] = "";
                for (char *at = out; (at = strpbrk(at, "\"")) != NULL; at++) {
                    static const char *const names[] = {"\"content\":\"", "\"text\":\"",
                                                        "\"delta\":\""};
                    for (size_t i = 0; i < 3; i++) {
                        if (strncmp(at, names[i], strlen(names[i])) == 0)
                            strncat(said, at + strlen(names[i]),
                                    strcspn(at + strlen(names[i]), "\""));
                    }
                }
                cr_assert_null(survivor(said, canaries[n].core), "%s by %zu, protocol %d: %s",
                               canaries[n].text, step, protocol, said);
                cr_assert(strncmp(said, "Here it is", 10) == 0, "%s", said);
                free(kept);
                buf_fini(&text);
            }
        }
    }
}

/* Two at a time, an event of each in turn. */
Test(scrub, texts_that_come_at_a_time_are_told_apart)
{
    static const char canary[] = "sk-prod-Zq8vT3nLw0XyR5uKc2Bd";
    struct buf text;

    buf_init(&text, LIMIT);
    for (size_t at = 0; at < sizeof(canary) - 1; at += 2) {
        buf_printf(&text,
                   "data: {\"choices\":[{\"delta\":{\"content\":\"%.2s\"},\"index\":0}]}\n\n",
                   canary + at);
        buf_append_str(&text,
                       "data: {\"choices\":[{\"delta\":{\"content\":\" - \"},\"index\":1}]}\n\n");
    }
    char *out = scrub_in_pieces(buf_slice(&text), LIMIT, LIMIT);
    cr_expect(strstr(out, "Zq") == NULL && strstr(out, "Bd") == NULL, "%s", out);
    cr_expect_not_null(strstr(out, "\" - \""));
    free(out);
    buf_fini(&text);
}

Test(scrub, files_leave_their_type_and_length_and_room_for_what_is_said_of_them)
{
    struct buf text;

    buf_init(&text, 1 << 22);
    buf_append_str(&text, "{\"url\":\"data:image/png;base64,iVBORw0KGgo");
    for (int n = 0; n < 2000000 - 11; n++)
        buf_append_byte(&text, 'A');
    buf_append_str(&text, "\",\"data\":\"/9j/");
    for (int n = 0; n < 196; n++)
        buf_append_byte(&text, 'B');
    buf_append_str(&text, "\",\"text\":\"What is in it?\"}");
    char *out = scrub_in_pieces(buf_slice(&text), 1024, 4096);
    cr_expect_str_eq(out, "{\"url\":\"data:image/png;base64,[image/png, 1500000 bytes]\","
                          "\"data\":\"[image/jpeg, 150 bytes]\",\"text\":\"What is in it?\"}");
    free(out);
    buf_fini(&text);
}

/* Whoever has the key may write what is slow to look at. */
Test(scrub, no_text_takes_long)
{
    static const char *const parts[] = {"sk-",
                                        "@a.aa",
                                        "1 ",
                                        "-----BEGIN ",
                                        "bearer ",
                                        "\\\\",
                                        "eyJ",
                                        "a@",
                                        "-----BEGIN PRIVATE KEY-----\"",
                                        "data: {\"text\":\"s\"}\n"};
    size_t n_looked = 0;

    for (size_t n = 0; n < sizeof(parts) / sizeof(parts[0]); n++) {
        struct scrub scrub;
        struct buf out;

        scrub_init(&scrub, 1 << 20);
        buf_init(&out, 16 << 20);
        while (!scrub.is_cut)
            scrub_feed(&scrub, slice_str(parts[n]));
        scrub_write(&scrub, &out);
        n_looked += scrub.text.len;
        scrub_fini(&scrub);
        buf_fini(&out);
    }
    cr_expect_gt(n_looked, 0);
}
