/* SPDX-License-Identifier: ISC */
#include "key_args.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "quota_args.h"
#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "relayos/model/capture.h"
#include "relayos/shm/catalog.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"

#define MAX_PER_MINUTE INT64_C(1000000000)

static int find_by_text(struct ledger *ledger, struct slice text, struct key_record *out);
static int apply_plain(const struct frame_value *args, struct key_record *key, struct errmsg *why);
static int apply_capture(const struct conf *conf, const struct frame_value *args,
                         struct key_record *key, struct errmsg *why);
static int apply_policy(struct slice name, uint8_t *out, struct errmsg *why);
static int apply_networks(const struct frame_value *args, struct key_record *key,
                          struct errmsg *why);
static int apply_text(const struct frame_value *args, const char *name, char out[LIMIT_NAME],
                      struct errmsg *why);
static int apply_count(const struct frame_value *args, const char *name, int64_t max, int64_t *out,
                       struct errmsg *why);
static int apply_models(const struct frame_value *args, struct key_record *key, struct errmsg *why);
static int check_models(struct ledger *ledger, const struct key_record *key, struct errmsg *why);
static const char *nearest_model(struct ledger *ledger, const char *name);
static int check_model(struct ledger *ledger, const char *arg, const char *name,
                       struct errmsg *why);

int
key_args_find(struct ledger *ledger, const struct frame_value *args, struct key_record *out,
              struct errmsg *why)
{
    const struct frame_value *value = frame_get(args, "key");
    char text[128];
    int rc = ERR_MISSING;

    if (ledger->store == NULL)
        return ERR_STORE;
    if (value == NULL || (frame_type(value) != FRAME_INT && frame_type(value) != FRAME_STR)) {
        errmsg_set(why, "which key? Give its id, its name or its last four characters");
        return ERR_SYNTAX;
    }
    if (frame_type(value) == FRAME_INT) {
        snprintf(text, sizeof(text), "%lld", (long long)frame_as_int(value));
        rc = store_key_get(ledger->store, (uint64_t)frame_as_int(value), out);
    } else {
        struct slice s = frame_as_str(value);
        snprintf(text, sizeof(text), "%.*s", (int)s.len, s.ptr);
        rc = find_by_text(ledger, s, out);
    }
    if (rc == ERR_MISSING)
        errmsg_set(why, "there is no key \"%s\"; `relayosctl key list` shows them all", text);
    if (rc == ERR_CONFLICT)
        errmsg_set(why, "several keys end in \"%s\"; say the id or the name", text);
    return rc;
}

static int
find_by_text(struct ledger *ledger, struct slice text, struct key_record *out)
{
    int64_t id;
    int rc = ERR_MISSING;

    if (text_int_parse(text, &id) == 0 && id > 0)
        rc = store_key_get(ledger->store, (uint64_t)id, out);
    if (rc == ERR_MISSING)
        rc = store_key_find_name(ledger->store, text, out);
    if (rc == ERR_MISSING && text.len == 4)
        rc = store_key_find_last4(ledger->store, text, out);
    return rc;
}

int
key_args_find_id(struct ledger *ledger, const struct frame_value *args, uint64_t *out,
                 struct errmsg *why)
{
    const struct frame_value *value = frame_get(args, "key");
    struct key_record key;

    *out = 0;
    if (ledger->store == NULL)
        return ERR_STORE;
    if (value == NULL || frame_type(value) == FRAME_NIL)
        return 0;
    int rc = key_args_find(ledger, args, &key, why);
    if (rc != 0)
        return rc;
    *out = key.id;
    store_key_fini(&key);
    return 0;
}

int
key_args_apply(struct ledger *ledger, const struct frame_value *args, struct key_record *key,
               struct errmsg *why)
{
    int rc = apply_plain(args, key, why);

    if (rc != 0 || (rc = quota_args_change(args, key, why)) != 0 ||
        (rc = apply_capture(ledger->heritage->conf, args, key, why)) != 0)
        return rc;
    for (uint8_t i = 0; i < key->n_limits && frame_get(args, "quotas") != NULL; i++) {
        if (key->limits[i].model[0] != '\0' &&
            (rc = check_model(ledger, "quotas", key->limits[i].model, why)) != 0)
            return rc;
    }
    if (frame_get(args, "models") == NULL)
        return 0;
    if ((rc = apply_models(args, key, why)) != 0)
        return rc;
    key->flags &= ~(uint32_t)KEY_ALL_MODELS;
    if (key->n_models == 0)
        key->flags |= KEY_ALL_MODELS;
    return check_models(ledger, key, why);
}

