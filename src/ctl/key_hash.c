/* SPDX-License-Identifier: ISC */
#include "key_hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "relayos/base/hash.h"
#include "relayos/base/text.h"
#include "relayos/policy/key_secret.h"

/* Where the pepper lies and what keys are called there. */
struct place {
    char data_dir[CONF_PATH_SIZE];
    char environment[16];
};

static int find_place(struct client *client, const struct args *args, struct place *out);
static int ask_place(struct client *client, struct place *out);
static int read_key(char out[KEY_SECRET_MAX]);
static int read_pepper(const struct place *place, struct hash_hmac **out);
static void print_declared(const struct client *client, const struct args *args, struct slice key,
                           const char digest[2 * KEY_DIGEST_SIZE + 1]);

int
key_hash_run(struct client *client, const struct args *args)
{
    char key[KEY_SECRET_MAX] = "", hex[2 * KEY_DIGEST_SIZE + 1] = "";
    uint8_t digest[KEY_DIGEST_SIZE];
    struct hash_hmac *pepper = NULL;
    struct place place;
    int rc = find_place(client, args, &place);

    if (rc == CTL_OK)
        rc = read_pepper(&place, &pepper);
    if (rc == CTL_OK && args_has(args, "new"))
        key_secret_make(place.environment, key);
    else if (rc == CTL_OK)
        rc = read_key(key);
    if (rc == CTL_OK) {
        key_secret_digest(pepper, slice_str(key), digest);
        text_hex(digest, sizeof(digest), hex);
        print_declared(client, args, slice_str(key), hex);
    }
    hash_hmac_free(&pepper);
    secret_wipe(key, sizeof(key));
    return rc;
}

/* --data-dir, else what -c says, else what the running relayosd says. */
static int
find_place(struct client *client, const struct args *args, struct place *out)
{
    const char *data_dir = args_get(args, "data-dir");

    *out = (struct place){.environment = "prod"};
    if (client->config_file != NULL) {
        struct conf *conf = config_read_places(client->config_file);
        if (conf == NULL)
            return CTL_USAGE;
        snprintf(out->data_dir, sizeof(out->data_dir), "%s", conf->data_dir);
        snprintf(out->environment, sizeof(out->environment), "%s", conf->environment);
        conf_free(&conf);
    } else if (data_dir == NULL) {
        int rc = ask_place(client, out);
        if (rc != CTL_OK)
            return rc;
    }
    if (data_dir != NULL)
        snprintf(out->data_dir, sizeof(out->data_dir), "%s", data_dir);
    return CTL_OK;
}

static int
ask_place(struct client *client, struct place *out)
{
    const struct frame_value *result = NULL;

    (void)client_begin(client, COMMAND_STATUS);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    struct slice data_dir = frame_get_str(result, "data_dir");
    struct slice environment = frame_get_str(result, "environment");
    snprintf(out->data_dir, sizeof(out->data_dir), "%.*s", (int)data_dir.len, data_dir.ptr);
    snprintf(out->environment, sizeof(out->environment), "%.*s", (int)environment.len,
             environment.ptr);
    return CTL_OK;
}

static int
read_pepper(const struct place *place, struct hash_hmac **out)
{
    char path[CONF_PATH_SIZE + 16];
    struct secret *pepper = NULL;
    struct errmsg why;

    snprintf(path, sizeof(path), "%s/pepper", place->data_dir);
    if (secret_read_file(path, &pepper, &why) != 0)
        return client_fail(CTL_REFUSED, "%s; relayosd makes it at its first start", why.text);
    *out = hash_hmac_new(pepper);
    secret_free(&pepper);
    return CTL_OK;
}

/* From stdin alone: what stands in argv is read by everyone on the machine. */
static int
read_key(char out[KEY_SECRET_MAX])
{
    size_t len = 0;

    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Paste the key and press Enter: ");
    while (len < KEY_SECRET_MAX - 1) {
        ssize_t n = read(STDIN_FILENO, out + len, KEY_SECRET_MAX - 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
        if (memchr(out, '\n', len) != NULL)
            break;
    }
    out[len] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    if (key_secret_is_wellformed(slice_str(out)))
        return CTL_OK;
    return client_fail(CTL_USAGE, "that is not a whole RelayOS key (sk-..., with its checksum); "
                                  "--new makes one");
}

static void
print_declared(const struct client *client, const struct args *args, struct slice key,
               const char digest[2 * KEY_DIGEST_SIZE + 1])
{
    const char *name = args_get(args, "name"), *owner = args_get(args, "owner");
    const char *last4 = key.ptr + key.len - 4;
    bool is_new = args_has(args, "new");

    if (client->is_json) {
        printf("{\"digest\": \"%s\", \"last4\": \"%s\"", digest, last4);
        if (is_new)
            printf(", \"secret\": \"%.*s\"", (int)key.len, key.ptr);
        printf("}\n");
        return;
    }
    if (is_new)
        printf("%.*s\n\nThis is the key. It is shown this once: copy it now. In keys_file, below "
               "\"keys:\":\n\n",
               (int)key.len, key.ptr);
    printf("  - {name: %s, owner: %s, last4: \"%s\", digest: %s}\n", name == NULL ? "NAME" : name,
           owner == NULL ? "OWNER" : owner, last4, digest);
}
