/* SPDX-License-Identifier: ISC */
#include "admin_key.h"

#include "print.h"
#include "relayos/base/clock.h"
#include "value.h"

static const char *state_of(const struct frame_value *key);

int
admin_key_write_create(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int64_t expires_us;

    if (!args_has(args, "name")) {
        errmsg_set(why, "an admin key needs a --name: the audit trail tells by it what it did");
        return ERR_SYNTAX;
    }
    frame_cstr(out, "name", args_get(args, "name"));
    if (args_has(args, "role"))
        frame_cstr(out, "role", args_get(args, "role"));
    if (!args_has(args, "expires"))
        return 0;
    int rc = value_expiry(args_get(args, "expires"), clock_real_us(), &expires_us, why);
    if (rc == 0)
        frame_int(out, "expires_us", expires_us);
    return rc;
}

int
admin_key_write_revoke(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int64_t id;
    int rc = value_count(args->operands[0], &id, why);

    if (rc == 0)
        frame_int(out, "id", id);
    return rc;
}

void
admin_key_print_secret(const struct frame_value *result, const struct args *args, struct buf *out)
{
    struct slice secret = frame_get_str(result, "secret");

    buf_printf(out, "%.*s\n\nThis is the key. It is shown this once: copy it now.\n\n",
               (int)secret.len, secret.ptr);
    admin_key_print_one(result, args, out);
}

void
admin_key_print_one(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *key = frame_get(result, "admin_key");
    struct slice name = frame_get_str(key, "name"), display = frame_get_str(key, "display"),
                 role = frame_get_str(key, "role"), by = frame_get_str(key, "created_by");
    char expires[32];

    (void)args;
    print_time(frame_get_int(key, "expires_us", 0), expires);
    print_line(out, "name", "%.*s", (int)name.len, name.ptr);
    print_line(out, "id", "%lld", (long long)frame_get_int(key, "id", 0));
    print_line(out, "key", "%.*s", (int)display.len, display.ptr);
    print_line(out, "role", "%.*s", (int)role.len, role.ptr);
    print_line(out, "state", "%s", state_of(key));
    print_line(out, "expires", "%s", expires);
    print_line(out, "made by", "%.*s", (int)by.len, by.ptr);
}

void
admin_key_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *keys = frame_get(result, "admin_keys");
    struct print_table *table = print_table_new(">ID NAME KEY ROLE STATE CREATED EXPIRES BY");

    (void)args;
    for (size_t n = 0; n < frame_length(keys); n++) {
        const struct frame_value *key = frame_at(keys, n);

        print_cell(table, "%lld", (long long)frame_get_int(key, "id", 0));
        print_cell_text(table, frame_get_str(key, "name"));
        print_cell_text(table, frame_get_str(key, "display"));
        print_cell_text(table, frame_get_str(key, "role"));
        print_cell(table, "%s", state_of(key));
        print_cell_time(table, frame_get_int(key, "created_us", 0));
        print_cell_time(table, frame_get_int(key, "expires_us", 0));
        print_cell_text(table, frame_get_str(key, "created_by"));
    }
    print_table_end(&table, "There are no admin keys.", out);
    if (frame_get_int(result, "next", 0) != 0)
        buf_printf(out, "More: --after %lld\n", (long long)frame_get_int(result, "next", 0));
}

static const char *
state_of(const struct frame_value *key)
{
    int64_t expires_us = frame_get_int(key, "expires_us", 0);

    if (frame_get_int(key, "revoked_us", 0) != 0)
        return "revoked";
    return expires_us != 0 && expires_us <= clock_real_us() ? "expired" : "active";
}
