/* SPDX-License-Identifier: ISC */
#include "answer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/log.h"
#include "relayos/codec/json_out.h"
#include "shape.h"

/* Nothing runs, is loaded, framed or sent elsewhere but what is ours. */
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
#define GUARDS(GUARD)                                                                              \
    GUARD("content-security-policy", POLICY)                                                       \
    GUARD("x-content-type-options", "nosniff")                                                     \
    GUARD("referrer-policy", "no-referrer")                                                        \
    GUARD("cross-origin-opener-policy", "same-origin")                                             \
    GUARD("cross-origin-resource-policy", "same-origin")                                           \
    GUARD("x-frame-options", "DENY")
#define LINE(name, value)   name ": " value "\r\n"
#define HEADER(name, value) {SLICE_LIT(name), SLICE_LIT(value)},

static const struct http_header guards[] = {GUARDS(HEADER)};
#define N_GUARDS   (sizeof(guards) / sizeof(guards[0]))
#define ETAG_BYTES 16

static void send(struct call *call, int status, const struct answer_file *file);
static void put(struct http_header *headers, size_t *n, const char *name, const char *value);
static void etag_of(struct slice version, char out[2 * ETAG_BYTES + 3]);
static const char *field_of(const struct call *call, struct slice sentence);
static void write_problem(struct buf *out, const char *code, const char *field, struct slice text,
                          const char *request_id);

void
answer_out(struct call *call, int status, const char *type)
{
    if (call->is_answered)
        return;
    send(call, status,
         &(struct answer_file){.type = type, .cache = "no-store", .bytes = buf_slice(&call->out)});
}

void
answer_json(struct call *call, int status, struct slice json)
{
    if (call->is_answered)
        return;
    buf_clear(&call->out);
    buf_append_slice(&call->out, json);
    answer_out(call, status, "application/json");
}

void
answer_frame(struct call *call, int status, const struct frame_value *value)
{
    if (call->is_answered)
        return;
    buf_clear(&call->out);
    frame_to_json(value, 0, &call->out);
    if (call->out.overflow)
        answer_problem(call, 500, "too_large", NULL, "the answer is too long");
    else
        answer_out(call, status, "application/json");
}

struct frame_out *
answer_begin(struct call *call)
{
    struct frame_out *out = call->console->writer;

    frame_out_reset(out); /* one that failed in the middle */
    frame_map(out, NULL);
    return out;
}

void
answer_end(struct call *call, int status)
{
    struct frame_in *in = NULL;
    struct buf wire;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    frame_end(call->console->writer);
    frame_out_finish(call->console->writer, &wire);
    if (wire.overflow || frame_in_take(&wire, &in) != 0)
        answer_problem(call, 500, "too_large", NULL, "the answer is too long");
    else
        answer_frame(call, status, frame_root(in));
    frame_in_free(&in);
    buf_fini(&wire);
}

void
answer_etag(struct call *call, struct slice version)
{
    char etag[2 * ETAG_BYTES + 3];

    etag_of(version, etag);
    answer_header(call, "etag", "%s", etag);
}

bool
answer_if_match(struct call *call, struct slice version)
{
    char etag[2 * ETAG_BYTES + 3];

    if (call->exchange == NULL)
        return false; /* what it wanted went with it */
    struct slice wanted = http_header_find(&call->http, "if-match");
    etag_of(version, etag);
    if (wanted.len == 0 || slice_eq_str(wanted, "*") || slice_eq_str(wanted, etag))
        return true;
    answer_problem(call, 412, "changed", NULL,
                   "somebody else has changed it meanwhile; read it again");
    return false;
}

void
answer_if_match_write(struct call *call, int64_t updated_us, struct frame_out *out)
{
    struct slice wanted = http_header_find(&call->http, "if-match");

    if (wanted.len > 0 && !slice_eq_str(wanted, "*"))
        frame_int(out, "updated_us", updated_us);
}

static void
etag_of(struct slice version, char out[2 * ETAG_BYTES + 3])
{
    uint8_t digest[HASH_DIGEST_SIZE];

    hash_sha256(version, digest);
    out[0] = out[2 * ETAG_BYTES + 1] = '"';
    text_hex(digest, ETAG_BYTES, out + 1);
    out[2 * ETAG_BYTES + 2] = '\0';
}

void
answer_problem(struct call *call, int status, const char *code, const char *field,
               const char *format, ...)
{
    struct errmsg text;
    va_list args;

    if (call->is_answered)
        return;
    va_start(args, format);
    vsnprintf(text.text, sizeof(text.text), format, args);
    va_end(args);
    buf_clear(&call->out);
    write_problem(&call->out, code, field, slice_str(text.text), call->id);
    answer_out(call, status, "application/json");
}

static void
write_problem(struct buf *out, const char *code, const char *field, struct slice text,
              const char *request_id)
{
    struct json_out json;

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_object(&json, "error");
    json_out_str(&json, "code", code);
    json_out_string(&json, "message", text);
    json_out_str(&json, "field", field);
    json_out_str(&json, "request_id", request_id);
    json_out_end_object(&json);
    json_out_end_object(&json);
}

void
answer_missing(struct call *call)
{
    answer_problem(call, 404, "not_found", NULL, "there is no such thing");
}

