/* SPDX-License-Identifier: ISC */
#include "import.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "import_apply.h"
#include "import_channels_db.h"
#include "import_litellm.h"
#include "import_write.h"
#include "import_yaml.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/secret.h"

#define FILE_MAX (64 * 1024 * 1024)
#define TEXT_MAX (16 * 1024 * 1024)

typedef int read_source(const struct args *args, struct import_plan *plan);

static int run(struct client *client, const struct args *args, const char *source,
               read_source *read);
static read_source read_litellm, read_new_api, read_one_api;
static int read_channels(const struct args *args, bool is_one_api, struct import_plan *plan);
static int load(const char *path, bool is_yaml, cJSON **out);
static int parse_csv(const char *path, cJSON **out, struct errmsg *why);
static int write_config(const struct args *args, const struct import_plan *plan);
static char *whole_key_dir(const struct args *args, int *rc);
static void show_keys(const struct import_plan *plan);
static bool has_secrets(const struct import_plan *plan);

int
import_run_litellm(struct client *client, const struct args *args)
{
    return run(client, args, "LiteLLM", read_litellm);
}

int
import_run_new_api(struct client *client, const struct args *args)
{
    return run(client, args, "new-api", read_new_api);
}

int
import_run_one_api(struct client *client, const struct args *args)
{
    return run(client, args, "one-api", read_one_api);
}

/* Whatever leaves a trace is named on the command line: --out a file, --key-dir those of
 * credentials, --apply keys and --mapping what they are. */
static int
run(struct client *client, const struct args *args, const char *source, read_source *read)
{
    const char *mapping = args_get(args, "mapping");
    bool applies = args_has(args, "apply");
    struct import_plan plan;

    if (applies && mapping == NULL)
        return client_fail(CTL_USAGE, "import: --apply needs --mapping, a file for the new keys");
    import_plan_init(&plan, source);
    int rc = read(args, &plan);
    if (rc == CTL_OK)
        import_plan_finish(&plan);
    if (rc == CTL_OK && (!applies || args_has(args, "out")))
        rc = write_config(args, &plan);
    if (rc == CTL_OK && applies)
        rc = import_apply_keys(client, &plan, mapping);
    else if (rc == CTL_OK && plan.n_keys > 0)
        show_keys(&plan);
    import_plan_fini(&plan);
    return rc;
}

/* ---- reading ---- */

static int
read_litellm(const struct args *args, struct import_plan *plan)
{
    static const char *const options[] = {"prices", "keys", "teams"};
    cJSON *config = NULL, *files[3] = {NULL, NULL, NULL};
    int rc = load(args->operands[0], true, &config);

    for (size_t n = 0; n < 3 && rc == CTL_OK; n++) {
        if (args_has(args, options[n]))
            rc = load(args_get(args, options[n]), false, &files[n]);
    }
    if (rc == CTL_OK)
        import_litellm_config(config, files[0], getenv, plan);
    if (rc == CTL_OK && files[1] != NULL)
        import_litellm_keys(files[1], files[2], clock_real_us(), plan);
    cJSON_Delete(config);
    for (size_t n = 0; n < 3; n++)
        cJSON_Delete(files[n]);
    return rc;
}

static int
read_new_api(const struct args *args, struct import_plan *plan)
{
    return read_channels(args, false, plan);
}

static int
read_one_api(const struct args *args, struct import_plan *plan)
{
    return read_channels(args, true, plan);
}

static int
read_channels(const struct args *args, bool is_one_api, struct import_plan *plan)
{
    cJSON *prices = NULL;
    struct errmsg why;

    if (args_has(args, "prices")) {
        int rc = load(args_get(args, "prices"), false, &prices);
        if (rc != CTL_OK)
            return rc;
    }
    int rc =
        import_channels_db_read(args->operands[0], is_one_api, prices, clock_real_us(), plan, &why);
    cJSON_Delete(prices);
    return rc == 0 ? CTL_OK : client_fail(CTL_REFUSED, "%s", why.text);
}

/* YAML, JSON, or CSV as a list of objects. */
static int
load(const char *path, bool is_yaml, cJSON **out)
{
    struct errmsg why;
    struct buf text;

    buf_init(&text, FILE_MAX);
    int rc = fdio_read_file(path, &text, &why);
    struct slice head = buf_slice(&text);
    while (head.len > 0 && strchr(" \t\r\n", head.ptr[0]) != NULL)
        head = slice_sub(head, 1, head.len);
    bool is_json = head.len > 0 && (head.ptr[0] == '{' || head.ptr[0] == '[');
    if (rc == 0 && is_yaml && (rc = import_yaml_parse(buf_slice(&text), out, &why)) != 0)
        errmsg_prefix(&why, "%s", path);
    if (rc == 0 && !is_yaml && is_json &&
        (*out = cJSON_ParseWithLength(head.ptr, head.len)) == NULL) {
        errmsg_set(&why, "%s: it is no JSON", path);
        rc = ERR_SYNTAX;
    }
    if (text.len > 0)
        secret_wipe(text.ptr, text.len);
    buf_fini(&text);
    if (rc == 0 && !is_yaml && !is_json)
        rc = parse_csv(path, out, &why);
    return rc == 0 ? CTL_OK : client_fail(CTL_REFUSED, "%s", why.text);
}

