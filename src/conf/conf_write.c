/* SPDX-License-Identifier: ISC
 *
 * conf_write - the configuration of `make run`, as YAML that conf_parse() reads like any other.
 */
#include <assert.h>
#include <stdlib.h>

#include "conf_url.h"
#include "directive.h"

#define PORT_MAX (UINT16_MAX - 1) /* the console has the next one */

struct provider {
    const char *name;
    const char *key_env;
    const char *url;
    const char *mock_path; /* below the mock's base URL */
    const char *protocols;
};

/* Anthropic and Google have an endpoint that speaks openai_chat, too, but it lacks much of what
 * their own protocols say: translation into these serves callers better. */
static const struct provider providers[] = {
    {"anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1", "/anthropic/v1",
     "anthropic_messages"},
    {"openai", "OPENAI_API_KEY", "https://api.openai.com/v1", "/openai/v1",
     "[openai_chat, openai_responses]"},
    {"gemini", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta",
     "/gemini/v1beta", "gemini"},
};

static const char head[] =
    "# RelayOS as `make run` starts it: everything below ./var, upstreams from the environment.\n"
    "# For a gateway of your own, begin with etc/relayos.yaml.\n"
    "environment: dev\n"
    "run_dir: ./var/run\n"
    "data_dir: ./var\n";

static const char models[] =
    "\n"
    "# Prices are the providers' list prices, in USD per million tokens.\n"
    "models:\n"
    "  claude-sonnet-4:\n"
    "    display_name: Claude Sonnet 4\n"
    "    owned_by: anthropic\n"
    "    created: 2025-05-14\n"
    "    context_tokens: 200000\n"
    "    max_output_tokens: 64000\n"
    "    price: {input: 3.00, output: 15.00, cache_read: 0.30, cache_write_5m: 3.75, "
    "cache_write_1h: 6.00, server_tool: 0.01}\n"
    "    routes:\n"
    "      - {upstream: anthropic, model: claude-sonnet-4-20250514}\n"
    "  gpt-4.1-mini:\n"
    "    display_name: GPT-4.1 mini\n"
    "    owned_by: openai\n"
    "    created: 2025-04-14\n"
    "    context_tokens: 1047576\n"
    "    max_output_tokens: 32768\n"
    "    price: {input: 0.40, output: 1.60, cache_read: 0.10, server_tool: 0.01}\n"
    "    routes:\n"
    "      - {upstream: openai}\n"
    "  gemini-2.5-pro:\n"
    "    display_name: Gemini 2.5 Pro\n"
    "    owned_by: google\n"
    "    created: 2025-06-17\n"
    "    context_tokens: 1048576\n"
    "    max_output_tokens: 65536\n"
    "    price: {input: 1.25, output: 10.00, cache_read: 0.125}\n"
    "    routes:\n"
    "      - {upstream: gemini}\n"
    "  text-embedding-3-small:\n"
    "    display_name: Text Embedding 3 small\n"
    "    owned_by: openai\n"
    "    created: 2024-01-25\n"
    "    context_tokens: 8192\n"
    "    price: {input: 0.02, output: 0}\n"
    "    routes:\n"
    "      - {upstream: openai}\n";

static const char *read_variable(conf_getenv *env, const char *name);
static int write_listeners(const char *port, struct buf *out, struct errmsg *why);

int
conf_write_default(conf_getenv *env, const char *mock_url, struct buf *out, bool *out_uses_mock,
                   struct errmsg *why)
{
    assert(mock_url != NULL);

    *out_uses_mock = false;
    buf_append_str(out, head);
    if (write_listeners(read_variable(env, "RELAYOS_PORT"), out, why) != 0)
        return ERR_CONFIG;
    buf_append_str(out, "\nupstreams:\n");
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        const struct provider *provider = &providers[i];
        bool is_mock = read_variable(env, provider->key_env)[0] == '\0';

        buf_printf(out, "  %s:\n", provider->name);
        if (is_mock)
            buf_printf(out,
                       "    # %s is not set: a bundled mock provider answers.\n"
                       "    url: %s%s\n"
                       "    auth: mock\n",
                       provider->key_env, mock_url, provider->mock_path);
        else
            buf_printf(out, "    url: %s\n    key_env: %s\n", provider->url, provider->key_env);
        buf_printf(out, "    protocols: %s\n", provider->protocols);
        *out_uses_mock |= is_mock;
    }
    buf_append_str(out, models);
    return 0;
}

static const char *
read_variable(conf_getenv *env, const char *name)
{
    const char *value = env == NULL ? getenv(name) : env(name);

    return value == NULL ? "" : value;
}

static int
write_listeners(const char *port, struct buf *out, struct errmsg *why)
{
    uint16_t number;

    if (port[0] == '\0')
        return 0;
    if (conf_url_parse_port(slice_str(port), &number) != 0 || number < 1 || number > PORT_MAX) {
        errmsg_set(why,
                   "RELAYOS_PORT must be a port of 1 to %d, not '%.64s': the console has the next "
                   "one",
                   PORT_MAX, port);
        return ERR_CONFIG;
    }
    buf_printf(out, "listen: \"127.0.0.1:%u\"\nconsole: {listen: \"127.0.0.1:%d\"}\n", number,
               number + 1);
    return 0;
}
