/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "relayos/policy/price.h"
#include "relayos/report/report_model.h"
#include "relayos/report/report_price.h"

static void write_model(const struct report *report, const struct model_record *model,
                        uint64_t epoch, struct frame_out *out);
static void write_route(const struct model_record *model, const struct route_record *route,
                        const struct upstream_record *upstream, struct frame_out *out);
static void write_changes(int64_t until_us, const struct price_change changes[LIMIT_PRICE_CHANGES],
                          struct frame_out *out);
static void write_price(const struct price *price, const char *name, struct frame_out *out);
static void write_buckets(const int64_t nusd[PRICE_N], struct frame_out *out);
static bool is_known(const struct price *price);

void
report_price_list(const struct report *report, const char *name, struct frame_out *out)
{
    report_model_each(report, name, write_model, out);
}

static void
write_model(const struct report *report, const struct model_record *model, uint64_t epoch,
            struct frame_out *out)
{
    struct upstream_record upstream;
    struct route_record route;

    frame_map(out, NULL);
    frame_cstr(out, "model", model->name);
    write_price(&model->price, "price", out);
    write_changes(model->price_until_us, model->price_changes, out);
    frame_array(out, "routes");
    for (uint32_t n = 0; n < model->n_routes; n++) {
        if (catalog_get_route(report->catalog, epoch, model, n, &route, &upstream) == 0)
            write_route(model, &route, &upstream, out);
    }
    frame_end(out);
    frame_end(out);
}

static void
write_route(const struct model_record *model, const struct route_record *route,
            const struct upstream_record *upstream, struct frame_out *out)
{
    char text[2 * LIMIT_MODEL_NAME + LIMIT_NAME];

    frame_map(out, NULL);
    snprintf(text, sizeof(text), "%08x", route->id);
    frame_cstr(out, "route_id", text);
    snprintf(text, sizeof(text), "%s/%s/%s", model->name, upstream->name, route->upstream_model);
    frame_cstr(out, "name", text);
    frame_cstr(out, "upstream", upstream->name);
    frame_cstr(out, "upstream_model", route->upstream_model);
    write_price(&route->cost, "cost", out);
    write_changes(route->cost_until_us, route->cost_changes, out);
    frame_end(out);
}

/* until_us: when the first takes its place; 0: there are none, and what stands there means nothing.
 */
static void
write_changes(int64_t until_us, const struct price_change changes[LIMIT_PRICE_CHANGES],
              struct frame_out *out)
{
    frame_array(out, "changes");
    for (int n = 0; until_us != 0 && n < LIMIT_PRICE_CHANGES && changes[n].from_us != 0; n++) {
        frame_map(out, NULL);
        frame_int(out, "from_us", changes[n].from_us);
        write_price(&changes[n].price, "price", out);
        frame_end(out);
    }
    frame_end(out);
}

static void
write_price(const struct price *price, const char *name, struct frame_out *out)
{
    static const char *const tiers[USAGE_N_TIERS] = {"standard", "flex", "batch", "priority"};

    frame_map(out, name);
    frame_cstr(out, "state", price->is_free != 0 ? "free" : is_known(price) ? "known" : "unknown");
    frame_int(out, "version", price->version);
    write_buckets(price->nusd, out);
    frame_array(out, "tiers");
    for (uint32_t n = 0; n < price->n_tiers && n < LIMIT_PRICE_TIERS; n++) {
        frame_map(out, NULL);
        frame_int(out, "above", price->tiers[n].above);
        write_buckets(price->tiers[n].nusd, out);
        frame_end(out);
    }
    frame_end(out);
    frame_map(out, "factors");
    for (int tier = USAGE_TIER_FLEX; tier < USAGE_N_TIERS; tier++)
        frame_int(out, tiers[tier], price_factor_permille(price, (enum usage_service_tier)tier));
    frame_end(out);
    frame_end(out);
}

static void
write_buckets(const int64_t nusd[PRICE_N], struct frame_out *out)
{
#define BUCKET(name, NAME, unit) frame_int(out, #name, nusd[USAGE_##NAME]);
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
    frame_int(out, "reasoning", nusd[PRICE_REASONING]);
}

/* A price of nothing at all that was not said to be free is none. */
static bool
is_known(const struct price *price)
{
    bool is_one = false;

    for (int i = 0; i < PRICE_N; i++)
        is_one = is_one || price->nusd[i] != 0;
    return is_one;
}