int
key_args_declare(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    int rc = apply_plain(args, key, why);

    if (rc != 0 || (rc = quota_args_declare(args, key, why)) != 0)
        return rc;
    key->flags = (uint32_t)frame_get_int(args, "flags", KEY_ALL_MODELS) &
                 (KEY_DISABLED | KEY_ALL_MODELS | KEY_STRICT);
    snprintf(key->last4, sizeof(key->last4), "%.*s", (int)frame_get_str(args, "last4").len,
             frame_get_str(args, "last4").len == 0 ? "" : frame_get_str(args, "last4").ptr);
    return apply_models(args, key, why);
}

static int
apply_plain(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    struct slice tool = frame_get_str(args, "tool"), policy = frame_get_str(args, "policy");
    int rc = 0;

    if ((rc = apply_text(args, "name", key->name, why)) != 0 ||
        (rc = apply_text(args, "owner", key->owner, why)) != 0 ||
        (rc = apply_count(args, "requests_per_minute", MAX_PER_MINUTE, &key->requests_per_minute,
                          why)) != 0 ||
        (rc = apply_count(args, "tokens_per_minute", LIMIT_TOKENS, &key->tokens_per_minute, why)) !=
            0 ||
        (rc = apply_count(args, "max_concurrent", MAX_PER_MINUTE, &key->max_concurrent, why)) !=
            0 ||
        (rc = apply_count(args, "expires_us", INT64_MAX, &key->expires_us, why)) != 0)
        return rc;
    if (frame_get_bool(args, "strict", (key->flags & KEY_STRICT) != 0))
        key->flags |= KEY_STRICT;
    else
        key->flags &= ~(uint32_t)KEY_STRICT;
    if (key->name[0] == '\0') {
        errmsg_set(why, "name: a key needs one");
        return ERR_SYNTAX;
    }
    if (tool.len > 0 && (rc = key_args_tool(tool, &key->tool, why)) != 0)
        return rc;
    if (policy.len > 0 && (rc = apply_policy(policy, &key->policy, why)) != 0)
        return rc;
    return apply_networks(args, key, why);
}

/* Never for good: who has forgotten it has ended it. */
static int
apply_capture(const struct conf *conf, const struct frame_value *args, struct key_record *key,
              struct errmsg *why)
{
    int64_t span_us = -1;
    int rc = apply_count(args, "capture_us", CAPTURE_MOST_US, &span_us, why);

    if (rc != 0 || span_us < 0)
        return rc;
    if (span_us > 0 && conf->capture_keep_us == 0) {
        errmsg_set(why,
                   "capture: capture.keep is 0 in the configuration: nothing is captured here");
        return ERR_CONFLICT;
    }
    key->capture_until_us = span_us == 0 ? 0 : clock_real_us() + span_us;
    return 0;
}

static int
apply_networks(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    const struct frame_value *networks = frame_get(args, "allow_from");
    size_t n = frame_length(networks);

    if (networks == NULL || frame_type(networks) == FRAME_NIL)
        return 0;
    if (frame_type(networks) != FRAME_ARRAY || n > LIMIT_KEY_NETWORKS) {
        errmsg_set(why, "allow_from: at most %d networks", LIMIT_KEY_NETWORKS);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < n; i++) {
        struct slice text = frame_as_str(frame_at(networks, i));

        if (address_range_parse(text, &key->networks[i]) == 0)
            continue;
        errmsg_set(why,
                   "allow_from: \"%.*s\" is neither an address nor a network such as 10.0.0.0/8, "
                   "without bits behind its prefix",
                   (int)(text.len < 64 ? text.len : 64), text.len == 0 ? "" : text.ptr);
        return ERR_SYNTAX;
    }
    key->n_networks = (uint8_t)n;
    return 0;
}

