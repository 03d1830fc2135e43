/* SPDX-License-Identifier: ISC */
#include "quota_args.h"

#include <stdio.h>
#include <string.h>

#include "relayos/store/store_name.h"

#define MAX_AMOUNT INT64_C(1000000000000000000) /* 1,000,000,000 USD, as in relayos.yaml(5) */
#define NO_PERIOD  LIMIT_N_PERIODS
#define MAX_SAID                                                                                   \
    (2 * LIMIT_KEY_LIMITS) /* in one call: all that a key has gone, and as many new                \
                            */

/* What a call has said already. */
struct said {
    uint8_t n;
    struct key_limit limits[MAX_SAID];
};

static int read_all(const struct frame_value *args, bool keeps_zero, struct key_record *key,
                    struct errmsg *why);
static int read_short(const struct frame_value *args, struct key_limit *limit);
static int read_one(const struct frame_value *quota, struct key_limit *out, struct errmsg *why);
static int read_period(struct slice name, uint8_t *out, struct errmsg *why);
static int put(struct key_record *key, struct key_limit limit, bool keeps_zero, struct said *said,
               struct errmsg *why);
static int note_said(struct said *said, const struct key_limit *limit, struct errmsg *why);
static uint8_t period_meant(const struct key_record *key, const struct key_limit *limit);
static int move_all(struct key_record *key, uint8_t period, struct errmsg *why);
static bool is_same_kind(const struct key_limit *a, const struct key_limit *b);

int
quota_args_change(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    if (frame_get_bool(args, "no_quotas", false))
        key->n_limits = 0;
    return read_all(args, false, key, why);
}

int
quota_args_declare(const struct frame_value *args, struct key_record *key, struct errmsg *why)
{
    key->n_limits = 0;
    return read_all(args, true, key, why);
}

/* The list, and the short forms for one quota of each unit. */
static int
read_all(const struct frame_value *args, bool keeps_zero, struct key_record *key,
         struct errmsg *why)
{
    const struct frame_value *quotas = frame_get(args, "quotas");
    uint8_t period = NO_PERIOD;
    struct said said = {.n = 0};
    int rc = read_period(frame_get_str(args, "quota_period"), &period, why);

    for (uint8_t unit = LIMIT_UNIT_NUSD; rc == 0 && unit <= LIMIT_UNIT_TOKENS; unit++) {
        struct key_limit limit = {.unit = unit, .period = period};

        if (read_short(args, &limit) != 0)
            continue;
        rc = put(key, limit, keeps_zero, &said, why);
    }
    for (size_t i = 0; rc == 0 && i < frame_length(quotas); i++) {
        struct key_limit limit = {.period = period};

        if ((rc = read_one(frame_at(quotas, i), &limit, why)) == 0)
            rc = put(key, limit, keeps_zero, &said, why);
    }
    return rc == 0 && said.n == 0 && period != NO_PERIOD ? move_all(key, period, why) : rc;
}

static int
read_short(const struct frame_value *args, struct key_limit *limit)
{
    const struct frame_value *value =
        frame_get(args, limit->unit == LIMIT_UNIT_NUSD ? "quota_nusd" : "quota_tokens");

    if (value == NULL || frame_type(value) == FRAME_NIL)
        return ERR_MISSING;
    limit->amount = frame_type(value) == FRAME_INT ? frame_as_int(value) : -1;
    return 0;
}

static int
read_one(const struct frame_value *quota, struct key_limit *out, struct errmsg *why)
{
    struct slice unit = frame_get_str(quota, "unit"), model = frame_get_str(quota, "model");

    if (store_name_find(STORE_NAME_UNIT, unit, &out->unit) != 0 || out->unit > LIMIT_UNIT_TOKENS) {
        errmsg_set(why, "quotas: the unit is \"usd\" or \"tokens\"");
        return ERR_SYNTAX;
    }
    if (model.len >= sizeof(out->model)) {
        errmsg_set(why, "quotas: a model's name has at most %d bytes", LIMIT_MODEL_NAME - 1);
        return ERR_SYNTAX;
    }
    snprintf(out->model, sizeof(out->model), "%.*s", (int)model.len,
             model.len == 0 ? "" : model.ptr);
    out->amount = frame_get_int(quota, "amount", -1);
    out->is_shadow = frame_get_bool(quota, "shadow", false);
    return read_period(frame_get_str(quota, "period"), &out->period, why);
}

