/* SPDX-License-Identifier: ISC */
#include "key_trail.h"

#include "ledger.h"
#include "relayos/codec/json_out.h"
#include "relayos/store/store_name.h"

#define WAS_SIZE 8192

static bool names_quotas(const struct frame_value *args);
static void write_counts(const struct frame_value *args, const struct key_record *before,
                         struct json_out *out);
static void write_models(const struct key_record *before, struct json_out *out);
static void write_networks(const struct key_record *before, struct json_out *out);
static void write_quotas(const struct key_record *before, struct json_out *out);

void
key_trail_was(struct ledger *ledger, const struct frame_value *args,
              const struct key_record *before)
{
    struct json_out out;
    struct buf text;

    buf_init(&text, WAS_SIZE);
    json_out_init(&out, &text);
    json_out_object(&out, NULL);
    if (frame_get(args, "name") != NULL)
        json_out_str(&out, "name", before->name);
    if (frame_get(args, "owner") != NULL)
        json_out_str(&out, "owner", before->owner);
    if (frame_get(args, "tool") != NULL)
        json_out_str(&out, "tool", store_name(STORE_NAME_TOOL, before->tool));
    if (frame_get(args, "policy") != NULL)
        json_out_str(&out, "policy", store_name(STORE_NAME_POLICY, before->policy));
    if (frame_get(args, "strict") != NULL)
        json_out_bool(&out, "strict", (before->flags & KEY_STRICT) != 0);
    if (frame_get(args, "models") != NULL)
        write_models(before, &out);
    if (frame_get(args, "allow_from") != NULL)
        write_networks(before, &out);
    if (names_quotas(args))
        write_quotas(before, &out);
    write_counts(args, before, &out);
    json_out_end_object(&out);
    trail_add_json(ledger, "was", &text);
    buf_fini(&text);
}

static bool
names_quotas(const struct frame_value *args)
{
    static const char *const names[] = {"quotas", "no_quotas", "quota_nusd", "quota_tokens"};
    bool is_one = false;

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        is_one = is_one || frame_get(args, names[n]) != NULL;
    return is_one;
}

static void
write_counts(const struct frame_value *args, const struct key_record *before, struct json_out *out)
{
    const struct {
        const char *name;
        int64_t value;
    } counts[] = {
        {"requests_per_minute", before->requests_per_minute},
        {"tokens_per_minute", before->tokens_per_minute},
        {"max_concurrent", before->max_concurrent},
        {"expires_us", before->expires_us},
    };

    if (frame_get(args, "capture_us") != NULL)
        json_out_int(out, "capture_until_us", before->capture_until_us);

    for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
        if (frame_get(args, counts[n].name) != NULL)
            json_out_int(out, counts[n].name, counts[n].value);
    }
}

static void
write_models(const struct key_record *before, struct json_out *out)
{
    json_out_array(out, "models");
    for (uint32_t n = 0; n < before->n_models; n++)
        json_out_str(out, NULL, before->models[n]);
    json_out_end_array(out);
}

static void
write_networks(const struct key_record *before, struct json_out *out)
{
    json_out_array(out, "allow_from");
    for (uint8_t n = 0; n < before->n_networks; n++) {
        char text[ADDRESS_RANGE_SIZE];

        address_range_format(&before->networks[n], text);
        json_out_str(out, NULL, text);
    }
    json_out_end_array(out);
}

static void
write_quotas(const struct key_record *before, struct json_out *out)
{
    json_out_array(out, "quotas");
    for (uint8_t n = 0; n < before->n_limits; n++) {
        const struct key_limit *limit = &before->limits[n];

        json_out_object(out, NULL);
        json_out_str(out, "unit", store_name(STORE_NAME_UNIT, limit->unit));
        json_out_int(out, "amount", limit->amount);
        json_out_str(out, "period", store_name(STORE_NAME_PERIOD, limit->period));
        if (limit->model[0] != '\0')
            json_out_str(out, "model", limit->model);
        if (limit->is_shadow)
            json_out_bool(out, "shadow", true);
        json_out_end_object(out);
    }
    json_out_end_array(out);
}
