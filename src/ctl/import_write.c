/* SPDX-License-Identifier: ISC */
#include "import_write.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "import_provider.h"
#include "print.h"
#include "relayos/base/text.h"

#define COMMENT_WIDTH 96

static void write_head(const struct import_plan *plan, struct buf *out);
static void write_comment(const char *text, struct buf *out);
static void write_settings(const struct import_settings *settings, struct buf *out);
static void write_duration(const char *name, int64_t us, struct buf *out);
static void write_upstream(const struct import_upstream *upstream, const char *key_dir,
                           struct buf *out);
static void write_credential(const struct import_upstream *upstream, size_t n, const char *key_dir,
                             struct buf *out);
static void name_variable(const struct import_upstream *upstream, size_t n,
                          char out[IMPORT_WRITE_NAME_SIZE]);
static void write_model(const struct import_plan *plan, const struct import_model *model,
                        struct buf *out);
static void write_fallbacks(const struct import_model *model, struct buf *out);
static void write_route(const struct import_plan *plan, const struct import_model *model,
                        const struct import_route *route, struct buf *out);
static void write_price(const char *name, const struct import_price *price, struct buf *out);
static void write_prices(const int64_t nusd[], struct buf *out);
static bool is_same_price(const struct import_price *a, const struct import_price *b);
static void write_text(const char *text, struct buf *out);
static void describe_models(const struct import_key *key, char out[64]);
static void describe_quotas(const struct import_key *key, char out[96]);

void
import_write_yaml(const struct import_plan *plan, const char *key_dir, struct buf *out)
{
    write_head(plan, out);
    write_settings(&plan->settings, out);
    buf_append_str(out, "\nupstreams:\n");
    for (size_t n = 0; n < plan->n_upstreams; n++)
        write_upstream(&plan->upstreams[n], key_dir, out);
    buf_append_str(out, "\nmodels:\n");
    for (size_t n = 0; n < plan->n_models; n++)
        write_model(plan, &plan->models[n], out);
}

static void
write_head(const struct import_plan *plan, struct buf *out)
{
    buf_printf(out,
               "# relayos.yaml, made of what %s had by relayosctl import; see relayos-migrate(7).\n"
               "# Check it with relayosd -t. What is not said here is as relayos.yaml(5) has it.\n",
               plan->source);
    if (plan->n_notes > 0)
        buf_append_str(out, "#\n# Not carried over, or not as it was:\n");
    for (size_t n = 0; n < plan->n_notes; n++)
        write_comment(plan->notes[n], out);
}

/* "#  - text", wrapped. */
static void
write_comment(const char *text, struct buf *out)
{
    const char *begin = "#  - ";

    while (*text != '\0') {
        size_t len = strlen(text);

        if (len > COMMENT_WIDTH) {
            for (len = COMMENT_WIDTH; len > 0 && text[len] != ' '; len--)
                ;
            len = len == 0 ? strcspn(text, " ") : len;
        }
        buf_printf(out, "%s%.*s\n", begin, (int)len, text);
        text += len;
        text += strspn(text, " ");
        begin = "#    ";
    }
}

static void
write_settings(const struct import_settings *settings, struct buf *out)
{
    if (settings->attempts > 0)
        buf_printf(out, "\nfailover:\n  attempts: %" PRId64 "\n", settings->attempts);
    if (settings->breaker_failures > 0 || settings->open_time_us > 0)
        buf_append_str(out, "\nhealth:\n");
    if (settings->breaker_failures > 0)
        buf_printf(out, "  breaker_failures: %" PRId64 "\n", settings->breaker_failures);
    if (settings->open_time_us > 0)
        write_duration("open_time", settings->open_time_us, out);
    if (settings->open_time_us > INT64_C(300000000)) /* the longest is not shorter than the first */
        write_duration("open_time_max", settings->open_time_us, out);
    if (settings->total_timeout_us > 0) {
        buf_append_str(out, "\nupstream_defaults:\n");
        write_duration("total_timeout", settings->total_timeout_us, out);
    }
}

static void
write_duration(const char *name, int64_t us, struct buf *out)
{
    char text[32];

    text_duration_format(us, text);
    buf_printf(out, "  %s: %s\n", name, text);
}

/* ---- upstreams ---- */

static void
write_upstream(const struct import_upstream *upstream, const char *key_dir, struct buf *out)
{
    buf_append_str(out, "  ");
    write_text(upstream->name, out);
    buf_append_str(out, ":\n    url: ");
    write_text(upstream->url, out);
    buf_printf(out, "\n    protocols: %s\n", upstream->protocols);
    if (upstream->flavor[0] != '\0')
        buf_printf(out, "    flavor: %s\n", upstream->flavor);
    if (upstream->api_version != NULL) {
        buf_append_str(out, "    api_version: ");
        write_text(upstream->api_version, out);
        buf_append_byte(out, '\n');
    }
    if (import_provider_is_plain(upstream->url))
        buf_append_str(out, "    allow_plain: true\n");
    if (upstream->n_credentials == 0)
        buf_append_str(out, "    auth: none\n");
    if (upstream->n_credentials > 1)
        buf_append_str(out, "    keys:\n");
    for (size_t n = 0; n < upstream->n_credentials; n++)
        write_credential(upstream, n, key_dir, out);
}

