/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/control/tool_settings.h"

Test(tool_settings, each_tool_gets_the_base_url_in_its_own_form)
{
    static const char *const lines[] = {
        "curl http://gw:1/v1/chat/completions -H \"Authorization: Bearer sk-x\"",
        "\"model\":\"m\"",
        "OpenAI API Key            sk-x\n",
        "Override OpenAI Base URL  http://gw:1/v1\n",
        "export ANTHROPIC_BASE_URL=http://gw:1\n", /* the bare host: Claude Code adds /v1 */
        "export ANTHROPIC_AUTH_TOKEN=sk-x\n",
        "export ANTHROPIC_MODEL=m\n",
        "model = \"m\"\n",
        "base_url = \"http://gw:1/v1\"\n",
        "    export RELAYOS_KEY=sk-x\n",
        "export OPENAI_BASE_URL=http://gw:1/v1\n",
        "export OPENAI_API_KEY=sk-x\n",
    };
    struct tool_settings settings = {
        .url = "http://gw:1",
        .key = SLICE_LIT("sk-x"),
        .model = "m",
    };
    struct buf out;

    buf_init(&out, 16384);
    tool_settings_write(&settings, &out);
    buf_append_byte(&out, '\0');
    for (size_t n = 0; n < sizeof(lines) / sizeof(lines[0]); n++)
        cr_expect_not_null(strstr(out.ptr, lines[n]), "%s", lines[n]);
    buf_fini(&out);
}
