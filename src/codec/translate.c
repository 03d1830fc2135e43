/* SPDX-License-Identifier: ISC */
#include "relayos/codec/translate.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "dialect_parts.h"
#include "relayos/base/limits.h"
#include "translators.h"

/* Bytes of what a writer keeps: a whole answer, as large as one may be. */
#define MAX_ANSWER (32 * 1024 * 1024)

static bool is_dropped(const struct translate_dropped *dropped, struct slice name);
static int64_t created_s(struct uuid id);
static struct buf *buf_at(struct answer_writer *writer, size_t i);

static const struct translator translators[] = {
#define UPSTREAM_TRANSLATOR(name, its_protocol)                                                    \
    [its_protocol] = {                                                                             \
        .protocol = (its_protocol),                                                                \
        .write_request = name##_request_write,                                                     \
        .read_event = name##_answer_read_event,                                                    \
        .read_reply = name##_answer_read_reply,                                                    \
        .read_end = name##_answer_read_end,                                                        \
    },
#define TRANSLATOR(name, its_protocol)                                                             \
    [its_protocol] = {                                                                             \
        .protocol = (its_protocol),                                                                \
        .read_request = name##_request_read,                                                       \
        .write_request = name##_request_write,                                                     \
        .read_event = name##_answer_read_event,                                                    \
        .read_reply = name##_answer_read_reply,                                                    \
        .read_end = name##_answer_read_end,                                                        \
        .write_event = name##_answer_write,                                                        \
    },
#include "translators.def"
#undef TRANSLATOR
#undef UPSTREAM_TRANSLATOR
};
/* Where a writer's buffers stand in it. */
#define BUF(member) offsetof(struct answer_writer, member)
static const size_t writer_bufs[] = {BUF(items),    BUF(text),     BUF(tools),    BUF(scratch),
                                     BUF(counts),   BUF(lanes[0]), BUF(lanes[1]), BUF(lanes[2]),
                                     BUF(lanes[3]), BUF(logprobs)};
#undef BUF
static const size_t n_writer_bufs = sizeof(writer_bufs) / sizeof(writer_bufs[0]);
static const size_t n_translators = sizeof(translators) / sizeof(translators[0]);

const struct translator *
translator_of(enum protocol protocol)
{
    if ((size_t)protocol >= n_translators)
        return NULL;
    return translators[protocol].write_request == NULL ? NULL : &translators[protocol];
}

void
translate_drop(struct translate_dropped *dropped, const char *name)
{
    const size_t len = strlen(name);
    const size_t comma = dropped->len == 0 ? 0 : 2;

    if (len + comma > sizeof(dropped->names) - dropped->len || is_dropped(dropped, slice_str(name)))
        return;
    memcpy(dropped->names + dropped->len, ", ", comma);
    memcpy(dropped->names + dropped->len + comma, name, len);
    dropped->len += comma + len;
}

/* What it is called goes into a header: only if it is a word. */
void
translate_drop_tool(struct translate_dropped *dropped, const struct neutral_tool *tool)
{
    char name[96] = "tools";
    const size_t len = strlen(name);
    bool is_word = tool->name.len > 0 && tool->name.len < sizeof(name) - len - 1;

    for (size_t i = 0; i < tool->name.len && is_word; i++)
        is_word = isalnum((unsigned char)tool->name.ptr[i]) != 0 || tool->name.ptr[i] == '_';
    if (is_word)
        snprintf(name + len, sizeof(name) - len, ".%.*s", (int)tool->name.len, tool->name.ptr);
    translate_drop(dropped, name);
}

static bool
is_dropped(const struct translate_dropped *dropped, struct slice name)
{
    for (size_t i = 0; i + name.len <= dropped->len; i++) {
        const size_t end = i + name.len;

        if ((i == 0 || dropped->names[i - 1] == ' ') &&
            (end == dropped->len || dropped->names[end] == ',') &&
            memcmp(dropped->names + i, name.ptr, name.len) == 0)
            return true;
    }
    return false;
}

void
answer_reader_init(struct answer_reader *reader, enum protocol protocol)
{
    *reader = (struct answer_reader){.protocol = protocol, .open_index = -1};
    dialect_usage_clear(&reader->usage);
    buf_init(&reader->held, LIMIT_SSE_EVENT);
    buf_init(&reader->scratch, LIMIT_SSE_EVENT);
}

void
answer_reader_fini(struct answer_reader *reader)
{
    buf_fini(&reader->held);
    buf_fini(&reader->scratch);
}

void
answer_writer_init(struct answer_writer *writer, enum protocol protocol,
                   const struct reply_context *context)
{
    *writer = (struct answer_writer){.protocol = protocol, .context = *context};
    dialect_usage_clear(&writer->usage);
    writer->created_s = created_s(context->request_id);
    for (size_t i = 0; i < n_writer_bufs; i++)
        buf_init(buf_at(writer, i), MAX_ANSWER);
}

/* The instant that a request's id (a UUIDv7) begins with: the same wherever it is asked for. */
static int64_t
created_s(struct uuid id)
{
    int64_t ms = 0;

    for (size_t i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i];
    return ms / 1000;
}

static struct buf *
buf_at(struct answer_writer *writer, size_t i)
{
    return (struct buf *)((char *)writer + writer_bufs[i]);
}

void
answer_writer_fini(struct answer_writer *writer)
{
    for (size_t i = 0; i < n_writer_bufs; i++)
        buf_fini(buf_at(writer, i));
}