static void
write_credential(const struct import_upstream *upstream, size_t n, const char *key_dir,
                 struct buf *out)
{
    const struct import_credential *credential = &upstream->credentials[n];
    bool is_one = upstream->n_credentials == 1;
    char file[IMPORT_WRITE_NAME_SIZE], variable[IMPORT_WRITE_NAME_SIZE];

    import_write_file_name(upstream, n, file);
    name_variable(upstream, n, variable);
    if (!is_one)
        buf_printf(out, "      - name: k%zu\n        ", n + 1);
    else
        buf_append_str(out, "    key_");
    if (credential->secret != NULL && key_dir != NULL) {
        buf_append_str(out, "file: ");
        write_text(key_dir, out);
        buf_printf(out, "/%s\n", file);
        return;
    }
    buf_append_str(out, "env: ");
    write_text(credential->secret == NULL ? credential->env : variable, out);
    if (credential->secret != NULL)
        buf_append_str(out, " # it stands in the source itself: set this, or see --key-dir");
    buf_append_byte(out, '\n');
}

void
import_write_file_name(const struct import_upstream *upstream, size_t n,
                       char out[IMPORT_WRITE_NAME_SIZE])
{
    if (upstream->n_credentials == 1)
        snprintf(out, IMPORT_WRITE_NAME_SIZE, "%s.key", upstream->name);
    else
        snprintf(out, IMPORT_WRITE_NAME_SIZE, "%s-%zu.key", upstream->name, n + 1);
}

/* Its name in the environment. */
static void
name_variable(const struct import_upstream *upstream, size_t n, char out[IMPORT_WRITE_NAME_SIZE])
{
    if (upstream->n_credentials == 1)
        snprintf(out, IMPORT_WRITE_NAME_SIZE, "%s_API_KEY", upstream->name);
    else
        snprintf(out, IMPORT_WRITE_NAME_SIZE, "%s_API_KEY_%zu", upstream->name, n + 1);
    for (char *at = out; *at != '\0'; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
    if (isdigit((unsigned char)out[0]))
        out[0] = '_';
}

/* ---- models ---- */

static void
write_model(const struct import_plan *plan, const struct import_model *model, struct buf *out)
{
    static const struct import_price none = {0};

    buf_append_str(out, "  ");
    write_text(model->name, out);
    buf_append_str(out, ":\n");
    if (model->context_tokens > 0)
        buf_printf(out, "    context_tokens: %" PRId64 "\n", model->context_tokens);
    if (model->max_output_tokens > 0)
        buf_printf(out, "    max_output_tokens: %" PRId64 "\n", model->max_output_tokens);
    if (!model->price.is_known)
        buf_append_str(out,
                       "    # No price is known: give it one, and take `disabled` away below.\n"
                       "    price: free\n");
    else if (is_same_price(&model->price, &none))
        buf_append_str(out, "    price: free\n");
    else
        write_price("    price", &model->price, out);
    if (plan->settings.policy != NULL)
        buf_printf(out, "    policy: %s\n", plan->settings.policy);
    write_fallbacks(model, out);
    buf_append_str(out, "    routes:\n");
    for (size_t n = 0; n < model->n_routes; n++)
        write_route(plan, model, &model->routes[n], out);
}

static void
write_fallbacks(const struct import_model *model, struct buf *out)
{
    static const char *const words[] = {"outage, overload", "context_overflow", "refusal"};
    bool is_first = true;

    if (model->n_fallbacks == 0)
        return;
    buf_append_str(out, "    fallback: [");
    for (size_t n = 0; n < model->n_fallbacks; n++) {
        buf_append_str(out, n == 0 ? "" : ", ");
        write_text(model->fallbacks[n], out);
    }
    buf_append_str(out, "]\n    fallback_on: [");
    for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++) {
        if ((model->fallback_on & (1u << n)) == 0)
            continue;
        buf_printf(out, "%s%s", is_first ? "" : ", ", words[n]);
        is_first = false;
    }
    buf_append_str(out, "]\n");
}

