/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/media_type.h"

#define B(s)                                                                                       \
    {                                                                                              \
        s, sizeof(s) - 1                                                                           \
    }

Test(media_type, an_image_is_known_by_its_first_bytes)
{
    static const struct {
        struct slice bytes;
        const char *type;
    } cases[] = {
        {B("\x89PNG\r\n\x1a\n...."), "image/png"},
        {B("\xff\xd8\xff\xe0..JFIF"), "image/jpeg"},
        {B("RIFF\x10\0\0\0WEBPVP8 "), "image/webp"},
        {B("\0\0\0\x18"
           "ftypheic...."),
         "image/heic"},
        {B("\0\0\0\x18"
           "ftypmif1...."),
         "image/heif"},
        {B(""), NULL},
        {B("\x89PNG"), NULL},
        {B("RIFF\x10\0\0\0WAVEfmt "), NULL},
        {B("\0\0\0\x18"
           "ftypisom...."),
         NULL},              /* a film */
        {B("GIF89a"), NULL}, /* Gemini takes none */
        {B("<svg xmlns='http://www.w3.org/2000/svg'/>"), NULL},
        {B("<html>\x89PNG\r\n\x1a\n"), NULL},
        {B("%PDF-1.7"), NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type = media_type_of_image(cases[i].bytes);

        cr_expect(cases[i].type == NULL ? type == NULL
                                        : type != NULL && strcmp(type, cases[i].type) == 0,
                  "case %zu: %s", i, type);
    }
}

Test(media_type, a_document_is_pdf_or_what_reads_as_text)
{
    static const struct {
        struct slice bytes;
        const char *said, *type;
    } cases[] = {
        {B("%PDF-1.7\n\xe2\xe3"), "application/octet-stream", "application/pdf"},
        {B("%PDF-1.7"), "text/html", "application/pdf"},
        {B("gr\xc3\xbc\xc3\x9f"), "text/plain", "text/plain"},
        {B("a,b\n"), "text/csv", "text/plain"},
        {B("a,b\n"), "", NULL},
        {B("{\"secret\":1}"), "application/json", NULL},
        {B("gr\xfc\xdf"), "text/plain", NULL}, /* of another character set */
        {B("a\0b"), "text/plain", NULL},
        {B("cut \xc3"), "text/plain", NULL},
        {B(""), "text/plain", NULL},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type = media_type_of_document(cases[i].bytes, cases[i].said);

        cr_expect(cases[i].type == NULL ? type == NULL
                                        : type != NULL && strcmp(type, cases[i].type) == 0,
                  "case %zu: %s", i, type);
    }
}
