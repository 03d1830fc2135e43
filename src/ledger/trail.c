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

static void write_details(struct trail *trail, const struct frame_value *args);
static bool is_told(struct slice name, const struct frame_value *value);
static void add_value(struct trail *trail, const char *name, const struct frame_value *value);
static void add_json(struct trail *trail, const char *name, const struct buf *json);
static struct slice close_detail(struct trail *trail);
static int append(struct ledger *ledger, struct trail_row *row);
static int write_alone(struct ledger *ledger, struct errmsg *why);
static bool fits(struct slice text, size_t size);

void
trail_init(struct trail *trail)
{
    *trail = (struct trail){.is_due = false};
    buf_init(&trail->detail, DETAIL_SIZE);
}

void
trail_fini(struct trail *trail)
{
    buf_fini(&trail->detail);
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
    snprintf(trail->who, sizeof(trail->who), "%.*s", (int)who.len, who.ptr);
    trail->action = info->name;
    trail->target[0] = '\0';
    trail->is_due = true;
    trail->is_written = false;
    write_details(trail, args);
    return 0;
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
    static const char *const left_out[] = {"who",        "key",      "user",  "id",
                                           "request_id", "password", "token", "secret"};

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
    trail->is_written = rc == 0;
    return rc;
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
    int rc = store_trail_append(ledger->store, row);

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
    if (!fits(row.who, TRAIL_WHO_SIZE) || !fits(row.action, TRAIL_WHO_SIZE) ||
        !fits(row.target, TRAIL_TARGET_SIZE) || !fits(row.detail, DETAIL_SIZE)) {
        errmsg_set(why, "an entry of the audit trail is too long");
        return ERR_SYNTAX;
    }
    int rc = ledger_begin(ledger, why);
    return rc == 0 ? ledger_end(ledger, append(ledger, &row), why) : rc;
}

static bool
fits(struct slice text, size_t size)
{
    return text.len == 0 || (text.len < size && memchr(text.ptr, '\0', text.len) == NULL);
}
