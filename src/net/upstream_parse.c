/* SPDX-License-Identifier: ISC */
#include "upstream_parse.h"

#include "field.h"
#include "relayos/base/limits.h"

struct framing {
    size_t n_length, n_encoding;
};

static enum upstream_verdict parse_status_line(struct slice *rest, struct upstream_head *out);
static enum upstream_verdict parse_fields(struct slice *rest, struct upstream_head *out,
                                          struct framing *framing);
static enum upstream_verdict verdict_of(enum field_state state);
static bool note_field(const struct http_header *header, struct upstream_head *out,
                       struct framing *framing);
static enum upstream_verdict judge(const struct framing *framing, bool is_head_request,
                                   struct upstream_head *out);

enum upstream_verdict
upstream_parse_head(char *bytes, size_t len, bool is_head_request, struct upstream_head *out)
{
    bool is_cut = len > LIMIT_UPSTREAM_HEAD;
    struct slice rest = slice_of(bytes, is_cut ? LIMIT_UPSTREAM_HEAD : len);
    struct framing framing = {0};

    out->n_headers = 0;
    out->content_length = -1;
    out->framing = UPSTREAM_FRAMING_CLOSE;
    enum upstream_verdict verdict = parse_status_line(&rest, out);
    if (verdict == UPSTREAM_HEAD_OK)
        verdict = parse_fields(&rest, out, &framing);
    if (verdict == UPSTREAM_HEAD_INCOMPLETE)
        return is_cut ? UPSTREAM_HEAD_BAD : UPSTREAM_HEAD_INCOMPLETE;
    if (verdict != UPSTREAM_HEAD_OK)
        return verdict;
    out->head_size = (size_t)(rest.ptr - bytes);
    return judge(&framing, is_head_request, out);
}

/* "HTTP/1.1 200 OK"; the reason and the space before it may be missing. */
static enum upstream_verdict
parse_status_line(struct slice *rest, struct upstream_head *out)
{
    static const char pattern[] = "HTTP/1.x 999";
    struct slice line;
    enum field_state state = field_next_line(rest, &line);

    if (state == FIELD_INCOMPLETE)
        return UPSTREAM_HEAD_INCOMPLETE;
    if (state != FIELD_OK || line.len < sizeof pattern - 1)
        return UPSTREAM_HEAD_BAD;
    const char *p = line.ptr;
    if (memcmp(p, pattern, 7) != 0 || (p[7] != '0' && p[7] != '1') || p[8] != ' ')
        return UPSTREAM_HEAD_BAD;
    for (int i = 9; i < 12; i++) {
        if (p[i] < '0' || p[i] > '9')
            return UPSTREAM_HEAD_BAD;
    }
    if (line.len > sizeof pattern - 1 && p[12] != ' ')
        return UPSTREAM_HEAD_BAD;
    out->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    out->is_keep_alive = p[7] == '1';
    return out->status >= 100 && out->status < 600 ? UPSTREAM_HEAD_OK : UPSTREAM_HEAD_BAD;
}

static enum upstream_verdict
parse_fields(struct slice *rest, struct upstream_head *out, struct framing *framing)
{
    const char *reason; /* nobody asks for it */
    enum field_state state =
        field_read(rest, out->headers, UPSTREAM_PARSE_HEADERS_MAX, &out->n_headers, &reason);

    for (size_t i = 0; i < out->n_headers; i++) {
        if (!note_field(&out->headers[i], out, framing))
            return UPSTREAM_HEAD_BAD;
    }
    return verdict_of(state);
}

static enum upstream_verdict
verdict_of(enum field_state state)
{
    switch (state) {
    case FIELD_OK: /* and one too many */
    case FIELD_BAD:
        break;
    case FIELD_END:
        return UPSTREAM_HEAD_OK;
    case FIELD_INCOMPLETE:
        return UPSTREAM_HEAD_INCOMPLETE;
    }
    return UPSTREAM_HEAD_BAD;
}

/* False: framing or encoding that is not taken. The names are told apart by their length at once.
 */
static bool
note_field(const struct http_header *header, struct upstream_head *out, struct framing *framing)
{
    struct slice name = header->name, value = header->value;

    switch (name.len) {
    case 10:
        if (slice_eq(name, SLICE_LIT("connection")) && slice_eq_nocase(value, SLICE_LIT("close")))
            out->is_keep_alive = false;
        return true;
    case 14:
        if (!slice_eq(name, SLICE_LIT("content-length")))
            return true;
        framing->n_length++;
        out->content_length = field_parse_length(value);
        return out->content_length >= 0;
    case 16:
        return !slice_eq(name, SLICE_LIT("content-encoding")) || value.len == 0 ||
               slice_eq_nocase(value, SLICE_LIT("identity"));
    case 17:
        if (!slice_eq(name, SLICE_LIT("transfer-encoding")))
            return true;
        framing->n_encoding++;
        return slice_eq_nocase(value, SLICE_LIT("chunked"));
    default:
        return true;
    }
}

static enum upstream_verdict
judge(const struct framing *framing, bool is_head_request, struct upstream_head *out)
{
    if (framing->n_length + framing->n_encoding > 1)
        return UPSTREAM_HEAD_BAD;
    if (is_head_request || out->status < 200 || out->status == 204 || out->status == 304) {
        out->framing = UPSTREAM_FRAMING_LENGTH;
        out->content_length = 0;
    } else if (framing->n_encoding == 1) {
        out->framing = UPSTREAM_FRAMING_CHUNKED;
    } else if (framing->n_length == 1) {
        out->framing = UPSTREAM_FRAMING_LENGTH;
    } else {
        out->is_keep_alive = false;
    }
    return UPSTREAM_HEAD_OK;
}