static int
apply_policy(struct slice name, uint8_t *out, struct errmsg *why)
{
    if (store_name_find(STORE_NAME_POLICY, name, out) == 0)
        return 0;
    errmsg_set(why,
               "policy \"%.*s\" is none of balanced, fastest, cheapest, ordered, weighted, nor "
               "model, which is to follow each model's own",
               (int)(name.len < 64 ? name.len : 64), name.ptr);
    return ERR_SYNTAX;
}

int
key_args_tool(struct slice name, uint8_t *out, struct errmsg *why)
{
    if (store_name_find(STORE_NAME_TOOL, name, out) == 0)
        return 0;
    errmsg_set(why,
               "tool \"%.*s\" is none of cursor, claude-code, codex, script, agent, server, other",
               (int)(name.len < 64 ? name.len : 64), name.ptr);
    return ERR_SYNTAX;
}

static int
apply_text(const struct frame_value *args, const char *name, char out[LIMIT_NAME],
           struct errmsg *why)
{
    const struct frame_value *value = frame_get(args, name);
    struct slice text = frame_get_str(args, name);

    if (value == NULL || frame_type(value) == FRAME_NIL)
        return 0;
    if (frame_type(value) != FRAME_STR || text.len >= LIMIT_NAME) {
        errmsg_set(why, "%s: a text of at most %d bytes", name, LIMIT_NAME - 1);
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == '\x7f') {
            errmsg_set(why, "%s: no control characters, please", name);
            return ERR_SYNTAX;
        }
    }
    snprintf(out, LIMIT_NAME, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
    return 0;
}

static int
apply_count(const struct frame_value *args, const char *name, int64_t max, int64_t *out,
            struct errmsg *why)
{
    const struct frame_value *value = frame_get(args, name);

    if (value == NULL || frame_type(value) == FRAME_NIL)
        return 0;
    if (frame_type(value) != FRAME_INT || frame_as_int(value) < 0 || frame_as_int(value) > max) {
        errmsg_set(why, "%s: a number from 0 to %lld", name, (long long)max);
        return ERR_SYNTAX;
    }
    *out = frame_as_int(value);
    return 0;
}

static int
apply_models(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    const struct frame_value *models = frame_get(args, "models");
    size_t n = frame_length(models);

    store_key_fini(key);
    if (n > LIMIT_MODELS) {
        errmsg_set(why, "models: at most %d", LIMIT_MODELS);
        return ERR_SYNTAX;
    }
    key->models = n == 0 ? NULL : mem_array(NULL, n, sizeof(*key->models));
    for (size_t i = 0; i < n; i++) {
        struct slice name = frame_as_str(frame_at(models, i));

        if (name.len == 0 || name.len >= LIMIT_MODEL_NAME) {
            errmsg_set(why, "models: names of 1 to %d bytes", LIMIT_MODEL_NAME - 1);
            return ERR_SYNTAX;
        }
        snprintf(key->models[i], LIMIT_MODEL_NAME, "%.*s", (int)name.len, name.ptr);
        key->n_models++;
    }
    return 0;
}

static int
check_models(struct ledger *ledger, const struct key_record *key, struct errmsg *why)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < key->n_models; i++)
        rc = check_model(ledger, "models", key->models[i], why);
    return rc;
}

static int
check_model(struct ledger *ledger, const char *arg, const char *name, struct errmsg *why)
{
    uint32_t id;

    if (catalog_model_id(ledger->catalog, slice_str(name), &id) == 0)
        return 0;
    const char *nearest = nearest_model(ledger, name);
    if (nearest != NULL)
        errmsg_set(why, "%s: there is no model %s; did you mean %s?", arg, name, nearest);
    else
        errmsg_set(why, "%s: there is no model %s in the config", arg, name);
    return ERR_SYNTAX; /* what is not there is an argument's, not what the command is about */
}

static const char *
nearest_model(struct ledger *ledger, const char *name)
{
    const char *names[LIMIT_MODELS];
    size_t n = 0;

    while (n < LIMIT_MODELS && catalog_model_name(ledger->catalog, (uint32_t)n)[0] != '\0') {
        names[n] = catalog_model_name(ledger->catalog, (uint32_t)n);
        n++;
    }
    return text_nearest(slice_str(name), names, n);
}
