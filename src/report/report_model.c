/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_model.h"

#include "relayos/base/clock.h"
#include "relayos/policy/price.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"

#define POOR_PERMILLE 950 /* of success: below, a model is degraded */

/* How the routes fare that are tried first of those that may be tried at all. */
struct standing {
    uint32_t n_routes, tier;
    int64_t first_token_us, n_first_token; /* sums, to be divided */
    int64_t success_permille;
    bool has_traffic;
};

static void write_name(const struct report *report, const struct model_record *model,
                       uint64_t epoch, struct frame_out *out);
static void write_model(const struct report *report, const struct model_record *model,
                        uint64_t epoch, struct frame_out *out);
static void write_prices(const struct model_record *model, struct frame_out *out);
static void write_standing(const struct report *report, const struct model_record *model,
                           uint64_t epoch, struct frame_out *out);
static void look(const struct report *report, const struct model_record *model, uint64_t epoch,
                 struct standing *out);
static void add_route(const struct report *report, const struct route_option *option,
                      struct standing *standing);
static bool passes(const struct report *report, const struct route_option *option,
                   const struct credential_record *credentials, int64_t now_us);

void
report_model_each(const struct report *report, const char *name, report_model_writer *write,
                  struct frame_out *out)
{
    struct model_record model;
    uint64_t epoch;

    frame_array(out, name);
    for (uint32_t n = 0; catalog_model_at(report->catalog, n, &model, &epoch) == 0; n++)
        write(report, &model, epoch, out);
    frame_end(out);
}

void
report_model_names(const struct report *report, const char *name, struct frame_out *out)
{
    report_model_each(report, name, write_name, out);
}

static void
write_name(const struct report *report, const struct model_record *model, uint64_t epoch,
           struct frame_out *out)
{
    (void)report;
    (void)epoch;
    frame_cstr(out, NULL, model->name);
}

void
report_model_list(const struct report *report, const char *name, struct frame_out *out)
{
    report_model_each(report, name, write_model, out);
}

static void
write_model(const struct report *report, const struct model_record *model, uint64_t epoch,
            struct frame_out *out)
{
    frame_map(out, NULL);
    frame_cstr(out, "name", model->name);
    frame_array(out, "protocols"); /* translated where the upstream speaks another */
    frame_cstr(out, NULL, "openai");
    frame_cstr(out, NULL, "responses");
    frame_cstr(out, NULL, "anthropic");
    frame_end(out);
    frame_int_known(out, "context_tokens", model->context_tokens);
    frame_int_known(out, "max_output_tokens", model->max_output_tokens);
    write_prices(model, out);
    write_standing(report, model, epoch, out);
    frame_end(out);
}

static void
write_prices(const struct model_record *model, struct frame_out *out)
{
    static const struct {
        const char *name;
        enum usage_bucket bucket;
    } columns[] = {{"input", USAGE_INPUT},
                   {"cache_read", USAGE_CACHE_READ},
                   {"cache_write", USAGE_CACHE_WRITE_5M},
                   {"output", USAGE_OUTPUT}};
    const struct price *price =
        model->price_until_us == 0 ? &model->price
                                   : price_at(&model->price, model->price_changes, clock_real_us());

    frame_map(out, "prices");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        if (price->is_free != 0)
            frame_int(out, columns[i].name, 0);
        else
            frame_int_known(out, columns[i].name, price->nusd[columns[i].bucket]);
    }
    frame_end(out);
}

static void
write_standing(const struct report *report, const struct model_record *model, uint64_t epoch,
               struct frame_out *out)
{
    struct standing standing;

    look(report, model, epoch, &standing);
    frame_cstr(out, "status",
               standing.n_routes == 0                      ? "down"
               : standing.success_permille < POOR_PERMILLE ? "degraded"
                                                           : "up");
    frame_int_known(out, "first_token_us",
                    standing.n_first_token == 0 ? 0
                                                : standing.first_token_us / standing.n_first_token);
    frame_int_if(out, "success_permille", standing.has_traffic, standing.success_permille);
}

static void
look(const struct report *report, const struct model_record *model, uint64_t epoch,
     struct standing *out)
{
    const struct route_option *options = catalog_options(report->catalog, epoch, model);
    const struct credential_record *credentials = catalog_credentials(report->catalog, epoch);
    int64_t now_us = clock_mono_us();

    *out = (struct standing){.success_permille = 1000};
    if (options == NULL || credentials == NULL)
        return;
    for (uint32_t n = 0; n < model->n_routes; n++) {
        struct route_option option = options[n];

        if (!catalog_is_whole(report->catalog, epoch))
            return; /* two reloads since: the next look will do */
        if (out->n_routes > 0 && option.tier != out->tier)
            return; /* by rising tier */
        if (passes(report, &option, credentials, now_us))
            add_route(report, &option, out);
    }
}

/* The worst of them is what a caller may meet. */
static void
add_route(const struct report *report, const struct route_option *option, struct standing *standing)
{
    struct health_view view;

    health_view(report->segment, option->health_row, clock_mono_us(), &view);
    standing->n_routes++;
    standing->tier = option->tier;
    standing->has_traffic = standing->has_traffic || view.successes + view.failures > 0;
    if (view.figures.success_permille < standing->success_permille)
        standing->success_permille = view.figures.success_permille;
    standing->first_token_us += view.figures.first_token_us;
    standing->n_first_token += view.figures.first_token_us > 0;
}

static bool
passes(const struct report *report, const struct route_option *option,
       const struct credential_record *credentials, int64_t now_us)
{
    int64_t until_us;
    uint16_t status;

    if (option->is_disabled != 0 ||
        health_admin(report->segment, option->health_row) != HEALTH_ENABLED ||
        health_gate(report->segment, option->health_row, now_us, &until_us) != HEALTH_PASSES)
        return false;
    for (uint32_t n = 0; n < option->n_credentials && n < LIMIT_CREDENTIALS; n++) {
        uint32_t row = credentials[option->first_credential + n].health_row;

        if (health_credential_passes(report->segment, row, now_us, &until_us, &status) &&
            !health_cools(report->segment, option->health_row, n, now_us, &until_us))
            return true;
    }
    return false;
}
