/* SPDX-License-Identifier: ISC */
#include "trail.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"
#include "relayos/report/report_trail.h"
#include "relayos/store/store_trail.h"

#define DETAIL_SIZE (16 * 1024)
#define VALUE_SIZE  4096 /* of one argument, then its size stands for it */
#define ONCE_US     INT64_C(86400000000)

static int read_once(struct ledger *ledger, const struct frame_value *args, struct errmsg *why);
static int find_once(struct ledger *ledger, struct errmsg *why);
static void write_details(struct trail *trail, const struct frame_value *args);
static bool is_told(struct slice name, const struct frame_value *value);
static void add_value(struct trail *trail, const char *name, const struct frame_value *value);
static void add_json(struct trail *trail, const char *name, const struct buf *json);
static struct slice close_detail(struct trail *trail);
static int append(struct ledger *ledger, struct trail_row *row);
static int put_once(struct ledger *ledger);
static int write_alone(struct ledger *ledger, struct errmsg *why);
static bool fits(struct slice text, size_t size);

void
trail_init(struct trail *trail, const struct secret *pepper)
{
    *trail = (struct trail){.seal = store_trail_seal_new(pepper)};
    buf_init(&trail->detail, DETAIL_SIZE);
}

void
trail_fini(struct trail *trail)
{
    buf_fini(&trail->detail);
    hash_hmac_free(&trail->seal);
}

int
trail_begin(struct ledger *ledger, const struct command_info *info, const struct frame_value *args,
            struct errmsg *why)
{
    struct trail *trail = &ledger->trail;
    struct slice who = frame_get_str(args, "who");

    assert(!trail->is_due);
    if (who.len == 0 || who.len >= sizeof(trail->who) || memchr(who.ptr, '\0', who.len) != NULL) {
        errmsg_set(why, "%s: who gives it? (1 to %d bytes)", info->name, TRAIL_WHO_SIZE - 1);
        return ERR_SYNTAX;
    }
    int rc = read_once(ledger, args, why);
    if (rc != 0)
        return rc;
    snprintf(trail->who, sizeof(trail->who), "%.*s", (int)who.len, who.ptr);
    trail->action = info->name;
    trail->target[0] = '\0';
    trail->is_due = true;
    trail->is_written = trail->is_open = trail->is_taken_back = false;
    write_details(trail, args);
    return 0;
}

static int
read_once(struct ledger *ledger, const struct frame_value *args, struct errmsg *why)
{
    struct slice once = frame_as_bin(frame_get(args, "once"));
    struct once_record *wanted = &ledger->trail.once;

    ledger->trail.has_once = once.len != 0;
    if (once.len == 0)
        return 0;
    if (once.len != sizeof(wanted->name) + sizeof(wanted->body)) {
        errmsg_set(why, "once: two SHA-256");
        return ERR_SYNTAX;
    }
    memcpy(wanted->name, once.ptr, sizeof(wanted->name));
    memcpy(wanted->body, once.ptr + sizeof(wanted->name), sizeof(wanted->body));
    return ledger->store == NULL ? ERR_STORE : find_once(ledger, why);
}

static int
find_once(struct ledger *ledger, struct errmsg *why)
{
    const struct once_record *wanted = &ledger->trail.once;
    struct once_record done;
    int rc = store_once_find(ledger->store, wanted->name, &done);

    if (rc == ERR_MISSING)
        return 0;
    if (rc != 0)
        return rc;
    if (memcmp(done.body, wanted->body, sizeof(done.body)) != 0) {
        errmsg_set(why, "this Idempotency-Key was used with another body");
        return ERR_IDEMPOTENCY_CONFLICT;
    }
    errmsg_set(why, "that was done already: %s. Its answer is not kept", done.target);
    return ERR_IDEMPOTENCY_FINISHED;
}

