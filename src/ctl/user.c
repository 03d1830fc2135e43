/* SPDX-License-Identifier: ISC */
#include "user.h"

#include <stdio.h>
#include <string.h>

#include "option.h"
#include "password_entry.h"
#include "print.h"
#include "relayos/base/password.h"
#include "relayos/base/secret.h"

#define URL_SIZE 512

static int ask_hash(const char *name, char out[PASSWORD_HASH_SIZE]);
static int call_and_show(struct client *client, verb_print *print);
static int write_state(const struct args *args, bool is_disabled, struct frame_out *out);
static int ask_console(struct client *client, char out[URL_SIZE]);
static void print_link(const char *url, const struct frame_value *result);
static const char *state_of(const struct frame_value *user);

/* ---- those that need a password ---- */

/* Who signs in by an issuer has no password here. */
int
user_run_add(struct client *client, const struct args *args)
{
    static const char *const texts[] = {"role", "issuer", "subject"};
    char hash[PASSWORD_HASH_SIZE] = "";
    int rc = args_has(args, "issuer") ? CTL_OK : ask_hash(args->operands[0], hash);

    if (rc != CTL_OK)
        return rc;
    struct frame_out *out = client_begin(client, COMMAND_USER_CREATE);
    frame_cstr(out, "name", args->operands[0]);
    for (size_t n = 0; n < sizeof(texts) / sizeof(texts[0]); n++) {
        if (args_has(args, texts[n]))
            frame_cstr(out, texts[n], args_get(args, texts[n]));
    }
    if (hash[0] != '\0')
        frame_cstr(out, "password", hash);
    return call_and_show(client, user_print_one);
}

int
user_run_passwd(struct client *client, const struct args *args)
{
    char hash[PASSWORD_HASH_SIZE];
    int rc = ask_hash(args->operands[0], hash);

    if (rc != CTL_OK)
        return rc;
    struct frame_out *out = client_begin(client, COMMAND_USER_PASSWORD);
    frame_cstr(out, "user", args->operands[0]);
    frame_cstr(out, "password", hash);
    return call_and_show(client, user_print_one);
}

/* The password itself goes no further than here. */
static int
ask_hash(const char *name, char out[PASSWORD_HASH_SIZE])
{
    char password[PASSWORD_ENTRY_SIZE];
    struct errmsg why;
    int rc = password_entry_read(name, password, &why);

    if (rc == 0)
        rc = password_check(slice_str(password), &why);
    if (rc == 0 && password_hash(slice_str(password), out) != 0) {
        errmsg_set(&why, "there is no memory for hashing a password (64 MiB)");
        rc = ERR_FULL;
    }
    secret_wipe(password, sizeof(password));
    return rc == 0 ? CTL_OK : client_fail(CTL_USAGE, "%s", why.text);
}

static int
call_and_show(struct client *client, verb_print *print)
{
    static const struct args none;
    const struct frame_value *result = NULL;
    int rc = client_call(client, &result);
    struct buf out;

    if (rc != CTL_OK)
        return rc;
    buf_init(&out, 65536);
    if (client->is_json) {
        frame_to_json(result, 2, &out);
        buf_append_byte(&out, '\n');
    } else {
        print(result, &none, &out);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
    return CTL_OK;
}

/* ---- requests ---- */

int
user_write_list(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    int rc = option_write_count(args, "after", "after", out, why);

    return rc == 0 ? option_write_count(args, "limit", "limit", out, why) : rc;
}

int
user_write_role(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    frame_cstr(out, "user", args->operands[0]);
    frame_cstr(out, "role", args->operands[1]);
    return 0;
}

int
user_write_link(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    if (!args_has(args, "issuer") || !args_has(args, "subject")) {
        errmsg_set(why, "by whom, and as whom? Give --issuer and --subject");
        return ERR_SYNTAX;
    }
    frame_cstr(out, "user", args->operands[0]);
    frame_cstr(out, "issuer", args_get(args, "issuer"));
    frame_cstr(out, "subject", args_get(args, "subject"));
    return 0;
}

int
user_write_disable(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    return write_state(args, true, out);
}

int
user_write_enable(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)why;
    return write_state(args, false, out);
}

