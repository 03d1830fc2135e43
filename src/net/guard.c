/* SPDX-License-Identifier: ISC */
#include "relayos/net/guard.h"

#include <assert.h>
#include <string.h>

#include "field.h"

/* What the framing rules need to see of all fields together. */
struct framing {
    size_t n_host, n_length, n_encoding;
    bool is_expectation_ok;
};

static enum guard_verdict parse_request_line(struct slice *rest, struct guard_head *head);
static bool is_target(struct slice s);
static enum guard_verdict parse_fields(struct slice *rest, struct guard_head *head);
static const char *note_field(const struct http_header *header, struct guard_head *head,
                              struct framing *framing);
static enum guard_verdict judge(const struct framing *framing, struct guard_head *head);
static enum guard_verdict refuse(struct guard_head *head, enum guard_verdict verdict,
                                 const char *reason);

enum guard_verdict
guard_parse_head(struct slice bytes, struct guard_head *out)
{
    bool is_cut = bytes.len > LIMIT_HEAD_BYTES;
    struct slice rest = is_cut ? slice_sub(bytes, 0, LIMIT_HEAD_BYTES) : bytes;

    memset(out, 0, offsetof(struct guard_head, headers)); /* those are room, and large */
    out->content_length = -1;
    /* RFC 9112 2.2: one empty line before the request line is to be ignored. */
    if (rest.len >= 2 && memcmp(rest.ptr, "\r\n", 2) == 0)
        rest = slice_sub(rest, 2, rest.len);

    enum guard_verdict verdict = parse_request_line(&rest, out);
    if (verdict == GUARD_OK)
        verdict = parse_fields(&rest, out);
    if (verdict == GUARD_INCOMPLETE && is_cut)
        return refuse(out, GUARD_TOO_LARGE, "they take more than 32 KiB");
    if (verdict == GUARD_OK)
        out->head_size = (size_t)(rest.ptr - bytes.ptr);
    return verdict;
}

static enum guard_verdict
parse_request_line(struct slice *rest, struct guard_head *head)
{
    struct slice line;

    switch (field_next_line(rest, &line)) {
    case FIELD_OK:
    case FIELD_END: /* it has no method */
        break;
    case FIELD_INCOMPLETE:
        return GUARD_INCOMPLETE;
    case FIELD_BAD:
        return refuse(head, GUARD_BAD, "a line ends without CR");
    }

    const char *space = line.len == 0 ? NULL : memchr(line.ptr, ' ', line.len);
    if (space == NULL || !field_is_token(slice_of(line.ptr, (size_t)(space - line.ptr))))
        return refuse(head, GUARD_BAD, "the method is not a token");
    head->method = slice_of(line.ptr, (size_t)(space - line.ptr));
    if (slice_eq_str(head->method, "TRACE") || slice_eq_str(head->method, "CONNECT"))
        return refuse(head, GUARD_METHOD, "GET, HEAD, POST, PATCH, DELETE or OPTIONS");

    static const char version[] = " HTTP/1.x";
    size_t version_len = sizeof version - 1;
    line = slice_sub(line, head->method.len + 1, line.len);
    if (line.len < version_len ||
        memcmp(line.ptr + line.len - version_len, version, version_len - 1) != 0 ||
        (line.ptr[line.len - 1] != '0' && line.ptr[line.len - 1] != '1'))
        return refuse(head, GUARD_BAD, "the protocol is not HTTP/1.1 or HTTP/1.0");
    head->minor_version = line.ptr[line.len - 1] - '0';
    head->target = slice_sub(line, 0, line.len - version_len);
    if (!is_target(head->target))
        return refuse(head, GUARD_BAD, "the request target is not a path");
    return GUARD_OK;
}

/* origin-form only, visible ASCII, no fragment */
static bool
is_target(struct slice s)
{
    static const bool is_target_char[256] = {
        ['!' ... '"'] = true,
        ['$' ... '~'] = true,
    };

    for (size_t i = 0; i < s.len; i++) {
        if (!is_target_char[(unsigned char)s.ptr[i]])
            return false;
    }
    return s.len > 0 && s.ptr[0] == '/';
}

static enum guard_verdict
parse_fields(struct slice *rest, struct guard_head *head)
{
    struct framing framing = {.is_expectation_ok = true};
    const char *reason = NULL;

    enum field_state state =
        field_read(rest, head->headers, LIMIT_HEADERS, &head->n_headers, &reason);

    for (size_t i = 0; i < head->n_headers; i++) {
        const char *fault = note_field(&head->headers[i], head, &framing);
        if (fault != NULL)
            return refuse(head, GUARD_BAD, fault);
    }
    switch (state) {
    case FIELD_OK:
        return refuse(head, GUARD_TOO_LARGE, "there are more than 64");
    case FIELD_END:
        return judge(&framing, head);
    case FIELD_INCOMPLETE:
        return GUARD_INCOMPLETE;
    case FIELD_BAD:
        break;
    }
    return refuse(head, GUARD_BAD, reason);
}

static const char *
note_field(const struct http_header *header, struct guard_head *head, struct framing *framing)
{
    /* All others are told apart by their length at once. */
    switch (header->name.len) {
    case 4:
        framing->n_host += slice_eq(header->name, SLICE_LIT("host"));
        return NULL;
    case 6:
        if (slice_eq(header->name, SLICE_LIT("expect"))) {
            head->expects_continue = slice_eq_nocase(header->value, SLICE_LIT("100-continue"));
            framing->is_expectation_ok &= head->expects_continue;
        }
        return NULL;
    case 14:
        if (!slice_eq(header->name, SLICE_LIT("content-length")))
            return NULL;
        framing->n_length++;
        head->content_length = field_parse_length(header->value);
        return head->content_length < 0 ? "Content-Length is not a number" : NULL;
    case 17:
        if (!slice_eq(header->name, SLICE_LIT("transfer-encoding")))
            return NULL;
        framing->n_encoding++;
        head->is_chunked = slice_eq_nocase(header->value, SLICE_LIT("chunked"));
        return head->is_chunked ? NULL : "Transfer-Encoding is not \"chunked\"";
    default:
        return NULL;
    }
}

static enum guard_verdict
judge(const struct framing *framing, struct guard_head *head)
{
    if (framing->n_host != 1)
        return refuse(head, GUARD_BAD, "there must be one Host header");
    if (framing->n_length > 1)
        return refuse(head, GUARD_BAD, "there is more than one Content-Length");
    if (framing->n_encoding > 1)
        return refuse(head, GUARD_BAD, "there is more than one Transfer-Encoding");
    if (framing->n_encoding == 1 && framing->n_length == 1)
        return refuse(head, GUARD_BAD, "there are both Content-Length and Transfer-Encoding");
    if (framing->n_encoding == 1 && head->minor_version == 0)
        return refuse(head, GUARD_BAD, "HTTP/1.0 has no Transfer-Encoding");
    if (!framing->is_expectation_ok)
        return refuse(head, GUARD_EXPECTATION, "Expect is not \"100-continue\"");
    return GUARD_OK;
}

static enum guard_verdict
refuse(struct guard_head *head, enum guard_verdict verdict, const char *reason)
{
    assert(verdict != GUARD_OK && verdict != GUARD_INCOMPLETE);
    head->reason = reason;
    return verdict;
}