/* The arguments, but for what the row's other members say, and for what nobody is to read. */
static void
write_details(struct trail *trail, const struct frame_value *args)
{
    buf_clear(&trail->detail);
    buf_append_byte(&trail->detail, '{');
    for (size_t n = 0; n < frame_length(args); n++) {
        struct slice key = {0};
        const struct frame_value *value = frame_member(args, n, &key);
        char name[LIMIT_NAME];

        if (!fits(key, sizeof(name)) || !is_told(key, value))
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)key.len, key.ptr);
        add_value(trail, name, value);
    }
}

static bool
is_told(struct slice name, const struct frame_value *value)
{
    static const char *const left_out[] = {"who",      "key",   "user",   "id",        "request_id",
                                           "password", "token", "secret", "updated_us"};

    for (size_t n = 0; n < sizeof(left_out) / sizeof(left_out[0]); n++) {
        if (slice_eq_str(name, left_out[n]))
            return false;
    }
    return frame_type(value) != FRAME_BIN && frame_type(value) != FRAME_NIL;
}

static void
add_value(struct trail *trail, const char *name, const struct frame_value *value)
{
    struct buf text;

    buf_init(&text, VALUE_SIZE);
    frame_to_json(value, 0, &text);
    add_json(trail, name, &text);
    buf_fini(&text);
}

static void
add_json(struct trail *trail, const char *name, const struct buf *json)
{
    struct json_out out = {.buf = &trail->detail, .depth = 1, .need_comma = trail->detail.len > 1};

    if (json->overflow)
        json_out_str(&out, name, "(too long to be kept)");
    else
        json_out_raw(&out, name, buf_slice(json));
}

void
trail_add_json(struct ledger *ledger, const char *name, const struct buf *json)
{
    if (ledger->trail.is_due)
        add_json(&ledger->trail, name, json);
}

void
trail_add_int(struct ledger *ledger, const char *name, int64_t value)
{
    struct buf *detail = &ledger->trail.detail;

    if (ledger->trail.is_due)
        buf_printf(detail, "%s\"%s\":%lld", detail->len > 1 ? "," : "", name, (long long)value);
}

void
trail_target(struct ledger *ledger, const char *format, ...)
{
    va_list list;

    if (!ledger->trail.is_due)
        return;
    va_start(list, format);
    vsnprintf(ledger->trail.target, sizeof(ledger->trail.target), format, list);
    va_end(list);
}

int
trail_write(struct ledger *ledger)
{
    struct trail *trail = &ledger->trail;

    if (!trail->is_due || trail->is_written)
        return 0;
    struct trail_row row = {
        .at_us = clock_real_us(),
        .who = slice_str(trail->who),
        .action = slice_str(trail->action),
        .target = slice_str(trail->target),
        .detail = close_detail(trail),
    };
    int rc = append(ledger, &row);
    if (rc == 0)
        rc = put_once(ledger);
    trail->is_written = trail->is_open = rc == 0;
    return rc;
}

/* A row that was rolled back is none. */
void
trail_settle(struct ledger *ledger, bool is_committed)
{
    struct trail *trail = &ledger->trail;

    if (trail->is_open && !is_committed)
        trail->is_written = false;
    trail->is_open = false;
}

/* In the same batch. A second row says that what was done did not hold: then it may be done again.
 */
static int
put_once(struct ledger *ledger)
{
    struct trail *trail = &ledger->trail;
    int64_t now_us = clock_real_us();

    if (!trail->has_once)
        return 0;
    if (trail->is_taken_back)
        return store_once_drop(ledger->store, trail->once.name);
    snprintf(trail->once.target, sizeof(trail->once.target), "%s", trail->target);
    return store_once_put(ledger->store, &trail->once, now_us, now_us - ONCE_US);
}

static struct slice
close_detail(struct trail *trail)
{
    buf_append_byte(&trail->detail, '}');
    return trail->detail.overflow ? SLICE_LIT("{\"is_too_long\":true}") : buf_slice(&trail->detail);
}

/* Also into the log (a commit that fails is told of there, too): whoever can write the database may
 * not be able to write where that goes. */