void
answer_err(struct call *call, int err, struct slice sentence)
{
    static const struct {
        int err, status;
        const char *code;
    } table[] = {
        {ERR_EXISTS, 409, "exists"},
        {ERR_CONFLICT, 409, "conflict"},
        {ERR_BUSY, 503, "busy"},
        {ERR_SYNTAX, 422, "invalid"},
        {ERR_CONFIG, 422, "invalid"},
        {ERR_TOO_LARGE, 422, "invalid"},
        {ERR_INCOMPLETE, 422, "invalid"},
        {ERR_FULL, 507, "full"},
        {ERR_DENIED, 403, "forbidden"},
        {ERR_STALE, 412, "changed"},
        {ERR_IDEMPOTENCY_FINISHED, 409, "idempotency_finished"},
        {ERR_IDEMPOTENCY_CONFLICT, 422, "idempotency_mismatch"},
    };
    size_t n = 0;

    if (err == ERR_MISSING) {
        answer_missing(call);
        return;
    }
    while (n < sizeof(table) / sizeof(table[0]) && table[n].err != err)
        n++;
    if (err == ERR_BUSY)
        answer_header(call, "retry-after", "1");
    if (n < sizeof(table) / sizeof(table[0])) {
        answer_problem(call, table[n].status, table[n].code, field_of(call, sentence), "%.*s",
                       (int)sentence.len, sentence.ptr);
        return;
    }
    log_error("console.failed", "request_id=%s err=%d reason=\"%.*s\"", call->id, err,
              (int)sentence.len, sentence.ptr);
    store_close(&call->console->store); /* if it was the store's, it is opened anew */
    answer_problem(call, 500, "internal", NULL, "the console failed; the log says more");
}

/* Whose argument is wrong begins the sentence, as in "models: there is no ...": the body's member
 * of that name (relayosctl's --expires is expires_us). NULL: it is about none. */
static const char *
field_of(const struct call *call, struct slice sentence)
{
    const char *shape = call->row == NULL ? NULL : api_body_of(call->row);
    const struct shape_field *field;

    for (size_t n = 0; shape != NULL && (field = shape_field_at(n)) != NULL; n++) {
        size_t len = strlen(field->name);

        if (strcmp(field->shape, shape) != 0)
            continue;
        if (len > 3 && strcmp(field->name + len - 3, "_us") == 0 &&
            !slice_starts_with(sentence, slice_str(field->name)))
            len -= 3;
        if (sentence.len > len && memcmp(sentence.ptr, field->name, len) == 0 &&
            (sentence.ptr[len] == ':' || sentence.ptr[len] == ' '))
            return field->name;
    }
    return NULL;
}

void
answer_redirect(struct call *call, struct slice where)
{
    if (!call->is_answered)
        send(call, 303, &(struct answer_file){.cache = "no-store", .location = where});
}

void
answer_header(struct call *call, const char *name, const char *format, ...)
{
    va_list args;

    if (call->is_answered)
        return;
    assert(call->n_headers < CALL_MAX_HEADERS);
    struct call_header *header = &call->headers[call->n_headers++];
    header->name = name;
    va_start(args, format);
    vsnprintf(header->value, sizeof(header->value), format, args);
    va_end(args);
}

void
answer_file(struct call *call, const struct answer_file *file)
{
    struct slice known = http_header_find(&call->http, "if-none-match");
    struct answer_file same = *file;

    if (call->is_answered)
        return;
    same.bytes = SLICE_LIT("");
    same.type = NULL;
    if (file->etag != NULL && slice_eq_str(known, file->etag))
        send(call, 304, &same);
    else
        send(call, 200, file);
}

static void
send(struct call *call, int status, const struct answer_file *file)
{
    struct http_header headers[N_GUARDS + CALL_MAX_HEADERS + 9];
    size_t n = N_GUARDS;

    call->is_answered = true;
    repeat_end(call, status);
    if (call->exchange == NULL)
        return; /* nor is there a request any more */
    log_debug("console.request", "request_id=%s method=%.*s path=%.*s status=%d who=\"%s\"",
              call->id, (int)call->http.method.len, call->http.method.ptr, (int)call->http.path.len,
              call->http.path.ptr, status, call->who);
    memcpy(headers, guards, sizeof(guards));
    put(headers, &n, "content-type", file->type);
    put(headers, &n, "cache-control", file->cache);
    put(headers, &n, "etag", file->etag);
    put(headers, &n, "content-encoding", file->encoding);
    put(headers, &n, "vary", file->etag == NULL ? NULL : "accept-encoding");
    put(headers, &n, "x-request-id", call->id);
    put(headers, &n, "www-authenticate", status == 401 ? "Bearer" : NULL);
    put(headers, &n, "strict-transport-security", call->is_secure ? "max-age=31536000" : NULL);
    if (file->location.len > 0)
        headers[n++] = (struct http_header){SLICE_LIT("location"), file->location};
    for (size_t i = 0; i < call->n_headers; i++)
        put(headers, &n, call->headers[i].name, call->headers[i].value);
    exchange_respond(call->exchange, status, headers, n, file->bytes);
}

static void
put(struct http_header *headers, size_t *n, const char *name, const char *value)
{
    if (value != NULL)
        headers[(*n)++] = (struct http_header){slice_str(name), slice_str(value)};
}

void
answer_refused(void *ctx, enum err_category category, const char *detail,
               const char *client_address, struct buf *out_body, struct slice *out_headers)
{
    char id[TEXT_UUID_SIZE + 1] = "";

    (void)ctx;
    text_uuid_format(text_uuid_new(clock_real_us()), id);
    log_debug("console.refused", "request_id=%s address=%s detail=\"%s\"", id, client_address,
              detail);
    write_problem(out_body, err_category_name(category), NULL, slice_str(detail), id);
    *out_headers = SLICE_LIT(LINE("content-type", "application/json")
                                 LINE("cache-control", "no-store") GUARDS(LINE));
}