/* The header names the members. */
static int
parse_csv(const char *path, cJSON **out, struct errmsg *why)
{
    FILE *file = fopen(path, "re");
    cJSON *names = cJSON_CreateArray();
    struct csv csv;
    int rc;

    *out = cJSON_CreateArray();
    if (file == NULL) {
        cJSON_Delete(names);
        errmsg_set(why, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    csv_init(&csv, file);
    while ((rc = csv_next(&csv, why)) == 1) {
        bool is_header = cJSON_GetArraySize(names) == 0;
        cJSON *row = cJSON_CreateObject();

        for (size_t n = 0; n < csv.n_fields; n++) {
            struct slice field = slice_trim(csv_field(&csv, n));
            char *text = strndup(field.ptr == NULL ? "" : field.ptr, field.len);
            const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(names, (int)n));

            if (is_header)
                cJSON_AddItemToArray(names, cJSON_CreateString(text));
            else if (name != NULL)
                cJSON_AddStringToObject(row, name, text);
            free(text);
        }
        if (is_header)
            cJSON_Delete(row);
        else
            cJSON_AddItemToArray(*out, row);
    }
    csv_fini(&csv);
    (void)fclose(file);
    cJSON_Delete(names);
    if (rc < 0)
        errmsg_prefix(why, "%s", path);
    return rc;
}

/* ---- what comes of it ---- */

static int
write_config(const struct args *args, const struct import_plan *plan)
{
    const char *out = args_get(args, "out");
    int rc = CTL_OK;
    char *key_dir = whole_key_dir(args, &rc);
    struct buf text;

    if (rc != CTL_OK)
        return rc;
    buf_init(&text, TEXT_MAX);
    import_write_yaml(plan, key_dir, &text);
    if (text.overflow) {
        rc = client_fail(CTL_REFUSED, "import: it would be larger than %d MiB", TEXT_MAX >> 20);
    } else if (plan->n_models == 0) {
        (void)fwrite(text.ptr, 1, text.len, stderr);
        rc = client_fail(CTL_REFUSED, "import: no model could be carried over");
    } else if (out == NULL) {
        (void)fwrite(text.ptr, 1, text.len, stdout);
        (void)fflush(stdout);
        if (key_dir != NULL && has_secrets(plan))
            fprintf(stderr, "The files in %s are written together with --out.\n", key_dir);
    } else {
        rc = import_apply_file(out, buf_slice(&text), 0644);
        if (rc == CTL_OK && key_dir != NULL)
            rc = import_apply_credentials(plan, key_dir);
        if (rc == CTL_OK)
            fprintf(stderr,
                    "%s: %zu upstreams, %zu models; %zu things are not as they were, see "
                    "its first lines.\n",
                    out, plan->n_upstreams, plan->n_models, plan->n_notes);
    }
    buf_fini(&text);
    free(key_dir);
    return rc;
}

/* From the root on: relayosd may be started anywhere. NULL if there is none. */
static char *
whole_key_dir(const struct args *args, int *rc)
{
    const char *named = args_get(args, "key-dir");
    char *whole = named == NULL ? NULL : realpath(named, NULL);

    if (named != NULL && whole == NULL)
        *rc = client_fail(CTL_REFUSED,
                          "%s: %s; it must be there, and belong to the user that "
                          "relayosd runs as",
                          named, strerror(errno));
    return whole;
}

static bool
has_secrets(const struct import_plan *plan)
{
    for (size_t i = 0; i < plan->n_upstreams; i++) {
        for (size_t n = 0; n < plan->upstreams[i].n_credentials; n++) {
            if (plan->upstreams[i].credentials[n].secret != NULL)
                return true;
        }
    }
    return false;
}

static void
show_keys(const struct import_plan *plan)
{
    struct buf text;

    buf_init(&text, TEXT_MAX);
    buf_printf(&text, "\n%zu keys, none of which is made yet:\n\n", plan->n_keys);
    import_write_keys(plan, &text);
    buf_append_str(&text, "\nOnce the gateway runs with these models, --apply --mapping FILE makes "
                          "them, with new secrets.\n");
    (void)fwrite(text.ptr, 1, text.len, stderr);
    buf_fini(&text);
}
