/* SPDX-License-Identifier: ISC */
#include "relayos/control/tool_settings.h"

void
tool_settings_write(const struct tool_settings *settings, struct buf *out)
{
    const char *url = settings->url, *key = settings->key.ptr;
    int len = (int)settings->key.len;

    buf_printf(
        out,
        "  curl\n"
        "    curl %s/v1/chat/completions -H \"Authorization: Bearer %.*s\" "
        "-H \"Content-Type: application/json\" "
        "-d '{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'\n\n",
        url, len, key, settings->model);
    buf_printf(out,
               "  Cursor (Settings > Models)\n"
               "    OpenAI API Key            %.*s\n"
               "    Override OpenAI Base URL  %s/v1\n"
               "    Add model                 %s\n\n",
               len, key, url, settings->model);
    buf_printf(out,
               "  Claude Code\n"
               "    export ANTHROPIC_BASE_URL=%s\n"
               "    export ANTHROPIC_AUTH_TOKEN=%.*s\n"
               "    export ANTHROPIC_MODEL=%s\n\n",
               url, len, key, settings->model);
    buf_printf(out,
               "  Codex\n"
               "    export RELAYOS_KEY=%.*s\n"
               "    # and in ~/.codex/config.toml:\n"
               "    model = \"%s\"\n"
               "    model_provider = \"relayos\"\n"
               "    [model_providers.relayos]\n"
               "    name = \"RelayOS\"\n"
               "    base_url = \"%s/v1\"\n"
               "    env_key = \"RELAYOS_KEY\"\n"
               "    wire_api = \"responses\"\n\n",
               len, key, settings->model, url);
    buf_printf(out,
               "  OpenAI SDK\n"
               "    export OPENAI_BASE_URL=%s/v1\n"
               "    export OPENAI_API_KEY=%.*s\n\n",
               url, len, key);
}
