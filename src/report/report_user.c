/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_user.h"

#include <stdio.h>

#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_user.h"

#define DEFAULT_PAGE 100
#define MAX_PAGE     500

static void write_text(const char *name, const char *text, struct frame_out *out);
static bool has_text(const char *name, struct slice text);
static int64_t page_size(int64_t limit);
static int end_page(int rc, uint64_t last, struct frame_out *out);

void
report_user_write(const struct user_record *user, const char *name, struct frame_out *out)
{
    frame_map(out, name);
    report_user_write_members(user, out);
    frame_end(out);
}

void
report_user_write_members(const struct user_record *user, struct frame_out *out)
{
    frame_int(out, "id", (int64_t)user->id);
    frame_cstr(out, "name", user->name);
    frame_cstr(out, "role", store_name(STORE_NAME_ROLE, (uint8_t)user->role));
    frame_bool(out, "is_disabled", user->is_disabled);
    frame_bool(out, "has_password", user->password[0] != '\0');
    write_text("issuer", user->issuer, out);
    write_text("subject", user->subject, out);
    frame_int(out, "created_us", user->created_us);
    frame_int(out, "updated_us", user->updated_us);
    frame_int_known(out, "last_seen_us", user->seen_us);
}

void
report_user_write_key(const struct admin_key_record *key, const char *name, struct frame_out *out)
{
    char display[32];

    snprintf(display, sizeof(display), "sk-admin-...%s", key->last4);
    frame_map(out, name);
    frame_int(out, "id", (int64_t)key->id);
    frame_cstr(out, "name", key->name);
    frame_cstr(out, "last4", key->last4);
    frame_cstr(out, "display", display);
    frame_cstr(out, "role", store_name(STORE_NAME_ROLE, (uint8_t)key->role));
    frame_int(out, "created_us", key->created_us);
    frame_int_known(out, "expires_us", key->expires_us);
    frame_int_known(out, "revoked_us", key->revoked_us);
    frame_cstr(out, "created_by", key->created_by);
    frame_end(out);
}

static void
write_text(const char *name, const char *text, struct frame_out *out)
{
    frame_cstr(out, name, text[0] == '\0' ? NULL : text);
}

int
report_user_list(struct store *store, const struct report_user_page *page, struct frame_out *out)
{
    struct user_record user;
    uint64_t after = page->after;
    int64_t n = page_size(page->limit);
    int rc = 0;

    frame_array(out, page->name);
    while (n > 0 && (rc = store_user_next(store, after, &user)) == 0) {
        after = user.id;
        if (!has_text(user.name, page->text))
            continue;
        report_user_write(&user, NULL, out);
        n--;
    }
    frame_end(out);
    return end_page(rc, after, out);
}

static bool
has_text(const char *name, struct slice text)
{
    char wanted[LIMIT_NAME];

    if (text.len >= sizeof(wanted))
        return false;
    memcpy(wanted, text.len == 0 ? "" : text.ptr, text.len);
    wanted[text.len] = '\0';
    return strcasestr(name, wanted) != NULL;
}

int
report_user_list_keys(struct store *store, const struct report_user_page *page,
                      struct frame_out *out)
{
    struct admin_key_record key;
    uint64_t after = page->after;
    int64_t n = page_size(page->limit);
    int rc = 0;

    frame_array(out, page->name);
    while (n > 0 && (rc = store_admin_key_next(store, after, &key)) == 0) {
        after = key.id;
        if (!has_text(key.name, page->text))
            continue;
        report_user_write_key(&key, NULL, out);
        n--;
    }
    frame_end(out);
    return end_page(rc, after, out);
}

static int64_t
page_size(int64_t limit)
{
    return limit < 1 ? DEFAULT_PAGE : limit > MAX_PAGE ? MAX_PAGE : limit;
}

static int
end_page(int rc, uint64_t last, struct frame_out *out)
{
    frame_int_if(out, "next", rc == 0, (int64_t)last);
    return rc == ERR_MISSING ? 0 : rc;
}