static void
write_route(const struct import_plan *plan, const struct import_model *model,
            const struct import_route *route, struct buf *out)
{
    buf_append_str(out, "      - upstream: ");
    write_text(plan->upstreams[route->upstream].name, out);
    buf_append_byte(out, '\n');
    if (strcmp(route->model, model->name) != 0) {
        buf_append_str(out, "        model: ");
        write_text(route->model, out);
        buf_append_byte(out, '\n');
    }
    if (route->order > 0)
        buf_printf(out, "        tier: %" PRId64 "\n", route->order);
    if (route->weight > 1)
        buf_printf(out, "        weight: %" PRId64 "\n", route->weight);
    if (route->max_concurrent > 0)
        buf_printf(out, "        max_concurrent: %" PRId64 "\n", route->max_concurrent);
    if (route->price.is_known && !is_same_price(&route->price, &model->price))
        write_price("        cost", &route->price, out);
    if (route->is_disabled)
        buf_append_str(out, "        disabled: true\n");
}

static void
write_price(const char *name, const struct import_price *price, struct buf *out)
{
    const int64_t nusd[] = {price->input, price->output, price->cache_read, price->cache_write,
                            price->request};
    /* A tier names what its price names. */
    const int64_t above[] = {price->above_input, price->above_output,
                             price->cache_read < 0 ? -1 : price->above_cache_read,
                             price->cache_write < 0 ? -1 : price->above_cache_write, -1};

    buf_printf(out, "%s: {", name);
    write_prices(nusd, out);
    if (price->above > 0) {
        buf_printf(out, ", tiers: [{above: %" PRId64 ", ", price->above);
        write_prices(above, out);
        buf_append_str(out, "}]");
    }
    buf_append_str(out, "}\n");
}

static void
write_prices(const int64_t nusd[], struct buf *out)
{
    static const char *const names[] = {"input", "output", "cache_read", "cache_write_5m",
                                        "request"};
    bool is_first = true;

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        char usd[32];

        if (nusd[n] < 0)
            continue;
        text_usd_format(nusd[n], usd);
        buf_printf(out, "%s%s: %s", is_first ? "" : ", ", names[n], usd + 1);
        is_first = false;
    }
}

static bool
is_same_price(const struct import_price *a, const struct import_price *b)
{
    return a->input == b->input && a->output == b->output && a->above == b->above &&
           a->above_input == b->above_input && a->above_output == b->above_output &&
           (a->cache_read > 0 ? a->cache_read : 0) == (b->cache_read > 0 ? b->cache_read : 0) &&
           (a->cache_write > 0 ? a->cache_write : 0) == (b->cache_write > 0 ? b->cache_write : 0) &&
           (a->request > 0 ? a->request : 0) == (b->request > 0 ? b->request : 0);
}

/* Plain where it can be nothing else, else in double quotes. */
static void
write_text(const char *text, struct buf *out)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off"};
    bool is_plain = isalpha((unsigned char)text[0]) || text[0] == '/';

    for (const char *at = text; *at != '\0'; at++) {
        bool is_colon = *at == ':' && at[1] != '\0' && at[1] != ' ';

        is_plain =
            is_plain && (isalnum((unsigned char)*at) || strchr("._-/@+", *at) != NULL || is_colon);
    }
    for (size_t n = 0; n < sizeof(words) / sizeof(words[0]); n++)
        is_plain = is_plain && strcasecmp(text, words[n]) != 0;
    if (is_plain) {
        buf_append_str(out, text);
        return;
    }
    buf_append_byte(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, iscntrl((unsigned char)*at) ? ' ' : *at);
    }
    buf_append_byte(out, '"');
}

/* ---- keys ---- */

void
import_write_keys(const struct import_plan *plan, struct buf *out)
{
    struct print_table *table = print_table_new("NAME OLD OWNER MODELS >QUOTA STATE");

    for (size_t n = 0; n < plan->n_keys; n++) {
        const struct import_key *key = &plan->keys[n];
        char models[64], quotas[96];

        describe_models(key, models);
        describe_quotas(key, quotas);
        print_cell_text(table, slice_str(key->name));
        print_cell(table, "%s%s", key->last4[0] == '\0' ? "" : "...", key->last4);
        print_cell_text(table, slice_str(key->owner));
        print_cell(table, "%s", models);
        print_cell(table, "%s", quotas);
        print_cell(table, "%s", key->is_disabled ? "disabled" : "active");
    }
    print_table_end(&table, "No keys.", out);
    for (size_t n = 0; n < plan->n_keys; n++) {
        if (plan->keys[n].notes[0] != '\0')
            buf_printf(out, "%s: %s\n", plan->keys[n].name, plan->keys[n].notes);
    }
}

static void
describe_models(const struct import_key *key, char out[64])
{
    if (key->has_all_models)
        snprintf(out, 64, "all");
    else if (key->n_models == 1)
        snprintf(out, 64, "%s", key->models[0]);
    else
        snprintf(out, 64, "%zu models", key->n_models);
}

static void
describe_quotas(const struct import_key *key, char out[96])
{
    char usd[32];

    snprintf(out, 96, "-");
    if (key->n_quotas == 0)
        return;
    text_usd_format(key->quotas[0].amount_nusd, usd);
    snprintf(out, 96, "%s/%s%s", usd, key->quotas[0].period, key->n_quotas > 1 ? " ..." : "");
}
