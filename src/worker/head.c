/* SPDX-License-Identifier: ISC
 *
 * head - built from nothing: what is not named here does not reach a provider.
 */
#include "head.h"

#include <string.h>

#include "relayos/codec/flavor.h"

#define HEAD_VALUE_MAX 4096 /* longer values of callers are left out */

/* What is always the same but for what comes back. */
#define TYPES(accepted)                                                                            \
    "\r\ncontent-type: application/json\r\naccept: " accepted "\r\naccept-encoding: identity"      \
    "\r\nuser-agent: relayos\r\nx-request-id: "

static void append_path(const struct head_input *input, struct buf *out);
static void append_host(const struct upstream_record *upstream, struct buf *out);
static void append_caller_headers(const struct head_input *input, struct buf *out);
static void append_default_header(const struct head_input *input, struct buf *out);
static bool is_let_through(const struct dialect *dialect, struct slice name);
static bool is_clean_value(struct slice value);

void
head_build(const struct head_input *input, struct buf *out)
{
    buf_append_slice(out, SLICE_LIT("POST "));
    append_path(input, out);
    buf_append_slice(out, SLICE_LIT(" HTTP/1.1\r\nhost: "));
    append_host(input->upstream, out);
    if (input->credential.len > 0) {
        buf_append_slice(out, SLICE_LIT("\r\n"));
        buf_append_str(out, flavor_auth_header(input->upstream, input->dialect));
        buf_append_slice(out, input->credential);
    }
    buf_append_slice(out, input->is_stream ? SLICE_LIT(TYPES("text/event-stream"))
                                           : SLICE_LIT(TYPES("application/json")));
    buf_append_slice(out, input->request_id);
    if (input->http != NULL)
        append_caller_headers(input, out);
    append_default_header(input, out);
    buf_append_slice(out, SLICE_LIT("\r\ncontent-length: "));
    buf_append_int(out, (int64_t)input->content_length);
    buf_append_slice(out, SLICE_LIT("\r\n\r\n"));
}

static void
append_path(const struct head_input *input, struct buf *out)
{
    const struct upstream_record *upstream = input->upstream;

    buf_append_str(out, upstream->path);
    if (upstream->has_deployments && input->dialect->protocol == PROTOCOL_OPENAI_CHAT) {
        buf_append_slice(out, SLICE_LIT("/deployments/"));
        buf_append_str(out, input->model);
    }
    if (input->path.len > 0)
        buf_append_slice(out, input->path);
    else
        buf_append_str(out, dialect_operation_path(input->operation));
    if (upstream->api_version[0] != '\0') {
        buf_append_slice(out, SLICE_LIT("?api-version="));
        buf_append_str(out, upstream->api_version);
    }
}

static void
append_host(const struct upstream_record *upstream, struct buf *out)
{
    bool is_ipv6 = strchr(upstream->host, ':') != NULL;

    if (is_ipv6)
        buf_append_byte(out, '[');
    buf_append_str(out, upstream->host);
    if (is_ipv6)
        buf_append_byte(out, ']');
    if (upstream->port != (upstream->is_tls ? 443 : 80)) {
        buf_append_byte(out, ':');
        buf_append_int(out, upstream->port);
    }
}

/* Repeated ones too (anthropic-beta may be), in their order. */
static void
append_caller_headers(const struct head_input *input, struct buf *out)
{
    for (size_t i = 0; i < input->http->n_headers; i++) {
        const struct http_header *header = &input->http->headers[i];

        if (!is_let_through(input->dialect, header->name) || !is_clean_value(header->value))
            continue;
        buf_append_slice(out, SLICE_LIT("\r\n"));
        buf_append_slice(out, header->name);
        buf_append_slice(out, SLICE_LIT(": "));
        buf_append_slice(out, header->value);
    }
}

static void
append_default_header(const struct head_input *input, struct buf *out)
{
    const char *name = input->dialect->default_header_name;

    if (name == NULL || (input->http != NULL && http_header_count(input->http, name) > 0))
        return;
    buf_append_slice(out, SLICE_LIT("\r\n"));
    buf_append_str(out, name);
    buf_append_slice(out, SLICE_LIT(": "));
    buf_append_str(out, input->dialect->default_header_value);
}

static bool
is_let_through(const struct dialect *dialect, struct slice name)
{
    for (const char *const *allowed = dialect->request_headers; *allowed != NULL; allowed++)
        if (slice_eq_str(name, *allowed))
            return true;
    return false;
}

/* The guard has refused line breaks already; a header that we write is checked where we write it.
 */
static bool
is_clean_value(struct slice value)
{
    if (value.len > HEAD_VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}
