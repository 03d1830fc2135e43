/* SPDX-License-Identifier: ISC
 *
 * slice - see the header.
 */
#include "relayos/base/slice.h"

static bool is_letter(char c);

bool
slice_eq_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        int difference = a.ptr[i] ^ b.ptr[i];

        if (difference != 0 && (difference != 0x20 || !is_letter(a.ptr[i])))
            return false;
    }
    return true;
}

/* Not isalpha(): a locale must not decide what a header's name is. */
static bool
is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

struct slice
slice_trim(struct slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_sub(s, 1, s.len);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}
