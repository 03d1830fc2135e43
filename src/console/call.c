/* SPDX-License-Identifier: ISC */
#include "call.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/codec/json_scan.h"
#include "relayos/store/store_reader.h"
#include "repeat.h"

struct asked { /* a command under way */
    struct call *call;
    call_on_result *on_result;
    bool is_raw; /* it wants errors, too */
};

static void on_writable(void *data);
static void on_end(void *data, bool is_complete);
static bool add_param(struct call *call, struct slice part, char **room);
static bool check_query(struct call *call);
static const struct call_param *find_param(const struct call *call, struct slice name);
static bool has_params(struct call *call);
static bool takes_param(const struct api_row *row, struct slice name);
static bool decode(struct slice text, char **room, struct slice *out);
static int hex_value(char c);
static bool is_json(struct slice type);
static void send_command(struct call *call, call_on_result *on_result, bool is_raw);
static void on_reply(void *ctx, const struct frame_value *reply);

struct call *
call_new(struct console *console, struct exchange *exchange, const struct http_request *http)
{
    static const struct exchange_events events = {on_writable, on_end};
    struct call *call = mem_zalloc(sizeof(*call));

    call->console = console;
    call->exchange = exchange;
    call->http = *http;
    text_uuid_format(text_uuid_new(clock_real_us()), call->id);
    buf_init(&call->out, CALL_MAX_ANSWER);
    exchange_bind(exchange, &events, call);
    console->n_calls++;
    return call;
}

static void
on_writable(void *data)
{
    (void)data; /* answers are one write */
}

static void
on_end(void *data, bool is_complete)
{
    struct call *call = data;

    (void)is_complete;
    call->exchange = NULL;
    call->n_pending++;
    call_release(call);
}

void
call_hold(struct call *call)
{
    call->n_pending++;
}

void
call_release(struct call *call)
{
    assert(call->n_pending > 0);
    if (--call->n_pending > 0)
        return;
    if (call->exchange != NULL) {
        assert(call->is_answered); /* or nobody would ever answer it */
        return;
    }
    repeat_end(call, 500);
    call->console->n_calls--;
    tree_free(&call->body);
    if (call->out.ptr != NULL)
        secret_wipe(call->out.ptr, call->out.capacity); /* it may hold a key */
    buf_fini(&call->out);
    free(call->decoded);
    free(call->data);
    free(call->opening);
    secret_wipe(call->csrf, sizeof(call->csrf));
    free(call);
}

/* ---- query ---- */

bool
call_read_query(struct call *call)
{
    struct slice query = call->http.query;
    char *room;

    if (query.len == 0)
        return check_query(call);
    call->decoded = room = mem_alloc(query.len);
    for (size_t at = 0, end; at < query.len; at = end + 1) {
        const char *mark = memchr(query.ptr + at, '&', query.len - at);

        end = mark == NULL ? query.len : (size_t)(mark - query.ptr);
        if (end > at && !add_param(call, slice_sub(query, at, end), &room)) {
            answer_problem(call, 400, "bad_request", NULL, "the query cannot be read");
            return false;
        }
    }
    return check_query(call);
}

/* Whoever misspells a filter must not be answered as if there were none. */
static bool
check_query(struct call *call)
{
    const char *code = NULL, *what = "";
    size_t n = 0;

    if (api_takes_any_query(call->row))
        return true;
    for (; code == NULL && n < call->n_params; n++) {
        struct slice name = call->params[n].name;

        if (!takes_param(call->row, name)) {
            code = "unknown_parameter";
            what = "is not known here";
        } else if (find_param(call, name) != &call->params[n]) {
            code = "bad_request";
            what = "is there twice";
        }
    }
    if (code == NULL)
        return has_params(call);
    char name[LIMIT_NAME];
    snprintf(name, sizeof(name), "%.*s", (int)call->params[n - 1].name.len,
             call->params[n - 1].name.ptr);
    answer_problem(call, 400, code, name, "\"%s\" %s", name, what);
    return false;
}

static bool
has_params(struct call *call)
{
    const struct api_query *query;

    for (size_t n = 0; (query = api_query_at(call->row, n)) != NULL; n++) {
        if (query->type[0] == '?' || call_query(call, query->name).len > 0)
            continue;
        answer_problem(call, 400, "missing_parameter", query->name, "\"%s\" is missing",
                       query->name);
        return false;
    }
    return true;
}

static bool
takes_param(const struct api_row *row, struct slice name)
{
    const struct api_query *query;

    if (api_limit_of(row) != NULL && slice_eq_str(name, "limit"))
        return true;
    for (size_t n = 0; (query = api_query_at(row, n)) != NULL; n++) {
        if (slice_eq_str(name, query->name))
            return true;
    }
    return false;
}

static bool
add_param(struct call *call, struct slice part, char **room)
{
    const char *equals = memchr(part.ptr, '=', part.len);
    size_t len = equals == NULL ? part.len : (size_t)(equals - part.ptr);
    size_t rest = equals == NULL ? part.len : len + 1;

    if (call->n_params == CALL_MAX_PARAMS)
        return false;
    struct call_param *param = &call->params[call->n_params++];
    return decode(slice_sub(part, 0, len), room, &param->name) &&
           decode(slice_sub(part, rest, part.len), room, &param->value);
}

