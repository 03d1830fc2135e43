/* SPDX-License-Identifier: ISC */
#include "relayos/base/traceparent.h"

#include <string.h>

#define TRACE_ID_AT 3
#define SPAN_ID_AT  36
#define FLAGS_AT    53

static bool is_hex(const char *text, size_t len, bool *out_is_zero);

int
traceparent_parse(struct slice text, struct traceparent *out)
{
    bool is_zero;
    const char *at = text.ptr;

    if (text.len != TRACEPARENT_LEN || memcmp(at, "00-", 3) != 0 || at[SPAN_ID_AT - 1] != '-' ||
        at[FLAGS_AT - 1] != '-' || !is_hex(at + FLAGS_AT, 2, &is_zero) ||
        !is_hex(at + TRACE_ID_AT, sizeof(out->trace_id), &is_zero) || is_zero ||
        !is_hex(at + SPAN_ID_AT, sizeof(out->span_id), &is_zero) || is_zero)
        return ERR_SYNTAX;

    char flags = at[FLAGS_AT + 1];

    memcpy(out->trace_id, at + TRACE_ID_AT, sizeof(out->trace_id));
    memcpy(out->span_id, at + SPAN_ID_AT, sizeof(out->span_id));
    out->is_sampled = ((flags <= '9' ? flags - '0' : flags - 'a' + 10) & 1) != 0;
    return 0;
}

static bool
is_hex(const char *text, size_t len, bool *out_is_zero)
{
    *out_is_zero = true;
    for (size_t n = 0; n < len; n++) {
        bool is_digit = text[n] >= '0' && text[n] <= '9';

        if (!is_digit && (text[n] < 'a' || text[n] > 'f'))
            return false;
        *out_is_zero = *out_is_zero && text[n] == '0';
    }
    return true;
}
