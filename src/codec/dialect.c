/* SPDX-License-Identifier: ISC */
#include "relayos/codec/dialect.h"

#include <assert.h>

#include "dialect_parts.h"

static const struct dialect *const dialects[] = {
#define DIALECT(name) &name##_dialect,
#include "dialects.def"
#undef DIALECT
};

struct operation_row {
    enum protocol protocol;
    const char *path;
};

static const struct operation_row operations[] = {
#define OPERATION(NAME, protocol, path, kind) {protocol, path},
    DIALECT_OPERATIONS(OPERATION)
#undef OPERATION
};

static const size_t n_dialects = sizeof(dialects) / sizeof(dialects[0]);

static const struct operation_row *row_of(enum operation operation);

const struct dialect *
dialect_of(enum protocol protocol)
{
    assert((size_t)protocol < n_dialects);
    assert(dialects[protocol]->protocol == protocol);

    return dialects[protocol];
}

enum protocol
dialect_operation_protocol(enum operation operation)
{
    return row_of(operation)->protocol;
}

const char *
dialect_operation_path(enum operation operation)
{
    return row_of(operation)->path;
}

static const struct operation_row *
row_of(enum operation operation)
{
    assert((size_t)operation < DIALECT_N_OPERATIONS);

    return &operations[operation];
}

void
reply_stream_init(struct reply_stream *stream, const struct reply_context *context)
{
    *stream = (struct reply_stream){.context = *context};
    dialect_usage_clear(&stream->usage);
    buf_init(&stream->scratch, DIALECT_SCRATCH);
    buf_init(&stream->answer_id, DIALECT_SCRATCH);
}

void
reply_stream_fini(struct reply_stream *stream)
{
    buf_fini(&stream->scratch);
    buf_fini(&stream->answer_id);
}
