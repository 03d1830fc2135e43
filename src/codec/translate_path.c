/* SPDX-License-Identifier: ISC */
#include <assert.h>

#include "relayos/codec/translate.h"

static void append_model(struct slice model, struct buf *out);

void
translate_path(enum operation operation, enum protocol upstream, struct slice model, bool is_stream,
               struct buf *out)
{
    const bool is_count = dialect_operation_counts(operation);

    switch (upstream) {
    case PROTOCOL_OPENAI_CHAT:
        buf_append_str(out, dialect_operation_path(OPERATION_CHAT));
        return;
    case PROTOCOL_OPENAI_RESPONSES:
        buf_append_str(
            out, dialect_operation_path(is_count ? OPERATION_INPUT_TOKENS : OPERATION_RESPONSE));
        return;
    case PROTOCOL_ANTHROPIC_MESSAGES:
        buf_append_str(
            out, dialect_operation_path(is_count ? OPERATION_COUNT_TOKENS : OPERATION_MESSAGE));
        return;
    case PROTOCOL_GEMINI:
        append_model(model, out);
        buf_append_str(out, is_count                           ? ":countTokens"
                            : operation == OPERATION_EMBEDDING ? ":batchEmbedContents"
                            : is_stream                        ? ":streamGenerateContent?alt=sse"
                                                               : ":generateContent");
        return;
    }
    assert(!"a protocol");
}

/* "/models/gemini-2.5-pro"; a name with a slash says itself what it is of ("tunedModels/x"). */
static void
append_model(struct slice model, struct buf *out)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~/@";
    const bool is_path = model.len > 0 && memchr(model.ptr, '/', model.len) != NULL;

    buf_append_str(out, is_path ? "/" : "/models/");
    for (size_t i = 0; i < model.len; i++) {
        if (memchr(plain, model.ptr[i], sizeof(plain) - 1) != NULL)
            buf_append_byte(out, model.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned)(uint8_t)model.ptr[i]);
    }
}