/* What is decoded is never longer. */
static bool
decode(struct slice text, char **room, struct slice *out)
{
    out->ptr = *room;
    for (size_t n = 0; n < text.len; n++) {
        int c = text.ptr[n];

        if (c == '%') {
            if (n + 2 >= text.len || hex_value(text.ptr[n + 1]) < 0 ||
                hex_value(text.ptr[n + 2]) < 0)
                return false;
            c = hex_value(text.ptr[n + 1]) << 4 | hex_value(text.ptr[n + 2]);
            n += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == '\0')
            return false;
        *(*room)++ = (char)c;
    }
    out->len = (size_t)(*room - out->ptr);
    return true;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const struct call_param *
find_param(const struct call *call, struct slice name)
{
    for (size_t n = 0; n < call->n_params; n++) {
        if (slice_eq(call->params[n].name, name))
            return &call->params[n];
    }
    return NULL;
}

struct slice
call_query(const struct call *call, const char *name)
{
    const struct call_param *param = find_param(call, slice_str(name));

    return param == NULL ? (struct slice){0} : param->value;
}

bool
call_query_int(struct call *call, const char *name, int64_t fallback, int64_t *out)
{
    struct slice text = call_query(call, name);

    *out = fallback;
    if (text.len == 0 || (text_int_parse(text, out) == 0 && *out >= 0))
        return true;
    answer_problem(call, 400, "bad_request", name, "%s must be a number", name);
    return false;
}

bool
call_id(struct call *call, size_t n, uint64_t *out)
{
    int64_t id;

    if (text_int_parse(call->ids[n], &id) == 0 && id > 0) {
        *out = (uint64_t)id;
        return true;
    }
    answer_missing(call);
    return false;
}

/* ---- body ---- */

/* Only what a page of another origin cannot send without being asked for leave first: JSON. */
bool
call_read_body(struct call *call)
{
    struct slice body = call->http.body;
    struct json_object *object;
    struct json_error error = {.reason = "it has too many members"};

    if (call->http.is_body_withheld) {
        answer_problem(call, 413, "too_large", NULL, "a body has %d bytes at most", CALL_MAX_BODY);
        return false;
    }
    if (body.len > 0 && !is_json(http_header_find(&call->http, "content-type"))) {
        answer_problem(call, 415, "not_json", NULL, "the body must be application/json");
        return false;
    }
    if (body.len == 0)
        body = SLICE_LIT("{}");
    /* The strict scanner says what is JSON and once only; the tree is made of what it let pass. */
    object = mem_alloc(sizeof(*object));
    int rc = json_scan_object(body, object, &error);
    free(object);
    if (rc == 0 && memmem(body.ptr, body.len, "\\u0000", 6) == NULL)
        call->body = tree_parse(body);
    if (call->body != NULL)
        return true;
    answer_problem(call, 400, "bad_json", NULL, "invalid JSON at byte %zu: %s", error.offset,
                   rc == 0 ? "a string holds U+0000" : error.reason);
    return false;
}

static bool
is_json(struct slice type)
{
    const char *semicolon = memchr(type.ptr == NULL ? "" : type.ptr, ';', type.len);
    size_t len = semicolon == NULL ? type.len : (size_t)(semicolon - type.ptr);

    return slice_eq_nocase(slice_trim(slice_of(type.ptr, len)), SLICE_LIT("application/json"));
}

/* ---- database and master ---- */

/* An error closes it: the next call opens it anew. */
struct store *
call_store(struct call *call)
{
    struct console *console = call->console;
    char path[CONF_PATH_SIZE + 16];
    struct errmsg why;

    snprintf(path, sizeof(path), "%s/relayos.db", console->conf->data_dir);
    if (console->store != NULL ||
        store_reader_open(path, STORE_READER_LIVE, &console->store, &why) == 0) {
        store_reader_limit(console->store, CALL_STORE_US);
        return console->store;
    }
    log_error("console.store", "reason=\"%s\"", why.text);
    answer_err(call, ERR_BUSY, SLICE_LIT("the database cannot be read now"));
    return NULL;
}

struct frame_out *
call_command(struct call *call, const char *cmd)
{
    struct frame_out *out = link_begin(&call->console->link, cmd);
    uint8_t once[2 * HASH_DIGEST_SIZE];

    if (out == NULL) {
        answer_err(call, ERR_BUSY, SLICE_LIT("too much is under way; try again in a moment"));
        return NULL;
    }
    frame_cstr(out, "who", call->who);
    if (repeat_digests(call, cmd, once))
        frame_bin(out, "once", once, sizeof(once));
    return out;
}

void
call_send(struct call *call, call_on_result *on_result)
{
    send_command(call, on_result, false);
}

void
call_send_raw(struct call *call, call_on_result *on_any)
{
    send_command(call, on_any, true);
}

static void
send_command(struct call *call, call_on_result *on_result, bool is_raw)
{
    struct asked *asked = mem_alloc(sizeof(*asked));

    *asked = (struct asked){call, on_result, is_raw};
    call_hold(call);
    if (link_send(&call->console->link, on_reply, asked) == 0)
        return;
    free(asked);
    answer_err(call, ERR_TOO_LARGE, SLICE_LIT("that is too much at a time"));
    call_release(call);
}

static void
on_reply(void *ctx, const struct frame_value *reply)
{
    struct asked asked = *(struct asked *)ctx;
    const struct frame_value *result = frame_get(reply, "result");

    free(ctx);
    if (reply == NULL)
        answer_problem(asked.call, 504, "no_reply", NULL,
                       "nobody answered; whether it was done is seen when the page is read again");
    else if (asked.is_raw)
        asked.on_result(asked.call, reply);
    else if (!frame_get_bool(reply, "ok", false) || result == NULL)
        answer_err(asked.call, command_code_find(frame_get_str(reply, "code")),
                   frame_get_str(reply, "error"));
    else
        asked.on_result(asked.call, result);
    call_release(asked.call);
}
