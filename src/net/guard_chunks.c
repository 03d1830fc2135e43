/* SPDX-License-Identifier: ISC */
#include <assert.h>
#include <stdint.h>

#include "relayos/net/guard.h"

#define SIZE_DIGITS_MAX   8    /* of a chunk: 4 GiB, past every body limit */
#define TRAILER_BYTES_MAX 8192 /* all trailer lines together; they are dropped */

enum chunks_state {
    CHUNKS_SIZE, /* zeroed struct = before the first size line */
    CHUNKS_SIZE_LF,
    CHUNKS_DATA,
    CHUNKS_DATA_CR,
    CHUNKS_DATA_LF,
    CHUNKS_TRAILER, /* at the start of a trailer line or of the final empty line */
    CHUNKS_TRAILER_LINE,
    CHUNKS_TRAILER_LF,
    CHUNKS_END_LF,
    CHUNKS_END,
};

static size_t step_line(struct guard_chunks *chunks, const char *bytes, size_t len);
static int hex_digit(unsigned char c);
static bool step(struct guard_chunks *chunks, unsigned char c);
static bool step_size(struct guard_chunks *chunks, unsigned char c);
static bool step_trailer(struct guard_chunks *chunks, unsigned char c);
static bool expect(struct guard_chunks *chunks, bool is_it, enum chunks_state next);

long
guard_chunks_decode(struct guard_chunks *chunks, char *bytes, size_t *len)
{
    size_t from = 0, to = 0, n;

    assert(chunks->state >= CHUNKS_SIZE && chunks->state <= CHUNKS_END);
    while (from < *len && chunks->state != CHUNKS_END) {
        if (chunks->state == CHUNKS_DATA) {
            n = *len - from < chunks->left ? *len - from : chunks->left;
            memmove(bytes + to, bytes + from, n);
            to += n;
            from += n;
            chunks->left -= n;
            if (chunks->left == 0)
                chunks->state = CHUNKS_DATA_CR;
        } else if ((n = step_line(chunks, bytes + from, *len - from)) > 0) {
            from += n;
        } else if (!step(chunks, (unsigned char)bytes[from++])) {
            return -1;
        }
    }

    size_t n_behind = *len - from;
    memmove(bytes + to, bytes + from, n_behind);
    *len = to;
    return chunks->state == CHUNKS_END ? (long)n_behind : -2;
}

/* What is between the data of two chunks, when it is all there; 0: it is not, or is not as usual.
 */
static size_t
step_line(struct guard_chunks *chunks, const char *bytes, size_t len)
{
    size_t size = 0, n = 0;

    if (chunks->state == CHUNKS_SIZE && chunks->line == 0) {
        for (int digit; n < len && n < SIZE_DIGITS_MAX; n++) {
            if ((digit = hex_digit((unsigned char)bytes[n])) < 0)
                break;
            size = size * 16 + (size_t)digit;
        }
        if (size == 0)
            return 0;
    } else if (chunks->state != CHUNKS_DATA_CR) {
        return 0;
    }
    if (len - n < 2 || bytes[n] != '\r' || bytes[n + 1] != '\n')
        return 0;
    chunks->state = chunks->state == CHUNKS_SIZE ? CHUNKS_DATA : CHUNKS_SIZE;
    chunks->left = size;
    return n + 2;
}

static int
hex_digit(unsigned char c)
{
    unsigned char letter = c | 0x20;

    if (c >= '0' && c <= '9')
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

static bool
step(struct guard_chunks *chunks, unsigned char c)
{
    switch ((enum chunks_state)chunks->state) {
    case CHUNKS_SIZE:
        return step_size(chunks, c);
    case CHUNKS_SIZE_LF:
        chunks->line = 0;
        return expect(chunks, c == '\n', chunks->left == 0 ? CHUNKS_TRAILER : CHUNKS_DATA);
    case CHUNKS_DATA_CR:
        return expect(chunks, c == '\r', CHUNKS_DATA_LF);
    case CHUNKS_DATA_LF:
        return expect(chunks, c == '\n', CHUNKS_SIZE);
    case CHUNKS_TRAILER:
    case CHUNKS_TRAILER_LINE:
        return step_trailer(chunks, c);
    case CHUNKS_TRAILER_LF:
        return expect(chunks, c == '\n', CHUNKS_TRAILER);
    case CHUNKS_END_LF:
        return expect(chunks, c == '\n', CHUNKS_END);
    case CHUNKS_DATA:
    case CHUNKS_END:
        break;
    }
    assert(0 && "not a state that takes single bytes");
    return false;
}

static bool
step_size(struct guard_chunks *chunks, unsigned char c)
{
    int digit = hex_digit(c);

    if (c == '\r')
        return expect(chunks, chunks->line > 0, CHUNKS_SIZE_LF);
    if (digit < 0)
        return false;
    chunks->left = chunks->left * 16 + (size_t)digit;
    return ++chunks->line <= SIZE_DIGITS_MAX;
}

static bool
step_trailer(struct guard_chunks *chunks, unsigned char c)
{
    bool is_start = chunks->state == CHUNKS_TRAILER;

    if (c == '\r')
        return expect(chunks, true, is_start ? CHUNKS_END_LF : CHUNKS_TRAILER_LF);
    if ((c < 0x20 && c != '\t') || c == 0x7f)
        return false;
    chunks->state = CHUNKS_TRAILER_LINE;
    return ++chunks->line <= TRAILER_BYTES_MAX;
}

static bool
expect(struct guard_chunks *chunks, bool is_it, enum chunks_state next)
{
    if (is_it)
        chunks->state = next;
    return is_it;
}