/* No name: as it is. */
static int
read_period(struct slice name, uint8_t *out, struct errmsg *why)
{
    if (name.len == 0 || store_name_find(STORE_NAME_PERIOD, name, out) == 0)
        return 0;
    errmsg_set(why, "quotas: the period is \"day\", \"week\", \"month\" or \"total\"");
    return ERR_SYNTAX;
}

static int
put(struct key_record *key, struct key_limit limit, bool keeps_zero, struct said *said,
    struct errmsg *why)
{
    uint8_t n = 0;
    int rc;

    if (limit.amount < 0 || limit.amount > MAX_AMOUNT) {
        errmsg_set(why, "quotas: an amount is a number from 0 to %lld", (long long)MAX_AMOUNT);
        return ERR_SYNTAX;
    }
    if (limit.amount == 0 && !keeps_zero && key->id == 0) { /* no limit is not what is meant */
        errmsg_set(why, "quotas: an amount of 0 takes a quota away, and a new key has none: give "
                        "it an amount, or disable it");
        return ERR_SYNTAX;
    }
    if (limit.period == NO_PERIOD)
        limit.period = period_meant(key, &limit);
    if ((rc = note_said(said, &limit, why)) != 0)
        return rc;
    for (uint8_t i = 0; i < key->n_limits; i++) {
        if (!is_same_kind(&key->limits[i], &limit))
            key->limits[n++] = key->limits[i];
    }
    if (limit.amount > 0 || keeps_zero) {
        if (n == LIMIT_KEY_LIMITS) {
            errmsg_set(why, "quotas: a key has at most %d", LIMIT_KEY_LIMITS);
            return ERR_SYNTAX;
        }
        key->limits[n++] = limit;
    }
    key->n_limits = n;
    return 0;
}

/* Of two for the same the second would win, and nobody be told. */
static int
note_said(struct said *said, const struct key_limit *limit, struct errmsg *why)
{
    for (uint8_t i = 0; i < said->n; i++) {
        if (!is_same_kind(&said->limits[i], limit))
            continue;
        errmsg_set(why, "quotas: two in %s by %s%s%s: give one, or another period or model",
                   store_name(STORE_NAME_UNIT, limit->unit),
                   store_name(STORE_NAME_PERIOD, limit->period),
                   limit->model[0] == '\0' ? "" : " for ", limit->model);
        return ERR_SYNTAX;
    }
    if (said->n == MAX_SAID) {
        errmsg_set(why, "quotas: at most %d at a time", MAX_SAID);
        return ERR_SYNTAX;
    }
    said->limits[said->n++] = *limit;
    return 0;
}

static uint8_t
period_meant(const struct key_record *key, const struct key_limit *limit)
{
    uint8_t n = 0, period = LIMIT_PERIOD_MONTH;

    for (uint8_t i = 0; i < key->n_limits; i++) {
        if (key->limits[i].unit != limit->unit || strcmp(key->limits[i].model, limit->model) != 0)
            continue;
        n++;
        period = key->limits[i].period;
    }
    return n == 1 ? period : LIMIT_PERIOD_MONTH;
}

/* A period and no quota: all that the key has are meant. */
static int
move_all(struct key_record *key, uint8_t period, struct errmsg *why)
{
    for (uint8_t i = 0; i < key->n_limits; i++)
        key->limits[i].period = period;
    for (uint8_t i = 0; i < key->n_limits; i++) {
        for (uint8_t j = 0; j < i; j++) {
            if (!is_same_kind(&key->limits[i], &key->limits[j]))
                continue;
            errmsg_set(why, "the key has several quotas: say which, as --quota 50usd/%s",
                       store_name(STORE_NAME_PERIOD, period));
            return ERR_SYNTAX;
        }
    }
    return 0;
}

static bool
is_same_kind(const struct key_limit *a, const struct key_limit *b)
{
    return a->unit == b->unit && a->period == b->period && strcmp(a->model, b->model) == 0;
}
