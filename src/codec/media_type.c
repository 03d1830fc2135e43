/* SPDX-License-Identifier: ISC
 *
 * media_type - see the header.
 */
#include "relayos/codec/media_type.h"

#include "utf8.h"

static bool has_at(struct slice bytes, size_t at, struct slice mark);
static const char *type_of_heif(struct slice bytes);
static bool is_text(struct slice bytes);

const char *
media_type_of_image(struct slice bytes)
{
    static const struct {
        struct slice mark;
        const char *type;
    } marks[] = {
        {SLICE_LIT("\x89PNG\r\n\x1a\n"), "image/png"},
        {SLICE_LIT("\xff\xd8\xff"), "image/jpeg"},
    };

    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (has_at(bytes, 0, marks[i].mark))
            return marks[i].type;
    if (has_at(bytes, 0, SLICE_LIT("RIFF")) && has_at(bytes, 8, SLICE_LIT("WEBP")))
        return "image/webp";
    return type_of_heif(bytes);
}

/* A box "ftyp" with the brand of what follows. */
static const char *
type_of_heif(struct slice bytes)
{
    static const struct slice heic[] = {SLICE_LIT("heic"), SLICE_LIT("heix")},
                              heif[] = {SLICE_LIT("mif1"), SLICE_LIT("msf1"), SLICE_LIT("heim"),
                                        SLICE_LIT("heis")};

    if (!has_at(bytes, 4, SLICE_LIT("ftyp")))
        return NULL;
    for (size_t i = 0; i < sizeof(heic) / sizeof(heic[0]); i++)
        if (has_at(bytes, 8, heic[i]))
            return "image/heic";
    for (size_t i = 0; i < sizeof(heif) / sizeof(heif[0]); i++)
        if (has_at(bytes, 8, heif[i]))
            return "image/heif";
    return NULL;
}

const char *
media_type_of_document(struct slice bytes, const char *said)
{
    if (has_at(bytes, 0, SLICE_LIT("%PDF-")))
        return "application/pdf";
    if (slice_starts_with(slice_str(said), SLICE_LIT("text/")) && is_text(bytes))
        return "text/plain";
    return NULL;
}

static bool
is_text(struct slice bytes)
{
    const char *end = bytes.ptr + bytes.len;

    for (const char *at = bytes.ptr; at < end;) {
        size_t n = utf8_length(at, end);

        if (n == 0 || *at == '\0')
            return false;
        at += n;
    }
    return bytes.len > 0;
}

static bool
has_at(struct slice bytes, size_t at, struct slice mark)
{
    return bytes.len >= at + mark.len && slice_eq(slice_sub(bytes, at, at + mark.len), mark);
}
