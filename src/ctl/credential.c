/* SPDX-License-Identifier: ISC */
#include "credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/buf.h"
#include "relayos/base/limits.h"
#include "relayos/base/secret.h"
#include "relayos/conf/conf_sealed.h"

static int read_master(const struct args *args, struct secret **out);
static int read_key(struct secret **out);
static size_t read_line(char *out, size_t size);

int
credential_run_seal(struct client *client, const struct args *args)
{
    const char *name = args_get(args, "name");
    const struct conf_sealed_place place = {args->operands[0], args_get(args, "url"),
                                            name == NULL ? "" : name};
    struct secret *master = NULL, *key = NULL;
    struct errmsg why;
    struct buf text;

    if (place.url == NULL)
        return client_fail(CTL_USAGE, "credential seal: needs --url, as the upstream has it");
    int rc = read_master(args, &master);
    if (rc == CTL_OK)
        rc = read_key(&key);
    buf_init(&text, SEALED_TEXT_SIZE);
    if (rc == CTL_OK && conf_sealed_make(&place, master, secret_expose(key), &text, &why) != 0)
        rc = client_fail(CTL_REFUSED, "%s", why.text);
    if (rc == CTL_OK && client->is_json)
        printf("{\"sealed\": \"%.*s\"}\n", (int)text.len, text.ptr);
    else if (rc == CTL_OK)
        printf("%s: %.*s\n", name == NULL ? "key_sealed" : "sealed", (int)text.len, text.ptr);
    buf_fini(&text);
    secret_free(&key);
    secret_free(&master);
    return rc;
}

static int
read_master(const struct args *args, struct secret **out)
{
    const char *file = args_get(args, "master-key-file"), *value = getenv(CONF_SEALED_MASTER_ENV);
    struct errmsg why;

    if (file == NULL && value != NULL && strlen(value) <= SECRET_MAX_SIZE) {
        *out = secret_new(value, strlen(value));
        return CTL_OK;
    }
    if (file == NULL)
        return client_fail(CTL_USAGE,
                           "credential seal: needs --master-key-file, or the variable "
                           "%s; openssl rand -base64 32 makes one",
                           CONF_SEALED_MASTER_ENV);
    if (secret_read_file(file, out, &why) != 0)
        return client_fail(CTL_REFUSED, "%s", why.text);
    return CTL_OK;
}

static int
read_key(struct secret **out)
{
    char key[LIMIT_CREDENTIAL] = "";

    if (isatty(STDIN_FILENO))
        fprintf(stderr, "Paste the provider's key and press Enter: ");
    size_t len = read_line(key, sizeof(key));
    if (len > 0 && len < sizeof(key))
        *out = secret_new(key, len);
    secret_wipe(key, sizeof(key));
    if (*out != NULL)
        return CTL_OK;
    return client_fail(CTL_USAGE, "stdin has no key of 1 to %d characters", LIMIT_CREDENTIAL - 1);
}

/* Its length; size: it is longer. */
static size_t
read_line(char *out, size_t size)
{
    size_t len = 0;

    while (len < size && memchr(out, '\n', len) == NULL) {
        ssize_t n = read(STDIN_FILENO, out + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    const char *end = memchr(out, '\n', len);
    if (end != NULL)
        len = (size_t)(end - out);
    return len > 0 && out[len - 1] == '\r' ? len - 1 : len;
}