static int
write_state(const struct args *args, bool is_disabled, struct frame_out *out)
{
    frame_cstr(out, "user", args->operands[0]);
    frame_bool(out, "is_disabled", is_disabled);
    return 0;
}

/* ---- the setup link ---- */

int
user_run_setup_link(struct client *client, const struct args *args)
{
    const struct frame_value *result = NULL;
    char url[URL_SIZE];
    int rc = ask_console(client, url);

    (void)args;
    if (rc != CTL_OK)
        return rc;
    (void)client_begin(client, COMMAND_USER_SETUP_LINK);
    if ((rc = client_call(client, &result)) != CTL_OK)
        return rc;
    struct slice token = frame_get_str(result, "token");
    if (client->is_json)
        printf("{\"url\": \"%s/setup#%.*s\", \"token\": \"%.*s\", \"expires_us\": %lld}\n", url,
               (int)token.len, token.ptr, (int)token.len, token.ptr,
               (long long)frame_get_int(result, "expires_us", 0));
    else
        print_link(url, result);
    return CTL_OK;
}

static int
ask_console(struct client *client, char out[URL_SIZE])
{
    const struct frame_value *result = NULL;

    (void)client_begin(client, COMMAND_STATUS);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    struct slice url = frame_get_str(result, "console_url");
    snprintf(out, URL_SIZE, "%.*s", (int)url.len, url.len == 0 ? "" : url.ptr);
    return url.len > 0 ? CTL_OK
                       : client_fail(CTL_CONFLICT, "there is no console: the configuration has "
                                                   "console: off");
}

static void
print_link(const char *url, const struct frame_value *result)
{
    struct slice token = frame_get_str(result, "token");
    char until[32];

    print_time(frame_get_int(result, "expires_us", 0), until);
    printf("%s/setup#%.*s\n\nOpen it to make the first account. It is good once, until %s UTC; one "
           "that was made\nbefore is good no more.\n",
           url, (int)token.len, token.ptr, until);
}

/* ---- answers ---- */

void
user_print_list(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *users = frame_get(result, "users");
    struct print_table *table =
        print_table_new(">ID NAME ROLE STATE SIGNS-IN-BY CREATED LAST-SEEN");

    (void)args;
    for (size_t n = 0; n < frame_length(users); n++) {
        const struct frame_value *user = frame_at(users, n);
        struct slice issuer = frame_get_str(user, "issuer");

        print_cell(table, "%lld", (long long)frame_get_int(user, "id", 0));
        print_cell_text(table, frame_get_str(user, "name"));
        print_cell_text(table, frame_get_str(user, "role"));
        print_cell(table, "%s", state_of(user));
        print_cell_text(table, issuer.len > 0 ? issuer : SLICE_LIT("password"));
        print_cell_time(table, frame_get_int(user, "created_us", 0));
        print_cell_time(table, frame_get_int(user, "last_seen_us", 0));
    }
    print_table_end(&table,
                    "There are no accounts. Make one: relayosctl user add NAME --role admin", out);
    if (frame_get_int(result, "next", 0) != 0)
        buf_printf(out, "More: --after %lld\n", (long long)frame_get_int(result, "next", 0));
}

static const char *
state_of(const struct frame_value *user)
{
    return frame_get_bool(user, "is_disabled", false) ? "disabled" : "active";
}

void
user_print_one(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *user = frame_get(result, "user");
    struct slice name = frame_get_str(user, "name"), role = frame_get_str(user, "role"),
                 issuer = frame_get_str(user, "issuer"), subject = frame_get_str(user, "subject");
    char seen[32];

    (void)args;
    print_time(frame_get_int(user, "last_seen_us", 0), seen);
    print_line(out, "name", "%.*s", (int)name.len, name.ptr);
    print_line(out, "id", "%lld", (long long)frame_get_int(user, "id", 0));
    print_line(out, "role", "%.*s", (int)role.len, role.ptr);
    print_line(out, "state", "%s", state_of(user));
    print_line(out, "password", "%s",
               frame_get_bool(user, "has_password", false) ? "(set)" : "none");
    if (issuer.len > 0)
        print_line(out, "issuer", "%.*s as %.*s", (int)issuer.len, issuer.ptr, (int)subject.len,
                   subject.ptr);
    print_line(out, "last seen", "%s", seen);
}
