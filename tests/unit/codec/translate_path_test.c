/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/translate.h"

static struct buf
path(enum operation operation, enum protocol upstream, const char *model, bool is_stream)
{
    struct buf out;

    buf_init(&out, 4096);
    translate_path(operation, upstream, slice_str(model), is_stream, &out);
    return out;
}

struct row {
    enum operation operation;
    enum protocol upstream;
    const char *model;
    bool is_stream;
    const char *path;
};

Test(translate_path, is_what_the_upstream_calls_it)
{
    static const struct row rows[] = {
        {OPERATION_MESSAGE, PROTOCOL_OPENAI_CHAT, "m", true, "/chat/completions"},
        {OPERATION_CHAT, PROTOCOL_OPENAI_RESPONSES, "m", true, "/responses"},
        {OPERATION_CHAT, PROTOCOL_ANTHROPIC_MESSAGES, "m", true, "/messages"},
        {OPERATION_COUNT_TOKENS, PROTOCOL_ANTHROPIC_MESSAGES, "m", false, "/messages/count_tokens"},
        {OPERATION_CHAT, PROTOCOL_GEMINI, "gemini-2.5-pro", false,
         "/models/gemini-2.5-pro:generateContent"},
        {OPERATION_CHAT, PROTOCOL_GEMINI, "gemini-2.5-pro", true,
         "/models/gemini-2.5-pro:streamGenerateContent?alt=sse"},
        {OPERATION_COUNT_TOKENS, PROTOCOL_GEMINI, "g", false, "/models/g:countTokens"},
        {OPERATION_COUNT_TOKENS, PROTOCOL_OPENAI_RESPONSES, "m", false, "/responses/input_tokens"},
        {OPERATION_INPUT_TOKENS, PROTOCOL_OPENAI_RESPONSES, "m", false, "/responses/input_tokens"},
        {OPERATION_INPUT_TOKENS, PROTOCOL_ANTHROPIC_MESSAGES, "m", false, "/messages/count_tokens"},
        {OPERATION_INPUT_TOKENS, PROTOCOL_GEMINI, "g", false, "/models/g:countTokens"},
        {OPERATION_CHAT, PROTOCOL_GEMINI, "tunedModels/a", false, "/tunedModels/a:generateContent"},
        {OPERATION_CHAT, PROTOCOL_GEMINI, "a?b c\r\n#:", false,
         "/models/a%3Fb%20c%0D%0A%23%3A:generateContent"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf got =
            path(rows[i].operation, rows[i].upstream, rows[i].model, rows[i].is_stream);

        cr_expect(slice_eq_str(buf_slice(&got), rows[i].path), "row %zu: %.*s", i, (int)got.len,
                  got.ptr);
        buf_fini(&got);
    }
}