static int
append(struct ledger *ledger, struct trail_row *row)
{
    char hash[2 * HASH_DIGEST_SIZE];
    int rc = store_trail_append(ledger->store, ledger->trail.seal, row);

    if (rc != 0)
        return rc;
    text_hex(row->hash, sizeof(row->hash), hash);
    log_info("audit", "seq=%lld who=\"%.*s\" action=%.*s target=\"%.*s\" hash=%.*s",
             (long long)row->seq, (int)row->who.len, row->who.ptr, (int)row->action.len,
             row->action.ptr, (int)row->target.len, row->target.ptr, (int)sizeof(hash), hash);
    return 0;
}

int
trail_end(struct ledger *ledger, int rc, struct errmsg *why)
{
    struct trail *trail = &ledger->trail;
    bool is_failure_of_a_change = rc != 0 && trail->is_written;

    if (!trail->is_due)
        return rc;
    if (is_failure_of_a_change) {
        struct json_out json = {.buf = &trail->detail, .depth = 1};
        struct errmsg twice;

        trail->is_written = false;
        trail->is_taken_back = true;
        buf_clear(&trail->detail);
        buf_append_byte(&trail->detail, '{');
        json_out_str(&json, "error", why->text);
        if (write_alone(ledger, &twice) != 0)
            log_error("audit.failed", "action=%s reason=\"%s\"", trail->action, twice.text);
    } else if (rc == 0 && !trail->is_written) {
        rc = write_alone(ledger, why);
    }
    trail->is_due = false;
    return rc;
}

static int
write_alone(struct ledger *ledger, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    return rc == 0 ? ledger_end(ledger, 0, why) : rc;
}

int
trail_note(struct ledger *ledger, const char *who, const char *action, const char *target,
           const char *detail)
{
    struct trail_row row = {
        .at_us = clock_real_us(),
        .who = slice_str(who),
        .action = slice_str(action),
        .target = slice_str(target),
        .detail = slice_str(detail),
    };

    return append(ledger, &row);
}

/* ---- commands ---- */

int
trail_list(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
           struct errmsg *why)
{
    struct store_trail_filter filter = {
        .who = frame_get_str(args, "who"),
        .action = frame_get_str(args, "action"),
        .target = frame_get_str(args, "target"),
        .since_us = frame_get_int(args, "since_us", 0),
        .until_us = frame_get_int(args, "until_us", 0),
    };

    (void)why;
    return ledger->store == NULL
               ? ERR_STORE
               : report_trail_list(ledger->store, &filter, frame_get_int(args, "after", 0),
                                   frame_get_int(args, "limit", 0), out);
}

/* Of the master, which has done it already. */
int
trail_append(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
             struct errmsg *why)
{
    struct trail_row row = {
        .at_us = frame_get_int(args, "at_us", 0),
        .who = frame_get_str(args, "who"),
        .action = frame_get_str(args, "action"),
        .target = frame_get_str(args, "target"),
        .detail = frame_get_str(args, "detail"),
    };

    (void)out;
    ledger->trail.is_taken_back = false;
    if (!fits(row.who, TRAIL_WHO_SIZE) || !fits(row.action, TRAIL_WHO_SIZE) ||
        !fits(row.target, TRAIL_TARGET_SIZE) || !fits(row.detail, DETAIL_SIZE)) {
        errmsg_set(why, "an entry of the audit trail is too long");
        return ERR_SYNTAX;
    }
    int rc = read_once(ledger, args, why);
    if (rc == ERR_IDEMPOTENCY_FINISHED)
        return 0; /* our answer did not arrive */
    if (rc != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    rc = append(ledger, &row);
    snprintf(ledger->trail.target, sizeof(ledger->trail.target), "%.*s", (int)row.target.len,
             row.target.ptr);
    return ledger_end(ledger, rc == 0 ? put_once(ledger) : rc, why);
}

static bool
fits(struct slice text, size_t size)
{
    return text.len == 0 || (text.len < size && memchr(text.ptr, '\0', text.len) == NULL);
}
