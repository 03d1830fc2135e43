/* SPDX-License-Identifier: ISC
 *
 * scrub - long base64 is not even taken: a picture would leave no room for what was said about it.
 */
#include "relayos/codec/scrub.h"

#include <stdlib.h>

#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "scrub_find.h"

#define LONG_RUN  1024 /* characters */
#define NAME_SIZE 64
#define LOOKS_AT  (UINT64_C(4) << 20) /* bytes, files among them: others wait meanwhile */

static void take(struct scrub *scrub, char c);
static void end_run(struct scrub *scrub);
static void write_name(uint8_t kind, struct slice text, struct buf *out);
static void write_file(struct slice head, uint64_t n, struct buf *out);

void
scrub_init(struct scrub *scrub, size_t limit)
{
    *scrub = (struct scrub){.limit = limit};
    buf_init(&scrub->text, limit + LONG_RUN + NAME_SIZE);
}

void
scrub_fini(struct scrub *scrub)
{
    if (scrub->text.ptr != NULL)
        secret_wipe(scrub->text.ptr, scrub->text.capacity);
    buf_fini(&scrub->text);
}

void
scrub_feed(struct scrub *scrub, struct slice bytes)
{
    uint64_t seen = scrub->n_bytes;

    scrub->n_bytes += bytes.len;
    for (size_t n = 0; n < bytes.len && !scrub->is_cut; n++) {
        if (seen + n == LOOKS_AT)
            scrub->is_cut = true;
        else
            take(scrub, bytes.ptr[n]);
    }
}

static void
take(struct scrub *scrub, char c)
{
    if (!scrub_find_is_base64(c)) {
        end_run(scrub);
        if (scrub->is_cut)
            return;
    } else {
        if (scrub->run < SCRUB_HEAD)
            scrub->head[scrub->run] = c;
        scrub->run++;
        if (scrub->run > LONG_RUN)
            return;
        if (scrub->run == LONG_RUN) {
            scrub->text.len -= LONG_RUN - 1;
            return;
        }
    }
    /* What may become a long run may go over for now. */
    if (scrub->text.len >= scrub->limit + (scrub->run > 0 ? LONG_RUN : 0))
        scrub->is_cut = true;
    else
        buf_append_byte(&scrub->text, c);
}

static void
end_run(struct scrub *scrub)
{
    if (scrub->run >= LONG_RUN) {
        write_file(slice_of(scrub->head, sizeof(scrub->head)), scrub->run, &scrub->text);
    } else if (scrub->text.len > scrub->limit) {
        scrub->text.len = scrub->limit;
        scrub->is_cut = true;
    }
    scrub->run = 0;
}

void
scrub_write(struct scrub *scrub, struct buf *out)
{
    end_run(scrub);

    struct slice text = buf_slice(&scrub->text);
    uint8_t *marks = mem_zalloc(text.len + 1);

    scrub_find_in(text, scrub->is_cut, marks);
    for (size_t from = 0, to; from < text.len; from = to) {
        to = from + 1;
        while (to < text.len && marks[to] == marks[from])
            to++;
        if (marks[from] == SCRUB_NOTHING)
            buf_append_slice(out, slice_sub(text, from, to));
        else
            write_name(marks[from], slice_sub(text, from, to), out);
    }
    free(marks);
}

static void
write_name(uint8_t kind, struct slice text, struct buf *out)
{
    static const char *const names[] = {
        [SCRUB_NOTHING] = "",       [SCRUB_KEY] = "[key]",
        [SCRUB_TOKEN] = "[token]",  [SCRUB_PRIVATE_KEY] = "[private key]",
        [SCRUB_EMAIL] = "[e-mail]", [SCRUB_CARD] = "[card number]",
        [SCRUB_BASE64] = "",        [SCRUB_CUT] = "[cut]"};

    if (kind == SCRUB_BASE64)
        write_file(text, text.len, out);
    else
        buf_append_str(out, names[kind]);
}

/* n characters of base64, the first of them in head. */
static void
write_file(struct slice head, uint64_t n, struct buf *out)
{
    static const struct {
        const char *head, *type;
    } types[] = {{"iVBORw0K", "image/png"},        {"/9j/", "image/jpeg"}, {"R0lGOD", "image/gif"},
                 {"UklGR", "image/webp or audio"}, {"JVBERi", "PDF"},      {"SUQz", "audio/mpeg"},
                 {"T2dnUw", "audio/ogg"},          {"UEsDB", "archive"},   {"", "base64"}};
    size_t t = 0;

    while (head.len < strlen(types[t].head) ||
           memcmp(head.ptr, types[t].head, strlen(types[t].head)) != 0)
        t++;
    buf_printf(out, "[%s, %llu bytes]", types[t].type, (unsigned long long)(n / 4 * 3));
}
